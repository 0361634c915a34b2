"""Everything that changes a visitor."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.core import clock
from apps.core.events import emit
from apps.core.ids import uuid7
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.joined import Entered
from apps.core.tokens import hash_token
from apps.visitors import arrivals
from apps.visitors.attributes import checked as attributes_checked
from apps.visitors.attributes import merged
from apps.visitors.events import IdentityProven, VisitorArrived, VisitorChanged, VisitorSignedOut
from apps.visitors.merging import lock, merge
from apps.visitors.models import Browser, IdentityPolicy, Merge, Visitor, VisitorSession
from apps.visitors.proof import Identity, mode_of
from apps.visitors.readable_ids import readable_id
from apps.workspaces.models import Workspace

TOKEN = re.compile(r"wst_[0-9a-f]{64}", re.ASCII)

NOBODY = Identity()
"""Nobody in particular is said to be there."""

DETAILS = ("name", "email", "device", "location", "page_url", "page_title", "referrer", "locale", "timezone")
"""What a messenger may say about its visitor, and what its request does, beside the attributes."""


ENDED_SESSIONS = Exemption("ended sessions", "the clock deletes those of every workspace")


class BadSessionId(ValueError):
    """The session id isn't 24 random bytes as base64url."""


class ProvenDetail(ValueError):
    """Something unsigned contradicts what the customer's server has signed. ``names`` says what."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


class SomebodyElse(ValueError):
    """This visitor is known to be another user: whoever is meant needs a session of their own."""


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
    identity: Identity = NOBODY,
    attributes: Mapping[str, Any] | None = None,
    **details: Any,
) -> Issued:
    """Start a session for whoever holds this session id, or has proven who they are: the visitor it brought before, or a new one.

    The session id is a secret that its client made and kept. It brings back anybody but somebody proven: they come back by proof alone.
    Raises BadSessionId, BadAttributes, ProvenDetail, Blocked; Limited where a workspace's new browsers are too many.
    """
    secret = _session_secret(session_id)
    _wait_for_turn("browser", workspace.pk, secret)
    browser = Browser.objects.filter(workspace=workspace, session_hash=secret).first()
    if browser is None:
        arrivals.admit(workspace.pk)
    visitor, arrived = _person(workspace, browser, identity)
    changed = _update(visitor, identity, attributes, details)
    visitor.last_seen_at = clock.now()
    visitor.save(update_fields=["last_seen_at", *changed])
    browser = _belonging(browser, visitor, secret)
    if identity.proven is not None:
        _end_others(browser, visitor)
    issued = _issue(
        visitor,
        workspace.session_lifetime,
        origin=origin,
        client=dict(client),
        browser_id=browser.pk,
        **_proof_of(identity),
    )
    emit(VisitorArrived(actor=visitor, visitor=visitor) if arrived else VisitorChanged(actor=visitor, visitor=visitor))
    if identity.proven is not None:
        emit(IdentityProven(actor=visitor, visitor=visitor))
    return issued


def _session_secret(session_id: str) -> bytes:
    try:
        secret = base64.b64decode(session_id.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise BadSessionId from error
    if len(secret) != 24:
        raise BadSessionId
    return hashlib.sha256(secret).digest()


def _wait_for_turn(what: str, workspace_id: UUID, subject: bytes) -> None:
    """Let one at a time do this: what two tabs do at once happens one after the other."""
    digest = hashlib.sha256(what.encode() + workspace_id.bytes + subject).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], signed=True)])


def _person(workspace: Workspace, browser: Browser | None, identity: Identity) -> tuple[Visitor, bool]:
    """Return whom this browser and what was proven bring back, locked, or somebody new; and whether they are new."""
    mine_id = browser.visitor_id if browser is not None else None
    locked = lock({mine_id, _proven_id(workspace.pk, identity)})
    if browser is not None and mine_id not in locked:
        # Merged since: the browser points at the canonical by now.
        mine_id = Browser.objects.filter(pk=browser.pk).values_list("visitor_id", flat=True).first()
        locked |= lock({mine_id})
    mine = locked.pop(mine_id, None) if mine_id is not None else None
    owner = next(iter(locked.values()), None) or (mine if mine is not None and _is(mine, identity) else None)
    is_another = identity.proven is not None and mine is not None and not _joins(mine, owner, identity)
    if (owner is not None and owner.blocked) or (mine is not None and mine.blocked and not is_another):
        raise Blocked
    found = _recognised(mine, owner, identity)
    if found is not None:
        return found, False
    id_ = uuid7()
    return Visitor.objects.create(id=id_, workspace=workspace, readable_id=readable_id(id_)), True


def _proven_id(workspace_id: UUID, identity: Identity) -> UUID | None:
    """Return who has been proven to be this user before."""
    if identity.proven is None:
        return None
    _wait_for_turn("identity", workspace_id, identity.user_id.encode())
    proven = Visitor.objects.filter(workspace_id=workspace_id, external_id=identity.user_id, proven_at__isnull=False)
    return proven.values_list("pk", flat=True).first()


def _is(visitor: Visitor, identity: Identity) -> bool:
    return visitor.proven_at is not None and visitor.external_id == identity.user_id


def _recognised(mine: Visitor | None, owner: Visitor | None, identity: Identity) -> Visitor | None:
    """Return who this is: ``mine`` is whom the browser brings, ``owner`` who was proven to be this user before."""
    if mine is not None and not _joins(mine, owner, identity):
        mine = None
    if owner is None:
        return mine
    if mine is not None:
        merge(mine, owner, why=Merge.Why.PROOF, by=owner)
    return owner


def _joins(mine: Visitor, owner: Visitor | None, identity: Identity) -> bool:
    """Whether whom this browser brings may be who is named now: nobody proven by their server, and nobody who is somebody else."""
    return mine.proven_at is None and _agrees(mine, identity) and _reads_the_same_mail(mine, owner, identity)


def _reads_the_same_mail(mine: Visitor, owner: Visitor | None, identity: Identity) -> bool:
    """Whether no other address than the one that the visitor has proven by a code is proven of who is named now."""
    if mine.email_proven_at is None or identity.proven is None:
        return True
    signed = identity.proven.details.get("email") or (owner.email if owner is not None and owner.email_proven else "")
    return not signed or signed.lower() == mine.email.lower()


def _agrees(visitor: Visitor, identity: Identity) -> bool:
    """Whether nothing says that the visitor is somebody else than the user named now."""
    return not visitor.external_id or not identity.user_id or visitor.external_id == identity.user_id


def _belonging(browser: Browser | None, visitor: Visitor, secret: bytes) -> Browser:
    """Return the browser with this secret, as this visitor's from now on."""
    if browser is not None and (
        browser.visitor_id == visitor.pk or Browser.objects.filter(pk=browser.pk).update(visitor=visitor)
    ):
        return browser
    # A new one, or whose it was has withdrawn consent or was erased a moment ago.
    return Browser.objects.create(workspace_id=visitor.workspace_id, visitor=visitor, session_hash=secret)


def _end_others(browser: Browser, visitor: Visitor) -> None:
    """End this browser's sessions of anybody else: another person sits before it now."""
    others = VisitorSession.objects.filter(browser=browser).exclude(visitor=visitor)
    gone = list(Visitor.objects.filter(sessions__in=others).distinct())
    others.delete()
    for other in gone:
        emit(VisitorSignedOut(actor=visitor, visitor=other))


def _proof_of(identity: Identity) -> dict[str, Any]:
    proven = identity.proven
    return {} if proven is None else {"proof": proven.by, "secret_id": proven.secret.pk}


def _update(
    visitor: Visitor, identity: Identity, attributes: Mapping[str, Any] | None, details: Mapping[str, Any]
) -> list[str]:
    """Take in what is said about a visitor, signed or not. Returns the fields that changed. What was signed, nothing unsigned changes."""
    told = {name: details[name] for name in DETAILS if details.get(name) is not None}
    told_attributes = attributes_checked(attributes or {})
    signed, signed_attributes = (
        (identity.proven.details, identity.proven.attributes) if identity.proven is not None else ({}, {})
    )
    fields = (*DETAILS, "attributes", "external_id", "proven_at", "proven", "email_proven_at")
    before = {name: getattr(visitor, name) for name in fields}
    if identity.proven is not None:
        visitor.external_id = identity.user_id
        visitor.proven_at = visitor.proven_at or clock.now()
        names = {*visitor.proven, *signed, *(f"attributes.{name}" for name in signed_attributes)}
        visitor.proven = sorted(names)
    elif identity.user_id and visitor.proven_at is None:
        visitor.external_id = identity.user_id
    for name, value in signed.items():
        setattr(visitor, name, value)
    if visitor.email.lower() != before["email"].lower():
        visitor.email_proven_at = None
    visitor.attributes = merged(visitor.attributes, signed_attributes)
    contradicted = [name for name in told if name in visitor.proven and told[name] != getattr(visitor, name)]
    contradicted += [
        f"attributes.{name}"
        for name, value in told_attributes.items()
        if f"attributes.{name}" in visitor.proven and value != visitor.attributes.get(name)
    ]
    if visitor.email_proven_at is not None and told.get("email", visitor.email).lower() != visitor.email.lower():
        # Who has proven an address proves the next one too; what a page says about it changes nothing.
        del told["email"]
    if contradicted and mode_of(visitor.workspace_id) == IdentityPolicy.Mode.REQUIRED:
        raise ProvenDetail(contradicted)
    for name in told.keys() - set(contradicted):
        setattr(visitor, name, told[name])
    kept = {name: value for name, value in told_attributes.items() if f"attributes.{name}" not in contradicted}
    visitor.attributes = merged(visitor.attributes, kept)
    return [name for name, value in before.items() if getattr(visitor, name) != value]


def _issue(visitor: Visitor, lifetime: int, **fields: Any) -> Issued:
    token = "wst_" + secrets.token_hex(32)
    expires_at = clock.now() + timedelta(seconds=lifetime)
    VisitorSession.objects.create(
        token_hash=hash_token(token),
        workspace_id=visitor.workspace_id,
        visitor=visitor,
        expires_at=expires_at,
        **fields,
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
    return _issue(
        session.visitor,
        session.workspace.session_lifetime,
        origin=session.origin,
        client=session.client,
        browser_id=session.browser_id,
        proof=session.proof,
        secret_id=session.secret_id,
        created_at=session.created_at,
    )


@transaction.atomic
def revoke(session: VisitorSession) -> None:
    """End a token now; a second time changes nothing."""
    if VisitorSession.objects.filter(pk=session.pk).delete()[0]:
        emit(VisitorSignedOut(actor=session.visitor, visitor=session.visitor))


@transaction.atomic
def identify(
    visitor: Visitor, *, identity: Identity = NOBODY, attributes: Mapping[str, Any] | None = None, **details: Any
) -> Visitor:
    """Take in what a messenger says about its visitor. Attributes merge, None removes one; an e-mail address is a claim.

    With a proof the visitor is from now on whom it proves; who has been proven before takes them in, tokens and all. Raises BadAttributes,
    ProvenDetail, Blocked, and SomebodyElse where the visitor has been proven to be another user; nothing is changed then.
    """
    locked = lock({visitor.pk, _proven_id(visitor.workspace_id, identity)})
    row = locked.pop(visitor.pk, None)
    if row is None:
        raise Visitor.DoesNotExist
    owner = next(iter(locked.values()), None)
    if any(who is not None and who.blocked for who in (row, owner)):
        raise Blocked
    if not _agrees(row, identity):
        raise SomebodyElse
    if owner is not None:
        if not _joins(row, owner, identity):
            raise SomebodyElse
        merge(row, owner, why=Merge.Why.PROOF, by=owner)
        row = owner
    changed = _update(row, identity, attributes, details)
    if changed:
        row.save(update_fields=changed)
        emit(VisitorChanged(actor=row, visitor=row))
    if identity.proven is not None:
        emit(IdentityProven(actor=row, visitor=row))
    return row


def forget_ended_sessions() -> int:
    """Delete the sessions that have ended. Runs by the clock."""
    with scopes.every_workspace(ENDED_SESSIONS):
        deleted, _ = VisitorSession.objects.filter(expires_at__lt=Now()).delete()
    return deleted
