"""Live queries about a workspace and who works in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from apps.core.access import ANY, Actor, allow
from apps.core.live import Item, NotVisible, Params, Value, live
from apps.workspaces.factors import possession
from apps.workspaces.models import Member, Messenger, Workspace
from apps.workspaces.shapes import MemberShape, MessengerShape, WorkspaceShape


def messenger_item(messenger: Messenger) -> MessengerShape:
    """Return the messenger's settings, as everyone may see them."""
    return {
        "primary_color": messenger.primary_color,
        "background_color": messenger.background_color,
        "theme": messenger.theme,
        "launcher": {
            "position": messenger.launcher_position,
            "side_spacing": messenger.launcher_side_spacing,
            "bottom_spacing": messenger.launcher_bottom_spacing,
            "show": messenger.launcher_show,
            "icon_url": messenger.launcher_icon_url or None,
        },
        "greeting": messenger.greeting,
        "team_introduction": messenger.team_introduction,
        "logo_url": messenger.logo_url or None,
        "show_avatars": messenger.show_avatars,
        "expected_reply": messenger.expected_reply or None,
        "languages": messenger.languages,
        "default_language": messenger.default_language,
        "privacy_url": messenger.privacy_url or None,
    }


def member_item(member: Member, enrolled: Collection[UUID]) -> MemberShape:
    """Return a member as other members see them; ``enrolled`` names the people who have a second factor."""
    return {
        "key": str(member.pk),
        "id": member.pk,
        "name": member.label,
        "email": member.user.email,
        "role": member.role,
        "avatar_url": None,
        "online": member.online,
        "second_factor": member.user_id in enrolled,
    }


def workspace_item(workspace: Workspace, messenger: Messenger) -> WorkspaceShape:
    """Return a workspace as its members see it."""
    return {
        "id": workspace.pk,
        "name": workspace.name,
        "messenger": messenger_item(messenger),
        "allowed_origins": workspace.allowed_origins,
        "any_origin": workspace.any_origin,
        "session_lifetime": workspace.session_lifetime,
        "widget_seen_at": workspace.widget_seen_at,
        "widget_seen_origin": workspace.widget_seen_origin or None,
    }


@live("workspaceMembers.list")
@allow(member="users.read", key="users.read")
class MembersList(Value):
    """Who works here, and who is there now."""

    template = "workspaces/members.html#members"
    context_name = "members"
    pause = 1.0

    def topics(self, actor: Actor, params: Params) -> Iterable[str]:
        return (f"members:{_workspace_id(actor)}",)

    def get(self, actor: Actor, params: Params) -> Item:
        members = Member.objects.visible_to(actor).select_related("user").order_by("created_at")
        rows = list(members.annotate(is_enrolled=possession.is_enrolled("user_id")))
        enrolled = {row.user_id for row in rows if row.is_enrolled}  # type: ignore[attr-defined]
        return {"items": [member_item(row, enrolled) for row in rows]}


@live("workspaces.get")
@allow(member=ANY, visitor=True, key="settings.workspace")
class WorkspaceGet(Value):
    """The workspace: all of it for its members, its name and messenger for its visitors."""

    def topics(self, actor: Actor, params: Params) -> Iterable[str]:
        return (f"workspace:{_workspace_id(actor)}",)

    def view(self, actor: Actor) -> str:
        return f"{actor.kind}s of {_workspace_id(actor)}"

    def get(self, actor: Actor, params: Params) -> Item:
        messenger = Messenger.objects.select_related("workspace").filter(workspace_id=_workspace_id(actor)).first()
        if messenger is None:
            raise NotVisible
        if actor.kind != "visitor":
            return workspace_item(messenger.workspace, messenger)
        return {"id": messenger.workspace_id, "name": messenger.workspace.name, "messenger": messenger_item(messenger)}


def _workspace_id(actor: Actor) -> Any:
    return getattr(actor, "workspace_id", None)
