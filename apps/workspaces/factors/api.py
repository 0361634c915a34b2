"""REST: one's second factors, signing in by them, and a workspace that asks everybody for one."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import ANY, allow
from apps.core.api import APIView, Input
from apps.core.errors import Conflict, Invalid
from apps.core.live import NotVisible
from apps.core.shapes import answer
from apps.workspaces import confirmation, entry
from apps.workspaces.access_api import seat_items, tokens_item
from apps.workspaces.access_shapes import TokensShape
from apps.workspaces.api import session_item
from apps.workspaces.factors import (
    authenticators,
    confirming,
    enrolment,
    passkeys,
    possession,
    requirement,
    sign_in,
    steps,
)
from apps.workspaces.factors.items import factors_item, passkey_item, requirement_item
from apps.workspaces.factors.models import Passkey
from apps.workspaces.factors.shapes import (
    AppDraftShape,
    FactorsShape,
    NewPasskeyShape,
    OptionsShape,
    PasskeyShape,
    RecoveryCodesShape,
    RequirementShape,
)
from apps.workspaces.models import Member
from apps.workspaces.shapes import SessionShape

METHODS = (possession.TOTP, possession.PASSKEY, possession.RECOVERY)


def _require_passkeys() -> None:
    if not passkeys.are_possible():
        raise Invalid("Passkeys need a host name: this installation is reached by an IP address.", "no_passkeys_here")


class Factors(APIView):
    """The caller's second factors."""

    actor: Member

    @extend_schema(responses=answer(FactorsShape))
    @allow(member=ANY, enrolling=True)
    def get(self, request: Request) -> Response:
        """Say what the caller has, and what the workspace asks for."""
        return Response(factors_item(self.actor))


class AppCodeInput(Input):
    code = serializers.CharField(max_length=20, help_text="Six digits that the app shows.")


class App(APIView):
    """The caller's authenticator app."""

    actor: Member
    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=None, responses={201: answer(AppDraftShape)})
    @allow(member=ANY, enrolling=True)
    def post(self, request: Request) -> Response:
        """Begin to set one up: it counts after its first code. The session must have been confirmed lately."""
        confirmation.require(self.actor)
        row = authenticators.draft(self.actor.user)
        address = authenticators.address_of(row, self.actor.user)
        secret = authenticators.secret_of(row)
        picture = authenticators.picture_of(address)
        return Response({"secret": secret, "address": address, "picture": picture}, status=201)

    @extend_schema(request=AppCodeInput, responses=answer(RecoveryCodesShape))
    @allow(member=ANY, enrolling=True)
    def put(self, request: Request) -> Response:
        """Let it count, by its first code. With the caller's first factor come recovery codes, and their other sessions end."""
        confirmation.require(self.actor)
        try:
            enrolled = enrolment.confirm_app(self.actor, self.checked(AppCodeInput)["code"])
        except enrolment.NothingBegun as error:
            raise Conflict("Begin to set an app up first.", "nothing_begun") from error
        except enrolment.WrongCode as error:
            raise serializers.ValidationError({"code": [str(error)]}) from error
        return Response({"recovery_codes": enrolled.recovery_codes})

    @extend_schema(responses={204: None})
    @allow(member=ANY)
    def delete(self, request: Request) -> Response:
        """Remove it. The session must have been confirmed lately."""
        confirmation.require(self.actor)
        try:
            enrolment.remove_app(self.actor)
        except enrolment.NothingBegun as error:
            raise NotVisible from error
        except enrolment.LastFactor as error:
            raise Conflict(str(error), "last_factor") from error
        return Response(status=204)


class PasskeyOptions(APIView):
    """What a browser needs to make a passkey."""

    actor: Member
    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=None, responses=answer(OptionsShape))
    @allow(member=ANY, enrolling=True)
    def post(self, request: Request) -> Response:
        """Answer what ``navigator.credentials.create`` is called with; good once, for five minutes. The session must have been confirmed lately."""
        confirmation.require(self.actor)
        limits.spend(limits.PASSKEY_CHALLENGES, self.actor.user_id)
        _require_passkeys()
        return Response({"options": passkeys.registration_options(self.actor.user, enrolment.holder_of(self.actor))})


class PasskeyInput(Input):
    name = serializers.CharField(max_length=60)
    credential = serializers.DictField(help_text="What the browser answered, as WebAuthn's JSON.")


class PasskeyNameInput(Input):
    name = serializers.CharField(max_length=60)


class Passkeys(APIView):
    """The caller's passkeys."""

    actor: Member
    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=PasskeyInput, responses={201: answer(NewPasskeyShape)})
    @allow(member=ANY, enrolling=True)
    def post(self, request: Request) -> Response:
        """Keep a passkey that was made with the options. With the caller's first factor come recovery codes, and their other sessions end."""
        confirmation.require(self.actor)
        data = self.checked(PasskeyInput)
        try:
            enrolled = enrolment.add_passkey(self.actor, data["name"], data["credential"])
        except passkeys.PasskeyRefused as error:
            raise Invalid(str(error), "passkey_refused") from error
        except passkeys.TooManyPasskeys as error:
            raise Conflict(str(error), "too_many_passkeys") from error
        assert enrolled.passkey is not None
        return Response(
            {"passkey": passkey_item(enrolled.passkey), "recovery_codes": enrolled.recovery_codes}, status=201
        )


class PasskeyView(APIView):
    """One of the caller's passkeys."""

    actor: Member

    @extend_schema(request=PasskeyNameInput, responses=answer(PasskeyShape))
    @allow(member=ANY)
    def patch(self, request: Request, passkey_id: UUID) -> Response:
        """Call it something else."""
        try:
            row = enrolment.rename_passkey(self.actor, passkey_id, self.checked(PasskeyNameInput)["name"])
        except Passkey.DoesNotExist as error:
            raise NotVisible from error
        return Response(passkey_item(row))

    @extend_schema(responses={204: None})
    @allow(member=ANY)
    def delete(self, request: Request, passkey_id: UUID) -> Response:
        """Remove it. The session must have been confirmed lately."""
        if not Passkey.objects.filter(pk=passkey_id, user_id=self.actor.user_id).exists():
            raise NotVisible
        confirmation.require(self.actor)
        try:
            enrolment.remove_passkey(self.actor, passkey_id)
        except Passkey.DoesNotExist as error:
            raise NotVisible from error
        except enrolment.LastFactor as error:
            raise Conflict(str(error), "last_factor") from error
        return Response(status=204)


class RecoveryCodes(APIView):
    """The caller's recovery codes."""

    actor: Member
    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=None, responses={201: answer(RecoveryCodesShape)})
    @allow(member=ANY, enrolling=True)
    def post(self, request: Request) -> Response:
        """Make ten new ones; those before are void. Answered this once. The session must have been confirmed lately."""
        confirmation.require(self.actor)
        try:
            codes = enrolment.renew_recovery_codes(self.actor)
        except enrolment.NoFactor as error:
            raise Conflict(str(error), "no_factor") from error
        return Response({"recovery_codes": codes}, status=201)


class ConfirmationOptions(APIView):
    """What a browser needs to confirm a session by a passkey."""

    actor: Member
    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=None, responses=answer(OptionsShape))
    @allow(member=ANY, enrolling=True)
    def post(self, request: Request) -> Response:
        """Answer what ``navigator.credentials.get`` is called with; what it gives, as JSON text, is the proof of ``session/confirmation``."""
        limits.spend(limits.PASSKEY_CHALLENGES, self.actor.user_id)
        _require_passkeys()
        user = self.actor.user
        return Response({"options": passkeys.authentication_options(user.pk, confirming.holder_of(user))})


# Signing in


class ProofInput(Input):
    method = serializers.ChoiceField(METHODS)
    proof = serializers.CharField(max_length=100, required=False, help_text="The code, but for a passkey.")
    credential = serializers.DictField(required=False, help_text="The passkey's answer, as WebAuthn's JSON.")

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        wanted = "credential" if data["method"] == possession.PASSKEY else "proof"
        if wanted not in data:
            raise serializers.ValidationError({wanted: ["This is what the method needs."]})
        return {"method": data["method"], "proof": data[wanted]}


class ChallengeInput(Input):
    challenge = serializers.CharField(max_length=100)


class TokenProofInput(ProofInput):
    challenge = serializers.CharField(max_length=100)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        return {**super().validate(data), "challenge": data["challenge"]}


class CredentialInput(Input):
    credential = serializers.DictField(help_text="The passkey's answer, as WebAuthn's JSON.")


def _refused(error: Exception) -> exceptions.AuthenticationFailed:
    """Return how a proof that begins nothing is answered."""
    match error:
        case steps.StepEnded():
            return exceptions.AuthenticationFailed(str(error), "step_ended")
        case entry.NoSeat():
            return exceptions.AuthenticationFailed("This account has no workspace.", "no_workspace")
        case entry.MethodRefused():
            return exceptions.AuthenticationFailed("Your workspace asks for another way to sign in.", "method_refused")
        case _:
            return exceptions.AuthenticationFailed(str(error), "factor_refused")


NOT_IN = (steps.StepEnded, steps.FactorRefused, passkeys.PasskeyRefused, entry.NoSeat, entry.MethodRefused)


class SessionFactor(APIView):
    """The second step of signing in with a cookie."""

    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=ProofInput, responses=answer(SessionShape))
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Prove it by the second factor; sets the session cookie. After a sign-in that was answered by ``mfa_required``, in the same browser."""
        data = self.checked(ProofInput)
        try:
            member = sign_in.by_factor(request._request, data["method"], data["proof"])
        except NOT_IN as error:
            raise _refused(error) from None
        return Response(session_item(request._request, member))


class SessionFactorOptions(APIView):
    """What a browser needs to take that step by a passkey."""

    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=None, responses=answer(OptionsShape))
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Answer what ``navigator.credentials.get`` is called with."""
        try:
            step = steps.in_browser(request._request)
        except steps.StepEnded as error:
            raise _refused(error) from None
        limits.spend(limits.PASSKEY_CHALLENGES, step.user_id)
        return Response({"options": steps.options(step)})


class PasskeySessionOptions(APIView):
    """What a browser needs to sign in by a passkey alone."""

    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=None, responses=answer(OptionsShape))
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Answer what ``navigator.credentials.get`` is called with: any passkey that the device has for us."""
        _require_passkeys()
        return Response({"options": sign_in.options_for_anybody(request._request)})


class PasskeySession(APIView):
    """Signing in by a passkey alone."""

    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=CredentialInput, responses=answer(SessionShape))
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Sign in by a passkey, without an address or a password; sets the session cookie."""
        try:
            member = sign_in.by_passkey(request._request, self.checked(CredentialInput)["credential"])
        except NOT_IN as error:
            raise _refused(error) from None
        return Response(session_item(request._request, member))


class TokensFactor(APIView):
    """The second step of an app's sign-in."""

    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=TokenProofInput, responses={201: answer(TokensShape)})
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Answer the challenge of a sign-in by the second factor; answers a pair of tokens."""
        data = self.checked(TokenProofInput)
        try:
            pair, member = sign_in.tokens_by_factor(request._request, data["challenge"], data["method"], data["proof"])
        except NOT_IN as error:
            raise _refused(error) from None
        return Response({**tokens_item(pair), "workspaces": seat_items(member)}, status=201)


class TokensFactorOptions(APIView):
    """What an app needs to take that step by a passkey."""

    answers_secrets: ClassVar[bool] = True

    @extend_schema(request=ChallengeInput, responses=answer(OptionsShape))
    @allow(public=True)
    def post(self, request: Request) -> Response:
        """Answer what the platform's passkeys are asked with."""
        try:
            step = steps.in_app(self.checked(ChallengeInput)["challenge"])
        except steps.StepEnded as error:
            raise _refused(error) from None
        limits.spend(limits.PASSKEY_CHALLENGES, step.user_id)
        return Response({"options": steps.options(step)})


# The workspace


class RequirementInput(Input):
    everyone = serializers.BooleanField()


class Requirement(APIView):
    """Whether everybody in the workspace needs a second factor."""

    actor: Member

    @extend_schema(responses=answer(RequirementShape))
    @allow(member="settings.security")
    def get(self, request: Request) -> Response:
        """Say whether, and since when."""
        return Response(requirement_item(self.actor.workspace))

    @extend_schema(request=RequirementInput, responses=answer(RequirementShape))
    @allow(member="settings.security")
    def put(self, request: Request) -> Response:
        """Ask everybody, or leave it to them: members have seven days, new ones begin with it. The session must have been confirmed lately."""
        everyone = self.checked(RequirementInput)["everyone"]
        confirmation.require(self.actor)
        try:
            change = requirement.ask_everybody if everyone else requirement.ask_nobody
            workspace = change(by=self.actor)
        except requirement.NoFactorYourself as error:
            raise Conflict(str(error), "no_factor_yourself") from error
        return Response(requirement_item(workspace))


class MemberFactors(APIView):
    """A member's second factors."""

    actor: Member

    @extend_schema(responses={204: None})
    @allow(member="settings.billing")
    def delete(self, request: Request, member_id: UUID) -> Response:
        """Remove them all and end the member's sessions. Only an owner can; the session must have been confirmed lately."""
        member = Member.objects.visible_to(self.actor).select_related("user", "workspace").filter(pk=member_id).first()
        if member is None:
            raise NotVisible
        confirmation.require(self.actor)
        try:
            enrolment.reset_member(member, by=self.actor)
        except enrolment.WorksElsewhere as error:
            raise Conflict(str(error), "works_elsewhere") from error
        return Response(status=204)
