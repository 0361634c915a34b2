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


class LocationShape(TypedDict):
    """Where a visitor is said to be, by the address of their last request; empty where that isn't known."""

    country_code: str
    country: str
    region: str
    city: str


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
    external_id_proven: bool
    proven: list[str]
    blocked: bool
    attributes: dict[str, Any]
    device: dict[str, Any]
    location: LocationShape
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
    email_proven: bool
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
    """All a messenger needs to show itself and to go on. ``email_codes``: whether it is worth asking for an address to prove by a code."""

    visitor: OwnVisitorShape
    workspace: Named
    messenger: MessengerShape
    team: list[TeammateShape]
    expected_reply: str | None
    unread: int
    last_unread: dict[str, Any] | None
    live_url: str
    poll_url: str
    email_codes: bool
    slots: dict[str, Any]


class TrackedShape(TypedDict):
    """How many events were new, and how many had been sent before."""

    accepted: int
    duplicates: int


class MergePreviewShape(TypedDict):
    """What a merge would do: who stays, who goes, rows by table, what the one who stays takes over; whether the other's sessions end."""

    canonical: VisitorShape
    source: VisitorShape
    counts: dict[str, int]
    gains: list[str]
    ends_sessions: bool


class MergeShape(TypedDict):
    """A merge that was made."""

    id: UUID
    source: UUID
    canonical: UUID
    why: str
    counts: dict[str, int]
    made_at: datetime
    undoable: bool


class MergesShape(TypedDict):
    """The visitors who went into one, the last first."""

    items: list[MergeShape]


class CandidatesShape(TypedDict):
    """Visitors who may be the same person."""

    items: list[VisitorShape]


class ErasureShape(TypedDict):
    """An erasure: running or done, what is gone by now, and how much there was when it was asked for. When it is done this is its receipt."""

    id: UUID
    visitor: UUID
    state: str
    rows: int
    files: int
    counts: dict[str, int]
    expected: int
    asked_at: datetime
    finished_at: datetime | None


class ExportShape(TypedDict):
    """A copy: preparing or ready, and how far it is. What is small is ready at once and made when the link is used."""

    id: UUID
    state: str
    rows: int
    expected: int
    expires_at: datetime


class ExportLinkShape(ExportShape):
    """A copy and the link that opens it, once."""

    url: str


class CoverageShape(TypedDict):
    """How many boots of the last 7 days named a user, by what came of it."""

    proven: int
    claimed: int
    refused: int
    share: float | None


class IdentitySecretShape(TypedDict):
    """A secret or public key, without what is secret of it. ``hint``: its last four characters, or the key's fingerprint."""

    id: UUID
    kind: str
    hint: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class IdentityShape(TypedDict):
    """A workspace's identity verification."""

    mode: str
    mailed_codes: bool
    coverage: CoverageShape
    secrets: list[IdentitySecretShape]


class RevealedShape(TypedDict):
    """A secret in clear."""

    secret: str


class SignedBootShape(TypedDict):
    """A boot that came with a proof."""

    key: str
    visitor: UUID
    label: str
    user_id: str
    proof: str
    hint: str
    origin: str
    at: datetime
