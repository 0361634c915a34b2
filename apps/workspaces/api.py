"""REST: signing in, the workspace, its members and settings, and tickets for the live socket."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits, live
from apps.core.access import ANY, allow
from apps.core.api import APIView, Input
from apps.core.shapes import answer
from apps.workspaces import actions, entry, sessions
from apps.workspaces.live import messenger_item, workspace_item
from apps.workspaces.models import Member, Messenger
from apps.workspaces.origins import BadOrigin
from apps.workspaces.shapes import MembersShape, MessengerShape, SessionShape, TicketShape, WorkspaceShape


class Credentials(Input):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


def session_item(request: Any, member: Member) -> SessionShape:
    return {
        "user": {"id": member.user_id, "name": member.user.name, "email": member.user.email},
        "member": {"id": member.pk, "role": member.role, "permissions": sorted(member.held)},
        "workspace": {"id": member.workspace_id, "name": member.workspace.name},
        "csrf": get_token(request),
    }


class Session(APIView):
    """The signed-in member's session."""

    actor: Member
    answers_secrets: ClassVar[bool] = True

    @extend_schema(responses=answer(SessionShape))
    @allow(member=ANY, enrolling=True)
    def get(self, request: Request) -> Response:
        """Say who is signed in."""
        return Response(session_item(request._request, self.actor))

    @extend_schema(request=Credentials, responses=answer(SessionShape))
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Sign in by address and password; sets the session cookie. Whoever has a second factor is answered `mfa_required`: see session/factor."""
        try:
            member = entry.sign_in(request._request, **self.checked(Credentials))
        except entry.SignInRefused as refused:
            raise exceptions.AuthenticationFailed(str(refused), "sign_in_refused") from None
        except entry.MethodRefused:
            raise exceptions.AuthenticationFailed("Sign in by a one-time code.", "code_required") from None
        return Response(session_item(request._request, member))

    @extend_schema(responses={204: None})
    @allow(member=ANY, enrolling=True)
    def delete(self, request: Request) -> Response:
        """Sign out."""
        sessions.sign_out(request._request, self.actor)
        return Response(status=204)


class Tickets(APIView):
    """Tickets for the live socket."""

    actor: Member
    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=None, responses=answer(TicketShape))
    @allow(member=ANY)
    def post(self, request: Request) -> Response:
        """Hand out a ticket: one socket, thirty seconds."""
        try:
            ticket = actions.issue_ticket(self.actor)
        except actions.SessionOver as error:
            raise exceptions.NotAuthenticated from error
        return Response({"ticket": ticket, "expires_in": limits.TICKET_SECONDS, "live_url": settings.LIVE_SOCKET_URL})


class Members(APIView):
    """Who works here."""

    @extend_schema(responses=answer(MembersShape))
    @allow(member="users.read", key="users.read")
    def get(self, request: Request) -> Response:
        """List the workspace's members."""
        return Response(live.snapshot(self.actor, "workspaceMembers.list", {}).data)


class WorkspaceView(APIView):
    """The workspace the caller works in."""

    actor: Member

    @extend_schema(responses=answer(WorkspaceShape))
    @allow(member=ANY, key="settings.workspace")
    def get(self, request: Request) -> Response:
        """Return the workspace with its settings."""
        return Response(live.snapshot(self.actor, "workspaces.get", {}).data)


class LauncherInput(Input):
    position = serializers.ChoiceField(Messenger.Position.choices, required=False)
    side_spacing = serializers.IntegerField(min_value=0, max_value=100, required=False)
    bottom_spacing = serializers.IntegerField(min_value=0, max_value=100, required=False)
    show = serializers.BooleanField(required=False)
    icon_url = serializers.URLField(required=False, allow_null=True)


class MessengerInput(Input):
    primary_color = serializers.RegexField(r"\A#[0-9a-fA-F]{6}\Z", required=False)
    background_color = serializers.RegexField(r"\A#[0-9a-fA-F]{6}\Z", required=False)
    theme = serializers.ChoiceField(Messenger.Theme.choices, required=False)
    launcher = LauncherInput(required=False)
    greeting = serializers.CharField(max_length=500, required=False, allow_blank=True)
    team_introduction = serializers.CharField(max_length=500, required=False, allow_blank=True)
    logo_url = serializers.URLField(required=False, allow_null=True)
    show_avatars = serializers.BooleanField(required=False)
    expected_reply = serializers.CharField(max_length=100, required=False, allow_blank=True, allow_null=True)
    languages = serializers.ListField(child=serializers.CharField(max_length=10), max_length=20, required=False)
    default_language = serializers.CharField(max_length=10, required=False)
    privacy_url = serializers.URLField(required=False, allow_null=True)

    def changes(self) -> dict[str, Any]:
        """Return what to change, by the model's field names."""
        data = dict(self.validated_data)
        data |= {f"launcher_{name}": value for name, value in data.pop("launcher", {}).items()}
        return {name: "" if value is None else value for name, value in data.items()}


class MessengerView(APIView):
    """How the workspace's messenger looks and greets."""

    actor: Member

    @extend_schema(request=MessengerInput, responses=answer(MessengerShape))
    @allow(member="settings.workspace")
    def patch(self, request: Request) -> Response:
        """Change the messenger; open messengers follow at once."""
        data = MessengerInput(data=request.data)
        data.is_valid(raise_exception=True)
        messenger = actions.change_messenger(self.actor.workspace, data.changes(), by=self.actor)
        return Response(messenger_item(messenger))


class SecurityInput(Input):
    allowed_origins = serializers.ListField(child=serializers.CharField(max_length=255), max_length=100)
    any_origin = serializers.BooleanField()
    session_lifetime = serializers.IntegerField(
        min_value=limits.SESSION_LIFETIME_MIN, max_value=limits.SESSION_LIFETIME_MAX
    )


class SecurityView(APIView):
    """Where the messenger may run, and how long visitors' tokens live."""

    actor: Member

    @extend_schema(request=SecurityInput, responses=answer(WorkspaceShape))
    @allow(member="settings.security")
    def put(self, request: Request) -> Response:
        """Replace the security settings."""
        try:
            workspace = actions.change_security(self.actor.workspace, by=self.actor, **self.checked(SecurityInput))
        except BadOrigin as error:
            raise serializers.ValidationError({"allowed_origins": [str(error)]}) from error
        messenger = Messenger.objects.get(workspace=workspace)
        return Response(workspace_item(workspace, messenger))
