"""What the API answers about single sign-on."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID


class SsoShape(TypedDict):
    """A workspace's provider; never the client's secret. ``unlinked_members`` couldn't sign in by it yet."""

    issuer: str
    client_id: str
    label: str
    domains: list[str]
    joins_as: str
    redirect_uri: str
    sign_in_url: str
    allowed: bool
    required: bool
    unlinked_members: int


class FindingShape(TypedDict):
    """One thing that a test looked at; ``right`` is null where it can't be told from here."""

    about: str
    right: bool | None
    text: str


class FindingsShape(TypedDict):
    """What a test of the provider found."""

    items: list[FindingShape]


class LinkedIdentityShape(TypedDict):
    """An account at a provider that lets the caller in."""

    id: UUID
    issuer: str
    created_at: datetime
    used_at: datetime | None


class LinkedIdentitiesShape(TypedDict):
    """The accounts that are linked to the caller's."""

    items: list[LinkedIdentityShape]
