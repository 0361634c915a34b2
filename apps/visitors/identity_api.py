"""REST for a workspace's identity verification: mode, secrets, keys and coverage."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import allow
from apps.core.api import APIView, Input
from apps.core.errors import Conflict
from apps.core.live import NotVisible
from apps.core.shapes import answer
from apps.visitors import identity, proof
from apps.visitors.identity import NothingToVerifyWith, TooFewSigned, TwoSecrets
from apps.visitors.items import secret_item
from apps.visitors.live import coverage_item
from apps.visitors.models import IdentityPolicy, IdentitySecret
from apps.visitors.proof import BadPublicKey
from apps.visitors.shapes import IdentitySecretShape, IdentityShape, RevealedShape
from apps.workspaces import confirmation
from apps.workspaces.models import Member


class ModeInput(Input):
    mode = serializers.ChoiceField(IdentityPolicy.Mode.choices)
    accept_unsigned = serializers.BooleanField(default=False)
    mailed_codes = serializers.BooleanField(required=False)


class IdentityView(APIView):
    """Whether users' ids must be proven, with what, and how much of the traffic is signed."""

    actor: Member

    @extend_schema(responses=answer(IdentityShape))
    @allow(member="settings.security")
    def get(self, request: Request) -> Response:
        """Return the mode, the secrets without what is secret of them, and the coverage of the last 7 days."""
        return Response(self._item())

    @extend_schema(request=ModeInput, responses=answer(IdentityShape))
    @allow(member="settings.security")
    def put(self, request: Request) -> Response:
        """Turn verification off, optional or required. "required" while much comes unsigned must be asked for with ``accept_unsigned``.

        With "required" an address is proven by signature alone, unless ``mailed_codes``.
        """
        asked = self.checked(ModeInput)
        mailed_codes = asked.pop("mailed_codes", None)
        try:
            identity.change_mode(self.actor.workspace, by=self.actor, **asked)
        except NothingToVerifyWith as error:
            raise Conflict(str(error), "no_secret") from error
        except TooFewSigned as error:
            coverage = coverage_item(self.actor.workspace_id)
            raise Conflict(str(error), "too_few_signed", coverage=coverage) from error
        if mailed_codes is not None:
            identity.allow_mailed_codes(self.actor.workspace, allowed=mailed_codes, by=self.actor)
        return Response(self._item())

    def _item(self) -> IdentityShape:
        return {
            "mode": proof.mode_of(self.actor.workspace_id),
            "mailed_codes": identity.takes_mailed_codes(self.actor.workspace_id),
            "coverage": coverage_item(self.actor.workspace_id),
            "secrets": [secret_item(secret) for secret in identity.secrets_of(self.actor)],
        }


class GraceInput(Input):
    grace_days = serializers.IntegerField(min_value=0, max_value=limits.IDENTITY_GRACE_DAYS_MAX, default=7)


class PublicKeyInput(GraceInput):
    public_key = serializers.CharField(max_length=4000)


class Secrets(APIView):
    """Shared secrets: users' ids are hashed with them, tokens signed (HS256)."""

    actor: Member

    @extend_schema(request=GraceInput, responses={201: answer(IdentitySecretShape)})
    @allow(member="settings.security")
    def post(self, request: Request) -> Response:
        """Make a secret; the one there is stays good for ``grace_days``."""
        try:
            made = identity.create_secret(self.actor.workspace, by=self.actor, **self.checked(GraceInput))
        except TwoSecrets as error:
            raise Conflict(str(error), "two_secrets") from error
        return Response(secret_item(made), status=201)


class Keys(APIView):
    """Public keys: tokens are signed with their private halves (ES256)."""

    actor: Member

    @extend_schema(request=PublicKeyInput, responses={201: answer(IdentitySecretShape)})
    @allow(member="settings.security")
    def post(self, request: Request) -> Response:
        """Add a public key in PEM form; the one there is stays good for ``grace_days``."""
        data = self.checked(PublicKeyInput)
        try:
            made = identity.add_public_key(
                self.actor.workspace, data["public_key"], grace_days=data["grace_days"], by=self.actor
            )
        except BadPublicKey as error:
            raise serializers.ValidationError({"public_key": [str(error)]}) from error
        except TwoSecrets as error:
            raise Conflict(str(error), "two_secrets") from error
        return Response(secret_item(made), status=201)


class SecretScoped(APIView):
    """A view of one secret or key of the member's workspace."""

    actor: Member

    def secret(self, id_: UUID) -> IdentitySecret:
        """Return it. Raises NotVisible."""
        found = IdentitySecret.objects.visible_to(self.actor).active().filter(pk=id_).first()
        if found is None:
            raise NotVisible
        return found


class SecretView(SecretScoped):
    """One secret or key."""

    @extend_schema(responses={204: None})
    @allow(member="settings.security")
    def delete(self, request: Request, secret_id: UUID) -> Response:
        """Revoke it: it proves nobody any more, and the sessions that it opened end. Asks again who the caller is."""
        found = self.secret(secret_id)
        confirmation.require(self.actor)
        identity.revoke(found, by=self.actor)
        return Response(status=204)


class Reveal(SecretScoped):
    """A secret in clear."""

    @extend_schema(request=None, responses=answer(RevealedShape))
    @allow(member="settings.security")
    def post(self, request: Request, secret_id: UUID) -> Response:
        """Show the secret. That it was looked at is on record. Asks again who the caller is."""
        found = self.secret(secret_id)
        if found.kind != IdentitySecret.Kind.SHARED:
            raise NotVisible
        confirmation.require(self.actor)
        return Response({"secret": identity.show(found, by=self.actor)})
