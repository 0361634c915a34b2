"""REST: a workspace's provider for single sign-on, and the accounts that are linked to the caller's."""

from __future__ import annotations

from dataclasses import asdict
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import ANY, allow
from apps.core.api import APIView, Input
from apps.core.errors import Conflict
from apps.core.live import NotVisible
from apps.core.shapes import answer
from apps.workspaces import confirmation, policy
from apps.workspaces.models import Member, SignInMethod
from apps.workspaces.sso import connections, identities
from apps.workspaces.sso.models import JoinRole, LinkedIdentity, SsoConnection
from apps.workspaces.sso.shapes import FindingsShape, LinkedIdentitiesShape, LinkedIdentityShape, SsoShape


def connection_item(connection: SsoConnection) -> SsoShape:
    """Return a connection as those who set it up see it: never its secret."""
    methods = policy.policy_of(connection.workspace).methods
    return {
        "issuer": connection.issuer,
        "client_id": connection.client_id,
        "label": connection.label,
        "domains": connection.domains,
        "joins_as": connection.joins_as,
        "redirect_uri": connections.redirect_uri(connection.workspace_id),
        "sign_in_url": f"{settings.PUBLIC_URL}/sso/{connection.workspace_id}/",
        "allowed": SignInMethod.OIDC in methods,
        "required": methods == [SignInMethod.OIDC],
        "unlinked_members": identities.unlinked_members(connection),
    }


def required_connection(actor: Member) -> SsoConnection:
    """Return the workspace's connection. Raises NotVisible."""
    found = connections.connection_of(actor.workspace_id)
    if found is None:
        raise NotVisible
    return found


class ConnectionInput(Input):
    issuer = serializers.CharField(max_length=limits.SSO_ISSUER_CHARACTERS)
    client_id = serializers.CharField(max_length=limits.SSO_CLIENT_CHARACTERS)
    client_secret = serializers.CharField(
        max_length=limits.SSO_SECRET_CHARACTERS, required=False, allow_blank=True, default="", write_only=True
    )
    # A serializer has a label of its own, which its fields may hide.
    label = serializers.CharField(max_length=40)  # type: ignore[assignment]
    domains = serializers.ListField(
        child=serializers.CharField(max_length=255), max_length=limits.SIGN_UP_DOMAINS, default=list
    )
    joins_as = serializers.ChoiceField(JoinRole.choices, default="", allow_blank=True)


class Connection(APIView):
    """The workspace's provider for single sign-on."""

    actor: Member
    answers_secrets: ClassVar[bool] = True

    @extend_schema(responses=answer(SsoShape))
    @allow(member="settings.security")
    def get(self, request: Request) -> Response:
        """Return it, without the client's secret."""
        return Response(connection_item(required_connection(self.actor)))

    @extend_schema(request=ConnectionInput, responses=answer(SsoShape))
    @allow(member="settings.security")
    def put(self, request: Request) -> Response:
        """Set it up or change it; without a secret the kept one stays. The session must have been confirmed lately."""
        confirmation.require(self.actor)
        data = self.checked(ConnectionInput)
        limits.spend(limits.SSO_TESTS, self.actor.workspace_id)
        try:
            row = connections.set_up(self.actor.workspace, by=self.actor, **data)
        except connections.BadIssuer as error:
            raise serializers.ValidationError({"issuer": [str(error)]}) from error
        except connections.BadDomains as error:
            raise serializers.ValidationError({"domains": [str(error)]}) from error
        except connections.SecretNeeded as error:
            raise serializers.ValidationError({"client_secret": [str(error)]}) from error
        return Response(connection_item(row))

    @extend_schema(responses={204: None})
    @allow(member="settings.security")
    def delete(self, request: Request) -> Response:
        """Remove it. The session must have been confirmed lately."""
        confirmation.require(self.actor)
        try:
            removed = connections.remove(self.actor.workspace, by=self.actor)
        except connections.OnlyWayIn as error:
            raise Conflict(str(error), "only_way_in") from error
        if not removed:
            raise NotVisible
        return Response(status=204)


class ConnectionTest(APIView):
    """Whether the provider would work."""

    actor: Member

    @extend_schema(request=None, responses=answer(FindingsShape))
    @allow(member="settings.security")
    def post(self, request: Request) -> Response:
        """Ask the provider now; answers what was found, right or wrong."""
        row = required_connection(self.actor)
        limits.spend(limits.SSO_TESTS, self.actor.workspace_id)
        return Response({"items": [asdict(finding) for finding in connections.test(row)]})


def identity_item(row: LinkedIdentity) -> LinkedIdentityShape:
    return {"id": row.pk, "issuer": row.issuer, "created_at": row.created_at, "used_at": row.used_at}


class Identities(APIView):
    """The accounts at providers that are linked to the caller's."""

    actor: Member

    @extend_schema(operation_id="profile_identities_list", responses=answer(LinkedIdentitiesShape))
    @allow(member=ANY)
    def get(self, request: Request) -> Response:
        """List them, the oldest first. One is linked in a browser, from the profile's page."""
        return Response({"items": [identity_item(row) for row in identities.of(self.actor.user_id)]})


class IdentityView(APIView):
    """One linked account."""

    actor: Member

    @extend_schema(responses={204: None})
    @allow(member=ANY)
    def delete(self, request: Request, identity_id: UUID) -> Response:
        """Unlink it: it lets nobody in any more. The session must have been confirmed lately."""
        if not identities.of(self.actor.user_id).filter(pk=identity_id).exists():
            raise NotVisible
        confirmation.require(self.actor)
        identities.unlink(self.actor, identity_id)
        return Response(status=204)
