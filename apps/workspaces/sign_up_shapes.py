"""What the API answers to who is new."""

from __future__ import annotations

from typing import TypedDict

from apps.core.shapes import Named
from apps.workspaces.shapes import SessionShape


class PlaceShape(TypedDict):
    """Where somebody can begin. ``kind``: invitation, domain, or new for a workspace of their own."""

    id: str
    kind: str
    workspace: str | None
    role: str


class PlacesShape(TypedDict):
    """Where whoever has proven this address can begin, and whether it has an account already."""

    email: str
    has_account: bool
    places: list[PlaceShape]


class ProvenShape(TypedDict):
    """What proving an address led to: a session, or a choice of where to begin."""

    session: SessionShape | None
    beginning: PlacesShape | None


class BegunShape(TypedDict):
    """The workspace that was joined or made; with a session where it may be entered at once."""

    session: SessionShape | None
    workspace: Named
