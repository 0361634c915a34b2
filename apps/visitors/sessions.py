"""The visitor behind a token, for the API and the live socket."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from rest_framework import exceptions

from apps.core.access import Actor
from apps.core.errors import OriginRefused
from apps.core.hub import Identity
from apps.core.network import request_origin
from apps.core.slots import fill
from apps.core.tokens import hash_token
from apps.visitors import actions, presence
from apps.visitors.models import Visitor, VisitorSession
from apps.workspaces import origins


@fill("api.token")
def visitor_of(request: HttpRequest, token: str) -> Visitor | None:
    """Return the visitor whose token this is. Raises OriginRefused where the page may not run the messenger, PermissionDenied for the blocked."""
    session = actions.session_of(token)
    if session is None:
        return None
    origin = request_origin(request)
    if not origins.allows(session.workspace, origin):
        raise OriginRefused()
    request.allowed_origin = origin  # type: ignore[attr-defined]
    if session.visitor.blocked:
        raise exceptions.PermissionDenied("This visitor is blocked.", "blocked")
    session.visitor.workspace = session.workspace
    request.visitor_session = session  # type: ignore[attr-defined]
    return session.visitor


@fill("live.token")
def identify_by_token(token: str, origin: str | None) -> Identity | None:
    """Return whose token this is. Raises PermissionDenied for a page that may not run the messenger, or a blocked visitor."""
    session = actions.brief_session_by_hash(hash_token(token)) if actions.is_token(token) else None
    if session is None:
        return None
    if not origins.allows(session.workspace, origin) or session.visitor.blocked:
        raise PermissionDenied
    return _identity(session)


def _identity(session: VisitorSession) -> Identity:
    token_hash = bytes(session.token_hash)
    return Identity(
        actor=session.visitor, seconds=session.remaining.total_seconds(), renew=lambda: _renewed(token_hash)
    )


def _renewed(token_hash: bytes) -> Identity | None:
    """Return whose token this is by now. Raises PermissionDenied for the blocked."""
    session = actions.brief_session_by_hash(token_hash)
    if session is None:
        return None
    if session.visitor.blocked:
        raise PermissionDenied
    return _identity(session)


@fill("live.present")
def touch(actors: Sequence[Actor]) -> None:
    """Note that these visitors have a page open."""
    if ids := {actor.pk for actor in actors if actor.kind == "visitor"}:
        presence.touch_visitors(ids)
