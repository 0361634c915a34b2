"""Getting in: by password or by code, into a workspace that takes it. What fails is on record, and tells nobody apart."""

from __future__ import annotations

import time
import uuid
from typing import Any

from django.contrib.auth import authenticate, login
from django.db import transaction

from apps.core import effects, limits
from apps.core.network import request_address
from apps.workspaces import actions, codes, policy, sessions, user_sessions
from apps.workspaces.factors import steps
from apps.workspaces.models import Member, SignInCode, SignInMethod, User
from apps.workspaces.sessions import METHOD_KEY, WORKSPACE_KEY

PROVEN_KEY = "proven"
"""Where a session keeps the address that its browser has just proven to read."""


class SignInRefused(Exception):
    """Wrong address, wrong password, no seat: one answer for all of them."""

    def __str__(self) -> str:
        return "This address and password don't match."


class CodeRefused(Exception):
    """Wrong code, too old, used, of another address: one answer for all of them."""

    def __str__(self) -> str:
        return "This code isn't right, or not any more."


class MethodRefused(Exception):
    """Who they are is proven, but not in a way that any of their workspaces takes."""


class NoSeat(Exception):
    """Who they are is proven, but they work nowhere."""


def sign_in(request: Any, email: str, password: str) -> Member:
    """Sign somebody in by password on this request's session.

    Raises SignInRefused, Limited after too many wrong tries, MethodRefused to whoever knows the password of an account that has to use
    a code, and FactorNeeded.
    """
    return enter(request, authenticated(request, email, password), SignInMethod.PASSWORD)


def authenticated(request: Any, email: str, password: str) -> User:
    """Return whom this address and password belong to. Raises SignInRefused, and Limited after too many wrong tries."""
    address = limits.address_subject(request_address(request))
    subject = limits.account_subject(email)
    limits.spend(limits.LOGINS_BY_ADDRESS, address)
    limits.spend(limits.LOGIN_FAILURES, subject)
    user = authenticate(request, username=email.strip().lower(), password=password)
    if not isinstance(user, User) or not user_sessions.seats_of(user.pk):
        record_failure(email, SignInMethod.PASSWORD)
        raise SignInRefused
    limits.refund(limits.LOGIN_FAILURES, subject)
    return user


def sign_in_by_code(request: Any, email: str, code: str) -> Member:
    """Sign somebody in by a code from their mail.

    Raises CodeRefused, Limited after too many wrong tries, FactorNeeded, MethodRefused, and NoSeat; after these two the address is proven.
    """
    prove_address(request, email, code, SignInCode.Purpose.SIGN_IN)
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None:
        raise CodeRefused
    return enter(request, user, SignInMethod.CODE)


def prove_address(request: Any, email: str, code: str, purpose: SignInCode.Purpose) -> None:
    """Note that this browser's person reads an address: they sent the code that was mailed there. Raises CodeRefused, and Limited."""
    if not codes.redeem_code(email, code, purpose, client_address=request_address(request)):
        record_failure(email, SignInMethod.CODE)
        raise CodeRefused
    request.session.cycle_key()
    request.session[PROVEN_KEY] = {"email": email.strip().lower(), "until": time.time() + limits.PROOF_SECONDS}


def proven_address(request: Any) -> str | None:
    """Return the address that this browser has proven within the last half hour."""
    proof = request.session.get(PROVEN_KEY)
    return str(proof["email"]) if proof and proof["until"] > time.time() else None


def enter(request: Any, user: User, method: str, *, into: Member | None = None) -> Member:
    """Begin somebody's session, in the first of their workspaces that takes the method, or in the one that is named.

    The one way in by one proof: whoever has given it comes through here. Raises NoSeat, MethodRefused, and FactorNeeded to whoever has a second
    factor: their session begins when they have proven that too.
    """
    member = seat_for(user, method, into)
    # An address alone mustn't do anything more for whoever has a factor.
    request.session.pop(PROVEN_KEY, None)
    steps.require_in_browser(request, user, method, member)
    return begin(request, user, method, member)


def seat_for(user: User, method: str, into: Member | None = None) -> Member:
    """Return the seat that a session by this method begins in. Raises NoSeat, and MethodRefused."""
    seats = [into] if into else user_sessions.seats_of(user.pk)
    if not seats or not user.is_active:
        raise NoSeat
    member = next((seat for seat in seats if policy.takes(seat, method)), None)
    if member is None:
        raise MethodRefused
    return member


def begin(request: Any, user: User, method: str, member: Member, *, factor: str = "") -> Member:
    """Begin the session of somebody who has proven all that is asked of them. ``factor`` names the second proof, where there was one."""
    request.session.pop(PROVEN_KEY, None)
    login(request, user)
    # What follows in this request is in their workspace, as in every later one.
    member = sessions.enter(user, member.workspace_id)
    request.session[WORKSPACE_KEY] = str(member.workspace_id)
    request.session[METHOD_KEY] = str(method)
    if method == SignInMethod.OIDC and not factor:
        # A workspace's own provider vouches to that workspace alone: what is the person's everywhere asks for a proof of their own.
        user_sessions.leave_unconfirmed(uuid.UUID(request.session[user_sessions.SESSION_ID_KEY]))
    actions.record_sign_in(member, f"{method} and {factor}" if factor else method)
    return member


def go_over(request: Any, member: Member) -> bool:
    """Let a session that is open go on in another of its user's workspaces, if that takes how it was begun. Returns whether it does.

    A workspace's own provider vouches to that workspace alone: elsewhere whoever runs it would be anybody they like.
    """
    method = request.session.get(METHOD_KEY, "")
    is_elsewhere = request.session.get(WORKSPACE_KEY) != str(member.workspace_id)
    if (method == SignInMethod.OIDC and is_elsewhere) or not policy.takes(member, method):
        return False
    request.session[WORKSPACE_KEY] = str(member.workspace_id)
    return True


def record_failure(email: str, method: str) -> None:
    """Have a failed sign-in put on record wherever this person works. The same is done where nobody has the address: it tells no one apart."""
    known = User.objects.filter(email=email.strip().lower()).values_list("pk", flat=True).first()
    payload = {"user": str(known or uuid.uuid4()), "method": str(method)}
    with transaction.atomic():
        effects.owe("workspaces.record_failed_sign_in", key=f"failed-sign-in:{uuid.uuid4()}", payload=payload)
