"""A workspace's identity verification: its mode, its secrets, and how much of its traffic is signed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Now

from apps.core import clock, envelope, limits
from apps.core.access import Actor, System
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.visitors import proof
from apps.visitors.events import (
    IdentityModeChanged,
    IdentityRefusalsRose,
    IdentitySecretCreated,
    IdentitySecretRevoked,
    IdentitySecretShown,
    MailedCodesChanged,
    ProofRefused,
    VisitorSignedOut,
)
from apps.visitors.models import IdentityHour, IdentityPolicy, IdentitySecret, Visitor, VisitorSession
from apps.workspaces.models import Member, Workspace

OLD_IDENTITY = Exemption("ended identity secrets and old counts", "the clock deletes those of every workspace")
COVERAGE_DAYS = 7
HOURS_KEPT_DAYS = 30
ENOUGH = 0.95
"""The share of signed boots below which "required" has to be asked for twice."""
RECENT = 20


class TwoSecrets(ValueError):
    """There are two already: revoke one first."""


class NothingToVerifyWith(ValueError):
    """There is no secret and no key, so nobody could prove anything."""


class TooFewSigned(ValueError):
    """Many boots still come without proof: with "required" they would be refused."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many boots of the last days named a user, by what came of it."""

    proven: int
    claimed: int
    refused: int

    @property
    def total(self) -> int:
        return self.proven + self.claimed + self.refused

    @property
    def share(self) -> float | None:
        """The signed share, 0 to 1; None where nobody was named."""
        return self.proven / self.total if self.total else None

    @property
    def enough(self) -> bool:
        return self.share is not None and self.share >= ENOUGH


def coverage(workspace_id: UUID) -> Coverage:
    """Return how much of a workspace's traffic is signed."""
    since = Now() - timedelta(days=COVERAGE_DAYS)
    counted = IdentityHour.objects.filter(workspace_id=workspace_id, hour__gt=since).aggregate(
        *(Sum(name, default=0) for name in ("proven", "claimed", "refused"))
    )
    return Coverage(*(counted[f"{name}__sum"] for name in ("proven", "claimed", "refused")))


def count(workspace_id: UUID, outcome: str) -> int:
    """Count a boot that named a user: ``proven``, ``claimed`` or ``refused``. Returns how many like it there were this hour."""
    assert outcome in ("proven", "claimed", "refused")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO visitors_identityhour AS counted (workspace_id, hour, proven, claimed, refused)
            VALUES (%(workspace)s, date_trunc('hour', now()), %(proven)s, %(claimed)s, %(refused)s)
            ON CONFLICT (workspace_id, hour) DO UPDATE SET {outcome} = counted.{outcome} + 1
            RETURNING {outcome}
            """,
            {"workspace": workspace_id, **{name: int(name == outcome) for name in ("proven", "claimed", "refused")}},
        )
        return int(cursor.fetchone()[0])


@transaction.atomic
def refused(workspace: Workspace, why: str) -> None:
    """Count a refused proof. The first of an hour is put on record, and the one that makes them many: a flood of them fills no log."""
    so_far = count(workspace.pk, "refused")
    if so_far == 1:
        emit(ProofRefused(actor=System("identity"), workspace=workspace, changed={"why": why}))
    elif so_far == limits.IDENTITY_ALERT_AT:
        emit(IdentityRefusalsRose(actor=System("identity"), workspace=workspace, changed={"refused": so_far}))


def note_used(secret: IdentitySecret) -> None:
    """Remember that a secret has proven somebody; at most once a minute."""
    IdentitySecret.objects.filter(pk=secret.pk).exclude(last_used_at__gt=Now() - timedelta(minutes=1)).update(
        last_used_at=Now()
    )


def recent(workspace_id: UUID) -> Sequence[VisitorSession]:
    """Return the last sessions that began with a proof."""
    signed = VisitorSession.objects.filter(workspace_id=workspace_id).exclude(proof="")
    return list(signed.select_related("visitor", "secret").order_by("-created_at")[:RECENT])


@transaction.atomic
def change_mode(workspace: Workspace, mode: str, *, accept_unsigned: bool = False, by: Actor) -> str:
    """Turn verification off, optional or required. No change says nothing.

    Raises NothingToVerifyWith without an active secret or key, TooFewSigned for "required" while much comes unsigned, unless that is accepted.
    """
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    before = proof.mode_of(workspace.pk)
    if mode == before:
        return mode
    if mode != proof.Mode.OFF and not IdentitySecret.objects.active().filter(workspace=workspace).exists():
        raise NothingToVerifyWith("Make a secret or add a public key first: without one nobody can prove who they are.")
    if mode == proof.Mode.REQUIRED and not accept_unsigned and not coverage(workspace.pk).enough:
        raise TooFewSigned(
            "Many boots still come without proof, or none has come yet. With “required” they are refused."
        )
    IdentityPolicy.objects.update_or_create(workspace=workspace, defaults={"mode": mode})
    emit(IdentityModeChanged(actor=by, workspace=workspace, changed={"before": before, "after": mode}))
    return mode


@transaction.atomic
def allow_mailed_codes(workspace: Workspace, *, allowed: bool, by: Actor) -> None:
    """Let visitors prove an address by a mailed code also where ids must be proven by signature, or no longer. No change says nothing."""
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    policy, _ = IdentityPolicy.objects.get_or_create(workspace=workspace)
    if policy.mailed_codes != allowed:
        policy.mailed_codes = allowed
        policy.save(update_fields=["mailed_codes"])
        changed = {"before": not allowed, "after": allowed}
        emit(MailedCodesChanged(actor=by, workspace=workspace, changed=changed))


def takes_mailed_codes(workspace_id: UUID) -> bool:
    """Say whether a workspace takes mailed codes also where ids must be proven by signature."""
    return IdentityPolicy.objects.filter(workspace_id=workspace_id, mailed_codes=True).exists()


@transaction.atomic
def create_secret(workspace: Workspace, *, grace_days: int, by: Actor) -> IdentitySecret:
    """Make a shared secret. One that is there is replaced by it and stays good for ``grace_days``.

    Raises TwoSecrets where two are there.
    """
    made = _placed(workspace, IdentitySecret.Kind.SHARED, grace_days)
    text = "ivs_" + secrets.token_hex(32)
    made.hint = text[-4:]
    envelope.seal(made, "secret", text)
    return _stored(made, grace_days, by)


@transaction.atomic
def add_public_key(workspace: Workspace, text: str, *, grace_days: int, by: Actor) -> IdentitySecret:
    """Take the public half of a key for ES256. One that is there is replaced and stays good for ``grace_days``. Raises BadPublicKey, TwoSecrets."""
    written, fingerprint = proof.public_key(text)
    made = _placed(workspace, IdentitySecret.Kind.PUBLIC_KEY, grace_days)
    made.public_key, made.hint = written, fingerprint
    return _stored(made, grace_days, by)


def _placed(workspace: Workspace, kind: IdentitySecret.Kind, grace_days: int) -> IdentitySecret:
    """Return a new secret in the free place, having put an end to the one in the other place."""
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    ours = IdentitySecret.objects.filter(workspace=workspace, kind=kind)
    ours.filter(expires_at__lte=Now()).delete()
    there = list(ours.order_by("slot"))
    if len(there) > 1:
        raise TwoSecrets("There are two already. Revoke one of them first.")
    ends = clock.now() + timedelta(days=grace_days)
    for other in there:
        other.expires_at = min(filter(None, (other.expires_at, ends)))
        other.save(update_fields=["expires_at"])
    taken = {other.slot for other in there}
    return IdentitySecret(workspace=workspace, kind=kind, slot=next(slot for slot in (1, 2) if slot not in taken))


def _stored(made: IdentitySecret, grace_days: int, by: Actor) -> IdentitySecret:
    made.save(force_insert=True)
    emit(IdentitySecretCreated(actor=by, secret=made, grace_days=grace_days))
    return made


@transaction.atomic
def show(secret: IdentitySecret, *, by: Actor) -> str:
    """Return a shared secret in clear. That it was looked at is on record."""
    emit(IdentitySecretShown(actor=by, secret=secret))
    return envelope.reveal(secret, "secret")


@transaction.atomic
def revoke(secret: IdentitySecret, *, by: Actor) -> int:
    """Take a secret or key out at once, with every session that it has opened: whoever stole it is out. Returns how many sessions ended.

    A second time changes nothing.
    """
    locked = IdentitySecret.objects.select_for_update().filter(pk=secret.pk).first()
    if locked is None:
        return 0
    sessions = VisitorSession.objects.filter(secret=locked)
    visitors = list(Visitor.objects.filter(sessions__in=sessions).distinct())
    ended, _ = sessions.delete()
    for visitor in visitors:
        emit(VisitorSignedOut(actor=by, visitor=visitor))
    emit(IdentitySecretRevoked(actor=by, secret=locked, sessions=ended))
    IdentitySecret.objects.filter(pk=locked.pk).delete()
    return ended


def secrets_of(member: Member) -> QuerySet[IdentitySecret]:
    """Return the secrets and keys of a member's workspace that still prove something, the newest first."""
    return IdentitySecret.objects.visible_to(member).active().order_by("kind", F("created_at").desc())


def forget_old() -> int:
    """Delete replaced secrets whose grace is over, and counts that nobody looks at any more. Runs by the clock."""
    with scopes.every_workspace(OLD_IDENTITY):
        ended, _ = IdentitySecret.objects.filter(expires_at__lte=Now()).delete()
        hours, _ = IdentityHour.objects.filter(hour__lt=Now() - timedelta(days=HOURS_KEPT_DAYS)).delete()
    return ended + hours
