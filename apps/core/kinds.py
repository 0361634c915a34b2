"""Kinds: a family is defined by a lower app; its kinds register by existing."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

Kind = TypeVar("Kind")

families: dict[str, Family[Any]] = {}


class UnknownKind(LookupError):
    """The family has no kind of that name."""


class Family(Generic[Kind]):
    """The kinds of one family, by slug. A plug-in joins through the entry-point group ``opencom.<family>``."""

    def __init__(self, name: str) -> None:
        if name in families:
            raise TypeError(f"Two families are called {name!r}")
        self.name = name
        self._kinds: dict[str, Kind] = {}
        self._plugged_in = False
        families[name] = self

    def register(self, slug: str, kind: Kind) -> None:
        """Add a kind. Raises TypeError where the slug is taken."""
        if slug in self._kinds:
            raise TypeError(f"Two kinds of {self.name} are called {slug!r}")
        self._kinds[slug] = kind

    def __getitem__(self, slug: str) -> Kind:
        try:
            return self.all()[slug]
        except KeyError:
            raise UnknownKind(f"There is no kind {slug!r} of {self.name}") from None

    def all(self) -> dict[str, Kind]:
        """Return every kind by slug, plug-ins included."""
        if not self._plugged_in:
            self._plugged_in = True
            for entry in entry_points(group=f"opencom.{self.name}"):
                self.register(entry.name, entry.load())
        return self._kinds
