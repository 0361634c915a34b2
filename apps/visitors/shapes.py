"""What the API answers about visitors."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from apps.core.shapes import Named
from apps.workspaces.shapes import MessengerShape, TeammateShape


class PageShape(TypedDict):
    """The page a visitor is on."""

    url: str
    title: str


class VisitorShape(TypedDict):
    """A visitor as members see them. ``email`` is a claim until ``email_proven``."""

    key: str
    id: UUID
    readable_id: str
    label: str
    name: str
    email: str
    email_proven: bool
    external_id: str
    attributes: dict[str, Any]
    device: dict[str, Any]
    page: PageShape
    referrer: str
    locale: str
    timezone: str
    online: bool
    first_seen_at: datetime
    last_seen_at: datetime


class VisitorsShape(TypedDict):
    """A page of visitors."""

    items: list[VisitorShape]
    next_cursor: str | None


class OwnVisitorShape(TypedDict):
    """A visitor as it sees itself."""

    id: UUID
    readable_id: str
    name: str
    email: str
    attributes: dict[str, Any]


class TokenShape(TypedDict):
    """A token, shown this once; ``lifetime`` and ``refresh_after`` in seconds from now."""

    token: str
    expires_at: datetime
    lifetime: int
    refresh_after: int


class OwnSessionShape(TypedDict):
    """Until when a token is good, and for whom."""

    expires_at: datetime
    visitor: OwnVisitorShape


class BootShape(TokenShape):
    """All a messenger needs to show itself and to go on."""

    visitor: OwnVisitorShape
    workspace: Named
    messenger: MessengerShape
    team: list[TeammateShape]
    expected_reply: str | None
    unread: int
    last_unread: dict[str, Any] | None
    live_url: str
    poll_url: str
    slots: dict[str, Any]


class TrackedShape(TypedDict):
    """How many events were new, and how many had been sent before."""

    accepted: int
    duplicates: int
