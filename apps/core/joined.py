"""One row and the rows it points at, by a statement that is written once.

For the look-ups that every request makes before it does anything: composing such a query anew takes Django ten times as long as running it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import connection, models

from apps.core.isolation import scopes

Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True, slots=True)
class _Part:
    """A model in the statement: where its object goes, and which columns of the result are its."""

    path: tuple[str, ...]
    model: type[models.Model]
    fields: list[models.Field[Any, Any]]

    @property
    def alias(self) -> str:
        return f'"{"__".join(self.path) or "base"}"'

    def columns(self, pattern: str = "{alias}") -> list[str]:
        return [f'{pattern.format(alias=self.alias)}."{field.column}"' for field in self.fields]

    def read(self, values: Sequence[Any]) -> list[Any]:
        """Turn the columns into the fields' values, as Django would."""
        return [
            field.from_db_value(value, None, connection) if hasattr(field, "from_db_value") else value
            for field, value in zip(self.fields, values, strict=True)
        ]


class Joined(Generic[Row]):
    """Looks one ``model`` up with what ``paths`` name (foreign keys, ``a__b``), where ``where`` holds; columns of the model are ``base.…``.

    ``extra`` names attributes to set from expressions, such as {"remaining": "base.expires_at - now()"}. ``only`` names
    the fields to read of a path ("" is the model), where not all are wanted; the others are deferred. Generated columns are left out.
    """

    def __init__(
        self,
        model: type[Row],
        *paths: str,
        where: str,
        extra: Mapping[str, str] | None = None,
        only: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.model = model
        self.paths = paths
        self.where = where
        self.extra = dict(extra or {})
        self.only = dict(only or {})

    def first(self, parameters: Sequence[Any]) -> Row | None:
        """Return the row, or None where there is none."""
        values = self._values(parameters)
        return None if values is None else self._row(values)

    def _values(self, parameters: Sequence[Any]) -> Sequence[Any] | None:
        with connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            values: Sequence[Any] | None = cursor.fetchone()
        return values

    def _row(self, values: Sequence[Any]) -> Row:
        made: dict[tuple[str, ...], Any] = {}
        start = 0
        for part in self._parts:
            end = start + len(part.fields)
            row = part.model.from_db("default", [field.attname for field in part.fields], part.read(values[start:end]))
            if part.path:
                setattr(made[part.path[:-1]], part.path[-1], row if row.pk is not None else None)
            made[part.path] = row
            start = end
        base: Row = made[()]
        for name, value in zip(self.extra, values[start:], strict=False):
            setattr(base, name, value)
        return base

    @cached_property
    def _parts(self) -> list[_Part]:
        parts: dict[tuple[str, ...], _Part] = {(): _Part((), self.model, _fields(self.model, self.only.get("")))}
        for path in self.paths:
            steps = tuple(path.split("__"))
            target: Any = parts[steps[:-1]].model._meta.get_field(steps[-1]).related_model
            parts[steps] = _Part(steps, target, _fields(target, self.only.get(path)))
        return list(parts.values())

    @cached_property
    def _sql(self) -> str:
        columns = [column for part in self._parts for column in part.columns()]
        selected = ", ".join([*columns, *self.extra.values()])
        joins = " ".join(self._join(part) for part in self._parts if part.path)
        return f'SELECT {selected} FROM "{self.model._meta.db_table}" AS "base" {joins} WHERE {self.where} LIMIT 1'

    def _join(self, part: _Part) -> str:
        owner = next(other for other in self._parts if other.path == part.path[:-1])
        key: Any = owner.model._meta.get_field(part.path[-1])
        table, primary = part.model._meta.db_table, part.model._meta.pk.column
        return f'LEFT JOIN "{table}" AS {part.alias} ON {part.alias}."{primary}" = {owner.alias}."{key.column}"'


class Entered(Joined[Row]):
    """Looks up who calls, before it is known in whose workspace, and enters that (``isolation.scopes``).

    ``function`` is the database's: it finds one row by ``parameters`` placeholders, tells Postgres its workspace, and returns the row and what
    ``paths`` name as columns called ``base`` and like the paths. Only it can see rows of every workspace here.
    """

    def __init__(
        self,
        model: type[Row],
        *paths: str,
        function: str,
        extra: Mapping[str, str] | None = None,
        only: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(model, *paths, where="", extra=extra, only=only)
        self.function = function

    def _values(self, parameters: Sequence[Any]) -> Sequence[Any] | None:
        return scopes.enter(self._sql, parameters)

    @cached_property
    def _sql(self) -> str:
        columns = [column for part in self._parts for column in part.columns('("found".{alias})')]
        selected = ", ".join([*columns, *self.extra.values(), '("found"."base")."workspace_id"'])
        return f'SELECT {selected} FROM {self.function} AS "found"'


def _fields(model: type[models.Model], only: Sequence[str] | None = None) -> list[models.Field[Any, Any]]:
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    return fields if only is None else [field for field in fields if field.primary_key or field.attname in only]
