"""The chain: every entry is sealed to the one before it in its workspace, so that a changed, missing or slipped-in entry shows.

Entries are written by whoever acts, without waiting for each other; a job seals them a few seconds later, one after the other. So no
action waits for another's, and the order of the chain is the order in which entries were found.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from apps.audit.events import SEALING, LogPruned
from apps.audit.models import AuditEntry, Seal, UnsealedEntry
from apps.core import clock
from apps.core.isolation import scopes
from apps.visitors.events import VisitorErased

BATCH = 1000
ONE_SEALER = 7_261_544_809
"""The key of the lock that lets one process seal at a time."""
GRACE = timedelta(minutes=5)
"""An entry that isn't sealed after this time never will be by itself."""
START = bytes(32)


@dataclass(frozen=True, slots=True)
class Link:
    """A place in a chain: the number of a seal and its hash. What comes before the first is 0 and ``START``."""

    number: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where a chain doesn't hold, and why."""

    number: int
    entry_id: UUID | None
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking a workspace's chain came to."""

    workspace_id: UUID
    checked: int
    head: Link
    waiting: int
    """Entries of the last minutes that are still to be sealed."""
    fault: Fault | None = None


class HeadPruned(LookupError):
    """The head that was noted is older than what the retention has left: nobody can tell any more."""


def seal() -> int:
    """Seal every entry that waits for it, and return how many. Runs by the clock; safe to run late, twice, or by two at once."""
    sealed = 0
    with scopes.every_workspace(SEALING):
        while found := _seal_some():
            sealed += found
    return sealed


@transaction.atomic
def _seal_some() -> int:
    if not _alone():
        return 0
    waiting = list(UnsealedEntry.objects.order_by("entry_id").values_list("entry_id", flat=True)[:BATCH])
    heads: dict[UUID, Link] = {}
    seals = []
    for entry in AuditEntry.objects.filter(pk__in=waiting).order_by("workspace_id", "created_at", "id"):
        head = heads.get(entry.workspace_id) or head_of(entry.workspace_id)
        made = _sealed(entry, head)
        heads[entry.workspace_id] = Link(made.number, bytes(made.hash))
        seals.append(made)
    Seal.objects.bulk_create(seals)
    UnsealedEntry.objects.filter(pk__in=waiting).delete()
    return len(waiting)


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ONE_SEALER])
        return bool(cursor.fetchone()[0])


def _sealed(entry: AuditEntry, before: Link) -> Seal:
    salt = secrets.token_bytes(16)
    names = _names_hash(entry, salt)
    number = before.number + 1
    return Seal(
        entry_id=entry.pk,
        workspace_id=entry.workspace_id,
        number=number,
        names_salt=salt,
        names_hash=names,
        previous=before.hash,
        hash=_hash(entry, number, names, before.hash),
    )


def _names_hash(entry: AuditEntry, salt: bytes) -> bytes:
    return hashlib.sha256(salt + json.dumps([entry.actor_label, entry.subject_label]).encode()).digest()


def _hash(entry: AuditEntry, number: int, names: bytes, previous: bytes) -> bytes:
    facts = [
        number,
        str(entry.pk),
        str(entry.workspace_id),
        entry.action,
        entry.actor_kind,
        str(entry.actor_id),
        entry.subject_kind,
        str(entry.subject_id),
        entry.details,
        entry.created_at.astimezone(UTC).isoformat(timespec="microseconds"),
        names.hex(),
    ]
    return hashlib.sha256(previous + json.dumps(facts, sort_keys=True).encode()).digest()


def head_of(workspace_id: UUID) -> Link:
    """Return the last place of a workspace's chain."""
    for made in Seal.objects.filter(workspace_id=workspace_id).order_by("-number")[:1]:
        return Link(made.number, bytes(made.hash))
    return anchor_of(workspace_id)


def anchor_of(workspace_id: UUID) -> Link:
    """Return the place that a workspace's chain goes on from: the last that was deleted by its retention, or the start."""
    pruned = AuditEntry.objects.filter(workspace_id=workspace_id, action=LogPruned.name)
    for entry in pruned.order_by("-created_at", "-id")[:1]:
        return Link(entry.details["through"], bytes.fromhex(entry.details["hash"]))
    return Link(0, START)


def verify(workspace_id: UUID, *, expected: Link | None = None) -> Verdict:
    """Check a workspace's chain from end to end. ``expected`` is a head that was noted earlier: it must still be in the chain.

    Without one, nobody can tell whether the newest entries and their seals were deleted together. Raises HeadPruned.
    """
    with scopes.workspace(workspace_id):
        return _verify(workspace_id, expected)


def _verify(workspace_id: UUID, expected: Link | None) -> Verdict:
    link = anchor_of(workspace_id)
    if expected is not None and expected.number < link.number:
        raise HeadPruned(f"The log before number {link.number} was deleted by its retention. Note a newer head.")
    if expected is not None and expected.number == link.number and expected.hash != link.hash:
        return Verdict(workspace_id, 0, link, 0, Fault(link.number, None, "it isn't the one that was noted"))
    checked = 0
    erased = _erased(workspace_id)
    for made, entry in _chain(workspace_id):
        fault = _fault(made, entry, link, erased)
        if fault is None and expected is not None and expected.number == made.number and expected.hash != made.hash:
            fault = Fault(made.number, made.entry_id, "it isn't the one that was noted")
        if fault is not None:
            return Verdict(workspace_id, checked, link, 0, fault)
        link = Link(made.number, bytes(made.hash))
        checked += 1
    waiting, fault = _unsealed(workspace_id, link)
    if fault is None and expected is not None and expected.number > link.number:
        fault = Fault(link.number + 1, None, f"the chain ends at {link.number}, before the one that was noted")
    return Verdict(workspace_id, checked, link, waiting, fault)


def _chain(workspace_id: UUID) -> Iterator[tuple[Seal, AuditEntry | None]]:
    reached = 0
    while batch := list(Seal.objects.filter(workspace_id=workspace_id, number__gt=reached).order_by("number")[:BATCH]):
        entries = AuditEntry.objects.in_bulk([made.entry_id for made in batch])
        yield from ((made, entries.get(made.entry_id)) for made in batch)
        reached = batch[-1].number


def _erased(workspace_id: UUID) -> Set[UUID | None]:
    """Return who was erased, and so has no name any more."""
    entries = AuditEntry.objects.filter(workspace_id=workspace_id, action=VisitorErased.name)
    return set(entries.values_list("subject_id", flat=True))


def _fault(made: Seal, entry: AuditEntry | None, before: Link, erased: Set[UUID | None]) -> Fault | None:
    why = ""
    if made.number != before.number + 1:
        return Fault(before.number + 1, None, f"it is missing; the next is {made.number}")
    if bytes(made.previous) != before.hash:
        why = "it doesn't follow from the one before it"
    elif entry is None:
        why = "its entry was deleted"
    elif not made.names_salt:
        why = "" if {entry.actor_id, entry.subject_id} & erased else "a name in it was removed"
        why = why or _why_changed(made, entry)
    elif _names_hash(entry, bytes(made.names_salt)) != bytes(made.names_hash):
        why = "a name in it was changed"
    else:
        why = _why_changed(made, entry)
    return Fault(made.number, made.entry_id, why) if why else None


def _why_changed(made: Seal, entry: AuditEntry) -> str:
    is_as_sealed = _hash(entry, made.number, bytes(made.names_hash), bytes(made.previous)) == bytes(made.hash)
    return "" if is_as_sealed else "it was changed"


def _unsealed(workspace_id: UUID, head: Link) -> tuple[int, Fault | None]:
    """Return how many entries wait for their seal, and the first that has waited too long or was left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT entry.id, entry.created_at FROM audit_auditentry AS entry
            WHERE entry.workspace_id = %s AND NOT EXISTS (SELECT FROM audit_seal AS made WHERE made.entry_id = entry.id)
            ORDER BY entry.created_at, entry.id
            """,
            [workspace_id],
        )
        rows: Sequence[tuple[UUID, datetime]] = cursor.fetchall()
    late = clock.now() - GRACE
    for entry_id, created_at in rows:
        if created_at < late:
            return len(rows), Fault(head.number + 1, entry_id, "an entry was never sealed")
    return len(rows), None
