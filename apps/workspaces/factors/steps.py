"""The step between one proof and a session: short, for one browser or app, and good for nothing else."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpRequest

from apps.core import effects, limits
from apps.core.access import FactorNeeded
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.network import request_address
from apps.core.tokens import hash_token
from apps.workspaces import user_sessions
from apps.workspaces.factors import authenticators, passkeys, possession, recovery
from apps.workspaces.factors.events import RecoveryCodeUsed
from apps.workspaces.factors.models import PasskeyChallenge, SignInStep
from apps.workspaces.models import Member, User

STEP_KEY = "factor_step"
"""Where a browser's session keeps which step it waits in."""
PREFIX = "mfa_"


class StepEnded(Exception):
    """There is no such step, or not any more: begin anew."""

    def __str__(self) -> str:
        return "This took too long, or was done already. Sign in again."


class FactorRefused(Exception):
    """Not the factor: one answer, whatever was wrong with it."""

    def __str__(self) -> str:
        return "This isn't right, or was used before."


def require_in_browser(request: HttpRequest, user: User, method: str, seat: Member) -> None:
    """Have whoever has a second factor prove it before their session begins in this browser. Raises FactorNeeded."""
    if not (methods := possession.methods_of(user.pk)):
        return
    step, _ = _begin(user, method, seat, is_app=False)
    request.session.cycle_key()
    request.session[STEP_KEY] = str(step.pk)
    raise FactorNeeded(methods)


def require_in_app(user: User, method: str, seat: Member) -> None:
    """Have whoever has a second factor prove it before an app gets tokens. Raises FactorNeeded, with the challenge that is answered then."""
    if methods := possession.methods_of(user.pk):
        _, token = _begin(user, method, seat, is_app=True)
        raise FactorNeeded(methods, token)


def _begin(user: User, method: str, seat: Member, *, is_app: bool) -> tuple[SignInStep, str]:
    token = PREFIX + secrets.token_hex(32)
    step = SignInStep.objects.create(
        user=user,
        token_hash=hash_token(token),
        method=method,
        seat=seat.pk,
        auth_hash=user.get_session_auth_hash(),
        is_app=is_app,
        expires_at=Now() + timedelta(seconds=limits.STEP_SECONDS),
    )
    return step, token


def in_browser(request: HttpRequest) -> SignInStep:
    """Return the step that this browser waits in. Raises StepEnded."""
    if (id_ := request.session.get(STEP_KEY)) is None:
        raise StepEnded
    return _living(pk=id_, is_app=False)


def in_app(token: str) -> SignInStep:
    """Return the step that a challenge stands for. Raises StepEnded."""
    return _living(token_hash=hash_token(token), is_app=True)


def _living(**named: Any) -> SignInStep:
    step = SignInStep.objects.select_related("user").filter(**named, expires_at__gt=Now(), user__is_active=True).first()
    if step is None or not user_sessions.is_of_password(step.user, step.auth_hash):
        raise StepEnded
    return step


def options(step: SignInStep) -> dict[str, Any]:
    """Return what a browser needs to answer by a passkey."""
    return passkeys.authentication_options(step.user_id, _holder(step))


def _holder(step: SignInStep) -> str:
    return f"step:{step.pk}"


def finish(request: HttpRequest, step: SignInStep, method: str, proof: str | Mapping[str, Any]) -> None:
    """Use a step up by the second proof. Raises FactorRefused, StepEnded where another request was faster, and Limited."""
    user = step.user
    account = limits.account_subject(user.email)
    limits.spend(limits.LOGINS_BY_ADDRESS, limits.address_subject(request_address(request)))
    limits.spend(limits.FACTOR_FAILURES, account)
    if not _proves(step, method, proof):
        _record_failure(user, method)
        raise FactorRefused
    deleted, _ = SignInStep.objects.filter(pk=step.pk).delete()
    if not deleted:
        raise StepEnded
    limits.refund(limits.FACTOR_FAILURES, account)


def _proves(step: SignInStep, method: str, proof: str | Mapping[str, Any]) -> bool:
    match method, proof:
        case possession.TOTP, str():
            app = authenticators.of(step.user_id)
            return app is not None and authenticators.takes(app, proof)
        case possession.RECOVERY, str():
            return _by_recovery_code(step.user, proof)
        case possession.PASSKEY, Mapping():
            try:
                passkeys.user_of(proof, _holder(step), user_id=step.user_id)
            except passkeys.PasskeyRefused:
                return False
            return True
        case _:
            return False


@transaction.atomic
def _by_recovery_code(user: User, code: str) -> bool:
    if not recovery.use(user.pk, code):
        return False
    left = recovery.left(user.pk)
    for seat in user_sessions.seats_of(user.pk):
        with scopes.workspace(seat.workspace_id):
            emit(RecoveryCodeUsed(actor=seat, member=seat, left=left))
    payload = {"user": str(user.pk), "what": "used", "factor": str(left)}
    effects.owe("workspaces.mail_factors", key=f"factors:{uuid.uuid4()}", payload=payload)
    return True


def _record_failure(user: User, method: str) -> None:
    payload = {"user": str(user.pk), "method": method}
    with transaction.atomic():
        effects.owe("workspaces.record_failed_sign_in", key=f"failed-sign-in:{uuid.uuid4()}", payload=payload)


def forget_ended() -> int:
    """Delete the steps and challenges that ended an hour ago or more. Runs by the clock."""
    steps, _ = SignInStep.objects.filter(expires_at__lt=Now() - timedelta(hours=1)).delete()
    challenges, _ = PasskeyChallenge.objects.filter(expires_at__lt=Now() - timedelta(hours=1)).delete()
    return steps + challenges
