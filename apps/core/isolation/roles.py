"""Who signs in to the database. Its owner migrates; the application signs in as somebody who may only become one of two roles.

``opencom_app`` sees the rows of the workspace it was told, ``opencom_system`` all of them; neither can change the database's shape or the audit log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection, connections
from psycopg import errors, sql

from apps.core.database.roles import APP_ROLE, SYSTEM_ROLE

ROLES = (APP_ROLE, SYSTEM_ROLE)


class RolesMissing(Exception):
    """The owner may not make the roles. The message says what an administrator of the server must run."""


@contextmanager
def as_owner() -> Iterator[None]:
    """Connect as the database's owner, for whom row-level security doesn't hold while it migrates."""
    wrapper: Any = connections["default"]
    if "assume_role" not in wrapper.settings_dict["OPTIONS"]:
        yield
        return
    before = dict(wrapper.settings_dict)
    owner = settings.OWNER_DATABASE
    options = {name: value for name, value in before["OPTIONS"].items() if name not in ("assume_role", "pool")}
    options |= {"options": "-c lock_timeout=10000 -c opencom.migrating=on"}
    _reconnect(wrapper, {**{name: owner[name] for name in ("USER", "PASSWORD", "HOST", "PORT")}, "OPTIONS": options})
    try:
        yield
    finally:
        _reconnect(wrapper, {name: before[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "OPTIONS")})


def _reconnect(wrapper: Any, changed: dict[str, Any]) -> None:
    wrapper.close()
    wrapper.close_pool()
    wrapper.settings_dict |= changed


def prepare() -> None:
    """Make the roles where they are missing, and let the application's login become them. Raises RolesMissing."""
    login = settings.DATABASE_LOGIN["USER"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles")
        there = {row[0] for row in cursor.fetchall()}
        cursor.execute("SELECT current_user")
        owner = cursor.fetchone()[0]
    login = login or owner
    wanted = [sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)) for role in ROLES if role not in there]
    if login not in there:
        password = sql.Literal(settings.DATABASE_LOGIN["PASSWORD"])
        wanted.append(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(login), password))
    for role in ROLES:
        for somebody in dict.fromkeys([login, owner]):
            if not _may_become(somebody, role, there):
                grant = sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE")
                wanted.append(grant.format(sql.Identifier(role), sql.Identifier(somebody)))
    for statement in wanted:
        _run(statement)
    _run(sql.SQL("GRANT USAGE ON SCHEMA public TO {}, {}").format(*map(sql.Identifier, ROLES)))
    # It owns the functions that look somebody up before their workspace is known.
    _run(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(SYSTEM_ROLE)))


def finish() -> None:
    """Take back what only a migration needs."""
    _run(sql.SQL("REVOKE CREATE ON SCHEMA public FROM {}").format(sql.Identifier(SYSTEM_ROLE)))


def _may_become(somebody: str, role: str, there: set[str]) -> bool:
    if somebody not in there or role not in there:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_has_role(%s, %s, 'SET')", [somebody, role])
        return bool(cursor.fetchone()[0])


def _run(statement: sql.Composed) -> None:
    connection.ensure_connection()
    try:
        connection.connection.execute(statement)
    except (errors.DuplicateObject, errors.UniqueViolation):
        # Another database of this server was quicker: roles belong to the server.
        return
    except errors.InsufficientPrivilege as error:
        said = statement.as_string(connection.connection)
        raise RolesMissing(
            f"The owner of the database may not prepare its roles ({error}). Let an administrator of the server run: {said}"
        ) from error
