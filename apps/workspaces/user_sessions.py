"""Everything that changes a person's sessions: begun, seen, confirmed, ended. The database's clock says how long each lasts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from apps.core import limits
from apps.core.access import Actor
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.network import request_address
from apps.workspaces.devices import device_of, network_of
from apps.workspaces.events import SessionsEnded
from apps.workspaces.models import Member, User, UserSession

SESSION_ID_KEY = "user_session"
"""Where a browser's session in Django's store keeps the id of its row here."""

SEATS = Exemption(
    "seats of a person", "somebody has one account and one list of sessions, and seats in several workspaces"
)

ALIVE = (
    f"session.seen_at > now() - make_interval(secs => {limits.MEMBER_SESSION_IDLE_SECONDS})"
    f" AND session.created_at > now() - make_interval(secs => {limits.MEMBER_SESSION_SECONDS})"
)
"""Whether a session goes on, in SQL; the row is called ``session``."""


@receiver(user_logged_in)
def begin_browser(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    """Write a sign-in by cookie down, whichever way in it came by. A browser's former session ends with it."""
    former = request.session.get(SESSION_ID_KEY)
    if former is not None:
        forget([UUID(former)])
    if request.session.session_key is None:
        request.session.create()
    made = UserSession.objects.create(
        user=user,
        kind=UserSession.Kind.BROWSER,
        session_key=request.session.session_key or "",
        **_traits(request, user),
    )
    request.session[SESSION_ID_KEY] = str(made.pk)


def begin_app(request: HttpRequest, user: User) -> UserSession:
    """Write a sign-in by an app down; its tokens hang on the row."""
    return UserSession.objects.create(user=user, kind=UserSession.Kind.APP, **_traits(request, user))


def _traits(request: HttpRequest, user: User) -> dict[str, str]:
    return {
        "auth_hash": user.get_session_auth_hash(),
        "device": device_of(request.META.get("HTTP_USER_AGENT", "")),
        "network": network_of(request_address(request)),
    }


@receiver(user_logged_out)
def end_browser(sender: Any, request: HttpRequest, **_: Any) -> None:
    """End a session whose cookie is being given up."""
    if (id_ := request.session.get(SESSION_ID_KEY)) is not None:
        forget([UUID(id_)])


def forget(ids: Iterable[UUID]) -> None:
    """Delete sessions with what hangs on them, in whichever workspaces that is."""
    with scopes.every_workspace(SEATS):
        UserSession.objects.filter(pk__in=list(ids)).delete()


def is_of_password(user: User, auth_hash: str) -> bool:
    """Say whether a session was begun with the password that is valid now. The secret may have been changed since, if the old one still counts."""
    valid = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return any(constant_time_compare(auth_hash, one) for one in valid)


def alive(user_id: UUID) -> QuerySet[UserSession]:
    """Return a person's sessions that go on, the last used first."""
    return UserSession.objects.filter(
        user_id=user_id,
        seen_at__gt=Now() - timedelta(seconds=limits.MEMBER_SESSION_IDLE_SECONDS),
        created_at__gt=Now() - timedelta(seconds=limits.MEMBER_SESSION_SECONDS),
    ).order_by("-seen_at", "-pk")


@transaction.atomic
def end(user: User, *, by: Actor, ids: Iterable[UUID] | None = None, keep: UUID | None = None) -> int:
    """End a person's sessions at once, their sockets within seconds: those named, or all, but never ``keep``. Returns how many there were."""
    rows = UserSession.objects.filter(user=user)
    if keep is not None:
        rows = rows.exclude(pk=keep)
    if ids is not None:
        rows = rows.filter(pk__in=list(ids))
    ended = list(rows.select_for_update())
    if not ended:
        return 0
    _forget_in_store(session.session_key for session in ended)
    forget(session.pk for session in ended)
    with scopes.every_workspace(SEATS):
        for member in seats_of(user.pk):
            emit(SessionsEnded(actor=by, member=member, count=len(ended)))
    return len(ended)


def seats_of(user_id: UUID) -> list[Member]:
    """Return a person's seats in every workspace, the oldest first."""
    with scopes.every_workspace(SEATS):
        return list(Member.objects.filter(user_id=user_id).select_related("user", "workspace").order_by("created_at"))


def note_seen(ids: Iterable[UUID]) -> None:
    """Note that these sessions are in use, at most once a minute each."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE workspaces_usersession SET seen_at = now() WHERE id = ANY(%s) AND seen_at < now() - make_interval(secs => %s)",
            [list(ids), limits.SEEN_EVERY_SECONDS],
        )


def confirm(member: Member) -> None:
    """Note that whoever uses this session has just proven again who they are."""
    assert member.session_id is not None
    UserSession.objects.filter(pk=member.session_id).update(confirmed_at=Now())
    member.is_confirmed = True


def leave_unconfirmed(id_: UUID) -> None:
    """Have a session that has just begun ask for a proof before what is sensitive, which others needn't for a while."""
    long_ago = Now() - timedelta(seconds=2 * limits.CONFIRMED_SECONDS)
    UserSession.objects.filter(pk=id_).update(confirmed_at=long_ago)


def moved(id_: UUID, session_key: str, auth_hash: str) -> None:
    """Follow a browser's session to its new key: Django gives it one whenever what it may changes."""
    UserSession.objects.filter(pk=id_).update(session_key=session_key, auth_hash=auth_hash)


def forget_ended() -> int:
    """Delete the sessions that have ended, with what Django's store keeps of them. Runs by the clock."""
    with connection.cursor() as cursor:
        cursor.execute(_ENDED)
        ended = dict(cursor.fetchall())
    _forget_in_store(ended.values())
    forget(ended)
    return len(ended)


def _forget_in_store(session_keys: Iterable[str]) -> None:
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for session_key in session_keys:
        if session_key:
            store(session_key).delete()


_ENDED = f"""
SELECT session.id, session.session_key FROM workspaces_usersession AS session WHERE NOT ({ALIVE})
  OR session.kind = 'browser' AND session.seen_at < now() - interval '1 hour'
    AND NOT EXISTS (SELECT FROM django_session AS stored WHERE stored.session_key = session.session_key)
LIMIT 5000
"""
"""Also those whose cookie was given up without our hearing of it. One that Django has just given another key to is in use, and left alone."""
