"""What a workspace shows to anybody who opens its messenger."""

from __future__ import annotations

from apps.workspaces.live import messenger_item
from apps.workspaces.models import Member, Messenger, Workspace
from apps.workspaces.shapes import MessengerShape, TeammateShape

TEAM_SHOWN = 5


def messenger_of(workspace: Workspace) -> MessengerShape:
    """Return the messenger's settings."""
    return messenger_item(Messenger.objects.get(workspace=workspace))


def team_of(workspace: Workspace) -> list[TeammateShape]:
    """Return the faces of the team, who is there first: name and presence, never an address."""
    answering = [Member.Role.OWNER, Member.Role.ADMIN, Member.Role.AGENT]
    members = Member.objects.filter(workspace=workspace, role__in=answering).select_related("user")
    shown = sorted(members.order_by("created_at")[:50], key=lambda member: not member.online)[:TEAM_SHOWN]
    return [{"id": m.pk, "name": public_name(m), "avatar_url": None, "online": m.online} for m in shown]


def public_name(member: Member) -> str:
    """Return the name visitors see: the member's own, never the address."""
    return member.user.name or "Support"
