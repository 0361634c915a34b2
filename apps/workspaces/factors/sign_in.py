"""Getting in by factors: as the second step of a sign-in, and by a passkey alone."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from apps.core import limits
from apps.core.network import request_address
from apps.workspaces import entry, tokens, user_sessions
from apps.workspaces.factors import passkeys, steps
from apps.workspaces.factors.models import SignInStep
from apps.workspaces.factors.steps import STEP_KEY, StepEnded
from apps.workspaces.models import Member, SignInMethod

BROWSER_KEY = "passkey_browser"
"""Where a session keeps what its browser's challenges are held by."""


def by_factor(request: HttpRequest, method: str, proof: str | Mapping[str, Any]) -> Member:
    """End the step that this browser waits in, and begin its session. Raises StepEnded, FactorRefused, Limited, NoSeat, MethodRefused."""
    step = steps.in_browser(request)
    steps.finish(request, step, method, proof)
    request.session.pop(STEP_KEY, None)
    return entry.begin(
        request, step.user, step.method, entry.seat_for(step.user, step.method, _seat(step)), factor=method
    )


def tokens_by_factor(
    request: HttpRequest, challenge: str, method: str, proof: str | Mapping[str, Any]
) -> tuple[tokens.Pair, Member]:
    """End the step that a challenge stands for, and hand an app its tokens. Raises as ``by_factor`` does."""
    step = steps.in_app(challenge)
    steps.finish(request, step, method, proof)
    seat = entry.seat_for(step.user, step.method, _seat(step))
    return tokens.begin(request, step.user, seat, factor=method)


def _seat(step: SignInStep) -> Member:
    for seat in user_sessions.seats_of(step.user_id):
        if seat.pk == step.seat:
            return seat
    raise StepEnded


def options_for_anybody(request: HttpRequest) -> dict[str, Any]:
    """Return what a browser needs to sign in by a passkey without an address. Raises Limited."""
    limits.spend(limits.LOGINS_BY_ADDRESS, limits.address_subject(request_address(request)))
    request.session[BROWSER_KEY] = secrets.token_hex(16)
    return passkeys.authentication_options(None, f"browser:{request.session[BROWSER_KEY]}")


def by_passkey(request: HttpRequest, credential: Mapping[str, Any]) -> Member:
    """Sign in by a passkey alone: it is something one has, and its device has asked who is there.

    Raises PasskeyRefused, Limited, NoSeat, and MethodRefused where no workspace of theirs takes it.
    """
    limits.spend(limits.LOGINS_BY_ADDRESS, limits.address_subject(request_address(request)))
    holder = request.session.pop(BROWSER_KEY, None)
    if holder is None:
        raise passkeys.PasskeyRefused
    user = passkeys.user_of(credential, f"browser:{holder}")
    return entry.begin(request, user, SignInMethod.PASSKEY, entry.seat_for(user, SignInMethod.PASSKEY))
