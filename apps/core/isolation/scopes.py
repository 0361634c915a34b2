"""Within which workspace the statements of this thread run. Unless somebody says so, within none: then no row of any is seen or written.

A request enters its caller's workspace by the look-up that finds the caller. What works for many workspaces says so by an
``Exemption``, which is listed in the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.db import connections

from apps.core.database.base import CLOSED, EVERYWHERE, DatabaseWrapper

exemptions: dict[str, Exemption] = {}


@dataclass(frozen=True)
class Exemption:
    """Something that reads or writes rows of every workspace, and why it must. Made once, at the top of a module."""

    name: str
    why: str

    def __post_init__(self) -> None:
        if self.name in exemptions:
            raise TypeError(f"Two exemptions are called {self.name!r}")
        exemptions[self.name] = self


MEASURING = Exemption(
    "tests and measurements", "they make what they look at; what they call over HTTP or a socket begins within none"
)


def current() -> str:
    """Return within what statements run now: a workspace's id, CLOSED or EVERYWHERE."""
    return _connection().scope


def current_workspace() -> UUID | None:
    """Return the workspace within which statements run now; None within none, and across all."""
    scope = current()
    return None if scope in (CLOSED, EVERYWHERE) else UUID(scope)


@contextmanager
def closed() -> Iterator[None]:
    """Within no workspace. What is entered inside is left at the end."""
    with _within(CLOSED):
        yield


@contextmanager
def workspace(id_: UUID | str | None) -> Iterator[None]:
    """Within this workspace; None is within none."""
    with _within(CLOSED if id_ is None else str(UUID(str(id_)))):
        yield


@contextmanager
def every_workspace(by: Exemption) -> Iterator[None]:
    """Across all workspaces, as this exemption allows."""
    assert exemptions.get(by.name) is by
    with _within(EVERYWHERE):
        yield


def enter(statement: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
    """Run a look-up that enters the workspace of what it finds, and return its row; the last column names the workspace.

    The statement calls a function of the database that finds by a secret, and tells Postgres the workspace itself: so the look-up that a request
    begins with costs no round trip more. Where nothing is found no workspace is entered.
    """
    wrapper = _connection()
    if wrapper.scope == EVERYWHERE or not wrapper.isolated:
        return _row(wrapper, statement, parameters)
    wrapper.ensure_connection()
    # What was told before is replaced by the statement, before it shows anything.
    wrapper.scope = CLOSED if wrapper.told in (None, EVERYWHERE) else wrapper.told
    try:
        row = _row(wrapper, statement, parameters)
    except BaseException:
        wrapper.scope, wrapper.told = CLOSED, None
        raise
    wrapper.scope = wrapper.told = CLOSED if row is None else str(row[-1])
    return row


def leave() -> None:
    """Undo an entry: who was found isn't let in."""
    wrapper = _connection()
    if wrapper.scope != EVERYWHERE:
        wrapper.scope = CLOSED


@contextmanager
def _within(scope: str) -> Iterator[None]:
    wrapper = _connection()
    before = wrapper.scope
    wrapper.scope = scope
    try:
        yield
    finally:
        wrapper.scope = before


def _row(wrapper: DatabaseWrapper, statement: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
    with wrapper.cursor() as cursor:
        cursor.execute(statement, parameters)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def _connection() -> DatabaseWrapper:
    return cast("DatabaseWrapper", connections["default"])
