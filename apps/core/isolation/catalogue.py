"""What the database must have so that workspaces stay apart, derived from the models and its own catalogue, and what of it is missing.

Nothing is written down twice: a table with a ``workspace_id`` is a tenant's, a foreign key between two of them must not cross a workspace.
``manage.py migrate`` writes what is missing, for tables of every app, also those that have no model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import connection, models

from apps.core.database.roles import APP_ROLE, SYSTEM_ROLE

WORKSPACE = "workspace_id"
# As Postgres itself writes them, so that what is there can be compared with what should be.
CURRENT = "(NULLIF(current_setting('opencom.workspace'::text, true), ''::text))::uuid"
MIGRATES = "(current_setting('opencom.migrating'::text, true) = 'on'::text)"
NAME_CHARACTERS = 63
ACTIONS: dict[Any, str] = {models.CASCADE: "CASCADE", models.SET_NULL: "SET NULL ({column})"}


class TargetNotUnique(Exception):
    """A table that others of its workspace point at must be unique by workspace and key."""


@dataclass(frozen=True, order=True)
class Relation:
    """A foreign key between two tables of tenants."""

    table: str
    column: str
    target: str
    key: str
    on_delete: str = field(compare=False)
    """What Postgres does with the row when its target goes, as the model says; empty where it refuses."""

    @property
    def name(self) -> str:
        """The constraint's name."""
        whole = f"{self.table}_{self.column}_in_workspace"
        if len(whole) <= NAME_CHARACTERS:
            return whole
        digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
        return f"{whole[: NAME_CHARACTERS - 9]}_{digest}"

    @property
    def definition(self) -> str:
        """The constraint, as Postgres writes it."""
        action = f" ON DELETE {self.on_delete}" if self.on_delete else ""
        return (
            f"FOREIGN KEY ({WORKSPACE}, {self.column}) REFERENCES {self.target}({WORKSPACE}, {self.key})"
            f"{action} DEFERRABLE INITIALLY DEFERRED"
        )


@dataclass(frozen=True, order=True)
class TenantTable:
    """A table whose rows are tenants'. ``column`` says whose; rows without are the installation's own."""

    name: str
    column: str
    nullable: bool

    owner: str

    @property
    def policies(self) -> set[tuple[str, str, str]]:
        """The policies: name, role, and which rows. The owner sees no more than others, but while it migrates."""
        own = f"({self.column} = {CURRENT})"
        if self.nullable:
            own = f"({own} OR ({self.column} IS NULL))"
        return {
            ("of_workspace", "public", own),
            ("every_workspace", SYSTEM_ROLE, "true"),
            ("migrations", self.owner, MIGRATES),
        }


@dataclass(frozen=True)
class Fault:
    """Something the database lacks, and the statements that put it right."""

    text: str
    statements: tuple[str, ...]


def secure() -> list[Fault]:
    """Give the database what it lacks, as its owner. Returns what that was. Raises TargetNotUnique."""
    faults = list(missing())
    with connection.cursor() as cursor:
        for fault in faults:
            for statement in fault.statements:
                cursor.execute(statement)
    return faults


def missing() -> Iterator[Fault]:
    """Yield what the database lacks."""
    yield from _missing_keys()
    yield from _missing_policies()
    yield from _wrong_grants()


def relations() -> list[Relation]:
    """Return every foreign key of a model that must not cross a workspace."""
    return sorted(_relations())


def _relations() -> Iterator[Relation]:
    for model in apps.get_models(include_auto_created=True):
        for column in model._meta.local_concrete_fields:
            target = column.related_model
            if not column.is_relation or not isinstance(target, type) or column.attname == WORKSPACE:
                continue
            if _is_tenants(model) and _is_tenants(target):
                yield Relation(
                    table=model._meta.db_table,
                    column=str(column.column),
                    target=target._meta.db_table,
                    key=str(target._meta.pk.column),
                    on_delete=ACTIONS.get(_on_delete(column), "").format(column=column.column),
                )


def _on_delete(column: models.Field[Any, Any]) -> Any:
    return getattr(column.remote_field, "on_delete", None)


def _is_tenants(model: type[models.Model]) -> bool:
    return any(field.attname == WORKSPACE for field in model._meta.concrete_fields)


def tenants_models() -> dict[str, str]:
    """Return the tables of models whose rows are tenants', each with the column that says whose."""
    tables = {model._meta.db_table: WORKSPACE for model in apps.get_models() if _is_tenants(model)}
    return tables | {workspaces_table(): "id"}


def workspaces_table() -> str:
    """Return the table of the workspaces themselves: what a tenant's rows point at."""
    for model in apps.get_models():
        for column in model._meta.concrete_fields:
            if column.attname == WORKSPACE and column.is_relation:
                # A relation's target is a model by now; the stubs also allow for one that is still a name.
                return str(column.related_model._meta.db_table)  # type: ignore[union-attr]
    raise LookupError("No model belongs to a workspace.")


def tenant_tables() -> list[TenantTable]:
    """Return the tables whose rows are tenants', by what is in the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname, NOT a.attnotnull, pg_get_userbyid(c.relowner) FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = %s AND NOT a.attisdropped
            """,
            [WORKSPACE],
        )
        found = [TenantTable(name, WORKSPACE, nullable, owner) for name, nullable, owner in cursor.fetchall()]
        workspaces = workspaces_table()
        cursor.execute("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = %s::text::regclass", [workspaces])
        found.append(TenantTable(workspaces, "id", False, cursor.fetchone()[0]))
    return sorted(found)


def _missing_keys() -> Iterator[Fault]:
    there = dict(_rows("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'"))
    unique = _unique_keys()
    narrow = _narrow_keys()
    columns = _columns()
    for relation in relations():
        if (
            not {(relation.table, WORKSPACE), (relation.table, relation.column), (relation.target, WORKSPACE)}
            <= columns
        ):
            # Migrated to an earlier version.
            continue
        statements = []
        if there.get(relation.name) not in (relation.definition, f"{relation.definition} NOT VALID"):
            if (relation.target, relation.key) not in unique:
                raise TargetNotUnique(
                    f"{relation.table}.{relation.column} points at {relation.target}: give that model "
                    f'UniqueConstraint(fields=["workspace", "{relation.key}"], name="…_in_workspace").'
                )
            table, name = f'"{relation.table}"', f'"{relation.name}"'
            statements = [
                f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}",
                # In two steps: the second looks through the table without keeping writers waiting.
                f"ALTER TABLE {table} ADD CONSTRAINT {name} {relation.definition} NOT VALID",
                f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}",
            ]
        elif there[relation.name].endswith("NOT VALID"):
            statements = [f'ALTER TABLE "{relation.table}" VALIDATE CONSTRAINT "{relation.name}"']
        # The key by id alone says less and would be checked for every row as well.
        statements += [
            f'ALTER TABLE "{relation.table}" DROP CONSTRAINT "{name}"'
            for name in narrow.get((relation.table, relation.column), ())
        ]
        if statements:
            yield Fault(f"{relation.table}.{relation.column} may cross a workspace", tuple(statements))


def _columns() -> set[tuple[str, str]]:
    rows = _rows("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'")
    return {(table, column) for table, column in rows}


def _unique_keys() -> set[tuple[str, str]]:
    """Return (table, key) of what is unique by workspace and key."""
    rows = _rows(
        """
        SELECT c.relname, array_agg(a.attname ORDER BY a.attname) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
        WHERE i.indisunique AND i.indpred IS NULL AND i.indnkeyatts = 2 AND c.relnamespace = 'public'::regnamespace
        GROUP BY i.indexrelid, c.relname
        """
    )
    return {(table, next(n for n in names if n != WORKSPACE)) for table, names in rows if WORKSPACE in names}


def _narrow_keys() -> dict[tuple[str, str], list[str]]:
    """Return the names of foreign keys over one column, by (table, column)."""
    found: dict[tuple[str, str], list[str]] = {}
    rows = _rows(
        """
        SELECT c.relname, a.attname, k.conname FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
        WHERE k.contype = 'f' AND cardinality(k.conkey) = 1
        """
    )
    for table, column, name in rows:
        found.setdefault((table, column), []).append(name)
    return found


def _missing_policies() -> Iterator[Fault]:
    secured = {
        row[0]
        for row in _rows(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity AND relforcerowsecurity"
        )
    }
    there: dict[str, set[tuple[str, str, str]]] = {}
    rows = _rows(
        "SELECT tablename, policyname, array_to_string(roles, ','), qual, cmd, with_check FROM pg_policies WHERE schemaname = 'public'"
    )
    for table, name, roles, rows_seen, command, rows_written in rows:
        whole = rows_seen if (command, rows_written) == ("ALL", None) else f"{command} {rows_seen} {rows_written}"
        there.setdefault(table, set()).add((name, roles, whole))
    for table in tenant_tables():
        has = there.get(table.name, set())
        statements = [f'DROP POLICY "{name}" ON "{table.name}"' for name, _, _ in sorted(has - table.policies)]
        statements += [
            f'CREATE POLICY "{name}" ON "{table.name}" TO {"PUBLIC" if role == "public" else f'"{role}"'} USING ({seen})'
            for name, role, seen in sorted(table.policies - has)
        ]
        if table.name not in secured:
            # Last, so that no moment is without its policies.
            statements += [f'ALTER TABLE "{table.name}" {word} ROW LEVEL SECURITY' for word in ("ENABLE", "FORCE")]
        if statements:
            yield Fault(f"{table.name} shows rows of other workspaces", tuple(statements))


def _wrong_grants() -> Iterator[Fault]:
    tables = [
        row[0]
        for row in _rows(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') ORDER BY 1"
        )
    ]
    for role in (APP_ROLE, SYSTEM_ROLE):
        held: dict[str, set[str]] = {}
        for table, privilege in _rows(
            """
            SELECT c.relname, g.privilege_type FROM pg_class AS c, aclexplode(c.relacl) AS g
            WHERE c.relnamespace = 'public'::regnamespace AND g.grantee = %s::regrole
            """,
            [role],
        ):
            held.setdefault(table, set()).add(privilege)
        for table in tables:
            allowed, has = _privileges(table), held.get(table, set())
            statements = []
            if taken := sorted(has - allowed):
                statements.append(f'REVOKE {", ".join(taken)} ON "{table}" FROM {role}')
            if given := sorted(allowed - has):
                statements.append(f'GRANT {", ".join(given)} ON "{table}" TO {role}')
            if statements:
                yield Fault(f"{role} has other rights on {table} than it needs", tuple(statements))
        if sequences := [
            row[0]
            for row in _rows(
                """
                SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
                AND NOT (has_sequence_privilege(%(role)s, oid, 'USAGE') AND has_sequence_privilege(%(role)s, oid, 'UPDATE')
                  AND has_sequence_privilege(%(role)s, oid, 'SELECT'))
                """,
                {"role": role},
            )
        ]:
            names = ", ".join(f'"{name}"' for name in sequences)
            yield Fault(f"{role} can't number new rows", (f"GRANT ALL ON SEQUENCE {names} TO {role}",))


READ = frozenset({"SELECT"})
APPEND = READ | {"INSERT"}
WRITE = APPEND | {"UPDATE", "DELETE"}


def _privileges(table: str) -> frozenset[str]:
    """Return what the application may do with a table: nobody of it changes an append-only one, or which migrations ran."""
    if table == "django_migrations":
        return READ
    return APPEND if table in _append_only() else WRITE


def _append_only() -> set[str]:
    return {model._meta.db_table for model in apps.get_models() if getattr(model, "append_only", False)}


def _rows(statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
