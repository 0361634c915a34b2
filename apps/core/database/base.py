"""A connection that knows within which workspace its statements run, and tells Postgres before the first one that does.

What Postgres was told is remembered on the connection itself, which goes back to the pool between requests: a statement costs a
round trip more only where the connection last served somebody else.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base
from psycopg import OperationalError
from psycopg.pq import TransactionStatus

from apps.core.database.roles import APP_ROLE, SYSTEM_ROLE

CLOSED = ""
"""No workspace: row-level security shows no row of any."""
EVERYWHERE = "*"
"""Every workspace, for what an exemption names."""

_TELL = "SELECT set_config('role', %s, false), set_config('opencom.workspace', %s, false)"


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection. ``scope`` is a workspace's id, CLOSED or EVERYWHERE; only ``apps.core.isolation.scopes`` sets it."""

    scope: str = CLOSED

    @property
    def isolated(self) -> bool:
        """Whether row-level security holds for this connection. It doesn't for the owner's, which migrates."""
        role: str | None = self.settings_dict["OPTIONS"].get("assume_role")
        return role == APP_ROLE

    @property
    def told(self) -> str | None:
        """What Postgres was told last on this connection; None where nobody knows any more."""
        told: str | None = getattr(self.connection, "opencom_scope", CLOSED)
        return told

    @told.setter
    def told(self, scope: str | None) -> None:
        if self.connection is not None:
            self.connection.opencom_scope = scope

    def _configure_role(self, connection: Any) -> bool:
        # Django composes this statement by a cursor of its own connection, which there is none of while a pool makes one.
        role = self.settings_dict["OPTIONS"].get("assume_role")
        if not role:
            return False
        became = connection.execute("SELECT set_config('role', %s, false), pg_backend_pid()", [role])
        _, server = became.fetchone()
        if server != connection.info.backend_pid and not self.settings_dict.get("SESSION_POOLER"):
            raise OperationalError(
                "A pooler stands before Postgres. One that gives a connection to others between transactions would show one workspace's rows "
                "to another: let it pool sessions, and say so by DATABASE_SESSION_POOLER=1."
            )
        return True

    def create_cursor(self, name: str | None = None) -> Any:
        if self.told != self.scope and self.isolated and not self._is_broken():
            self._tell()
        return super().create_cursor(name)

    def _tell(self) -> None:
        role, workspace = (SYSTEM_ROLE, "") if self.scope == EVERYWHERE else (APP_ROLE, self.scope)
        self.told = None
        with self.wrap_database_errors:
            self.connection.execute(_TELL, [role, workspace], prepare=True)
        self.told = self.scope

    def _is_broken(self) -> bool:
        """Whether the transaction has failed: then Postgres takes nothing but the way back."""
        return bool(self.connection.info.transaction_status == TransactionStatus.INERROR)

    # A setting made in a transaction is undone with it. The stubs of Django leave these three methods of its connections out.

    def _rollback(self) -> None:
        self.told = None
        super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        self.told = None

    def _close(self) -> None:
        if self.connection is not None and self.connection.info.transaction_status != TransactionStatus.IDLE:
            self.told = None
        super()._close()  # type: ignore[misc]
