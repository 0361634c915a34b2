"""REST: a person's sessions and tokens, and a workspace's keys, roles and owner."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import ANY, Actor, allow
from apps.core.api import APIView, Input
from apps.core.errors import Conflict
from apps.core.kinds import UnknownKind
from apps.core.live import NotVisible
from apps.core.network import request_address
from apps.core.shapes import answer
from apps.workspaces import actions, confirmation, entry, keys, roles, seats, tokens, user_sessions
from apps.workspaces.access_shapes import (
    ConfirmationShape,
    KeyShape,
    KeysShape,
    NewKeyShape,
    OfferShape,
    SeatsShape,
    SessionsShape,
    TokensShape,
    UserSessionShape,
)
from apps.workspaces.factors import possession
from apps.workspaces.live import member_item
from apps.workspaces.models import ApiKey, Member, OwnershipOffer, UserSession
from apps.workspaces.shapes import MemberShape, SignedInUser


def user_session_item(session: UserSession, actor: Member) -> UserSessionShape:
    return {
        "id": session.pk,
        "kind": session.kind,
        "device": session.device,
        "network": session.network or None,
        "created_at": session.created_at,
        "seen_at": session.seen_at,
        "current": session.pk == actor.session_id,
    }


class UserSessions(APIView):
    """Where the caller is signed in."""

    actor: Member

    @extend_schema(operation_id="sessions_list", responses=answer(SessionsShape))
    @allow(member=ANY)
    def get(self, request: Request) -> Response:
        """List the caller's sessions, the last used first."""
        rows = user_sessions.alive(self.actor.user_id)
        return Response({"items": [user_session_item(row, self.actor) for row in rows]})

    @extend_schema(operation_id="sessions_destroy_others", responses={204: None})
    @allow(member=ANY)
    def delete(self, request: Request) -> Response:
        """End every session of the caller but this one."""
        user_sessions.end(self.actor.user, by=self.actor, keep=self.actor.session_id)
        return Response(status=204)


class UserSessionView(APIView):
    """One of the caller's sessions."""

    actor: Member

    @extend_schema(responses={204: None})
    @allow(member=ANY)
    def delete(self, request: Request, session_id: UUID) -> Response:
        """End the session: at once for requests, within seconds for open sockets."""
        if not user_sessions.end(self.actor.user, by=self.actor, ids=[session_id]):
            raise NotVisible
        return Response(status=204)


class ConfirmationInput(Input):
    method = serializers.CharField(max_length=40, default="password")
    proof = serializers.CharField(
        max_length=8000, trim_whitespace=False, help_text="The password, the code, or a passkey's answer as JSON text."
    )


class Confirmation(APIView):
    """Proving again who one is, before what is sensitive."""

    actor: Member
    answers_secrets: ClassVar[bool] = True

    @extend_schema(responses=answer(ConfirmationShape))
    @allow(member=ANY, enrolling=True)
    def get(self, request: Request) -> Response:
        """Say whether this session was confirmed lately, and by which methods it can be."""
        return Response({"confirmed": self.actor.is_confirmed, "methods": confirmation.open_to(self.actor.user)})

    @extend_schema(request=ConfirmationInput, responses={204: None})
    @allow(member=ANY, enrolling=True)
    def post(self, request: Request) -> Response:
        """Confirm this session for ten minutes."""
        data = self.checked(ConfirmationInput)
        try:
            confirmation.confirm(request._request, self.actor, data["method"], data["proof"])
        except UnknownKind as error:
            raise serializers.ValidationError({"method": ["There is no such method."]}) from error
        return Response(status=204)


class ProfileInput(Input):
    name = serializers.CharField(max_length=limits.NAME_CHARACTERS, allow_blank=True)


class Profile(APIView):
    """What colleagues and visitors know of the caller."""

    actor: Member

    @extend_schema(request=ProfileInput, responses=answer(SignedInUser))
    @allow(member=ANY)
    def patch(self, request: Request) -> Response:
        """Change the caller's name."""
        actions.rename_user(self.actor, self.checked(ProfileInput)["name"])
        user = self.actor.user
        return Response({"id": user.pk, "name": user.name, "email": user.email})


def seat_items(actor: Member) -> list[dict[str, Any]]:
    """Return the workspaces that a person works in, by name."""
    seats = sorted(user_sessions.seats_of(actor.user_id), key=lambda seat: (seat.workspace.name.casefold(), seat.pk))
    return [{"id": seat.workspace_id, "name": seat.workspace.name, "role": seat.role} for seat in seats]


class Seats(APIView):
    """The workspaces that the caller works in."""

    actor: Member

    @extend_schema(operation_id="session_workspaces_list", responses=answer(SeatsShape))
    @allow(member=ANY, enrolling=True)
    def get(self, request: Request) -> Response:
        """List them by name."""
        return Response({"items": seat_items(self.actor)})


# Tokens for apps


class AppCredentials(Input):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class RefreshInput(Input):
    refresh_token = serializers.CharField(max_length=200)


def tokens_item(pair: tokens.Pair) -> dict[str, Any]:
    return {
        "access_token": pair.access,
        "refresh_token": pair.refresh,
        "token_type": "Bearer",
        "expires_in": limits.ACCESS_TOKEN_SECONDS,
        "session": pair.session.pk,
    }


class Tokens(APIView):
    """An app's way in."""

    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=AppCredentials, responses={201: answer(TokensShape)})
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Sign in by address and password; answers a pair of tokens. Name the workspace of each request as X-Workspace.

        Answers `mfa_required` with a `challenge` to whoever has a second factor: go on at tokens/factor.
        """
        try:
            pair, member = tokens.sign_in(request._request, **self.checked(AppCredentials))
        except entry.SignInRefused as refused:
            raise exceptions.AuthenticationFailed(str(refused), "sign_in_refused") from None
        except entry.MethodRefused:
            raise exceptions.AuthenticationFailed("Sign in by a one-time code.", "code_required") from None
        return Response({**tokens_item(pair), "workspaces": seat_items(member)}, status=201)


class TokensRefresh(APIView):
    """The next pair of tokens."""

    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=RefreshInput, responses=answer(TokensShape))
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Exchange a refresh token, once. A second time ends its session, unless the first answer got lost within half a minute."""
        limits.spend(limits.REFRESHES_BY_ADDRESS, limits.address_subject(request_address(request._request)))
        try:
            pair = tokens.refresh(self.checked(RefreshInput)["refresh_token"])
        except tokens.TokenRefused as refused:
            raise exceptions.AuthenticationFailed(str(refused), "token_refused") from None
        return Response(tokens_item(pair))


class TokensRevoke(APIView):
    """The end of an app's session."""

    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=RefreshInput, responses={204: None})
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """End the session that a refresh token is of; answers the same for one that is unknown."""
        limits.spend(limits.REFRESHES_BY_ADDRESS, limits.address_subject(request_address(request._request)))
        tokens.revoke(self.checked(RefreshInput)["refresh_token"])
        return Response(status=204)


# API keys


def key_item(key: ApiKey) -> KeyShape:
    return {
        "id": key.pk,
        "name": key.name,
        "hint": key.hint,
        "scopes": key.scopes,
        "maker": {"id": key.maker.pk, "name": key.maker.label} if key.maker else None,
        "expires_at": key.expires_at,
        "used_at": key.used_at,
        "created_at": key.created_at,
    }


class KeyInput(Input):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.CharField(max_length=40), min_length=1, max_length=50)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)

    def validate_scopes(self, scopes: list[str]) -> list[str]:
        if unknown := sorted(set(scopes) - set(keys.known_scopes())):
            raise serializers.ValidationError(f"There is no scope {', '.join(unknown)}.")
        return scopes


class Keys(APIView):
    """The workspace's API keys."""

    actor: Member
    answers_secrets: ClassVar[bool] = True

    @extend_schema(operation_id="keys_list", responses=answer(KeysShape))
    @allow(member="settings.integrations")
    def get(self, request: Request) -> Response:
        """List the keys that open something, the newest first, and the scopes there are."""
        rows = keys.living(ApiKey.objects.visible_to(self.actor)).select_related("maker__user")
        return Response({"items": [key_item(row) for row in rows], "scopes": keys.known_scopes()})

    @extend_schema(request=KeyInput, responses={201: answer(NewKeyShape)})
    @allow(member="settings.integrations")
    def post(self, request: Request) -> Response:
        """Make a key. What opens it is answered this once and never again. The session must have been confirmed lately."""
        confirmation.require(self.actor)
        data = self.checked(KeyInput)
        limits.spend(limits.KEYS_MADE, self.actor.workspace_id)
        try:
            key, token = keys.make(data["name"], data["scopes"], by=self.actor, expires_at=data.get("expires_at"))
        except keys.InThePast as error:
            raise serializers.ValidationError({"expires_at": [str(error)]}) from error
        except keys.TooManyKeys as error:
            raise Conflict(str(error), "too_many_keys") from error
        return Response({**key_item(key), "key": token}, status=201)


class KeyView(APIView):
    """One API key."""

    @extend_schema(responses={204: None})
    @allow(member="settings.integrations")
    def delete(self, request: Request, key_id: UUID) -> Response:
        """Revoke the key at once."""
        key = ApiKey.objects.visible_to(self.actor).filter(pk=key_id, revoked_at=None).first()
        if key is None:
            raise NotVisible
        keys.revoke(key, by=self.actor)
        return Response(status=204)


# Roles and ownership


class SeatInput(Input):
    role = serializers.ChoiceField(Member.Role.choices)
    permissions = serializers.ListField(
        child=serializers.ChoiceField(roles.PERMISSIONS), max_length=len(roles.PERMISSIONS), default=list
    )


class MemberView(APIView):
    """One member's seat."""

    actor: Member

    @extend_schema(request=SeatInput, responses=answer(MemberShape))
    @allow(member="users.manage")
    def patch(self, request: Request, member_id: UUID) -> Response:
        """Give a member a role, and permissions in place of the role's own (none: the role's)."""
        data = self.checked(SeatInput)
        try:
            member = seats.change(member_id, role=data["role"], permissions=data["permissions"], by=self.actor)
        except Member.DoesNotExist as error:
            raise NotVisible from error
        return Response(member_item(member, possession.enrolled([member.user_id])))

    @extend_schema(responses={204: None})
    @allow(member="users.remove")
    def delete(self, request: Request, member_id: UUID) -> Response:
        """Take a member's seat away, with the keys they made: at once for requests, within seconds for open sockets."""
        try:
            seats.remove(member_id, by=self.actor)
        except Member.DoesNotExist as error:
            raise NotVisible from error
        except actions.LastOwner as error:
            raise Conflict(str(error), "last_owner") from error
        return Response(status=204)


def offer_item(offer: OwnershipOffer) -> OfferShape:
    return {
        "giver": {"id": offer.giver.pk, "name": offer.giver.label},
        "receiver": {"id": offer.receiver.pk, "name": offer.receiver.label},
        "expires_at": offer.expires_at,
    }


def standing_offer(actor: Actor) -> OwnershipOffer | None:
    """Return the offer of ownership that concerns this member: one they made, or got."""
    if not isinstance(actor, Member):
        return None
    offer = seats.offer_of(actor.workspace_id)
    concerns = offer is not None and (actor.pk == offer.receiver_id or actor.role == Member.Role.OWNER)
    return offer if concerns else None


class OfferInput(Input):
    member = serializers.UUIDField()


class Ownership(APIView):
    """The offer to hand the workspace over."""

    actor: Member

    @extend_schema(responses=answer(OfferShape))
    @allow(member=ANY)
    def get(self, request: Request) -> Response:
        """Return the offer that the caller made or got."""
        offer = standing_offer(self.actor)
        if offer is None:
            raise NotVisible
        return Response(offer_item(offer))

    @extend_schema(request=OfferInput, responses={201: answer(OfferShape)})
    @allow(member="settings.billing")
    def post(self, request: Request) -> Response:
        """Offer the workspace to another member. Only an owner can; the session must have been confirmed lately."""
        confirmation.require(self.actor)
        try:
            seats.offer(self.checked(OfferInput)["member"], by=self.actor)
        except Member.DoesNotExist as error:
            raise NotVisible from error
        offer = standing_offer(self.actor)
        assert offer is not None
        return Response(offer_item(offer), status=201)

    @extend_schema(responses={204: None})
    @allow(member=ANY)
    def delete(self, request: Request) -> Response:
        """Withdraw the offer, or decline it."""
        try:
            seats.withdraw(by=self.actor)
        except seats.NoOffer as error:
            raise NotVisible from error
        return Response(status=204)


class OwnershipAcceptance(APIView):
    """Taking a workspace over."""

    actor: Member

    @extend_schema(request=None, responses=answer(MemberShape))
    @allow(member=ANY)
    def post(self, request: Request) -> Response:
        """Accept the offer. The session must have been confirmed lately."""
        if standing_offer(self.actor) is None:
            raise NotVisible
        confirmation.require(self.actor)
        try:
            member = seats.accept(by=self.actor)
        except seats.NoOffer as error:
            raise NotVisible from error
        return Response(member_item(member, possession.enrolled([member.user_id])))
