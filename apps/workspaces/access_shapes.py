"""What the API answers about sessions, tokens, keys and owners."""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict
from uuid import UUID

from apps.core.shapes import Named


class UserSessionShape(TypedDict):
    """Where somebody is signed in. ``network`` is never a whole address."""

    id: UUID
    kind: str
    device: str
    network: str | None
    created_at: datetime
    seen_at: datetime
    current: bool


class SessionsShape(TypedDict):
    """The caller's sessions."""

    items: list[UserSessionShape]


class ConfirmationShape(TypedDict):
    """Whether a session was confirmed lately, and how it can be."""

    confirmed: bool
    methods: list[str]


class SeatShape(TypedDict):
    """A workspace that somebody works in, and as what."""

    id: UUID
    name: str
    role: str


class SeatsShape(TypedDict):
    """The workspaces that somebody works in."""

    items: list[SeatShape]


class TokensShape(TypedDict):
    """A pair of tokens; ``expires_in`` in seconds, of the access token."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int
    session: UUID
    workspaces: NotRequired[list[SeatShape]]


class KeyShape(TypedDict):
    """An API key, without what opens it; ``hint`` is how that begins."""

    id: UUID
    name: str
    hint: str
    scopes: list[str]
    maker: Named | None
    expires_at: datetime | None
    used_at: datetime | None
    created_at: datetime


class NewKeyShape(KeyShape):
    """A key that was just made, with the only copy of what opens it."""

    key: str


class KeysShape(TypedDict):
    """A workspace's keys, and the scopes that a key can have."""

    items: list[KeyShape]
    scopes: list[str]


class OfferShape(TypedDict):
    """An offer to hand a workspace over."""

    giver: Named
    receiver: Named
    expires_at: datetime
