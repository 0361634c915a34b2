"""The member behind a session cookie, for pages, the API and the live socket."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, authenticate, login, logout
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from apps.core import limits
from apps.core.access import Actor
from apps.core.hub import Identity
from apps.core.isolation import scopes
from apps.core.joined import Entered
from apps.core.network import request_address
from apps.core.slots import fill
from apps.workspaces import actions
from apps.workspaces.models import Member, User

WORKSPACE_KEY = "workspace"
"""Where a session keeps the workspace its user works in now."""


@fill("api.session")
@fill("page.actor")
def member_of(request: HttpRequest) -> Member | None:
    """Return the member who is signed in on this request."""
    return _member(request.session)


def _member(session: Any) -> Member | None:
    user_id = session.get(SESSION_KEY)
    if user_id is None:
        return None
    member = _MEMBERS.first([user_id, session.get(WORKSPACE_KEY)])
    if member is None or not constant_time_compare(
        session.get(HASH_SESSION_KEY, ""), member.user.get_session_auth_hash()
    ):
        scopes.leave()
        return None
    return member


class SignInRefused(Exception):
    """Wrong address, wrong password, no seat: one answer for all of them."""

    def __str__(self) -> str:
        return "This address and password don't match."


def sign_in(request: Any, email: str, password: str) -> Member:
    """Sign somebody in on this request's session. Raises SignInRefused, and Limited after too many wrong tries."""
    address = limits.address_subject(request_address(request))
    subject = limits.account_subject(email)
    limits.spend(limits.LOGINS_BY_ADDRESS, address)
    limits.spend(limits.LOGIN_FAILURES, subject)
    user = authenticate(request, username=email.strip().lower(), password=password)
    member = None
    if isinstance(user, User):
        member = _MEMBERS.first([user.pk, None])
    if user is None or member is None:
        raise SignInRefused
    limits.refund(limits.LOGIN_FAILURES, subject)
    login(request, user)
    request.session[WORKSPACE_KEY] = str(member.workspace_id)
    actions.record_sign_in(member)
    return member


def sign_out(request: Any, member: Member) -> None:
    """End this request's session, on the server, at once."""
    session_key = request.session.session_key or ""
    logout(request)
    actions.record_sign_out(member, session_key)


_MEMBERS = Entered(Member, "user", "workspace", function="workspaces_enter(%s::uuid, %s::uuid)")


@fill("live.ticket")
def identify_by_ticket(ticket: str, origin: str | None) -> Identity | None:
    """Return who holds this ticket. Only pages of our own origin may use one."""
    if origin not in settings.OWN_ORIGINS:
        return None
    redeemed = actions.redeem_ticket(ticket)
    return None if redeemed is None else _identity(*redeemed)


def _identity(member: Member, session_key: str) -> Identity:
    return Identity(actor=member, seconds=settings.SESSION_COOKIE_AGE, renew=lambda: _renewed(member, session_key))


def _renewed(member: Member, session_key: str) -> Identity | None:
    store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    current = _member(store) if store.exists(session_key) else None
    return _identity(current, session_key) if current is not None and current.pk == member.pk else None


@fill("live.present")
def touch(actors: Sequence[Actor]) -> None:
    """Note that these members are at their dashboards."""
    if ids := {actor.pk for actor in actors if actor.kind == "member"}:
        actions.touch_members(ids)
