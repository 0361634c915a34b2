"""REST: one-time codes, passwords, invitations, and how people get into the workspace."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import ANY, allow
from apps.core.api import APIView, Input
from apps.core.errors import Conflict
from apps.core.network import request_address
from apps.core.shapes import answer
from apps.workspaces import codes, entry, invitations, passwords, policy, sessions
from apps.workspaces.api import session_item
from apps.workspaces.models import Invitation, Member, SignInCode, SignInMethod, SignInPolicy, SignUpMode
from apps.workspaces.shapes import (
    CodeSentShape,
    InvitationShape,
    InvitationsShape,
    JoinedShape,
    SessionShape,
    SignInPolicyShape,
)


class AddressInput(Input):
    email = serializers.EmailField(max_length=254)


class CodeInput(Input):
    email = serializers.EmailField(max_length=254)
    code = serializers.RegexField(r"\A[0-9]{6}\Z", help_text="Six digits; spaces around them are left out.")


class Codes(APIView):
    """One-time codes by mail."""

    @extend_schema(request=AddressInput, responses={202: answer(CodeSentShape)})
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Have a code mailed to sign in with. The answer is the same whether somebody has this address or not."""
        codes.request_code(
            self.checked(AddressInput)["email"],
            SignInCode.Purpose.SIGN_IN,
            client_address=request_address(request._request),
        )
        return Response({"expires_in": limits.CODE_SECONDS}, status=202)


class CodeSession(APIView):
    """Signing in by a one-time code."""

    @extend_schema(request=CodeInput, responses=answer(SessionShape))
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Sign in by address and code; sets the session cookie."""
        try:
            member = entry.sign_in_by_code(request._request, **self.checked(CodeInput))
        except entry.CodeRefused as refused:
            raise exceptions.AuthenticationFailed(str(refused), "code_refused") from None
        except entry.MethodRefused:
            raise exceptions.AuthenticationFailed("Sign in by password.", "password_required") from None
        except entry.NoSeat:
            raise exceptions.AuthenticationFailed("This account has no workspace.", "no_workspace") from None
        return Response(session_item(request._request, member))


class PasswordInput(Input):
    present = serializers.CharField(max_length=limits.PASSWORD_CHARACTERS, trim_whitespace=False)
    password = serializers.CharField(max_length=limits.PASSWORD_CHARACTERS, trim_whitespace=False)


class Password(APIView):
    """The caller's own password."""

    actor: Member

    @extend_schema(request=PasswordInput, responses={204: None})
    @allow(member=ANY)
    def put(self, request: Request) -> Response:
        """Change it. Every other session of the caller ends."""
        try:
            passwords.change_password(self.actor, **self.checked(PasswordInput))
        except passwords.WrongPassword as error:
            raise serializers.ValidationError({"present": [str(error)]}) from error
        except ValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from error
        sessions.go_on(request._request, self.actor)
        return Response(status=204)


def invitation_item(invitation: Invitation) -> InvitationShape:
    """Return an invitation as members see it: never its link."""
    inviter = invitation.invited_by
    return {
        "id": invitation.pk,
        "email": invitation.email,
        "role": invitation.role,
        "invited_by": {"id": inviter.pk, "name": inviter.label} if inviter else None,
        "sent_at": invitation.sent_at,
        "expires_at": invitation.expires_at,
        "expired": invitation.expired,
    }


class InvitationInput(Input):
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField([role.value for role in invitations.RANKS])


class Invitations(APIView):
    """Who is invited to the workspace."""

    actor: Member

    @extend_schema(responses=answer(InvitationsShape))
    @allow(member="users.invite")
    def get(self, request: Request) -> Response:
        """List the invitations that were neither accepted nor revoked, the newest first."""
        found = Invitation.objects.visible_to(self.actor).open().select_related("invited_by__user")
        return Response({"items": [invitation_item(each) for each in found.order_by("-sent_at")]})

    @extend_schema(request=InvitationInput, responses={201: answer(InvitationShape)})
    @allow(member="users.invite")
    def post(self, request: Request) -> Response:
        """Invite somebody by mail. They become a member when they accept."""
        try:
            invitation = invitations.invite(**self.checked(InvitationInput), by=self.actor)
        except invitations.AboveOneself as error:
            raise exceptions.PermissionDenied(str(error)) from error
        except invitations.HereAlready as error:
            raise Conflict(str(error), "here_already") from error
        return Response(invitation_item(invitation), status=201)


def open_invitation(actor: Member, invitation_id: UUID) -> Invitation:
    """Return an invitation, if it is the workspace's and still open. Raises Http404."""
    found = Invitation.objects.visible_to(actor).open().filter(pk=invitation_id).first()
    if found is None:
        raise Http404
    return found


class InvitationMail(APIView):
    """An invitation's mail."""

    actor: Member

    @extend_schema(request=None, responses=answer(InvitationShape))
    @allow(member="users.invite")
    def post(self, request: Request, invitation_id: UUID) -> Response:
        """Send it again: a new link, seven more days; the former link dies."""
        try:
            return Response(
                invitation_item(invitations.resend(open_invitation(self.actor, invitation_id), by=self.actor))
            )
        except invitations.AboveOneself as error:
            raise exceptions.PermissionDenied(str(error)) from error
        except invitations.Ended as error:
            raise Http404 from error


class InvitationView(APIView):
    """An invitation."""

    actor: Member

    @extend_schema(responses={204: None})
    @allow(member="users.invite")
    def delete(self, request: Request, invitation_id: UUID) -> Response:
        """Take it back."""
        try:
            invitations.revoke(open_invitation(self.actor, invitation_id), by=self.actor)
        except invitations.Ended as error:
            raise Http404 from error
        return Response(status=204)


class TokenInput(Input):
    token = serializers.CharField(max_length=200)


class InvitationAcceptance(APIView):
    """Taking an offered seat."""

    actor: Member

    @extend_schema(request=TokenInput, responses=answer(JoinedShape))
    @allow(member=ANY)
    def post(self, request: Request) -> Response:
        """Accept an invitation to another workspace, with the token of its link. Only whom it is for may."""
        try:
            invitation = invitations.find(self.checked(TokenInput)["token"])
            member = invitations.accept(invitation, self.actor.user)
        except (invitations.Ended, invitations.SomebodyElses) as error:
            raise Http404 from error
        return Response(
            {
                "member": {"id": member.pk, "role": member.role, "permissions": sorted(member.held)},
                "workspace": {"id": member.workspace_id, "name": member.workspace.name},
            }
        )


def policy_item(row: SignInPolicy) -> SignInPolicyShape:
    return {"methods": row.methods, "sign_up": row.sign_up, "domains": row.domains}


class PolicyInput(Input):
    methods = serializers.ListField(child=serializers.ChoiceField(SignInMethod.choices), max_length=10)
    sign_up = serializers.ChoiceField(SignUpMode.choices)
    domains = serializers.ListField(child=serializers.CharField(max_length=255), max_length=limits.SIGN_UP_DOMAINS)


class SignInPolicyView(APIView):
    """How people get into the workspace."""

    actor: Member

    @extend_schema(responses=answer(SignInPolicyShape))
    @allow(member="settings.security")
    def get(self, request: Request) -> Response:
        """Return the policy."""
        return Response(policy_item(policy.policy_of(self.actor.workspace)))

    @extend_schema(request=PolicyInput, responses=answer(SignInPolicyShape))
    @allow(member="settings.security")
    def put(self, request: Request) -> Response:
        """Replace the policy."""
        wanted: dict[str, Any] = self.checked(PolicyInput)
        try:
            row = policy.change_policy(self.actor.workspace, by=self.actor, **wanted)
        except policy.NoMethod as error:
            raise serializers.ValidationError({"methods": [str(error)]}) from error
        except policy.BadDomain as error:
            raise serializers.ValidationError({"domains": [str(error)]}) from error
        return Response(policy_item(row))
