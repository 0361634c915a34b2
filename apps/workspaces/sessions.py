"""The member behind a session cookie, for pages, the API and the live socket."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, logout
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from apps.core.access import Actor
from apps.core.hub import Identity
from apps.core.isolation import scopes
from apps.core.joined import Entered
from apps.core.slots import fill
from apps.workspaces import actions
from apps.workspaces.models import Member, User

WORKSPACE_KEY = "workspace"
"""Where a session keeps the workspace its user works in now."""
METHOD_KEY = "method"
"""Where a session keeps how its user proved who they are."""


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


def enter(user: User, workspace_id: UUID) -> Member:
    """Return somebody's seat, and let what follows run within its workspace. Raises LookupError where they have none there."""
    member = _MEMBERS.first([user.pk, str(workspace_id)])
    if member is None:
        raise LookupError(f"{user.pk} has no seat in {workspace_id}")
    return member


def go_on(request: Any, user: User) -> None:
    """Let this request's session outlive the change of its user's password, as another session; every other one ends."""
    request.session.cycle_key()
    request.session[HASH_SESSION_KEY] = user.get_session_auth_hash()


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
