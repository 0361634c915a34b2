"""What the audit log's API answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID


class PartyShape(TypedDict):
    """Who acted, or what was acted on, as it was called then."""

    kind: str
    id: UUID | None
    name: str


class EntryShape(TypedDict):
    """One thing that was done."""

    id: UUID
    action: str
    sentence: str
    actor: PartyShape
    subject: PartyShape
    details: dict[str, Any]
    created_at: datetime


class EntriesShape(TypedDict):
    """A page of the log, newest first."""

    items: list[EntryShape]
    next_cursor: str | None


class RetentionShape(TypedDict):
    """For how many days the log is kept."""

    days: int
