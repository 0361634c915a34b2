"""Everything that changes a visitor."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.core import clock, limits
from apps.core.events import emit
from apps.core.ids import uuid7
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.joined import Entered
from apps.visitors.events import VisitorArrived, VisitorChanged, VisitorSignedOut
from apps.visitors.models import TrackedEvent, Visitor, VisitorSession
from apps.visitors.readable_ids import readable_id
from apps.workspaces.models import Workspace

TOKEN = re.compile(r"wst_[0-9a-f]{64}", re.ASCII)

DETAILS = ("name", "email", "device", "page_url", "page_title", "referrer", "locale", "timezone")
"""What a messenger may say about its visitor, beside the attributes."""


PRESENCE = Exemption("presence of visitors", "one statement notes everybody who has a page open on this live process")
ENDED_SESSIONS = Exemption("ended sessions", "the clock deletes those of every workspace")


class BadSessionId(ValueError):
    """The session id isn't 24 random bytes as base64url."""


class TooManyAttributes(ValueError):
    """The visitor would have more attributes, or a larger one, than are kept."""


class Blocked(PermissionError):
    """The workspace has blocked this visitor."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token just made: the only moment it is known in clear."""

    token: str
    lifetime: int
    expires_at: datetime
    visitor: Visitor


@transaction.atomic
def boot(
    workspace: Workspace,
    *,
    session_id: str,
    origin: str,
    client: Mapping[str, Any],
    attributes: Mapping[str, Any] | None = None,
    **details: Any,
) -> Issued:
    """Start a session for whoever holds this session id: the visitor it brought before, or a new one.

    The session id is a secret that its client made and kept; nothing else brings anybody back.
    Raises BadSessionId, TooManyAttributes, Blocked.
    """
    secret = _session_secret(session_id)
    visitor, arrived = _visitor_of(workspace, secret)
    if visitor.blocked:
        raise Blocked
    changed = _update(visitor, attributes, details)
    visitor.last_seen_at = clock.now()
    visitor.save(update_fields=["last_seen_at", *changed])
    issued = _issue(visitor, workspace.session_lifetime, origin=origin, client=dict(client))
    emit(VisitorArrived(actor=visitor, visitor=visitor) if arrived else VisitorChanged(actor=visitor, visitor=visitor))
    return issued


def _session_secret(session_id: str) -> bytes:
    try:
        secret = base64.b64decode(session_id.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise BadSessionId from error
    if len(secret) != 24:
        raise BadSessionId
    return hashlib.sha256(secret).digest()


def _visitor_of(workspace: Workspace, secret: bytes) -> tuple[Visitor, bool]:
    known = Visitor.objects.select_for_update().filter(workspace=workspace, session_hash=secret).first()
    if known is not None:
        return known, False
    id_ = uuid7()
    made = Visitor(id=id_, workspace=workspace, session_hash=secret, readable_id=readable_id(id_))
    Visitor.objects.bulk_create([made], ignore_conflicts=True)
    visitor = Visitor.objects.select_for_update().get(workspace=workspace, session_hash=secret)
    return visitor, visitor.pk == id_


def _update(visitor: Visitor, attributes: Mapping[str, Any] | None, details: Mapping[str, Any]) -> list[str]:
    changed = []
    for name in DETAILS:
        value = details.get(name)
        if value is not None and getattr(visitor, name) != value:
            setattr(visitor, name, value)
            changed.append(name)
    if attributes:
        merged = {**visitor.attributes, **attributes}
        visitor.attributes = {name: value for name, value in merged.items() if value is not None}
        if len(visitor.attributes) > limits.ATTRIBUTES:
            raise TooManyAttributes(f"A visitor has at most {limits.ATTRIBUTES} attributes.")
        for name, value in attributes.items():
            if len(name) > 100 or len(json.dumps(value).encode()) > limits.ATTRIBUTE_BYTES:
                raise TooManyAttributes("An attribute's name has at most 100 characters, its value at most 2 KB.")
        changed.append("attributes")
    return changed


def _issue(visitor: Visitor, lifetime: int, *, origin: str, client: dict[str, Any]) -> Issued:
    token = "wst_" + secrets.token_hex(32)
    expires_at = clock.now() + timedelta(seconds=lifetime)
    VisitorSession.objects.create(
        token_hash=hash_token(token),
        workspace_id=visitor.workspace_id,
        visitor=visitor,
        origin=origin,
        client=client,
        expires_at=expires_at,
    )
    return Issued(token, lifetime, expires_at, visitor)


def session_of(token: str) -> VisitorSession | None:
    """Return the session this token opens, with its visitor and workspace, unless it has ended, and enter the workspace.

    What doesn't look like a token costs no query.
    """
    return session_by_hash(hash_token(token)) if is_token(token) else None


def is_token(text: str) -> bool:
    """Say whether this looks like a token."""
    return TOKEN.fullmatch(text) is not None


def session_by_hash(token_hash: bytes) -> VisitorSession | None:
    """Return the session whose token has this hash, unless it has ended."""
    return _SESSIONS.first([token_hash])


def brief_session_by_hash(token_hash: bytes) -> VisitorSession | None:
    """Return such a session with no more of its visitor than an open socket needs: a process keeps thousands of them."""
    return _BRIEF_SESSIONS.first([token_hash])


_SESSIONS, _BRIEF_SESSIONS = (
    Entered(
        VisitorSession,
        "visitor",
        "workspace",
        function="visitors_enter(%s)",
        extra={"remaining": '("found"."base")."expires_at" - now()'},
        only=only,
    )
    for only in (None, {"visitor": ("workspace_id", "readable_id", "name", "email", "blocked")})
)


@transaction.atomic
def refresh(session: VisitorSession) -> Issued | None:
    """Replace a token by a fresh one; the old one ends now. Returns None where it had ended before."""
    if not VisitorSession.objects.filter(pk=session.pk, expires_at__gt=Now()).delete()[0]:
        return None
    return _issue(session.visitor, session.workspace.session_lifetime, origin=session.origin, client=session.client)


@transaction.atomic
def revoke(session: VisitorSession) -> None:
    """End a token now; a second time changes nothing."""
    if VisitorSession.objects.filter(pk=session.pk).delete()[0]:
        emit(VisitorSignedOut(actor=session.visitor, visitor=session.visitor))


@transaction.atomic
def identify(visitor: Visitor, *, attributes: Mapping[str, Any] | None = None, **details: Any) -> Visitor:
    """Take in what a messenger says about its visitor. Attributes merge, None removes one; an e-mail address is a claim.

    Raises TooManyAttributes; nothing is changed then.
    """
    row = Visitor.objects.select_for_update().get(pk=visitor.pk)
    changed = _update(row, attributes, details)
    if changed:
        row.save(update_fields=changed)
        emit(VisitorChanged(actor=row, visitor=row))
    return row


def track(visitor: Visitor, events: Sequence[Mapping[str, Any]]) -> int:
    """Store what a visitor did; an event sent twice is stored once. Returns how many were new."""
    rows = [
        TrackedEvent(
            workspace_id=visitor.workspace_id,
            visitor=visitor,
            client_id=event["id"],
            name=event["name"],
            properties=event.get("properties", {}),
            url=event.get("url", ""),
            occurred_at=event["at"],
        )
        for event in {event["id"]: event for event in events}.values()
    ]
    with transaction.atomic():
        before = set(
            TrackedEvent.objects.filter(visitor=visitor, client_id__in=[row.client_id for row in rows]).values_list(
                "client_id", flat=True
            )
        )
        TrackedEvent.objects.bulk_create(rows, ignore_conflicts=True)
    return sum(row.client_id not in before for row in rows)


def touch_visitors(ids: Iterable[UUID]) -> None:
    """Note that these visitors have a page open; who came back after a while is announced."""
    with scopes.every_workspace(PRESENCE), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH before AS (
              SELECT id, last_seen_at FROM visitors_visitor WHERE id = ANY(%s) AND last_seen_at < now() - interval '20 s' FOR UPDATE SKIP LOCKED
            )
            UPDATE visitors_visitor AS visitor SET last_seen_at = now() FROM before WHERE visitor.id = before.id
            RETURNING visitor.id, before.last_seen_at < now() - make_interval(secs => %s)
            """,
            [list(ids), limits.PRESENCE_SECONDS],
        )
        back = [row[0] for row in cursor.fetchall() if row[1]]
        for visitor in Visitor.objects.filter(pk__in=back):
            emit(VisitorChanged(actor=visitor, visitor=visitor))


def forget_ended_sessions() -> int:
    """Delete the sessions that have ended. Runs by the clock."""
    with scopes.every_workspace(ENDED_SESSIONS):
        deleted, _ = VisitorSession.objects.filter(expires_at__lt=Now()).delete()
    return deleted


def hash_token(token: str) -> bytes:
    """Hash a token for storage and look-up: with 256 random bits plain SHA-256 is enough."""
    return hashlib.sha256(token.encode()).digest()
