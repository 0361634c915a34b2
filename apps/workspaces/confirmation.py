"""Proving again who one is, before what is sensitive: a session that was left open must not give a workspace away.

A way to prove it is a kind of this family: a password and a mailed code here; others join by registering.
"""

from __future__ import annotations

from typing import Any, Protocol

from django.contrib.auth.hashers import check_password
from django.http import HttpRequest
from rest_framework import exceptions

from apps.core import limits
from apps.core.kinds import Family
from apps.core.network import request_address
from apps.workspaces import codes, policy, user_sessions
from apps.workspaces.factors import possession
from apps.workspaces.models import Member, SignInCode, SignInMethod, User, UserSession


class Method(Protocol):
    """One way to prove who one is."""

    def is_open_to(self, user: User) -> bool:
        """Say whether this person has what it takes."""

    def proves(self, user: User, proof: str) -> bool:
        """Say whether this is the proof. May be slow; is only asked within the limits of signing in."""


methods: Family[Method] = Family("confirmation_methods")


class Password:
    """The password again."""

    def is_open_to(self, user: User) -> bool:
        return user.has_usable_password()

    def proves(self, user: User, proof: str) -> bool:
        return check_password(proof, user.password)


class MailedCode:
    """A code that was mailed, for whoever signs in without a password and has nothing better: nobody but they reads it."""

    def is_open_to(self, user: User) -> bool:
        by_password = user.has_usable_password() and policy.seats_by(user, SignInMethod.PASSWORD)
        return not by_password and not possession.has_one(user.pk)

    def proves(self, user: User, proof: str) -> bool:
        digits = "".join(proof.split())
        return codes.use_code(user.email, digits, SignInCode.Purpose.CONFIRM)


methods.register("password", Password())
methods.register("code", MailedCode())


NOT_RIGHT = {"password": "This password isn't right."}
"""What is said of a proof that is none, where that can be said better than for any."""


class ReauthenticationRequired(exceptions.APIException):
    """Who this is was proven too long ago for what is asked."""

    status_code = 403
    default_code = "reauth_required"
    default_detail = "Confirm that it is you, then ask again: POST /api/v1/session/confirmation."


class NotProven(exceptions.APIException):
    """That wasn't the proof."""

    status_code = 403
    default_code = "not_proven"
    default_detail = "This isn't right, or not any more. Try again."


class NotOpen(exceptions.APIException):
    """This method isn't for this person."""

    status_code = 409
    default_code = "method_not_open"
    default_detail = "Confirm that it is you by your password."


def require(member: Member) -> None:
    """Raise ReauthenticationRequired unless this session's owner proved within the last ten minutes who they are."""
    if not member.is_confirmed:
        raise ReauthenticationRequired


def open_to(user: User) -> list[str]:
    """Return the slugs of the methods that somebody can use."""
    return [slug for slug, method in methods.all().items() if method.is_open_to(user)]


def mail_code(request: HttpRequest, member: Member) -> None:
    """Have a code mailed that confirms a member's session. Over a limit nothing is done and nothing is said. Raises NotOpen."""
    if not methods["code"].is_open_to(member.user):
        raise NotOpen
    codes.request_code(member.user.email, SignInCode.Purpose.CONFIRM, client_address=request_address(request))


def confirm(request: Any, member: Member, method: str, proof: str) -> None:
    """Take a proof in. The session gets a new key with what it may do now. Raises NotProven, UnknownKind, and Limited after too many wrong ones."""
    known = methods[method]
    subject = limits.account_subject(member.user.email)
    limits.spend(limits.LOGINS_BY_ADDRESS, limits.address_subject(request_address(request)))
    limits.spend(limits.LOGIN_FAILURES, subject)
    if not known.is_open_to(member.user) or not known.proves(member.user, proof):
        raise NotProven(NOT_RIGHT.get(method))
    limits.refund(limits.LOGIN_FAILURES, subject)
    user_sessions.confirm(member)
    if member.session_kind == UserSession.Kind.BROWSER and member.session_id is not None:
        _turn_key(request, member)


def _turn_key(request: HttpRequest, member: Member) -> None:
    assert member.session_id is not None
    request.session.cycle_key()
    user_sessions.moved(member.session_id, request.session.session_key or "", member.session_auth_hash)
