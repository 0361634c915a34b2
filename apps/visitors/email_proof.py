"""Proof of an address: a visitor types the code that was mailed to it. From then on the address is theirs, and whoever proved it before is them."""

from __future__ import annotations

import uuid
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from apps.core import clock, effects, limits, mailed_secrets
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.limits import Charge, Limited
from apps.visitors.events import EmailProven, VisitorChanged
from apps.visitors.merging import let_go, lock, merge
from apps.visitors.models import EmailCode, IdentityPolicy, Merge, Visitor
from apps.workspaces.models import Workspace

ENDED_CODES = Exemption("ended codes to visitors' addresses", "the clock deletes those of every workspace")


class CodesOff(PermissionError):
    """This workspace takes only what its own server has signed for proof."""


class Signed(ValueError):
    """The customer's server has signed another address, or this one: a code proves nothing beside it."""


class Blocked(PermissionError):
    """Whoever proved this address before is blocked."""


def allowed(workspace: Workspace) -> bool:
    """Say whether visitors may prove an address by a mailed code. Where ids must be signed the workspace has to want it."""
    policy: IdentityPolicy | None = getattr(workspace, "identity_policy", None)
    return policy is None or policy.mode != IdentityPolicy.Mode.REQUIRED or policy.mailed_codes


def request_code(visitor: Visitor, email: str, *, client_address: str) -> None:
    """Have a code mailed to an address that the visitor says is theirs. A former code dies; so far the address is a claim.

    Over a limit nothing is done and nothing is said. Raises CodesOff, Signed.
    """
    if not allowed(visitor.workspace):
        raise CodesOff
    if "email" in visitor.proven:
        raise Signed
    email = email.strip()
    account = limits.account_subject(email)
    try:
        limits.spend_all(
            Charge(limits.EMAIL_PROOFS_BY_ADDRESS, limits.address_subject(client_address)),
            Charge(limits.EMAIL_PROOFS_BY_VISITOR, visitor.pk),
            Charge(limits.EMAIL_PROOFS, account),
            Charge(limits.EMAIL_PROOFS_DAILY, account),
        )
    except Limited:
        return
    salt = mailed_secrets.new_salt()
    digest = mailed_secrets.hash_code(mailed_secrets.code(salt))
    with transaction.atomic():
        _issue(visitor, email, salt, digest)


def _issue(visitor: Visitor, email: str, salt: bytes, digest: str) -> None:
    row = lock({visitor.pk}).get(visitor.pk)
    if row is None:
        raise Visitor.DoesNotExist
    issue = uuid.uuid4()
    EmailCode.objects.update_or_create(
        visitor=row,
        defaults={
            "workspace_id": row.workspace_id,
            "issue": issue,
            "email": email,
            "salt": salt,
            "digest": digest,
            "tries": 0,
            "expires_at": clock.now() + timedelta(seconds=limits.CODE_SECONDS),
        },
    )
    if row.email_proven_at is None and row.email != email:
        row.email = email
        row.save(update_fields=["email"])
        emit(VisitorChanged(actor=row, visitor=row))
    effects.owe(
        "visitors.mail_code",
        key=f"email code:{issue}",
        payload={"issue": str(issue)},
        workspace_id=row.workspace_id,
    )


def redeem_code(visitor: Visitor, code: str, *, client_address: str) -> Visitor | None:
    """Use a code up. Returns the visitor whose address is proven now: this one, or who proved it before and has taken them in.

    None for a wrong code, or none. Raises Limited after too many wrong ones, CodesOff, Signed, Blocked.
    """
    if not allowed(visitor.workspace):
        raise CodesOff
    address = limits.address_subject(client_address)
    limits.spend_all(Charge(limits.CODE_FAILURES_BY_ADDRESS, address), Charge(limits.EMAIL_CODE_FAILURES, visitor.pk))
    issue, digest = _tried(visitor.pk)
    if not mailed_secrets.fits(code, digest) or issue is None:
        return None
    proven = _proven(visitor.pk, issue)
    if proven is not None:
        limits.give_back(limits.CODE_FAILURES_BY_ADDRESS, address)
        limits.refund(limits.EMAIL_CODE_FAILURES, visitor.pk)
    return proven


def _tried(visitor_id: UUID) -> tuple[UUID | None, str | None]:
    """Count a try before it is looked at, so that tries at the same time are counted too. Returns the living code's issue and hash."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE visitors_emailcode SET tries = tries + 1
            WHERE visitor_id = %s AND expires_at > clock_timestamp() AND tries < %s RETURNING issue, digest
            """,
            [visitor_id, limits.CODE_TRIES],
        )
        row = cursor.fetchone()
    return (row[0], row[1]) if row else (None, None)


@transaction.atomic
def _proven(visitor_id: UUID, issue: UUID) -> Visitor | None:
    used = EmailCode.objects.filter(issue=issue, visitor_id=visitor_id).first()
    if used is None:
        return None
    _wait_for_turn(used.workspace_id, used.email)
    proved_before = Q(email__iexact=used.email, email_proven_at__isnull=False, proven_at=None)
    others = Visitor.objects.filter(proved_before, workspace_id=used.workspace_id).exclude(pk=visitor_id)
    locked = lock({visitor_id, *others.values_list("pk", flat=True)})
    visitor = locked.pop(visitor_id, None)
    # Used once, whoever asks at the same time.
    if visitor is None or not EmailCode.objects.filter(issue=issue).delete()[0]:
        return None
    if "email" in visitor.proven:
        raise Signed
    if any(other.blocked for other in locked.values()):
        raise Blocked
    return _joined(visitor, used.email, [other for other in locked.values() if _may_join(visitor, other)])


def _wait_for_turn(workspace_id: UUID, email: str) -> None:
    """Let one at a time prove an address."""
    key = f"email:{workspace_id}:{email.lower()}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def _may_join(visitor: Visitor, other: Visitor) -> bool:
    """Whether these two, who read one address, aren't two users of the customer's: one proven, the other said to be somebody else."""
    return visitor.proven_at is None or not other.external_id or visitor.external_id == other.external_id


def _joined(visitor: Visitor, email: str, others: list[Visitor]) -> Visitor:
    """Give the visitor the address, and make one of them and whoever proved it before: whom the customer's server proved stays, else the oldest."""
    everybody = sorted([visitor, *others], key=lambda one: (one.proven_at is None, one.first_seen_at, one.pk))
    canonical, *sources = everybody
    for source in sources:
        if canonical.proven_at is not None:
            # Who is proven by their server is reached by its proof alone: a code must not open more than it.
            let_go(source, by=canonical)
        merge(source, canonical, why=Merge.Why.EMAIL, by=canonical)
    canonical.email, canonical.email_proven_at = email, clock.now()
    canonical.save(update_fields=["email", "email_proven_at"])
    emit(EmailProven(actor=canonical, visitor=canonical))
    return canonical


def forget_salt(code: EmailCode) -> None:
    """Forget what a code was made of, once its mail has left."""
    EmailCode.objects.filter(issue=code.issue).update(salt=None)


def forget_ended() -> int:
    """Delete the codes that have ended. Runs by the clock."""
    with scopes.every_workspace(ENDED_CODES):
        deleted, _ = EmailCode.objects.filter(expires_at__lt=Now()).delete()
    return deleted
