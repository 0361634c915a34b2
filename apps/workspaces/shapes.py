"""What the API answers about workspaces."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from apps.core.shapes import Named


class Launcher(TypedDict):
    """The messenger's button; spacing in pixels from the page's edges."""

    position: str
    side_spacing: int
    bottom_spacing: int
    show: bool
    icon_url: str | None


class MessengerShape(TypedDict):
    """How a messenger looks and greets."""

    primary_color: str
    background_color: str
    theme: str
    launcher: Launcher
    greeting: str
    team_introduction: str
    logo_url: str | None
    show_avatars: bool
    expected_reply: str | None
    languages: list[str]
    default_language: str
    privacy_url: str | None


class MemberShape(TypedDict):
    """A member as other members see them."""

    key: str
    id: UUID
    name: str
    email: str
    role: str
    avatar_url: str | None
    online: bool
    second_factor: bool


class MembersShape(TypedDict):
    """Everyone who works in a workspace."""

    items: list[MemberShape]


class TeammateShape(TypedDict):
    """A member as visitors see them."""

    id: UUID
    name: str
    avatar_url: str | None
    online: bool


class WorkspaceShape(TypedDict):
    """A workspace as its members see it; ``session_lifetime`` in seconds."""

    id: UUID
    name: str
    messenger: MessengerShape
    allowed_origins: list[str]
    any_origin: bool
    session_lifetime: int
    widget_seen_at: datetime | None
    widget_seen_origin: str | None


class SignedInUser(TypedDict):
    """The person who is signed in."""

    id: UUID
    name: str
    email: str


class SignedInMember(TypedDict):
    """Their seat in the workspace they work in now."""

    id: UUID
    role: str
    permissions: list[str]


class SessionShape(TypedDict):
    """Who is signed in; ``csrf`` goes back as X-CSRFToken with every write."""

    user: SignedInUser
    member: SignedInMember
    workspace: Named
    csrf: str


class TicketShape(TypedDict):
    """A ticket for one live socket; ``expires_in`` in seconds."""

    ticket: str
    expires_in: int
    live_url: str


class CodeSentShape(TypedDict):
    """A code may be on its way; ``expires_in`` in seconds."""

    expires_in: int


class InvitationShape(TypedDict):
    """An invitation as members see it."""

    id: UUID
    email: str
    role: str
    invited_by: Named | None
    sent_at: datetime
    expires_at: datetime
    expired: bool


class InvitationsShape(TypedDict):
    """Who is invited to a workspace."""

    items: list[InvitationShape]


class JoinedShape(TypedDict):
    """A seat that was taken, and where."""

    member: SignedInMember
    workspace: Named


class SignInPolicyShape(TypedDict):
    """How people get into a workspace: methods (password, code), who may join (invited, domains), and of which domains."""

    methods: list[str]
    sign_up: str
    domains: list[str]
