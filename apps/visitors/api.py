"""REST for messengers (boot, session, identify, events) and for members (the visitors' directory)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import allow
from apps.core.api import APIView, Input, PageInput
from apps.core.errors import Conflict, Invalid, OriginRefused, SessionExpired
from apps.core.isolation import scopes
from apps.core.limits import Charge
from apps.core.network import request_address, request_origin
from apps.core.shapes import answer
from apps.core.slots import ask
from apps.visitors import actions, attributes, email_proof, identity, location, proof, tracking
from apps.visitors.actions import BadSessionId, Blocked, Issued, ProvenDetail, SomebodyElse
from apps.visitors.attributes import BadAttributes
from apps.visitors.directory import directory
from apps.visitors.erasure import withdraw_consent
from apps.visitors.live import own_item, visitor_item
from apps.visitors.models import Visitor, VisitorSession
from apps.visitors.proof import Claim, Identity, IdentityRefused, IdentityRequired
from apps.visitors.shapes import (
    BootShape,
    OwnSessionShape,
    OwnVisitorShape,
    TokenShape,
    TrackedShape,
    VisitorsShape,
)
from apps.workspaces import origins
from apps.workspaces.actions import note_widget_seen
from apps.workspaces.models import Member, Workspace
from apps.workspaces.public import messenger_of, team_of

REFRESH_SHARE = 0.75
"""A token is refreshed when less than a quarter of its life is left."""


class DeviceInput(Input):
    browser = serializers.CharField(max_length=50, required=False, allow_blank=True)
    browser_version = serializers.CharField(max_length=50, required=False, allow_blank=True)
    os = serializers.CharField(max_length=50, required=False, allow_blank=True)
    type = serializers.ChoiceField(["desktop", "mobile", "tablet"], required=False)


class WherePageInput(Input):
    url = serializers.CharField(max_length=2000, allow_blank=True)
    title = serializers.CharField(max_length=300, required=False, allow_blank=True)


class ClientInput(Input):
    type = serializers.CharField(max_length=30, required=False)
    version = serializers.CharField(max_length=50, required=False)
    identifier = serializers.CharField(max_length=100, required=False, allow_blank=True)


class PropertiesField(serializers.DictField):
    """A flat object: text, numbers, true or false, dates, null, or a list of these."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value: dict[str, Any] = super().to_internal_value(data)
        try:
            return {name: entry if entry is None else attributes.value_of(name, entry) for name, entry in value.items()}
        except BadAttributes as error:
            raise serializers.ValidationError(str(error)) from error


class IdentifyInput(Input):
    user_id = serializers.CharField(max_length=limits.USER_ID_CHARACTERS, required=False, trim_whitespace=False)
    user_hash = serializers.CharField(
        max_length=1000, required=False, allow_null=True, allow_blank=True, trim_whitespace=False
    )
    user_token = serializers.CharField(
        max_length=limits.IDENTITY_TOKEN_CHARACTERS,
        required=False,
        allow_null=True,
        allow_blank=True,
        trim_whitespace=False,
    )
    name = serializers.CharField(max_length=limits.NAME_CHARACTERS, required=False, allow_blank=True)
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    attributes = serializers.DictField(required=False)
    page = WherePageInput(required=False)
    locale = serializers.CharField(max_length=20, required=False, allow_blank=True)
    timezone = serializers.CharField(max_length=60, required=False, allow_blank=True)


class BootInput(IdentifyInput):
    workspace = serializers.UUIDField()
    session_id = serializers.CharField(max_length=64)
    device = DeviceInput(required=False)
    referrer = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    client = ClientInput(required=False)


def _details(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the input says, by the visitor's field names."""
    page = data.pop("page", None)
    if page is not None:
        data |= {"page_url": page["url"], "page_title": page.get("title", "")}
    return data


def _identity(request: Request, workspace: Workspace, data: dict[str, Any]) -> Identity:
    """Take out of the input what it says about who the visitor is, and check it. A wrong proof is counted, and limited by address."""
    if "user_hash" in data and "user_token" in data:
        raise serializers.ValidationError({"user_token": ["Send either user_hash or user_token."]})
    # A proof that is sent and empty is a wrong one.
    proofs = {name: data.pop(name) or "" for name in ("user_hash", "user_token") if name in data}
    claim = Claim(user_id=data.pop("user_id", None), **proofs)
    try:
        found = proof.check(workspace.pk, claim)
    except IdentityRequired as error:
        identity.count(workspace.pk, "claimed")
        raise exceptions.PermissionDenied(str(error), error.code) from error
    except IdentityRefused as error:
        limits.spend(limits.FAILED_IDENTITIES, limits.address_subject(request_address(request._request)))
        identity.refused(workspace, str(error))
        raise exceptions.PermissionDenied(str(error), error.code) from error
    return found


def _count(workspace: Workspace, found: Identity) -> None:
    """Count who was named, and how well."""
    if found.proven is not None:
        identity.note_used(found.proven.secret)
        identity.count(workspace.pk, "proven")
    elif found.user_id:
        identity.count(workspace.pk, "claimed")


@contextmanager
def _explained() -> Iterator[None]:
    """Say what was wrong with what a messenger told about its visitor."""
    try:
        yield
    except BadAttributes as error:
        raise serializers.ValidationError({"attributes": [str(error)]}) from error
    except ProvenDetail as error:
        raise serializers.ValidationError(
            {name: ["This was signed by your server, and only it can change it."] for name in error.names}
        ) from error
    except Blocked:
        raise exceptions.PermissionDenied("This visitor is blocked.", "blocked") from None


def _session_item(issued: Issued) -> TokenShape:
    return {
        "token": issued.token,
        "expires_at": issued.expires_at,
        "lifetime": issued.lifetime,
        "refresh_after": int(issued.lifetime * REFRESH_SHARE),
    }


class VisitorView(APIView):
    """A view for the bearer of a visitor's token."""

    actor: Visitor

    @property
    def session(self) -> VisitorSession:
        session: VisitorSession = self.request._request.visitor_session  # type: ignore[attr-defined]
        return session


class Boot(APIView):
    """The first call of a messenger: who is this, and what to show."""

    @extend_schema(request=BootInput, responses=answer(BootShape))
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Start a session for whoever holds this session id."""
        limits.spend(limits.BOOTS_BY_ADDRESS, limits.address_subject(request_address(request._request)))
        data = self.checked(BootInput)
        asked = data.pop("workspace")
        with scopes.workspace(asked):
            return self._boot(
                request, Workspace.objects.select_related("identity_policy").filter(pk=asked).first(), data
            )

    def _boot(self, request: Request, workspace: Workspace | None, data: dict[str, Any]) -> Response:
        origin = request_origin(request._request)
        if workspace is None or not origins.allows(workspace, origin):
            raise OriginRefused()
        request._request.allowed_origin = origin  # type: ignore[attr-defined]
        address = request_address(request._request)
        found = _identity(request, workspace, data)
        try:
            with _explained():
                issued = actions.boot(
                    workspace,
                    session_id=data.pop("session_id"),
                    origin=origin or "",
                    client=data.pop("client", {}),
                    identity=found,
                    location=location.by_file(address),
                    **_details(data),
                )
        except BadSessionId:
            raise serializers.ValidationError(
                {"session_id": ["Send 24 random bytes as base64url: 32 characters."]}
            ) from None
        location.ask_provider(issued.visitor, address)
        _count(workspace, found)
        note_widget_seen(workspace, origin or "")
        return Response(self._answer(workspace, issued))

    def _answer(self, workspace: Workspace, issued: Issued) -> BootShape:
        messenger = messenger_of(workspace)
        slots: dict[str, Any] = {}
        for offer in ask("boot", issued.visitor):
            slots |= offer
        return {
            **_session_item(issued),
            "visitor": own_item(issued.visitor),
            "workspace": {"id": workspace.pk, "name": workspace.name},
            "messenger": messenger,
            "team": team_of(workspace) if messenger["show_avatars"] else [],
            "expected_reply": messenger["expected_reply"],
            "unread": slots.pop("unread", 0),
            "last_unread": slots.pop("last_unread", None),
            "live_url": settings.LIVE_SOCKET_URL,
            "poll_url": settings.LIVE_POLL_URL,
            "email_codes": issued.visitor.proven_at is None and email_proof.allowed(workspace),
            "slots": slots,
        }


class Session(VisitorView):
    """The session that the token opens."""

    @extend_schema(responses=answer(OwnSessionShape))
    @allow(visitor=True)
    def get(self, request: Request) -> Response:
        """Say until when the token is good, and for whom."""
        return Response({"expires_at": self.session.expires_at, "visitor": own_item(self.actor)})

    @extend_schema(responses={204: None})
    @allow(visitor=True)
    def delete(self, request: Request) -> Response:
        """End the session: the token is dead at once, its sockets within seconds."""
        actions.revoke(self.session)
        return Response(status=204)


class SessionRefresh(VisitorView):
    """A fresh token for a living one."""

    @extend_schema(request=None, responses=answer(TokenShape))
    @allow(visitor=True)
    def post(self, request: Request) -> Response:
        """Replace the token; the old one is dead at once."""
        issued = actions.refresh(self.session)
        if issued is None:
            raise SessionExpired()
        return Response(_session_item(issued))


class OwnVisitor(VisitorView):
    """The visitor that the token stands for."""

    @extend_schema(request=IdentifyInput, responses=answer(OwnVisitorShape))
    @allow(visitor=True)
    def patch(self, request: Request) -> Response:
        """Say more about the visitor. Attributes merge; an e-mail address is a claim that opens nothing.

        With a proof the token stands from now on for whom it proves; where the visitor is known to be another user: 409, boot again.
        """
        limits.spend(limits.IDENTIFY, self.actor.pk)
        data = self.checked(IdentifyInput)
        found = _identity(request, self.actor.workspace, data)
        try:
            with _explained():
                visitor = actions.identify(self.actor, identity=found, **_details(data))
        except Visitor.DoesNotExist:
            raise SessionExpired() from None
        except SomebodyElse:
            raise Conflict("This session belongs to another user. End it and boot again.", "identity_changed") from None
        _count(self.actor.workspace, found)
        return Response(own_item(visitor))

    @extend_schema(responses={204: None})
    @allow(visitor=True)
    def delete(self, request: Request) -> Response:
        """Withdraw consent: what was noted about the visitor is deleted and their sessions end; what they wrote stays."""
        withdraw_consent(self.actor)
        return Response(status=204)


class TrackedEventInput(Input):
    id = serializers.UUIDField()
    name = serializers.CharField(max_length=100)
    properties = PropertiesField(required=False)
    url = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    at = serializers.DateTimeField()


class TrackInput(Input):
    events = TrackedEventInput(many=True, allow_empty=False)


class TrackedEvents(VisitorView):
    """What the visitor did on the customer's site."""

    @extend_schema(request=TrackInput, responses=answer(TrackedShape))
    @allow(visitor=True)
    def post(self, request: Request) -> Response:
        """Store a batch of events; one sent twice is stored once."""
        events = self.checked(TrackInput)["events"]
        if len(events) > limits.EVENT_BATCH:
            raise Invalid(f"Send at most {limits.EVENT_BATCH} events at once.")
        limits.spend_all(
            Charge(limits.TRACKED_EVENTS, self.actor.pk, len(events)),
            Charge(limits.TRACKED_EVENTS_DAILY, self.actor.pk, len(events)),
        )
        accepted = tracking.track(self.actor, events)
        return Response({"accepted": accepted, "duplicates": len(events) - accepted})


class DirectoryInput(PageInput):
    q = serializers.CharField(max_length=limits.QUERY_CHARACTERS, required=False, allow_blank=True)
    presence = serializers.ChoiceField(["all", "online", "offline"], default="all")


class Directory(APIView):
    """The workspace's visitors."""

    actor: Member

    @extend_schema(operation_id="visitors_list", parameters=[DirectoryInput], responses=answer(VisitorsShape))
    @allow(member="users.read", key="users.read")
    def get(self, request: Request) -> Response:
        """List visitors, who was here last first."""
        asked = self.asked(DirectoryInput)
        if asked.get("q"):
            limits.spend(limits.SEARCHES, self.actor.pk)
        visitors, following = directory(self.actor, **asked)
        return Response({"items": [visitor_item(visitor) for visitor in visitors], "next_cursor": following})
