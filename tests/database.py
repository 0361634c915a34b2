"""The test database, seen as a whole: emptied, fingerprinted, and counted."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.volatile import volatile

KEPT = ("django_migrations", "django_content_type", "auth_permission", "core_installation")
"""Tables that belong to the schema or to the installation, not to a test."""
RESTLESS = ("core_bucket", "core_job", "django_session")
"""Tables that also a refusal may write to: rates, the clock, a session's age."""


@contextmanager
def owner() -> Iterator[psycopg.Cursor[Any]]:
    """Connect to the test database as its owner, for whom no right is missing."""
    url = database_url(str(connection.settings_dict["NAME"]), "OWNER_DATABASE_URL")
    with psycopg.connect(url.replace("postgres://", "postgresql://"), autocommit=True) as connected:
        yield connected.cursor()


AS_OWNER = """
CREATE FUNCTION tests_as_owner(statement text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN EXECUTE statement; END $$
"""
"""In the test database alone: what only its owner may do, done in the transaction of a test."""


def as_owner(statement: str, *values: object) -> None:
    """Run a statement as the database's owner in this transaction."""
    with connection.cursor() as cursor:
        written = psycopg.ClientCursor(connection.connection).mogrify(statement, values)
        cursor.execute("SELECT tests_as_owner(%s)", [written])


def database_url(name: str, variable: str = "DATABASE_URL") -> str:
    """Return the address of another database on the same server."""
    return urlunsplit(urlsplit(os.environ[variable])._replace(path=f"/{name}"))


@cache
def tables() -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return tuple(row[0] for row in cursor.fetchall() if row[0] not in KEPT)


def empty() -> None:
    """Delete everything that tests have committed."""
    with owner() as cursor:
        # What holds in production, that nobody empties the audit log, must give way to the next test.
        guards = (("audit_auditentry", "audit_not_emptied"), ("audit_seal", "seals_not_emptied"))
        for table, guard in guards:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {guard}")
        cursor.execute(f"TRUNCATE {', '.join(tables())} CASCADE")
        for table, guard in guards:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {guard}")


REFUSED = "SELECT id FROM audit_auditentry WHERE action = 'access.refused'"
OVERLOOKED = {
    "audit_auditentry": f"t.id NOT IN ({REFUSED})",
    "audit_unsealedentry": f"t.entry_id NOT IN ({REFUSED})",
}
"""Rows that a refusal writes, because it is on record that it was one."""


SEEN = {"workspaces_apikey": "to_jsonb(t) - 'used_at'"}
"""What is looked at of a row of which a part says only that it was looked up."""


def fingerprint() -> dict[str, tuple[int, str]]:
    """Return each table's number of rows and a hash of what is in them."""
    parts = [
        f"SELECT '{table}', count(*), md5(coalesce(string_agg(seen, '|' ORDER BY seen), '')) FROM ("
        f"SELECT ({SEEN.get(table, 't')})::text AS seen FROM {table} AS t WHERE {OVERLOOKED.get(table, 'true')}) AS rows"
        for table in tables()
        if table not in RESTLESS
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return {name: (count, digest) for name, count, digest in cursor.fetchall()}


@contextmanager
def nothing_happens(but: Collection[str] = ()) -> Iterator[None]:
    """Assert that no row anywhere is added, changed or deleted inside: no message, no effect, no announcement, no audit entry.

    ``but`` names tables that may change, as when a failure is owed to the record.
    """
    before = fingerprint()
    yield
    after = fingerprint()
    changed = {
        table: (before[table][0], after[table][0])
        for table in after
        if before[table] != after[table] and table not in but
    }
    assert not changed, f"something happened: rows before and after {changed}"


def shapes_of(captured: CaptureQueriesContext) -> list[str]:
    """Return what statements did to which table, without their values."""
    found = (re.search(r'(?:FROM|INTO|UPDATE) "?(\w+)', query["sql"]) for query in captured.captured_queries)
    verbs = (query["sql"].split()[0] for query in captured.captured_queries)
    return [f"{verb} {table.group(1) if table else ''}" for verb, table in zip(verbs, found, strict=True)]


def forget_rates() -> None:
    """Fill every bucket."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_bucket")
    if settings.REDIS_URL:
        volatile.call(lambda client: [client.delete(key) for key in client.scan_iter("limit:*")])
