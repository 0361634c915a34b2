"""The member behind a session cookie, for pages, the API and the live socket."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, logout
from django.http import HttpRequest

from apps.core import limits
from apps.core.access import Actor, FactorRequired
from apps.core.hub import Identity
from apps.core.isolation import scopes
from apps.core.joined import Entered
from apps.core.slots import fill
from apps.workspaces import actions, user_sessions
from apps.workspaces.models import Member, User, UserSession
from apps.workspaces.user_sessions import SESSION_ID_KEY, is_of_password

WORKSPACE_KEY = "workspace"
"""Where a session keeps the workspace its user works in now."""
METHOD_KEY = "method"
"""Where a session keeps how its user proved who they are."""


@fill("api.session")
@fill("page.actor")
def member_of(request: HttpRequest) -> Member | None:
    """Return the member who is signed in on this request."""
    session = request.session
    user_id, id_, workspace_id = session.get(SESSION_KEY), session.get(SESSION_ID_KEY), session.get(WORKSPACE_KEY)
    if user_id is None or id_ is None:
        return None
    member = _MEMBERS.first([id_, workspace_id, None])
    if member is None:
        return None
    auth_hash = session.get(HASH_SESSION_KEY, "")
    if str(member.user_id) != user_id or not is_of_password(member.user, auth_hash):
        scopes.leave()
        return None
    _follow(member, session.session_key or "", auth_hash)
    return member


def _follow(member: Member, session_key: str, auth_hash: str) -> None:
    """Keep a session's row up with its use, and with the key that Django last gave it."""
    assert member.session_id is not None
    if member.is_session_stale:
        user_sessions.note_seen([member.session_id])
    if (member.session_key, member.session_auth_hash) != (session_key, auth_hash):
        user_sessions.moved(member.session_id, session_key, auth_hash)


def member_by_session(session_id: object, *, workspace_id: object = None, member_id: object = None) -> Member | None:
    """Return the seat (the named one, the one in a workspace, or the first) of whoever this session is of, and enter its workspace.

    None where the session has ended, or the password is another since.
    """
    member = _MEMBERS.first([session_id, workspace_id, member_id])
    if member is None:
        return None
    if not is_of_password(member.user, member.session_auth_hash):
        scopes.leave()
        return None
    return member


def enter(user: User, workspace_id: UUID) -> Member:
    """Return somebody's seat, and let what follows run within its workspace. Raises LookupError where they have none there."""
    member = _SEATS.first([user.pk, str(workspace_id)])
    if member is None:
        raise LookupError(f"{user.pk} has no seat in {workspace_id}")
    return member


def go_on(request: Any, member: Member) -> None:
    """Let this request's session outlive the change of its user's password; a browser's as another one, with another key."""
    assert member.session_id is not None
    auth_hash, session_key = member.user.get_session_auth_hash(), ""
    if member.session_kind == UserSession.Kind.BROWSER:
        request.session.cycle_key()
        request.session[HASH_SESSION_KEY] = auth_hash
        session_key = request.session.session_key or ""
    user_sessions.moved(member.session_id, session_key, auth_hash)


def sign_out(request: Any, member: Member) -> None:
    """End this request's session, on the server, at once."""
    if member.session_kind == UserSession.Kind.BROWSER:
        logout(request)
    actions.record_sign_out(member)


# Who works here longer than a second factor is asked for has a while to set one up; who comes later sets it up first.
FACTOR_DUE_IN = f"""
CASE WHEN ("found"."workspace")."factor_required_at" IS NULL
  OR EXISTS (SELECT FROM workspaces_passkey AS p WHERE p.user_id = ("found"."base")."user_id")
  OR EXISTS (SELECT FROM workspaces_authenticator AS a WHERE a.user_id = ("found"."base")."user_id" AND a.confirmed_at IS NOT NULL) THEN NULL
  WHEN ("found"."base")."created_at" > ("found"."workspace")."factor_required_at" THEN interval '0'
  ELSE ("found"."workspace")."factor_required_at" + make_interval(secs => {limits.FACTOR_GRACE_SECONDS}) - now() END
"""
_SEATS = Entered(Member, "user", "workspace", function="workspaces_enter(%s::uuid, %s::uuid)")
_MEMBERS = Entered(
    Member,
    "user",
    "workspace",
    function=f"workspaces_enter_by_session(%s::uuid, %s::uuid, %s::uuid, {limits.MEMBER_SESSION_IDLE_SECONDS}, {limits.MEMBER_SESSION_SECONDS})",
    extra={
        "session_id": '("found"."session")."id"',
        "session_kind": '("found"."session")."kind"',
        "session_key": '("found"."session")."session_key"',
        "session_auth_hash": '("found"."session")."auth_hash"',
        "session_remaining": f'("found"."session")."created_at" + make_interval(secs => {limits.MEMBER_SESSION_SECONDS}) - now()',
        "is_session_stale": f'("found"."session")."seen_at" < now() - make_interval(secs => {limits.SEEN_EVERY_SECONDS})',
        "factor_due_in": FACTOR_DUE_IN,
        "is_confirmed": f'("found"."session")."confirmed_at" > now() - make_interval(secs => {limits.CONFIRMED_SECONDS})',
    },
)


@fill("live.ticket")
def identify_by_ticket(ticket: str, origin: str | None) -> Identity | None:
    """Return who holds this ticket. A browser's opens a socket on pages of our own origin only; an app has no page."""
    redeemed = actions.redeem_ticket(ticket) if origin is None or origin in settings.OWN_ORIGINS else None
    member = None if redeemed is None else member_by_session(redeemed[0], member_id=redeemed[1])
    if member is None or (origin is None and member.session_kind != UserSession.Kind.APP):
        return None
    if member.is_factor_due:
        raise FactorRequired
    return _identity(member)


def _identity(member: Member) -> Identity:
    id_, session_id = member.pk, member.session_id
    assert session_id is not None

    def renewed() -> Identity | None:
        seat = member_by_session(session_id, member_id=id_)
        return None if seat is None or seat.is_factor_due else _identity(seat)

    lasts = min(member.session_remaining, member.factor_due_in or timedelta.max)
    return Identity(actor=member, seconds=lasts.total_seconds(), renew=renewed)


@fill("live.present")
def touch(actors: Sequence[Actor]) -> None:
    """Note that these members are at their dashboards."""
    members = [actor for actor in actors if isinstance(actor, Member)]
    if members:
        actions.touch_members({member.pk for member in members})
        user_sessions.note_seen({member.session_id for member in members if member.session_id is not None})
