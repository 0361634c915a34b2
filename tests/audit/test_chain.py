"""The chain over the audit log: whatever is changed, deleted, slipped in or cut off shows, and names the first bad place."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError
from django.db import IntegrityError, connection, transaction

from apps.audit import actions, chain
from apps.audit.chain import HeadPruned, Link
from apps.audit.models import AuditEntry, Seal, UnsealedEntry
from apps.core import clock
from apps.workspaces import actions as workspaces
from apps.workspaces.models import Workspace
from tests import factories
from tests.database import as_owner, nothing_happens

pytestmark = pytest.mark.django_db


def write(workspace: Workspace, count: int, *, days_ago: float = 0) -> list[AuditEntry]:
    """Write entries as if they had been written so long ago."""
    at = clock.now() - timedelta(days=days_ago)
    return [
        AuditEntry.objects.create(
            workspace_id=workspace.pk,
            action="member.signed_in",
            actor_kind="member",
            actor_id=uuid4(),
            actor_label="Ada",
            subject_kind="workspaces.member",
            subject_id=uuid4(),
            subject_label="Ada",
            details={"number": number},
            created_at=at + timedelta(seconds=number),
        )
        for number in range(count)
    ]


def tamper(statement: str, *values: object) -> None:
    """Do what only somebody who owns the database can: go around its guards."""
    tables = ("audit_auditentry", "audit_seal")
    for table in tables:
        as_owner(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    as_owner(statement, *values)
    for table in tables:
        as_owner(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.fixture
def sealed(workspace: Workspace) -> list[AuditEntry]:
    """Five entries after whatever made the workspace, all sealed."""
    write(workspace, 5)
    chain.seal()
    numbers = Seal.objects.filter(workspace_id=workspace.pk).order_by("number").values_list("entry_id", flat=True)
    entries = AuditEntry.objects.in_bulk(list(numbers))
    return [entries[id_] for id_ in numbers]


def test_a_chain_that_nobody_touched_holds(workspace: Workspace, sealed: list[AuditEntry]) -> None:
    verdict = chain.verify(workspace.pk)
    assert (verdict.fault, verdict.checked, verdict.waiting) == (None, len(sealed), 0)
    assert verdict.head.number == len(sealed)
    assert not UnsealedEntry.objects.exists()


def test_sealing_again_changes_nothing(sealed: list[AuditEntry]) -> None:
    with nothing_happens():
        assert chain.seal() == 0


def test_what_comes_later_goes_on_from_the_head(workspace: Workspace, sealed: list[AuditEntry]) -> None:
    head = chain.verify(workspace.pk).head
    write(workspace, 3)
    assert chain.verify(workspace.pk).waiting == 3
    assert chain.seal() == 3
    after = Seal.objects.get(workspace_id=workspace.pk, number=head.number + 1)
    assert bytes(after.previous) == head.hash
    assert chain.verify(workspace.pk, expected=head).fault is None


def test_each_workspace_has_its_own_chain(workspace: Workspace) -> None:
    other = factories.make_workspace("Other")
    for _ in range(3):
        write(workspace, 1)
        write(other, 1)
    chain.seal()
    for one in (workspace, other):
        numbers = list(Seal.objects.filter(workspace_id=one.pk).order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))
        assert chain.verify(one.pk).fault is None


CHANGES: dict[str, tuple[str, str]] = {
    "what was done": ("action = 'member.signed_out'", "it was changed"),
    "who it was": ("actor_id = gen_random_uuid()", "it was changed"),
    "which kind of actor": ("actor_kind = 'system'", "it was changed"),
    "what it was done to": ("subject_id = gen_random_uuid()", "it was changed"),
    "the details": ("""details = '{"number": 7}'""", "it was changed"),
    "the time": ("created_at = created_at + interval '1 microsecond'", "it was changed"),
    "whose it is": ("workspace_id = gen_random_uuid()", "its entry was deleted"),
    "the actor's name": ("actor_label = 'Eve'", "a name in it was changed"),
    "the subject's name": ("subject_label = 'Eve'", "a name in it was changed"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_entry_is_named(workspace: Workspace, sealed: list[AuditEntry], change: str) -> None:
    assignment, why = CHANGES[change]
    tamper(f"UPDATE audit_auditentry SET {assignment} WHERE id = %s", sealed[-3].pk)
    fault = chain.verify(workspace.pk).fault
    assert fault is not None
    assert (fault.number, fault.entry_id, fault.why) == (len(sealed) - 2, sealed[-3].pk, why)


def test_a_deleted_entry_is_named(workspace: Workspace, sealed: list[AuditEntry]) -> None:
    tamper("DELETE FROM audit_auditentry WHERE id = %s", sealed[-2].pk)
    fault = chain.verify(workspace.pk).fault
    assert fault is not None
    assert (fault.number, fault.why) == (len(sealed) - 1, "its entry was deleted")


def test_an_entry_that_was_deleted_with_its_seal_is_missed(workspace: Workspace, sealed: list[AuditEntry]) -> None:
    tamper("DELETE FROM audit_auditentry WHERE id = %s", sealed[-2].pk)
    tamper("DELETE FROM audit_seal WHERE entry_id = %s", sealed[-2].pk)
    fault = chain.verify(workspace.pk).fault
    assert fault is not None
    assert (fault.number, fault.why) == (len(sealed) - 1, f"it is missing; the next is {len(sealed)}")


def test_a_seal_that_was_made_anew_for_a_changed_entry_breaks_the_next(
    workspace: Workspace, sealed: list[AuditEntry]
) -> None:
    tamper("UPDATE audit_auditentry SET action = 'member.signed_out' WHERE id = %s", sealed[-2].pk)
    made = Seal.objects.get(entry_id=sealed[-2].pk)
    forged = chain._sealed(AuditEntry.objects.get(pk=sealed[-2].pk), Link(made.number - 1, bytes(made.previous)))
    values = (forged.names_salt, forged.names_hash, forged.hash, made.entry_id)
    tamper("UPDATE audit_seal SET names_salt = %s, names_hash = %s, hash = %s WHERE entry_id = %s", *values)
    fault = chain.verify(workspace.pk).fault
    assert fault is not None
    assert (fault.number, fault.why) == (len(sealed), "it doesn't follow from the one before it")


def test_a_chain_that_was_cut_off_is_found_by_a_head_that_was_noted(
    workspace: Workspace, sealed: list[AuditEntry]
) -> None:
    head = chain.verify(workspace.pk).head
    tamper("DELETE FROM audit_auditentry WHERE id = %s", sealed[-1].pk)
    tamper("DELETE FROM audit_seal WHERE entry_id = %s", sealed[-1].pk)
    assert chain.verify(workspace.pk).fault is None, "nothing else can tell"
    fault = chain.verify(workspace.pk, expected=head).fault
    assert fault is not None
    assert fault.number == len(sealed)


def test_an_entry_that_was_kept_from_being_sealed_is_named(workspace: Workspace, sealed: list[AuditEntry]) -> None:
    [entry] = write(workspace, 1, days_ago=1)
    UnsealedEntry.objects.filter(entry_id=entry.pk).delete()
    chain.seal()
    fault = chain.verify(workspace.pk).fault
    assert fault is not None
    assert (fault.entry_id, fault.why) == (entry.pk, "an entry was never sealed")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_seal SET number = number + 1000",
        "DELETE FROM audit_seal",
        "TRUNCATE audit_seal",
        "SET LOCAL opencom.audit_retention = 'on'; DELETE FROM audit_seal",
        "SET LOCAL opencom.audit_retention = 'on'; DELETE FROM audit_auditentry",
        "SET LOCAL opencom.audit_retention = 'on'; UPDATE audit_auditentry SET action = 'x'",
    ],
)
def test_the_database_refuses_to_change_or_delete_what_is_young(sealed: list[AuditEntry], statement: str) -> None:
    *before, forbidden = statement.split("; ")
    with nothing_happens(), transaction.atomic(), connection.cursor() as cursor:
        for part in before:
            cursor.execute(part)
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            cursor.execute(forbidden)
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            as_owner(forbidden)


# Retention


def keep(workspace: Workspace, days: int) -> None:
    actions.change_retention(workspace, days, by=factories.owner_of(workspace))


def aged(count: int, days_ago: float) -> Workspace:
    """Return a workspace whose chain begins with so many old entries."""
    workspace = Workspace.objects.create(name="Aged")
    write(workspace, count, days_ago=days_ago)
    chain.seal()
    workspaces.add_member(workspace, factories.make_user(), "owner", by=factories.owner_of(factories.make_workspace()))
    return workspace


@pytest.mark.parametrize(
    ("days", "old", "gone"), [(30, 31, True), (30, 29, False), (90, 89, False), (90, 91, True), (365, 364, False)]
)
def test_what_is_older_than_a_workspace_keeps_is_deleted_and_the_rest_still_holds(
    days: int, old: float, gone: bool
) -> None:
    workspace = aged(4, old)
    keep(workspace, days)
    chain.seal()
    kept = set(AuditEntry.objects.filter(workspace_id=workspace.pk, created_at__gt=clock.now() - timedelta(days=1)))
    assert actions.prune() == (4 if gone else 0)
    chain.seal()
    left = AuditEntry.objects.filter(workspace_id=workspace.pk).exclude(action="audit.pruned")
    assert left.count() == len(kept) + (0 if gone else 4)
    verdict = chain.verify(workspace.pk)
    assert verdict.fault is None
    assert verdict.head.number == 4 + len(kept) + gone


def test_what_was_deleted_is_on_record_and_the_chain_goes_on_from_there() -> None:
    workspace = aged(3, 100)
    last = Seal.objects.get(workspace_id=workspace.pk, number=3)
    assert actions.prune() == 3
    entry = AuditEntry.objects.get(workspace_id=workspace.pk, action="audit.pruned")
    assert entry.details == {"through": 3, "hash": bytes(last.hash).hex(), "entries": 3, "days": 90}
    assert (entry.actor_kind, entry.actor_label) == ("system", "Opencom")
    assert actions.prune() == 0, "twice is once"
    chain.seal()
    assert chain.verify(workspace.pk).fault is None
    tamper("DELETE FROM audit_auditentry WHERE id = %s", Seal.objects.get(workspace_id=workspace.pk, number=4).entry_id)
    tamper("DELETE FROM audit_seal WHERE workspace_id = %s AND number = 4", workspace.pk)
    fault = chain.verify(workspace.pk).fault
    assert fault is not None, "whoever deletes more than the retention did is found"
    assert fault.number == 4


def test_a_head_from_before_the_last_deletion_proves_nothing_any_more() -> None:
    workspace = aged(3, 100)
    places = [Link(made.number, bytes(made.hash)) for made in Seal.objects.filter(workspace_id=workspace.pk)]
    before, last, *_ = sorted(places, key=lambda place: place.number)[1:]
    actions.prune()
    chain.seal()
    assert chain.verify(workspace.pk, expected=last).fault is None, "the chain goes on from this one"
    fault = chain.verify(workspace.pk, expected=Link(last.number, bytes(32))).fault
    assert fault is not None, "a deletion that was made up goes on from somewhere else"
    with pytest.raises(HeadPruned):
        chain.verify(workspace.pk, expected=before)
    with pytest.raises(CommandError, match="Note a newer head"):
        verify("--workspace", str(workspace.pk), "--head", str(before))


def test_a_log_of_which_all_was_old_goes_on_too() -> None:
    workspace = Workspace.objects.create(name="Quiet")
    write(workspace, 3, days_ago=100)
    chain.seal()
    assert actions.prune() == 3
    assert not Seal.objects.filter(workspace_id=workspace.pk).exists()
    chain.seal()
    verdict = chain.verify(workspace.pk)
    assert (verdict.fault, verdict.head.number) == (None, 4)


def test_an_old_entry_behind_a_young_one_waits_for_it(workspace: Workspace) -> None:
    chain.seal()
    write(workspace, 1, days_ago=200)
    chain.seal()
    assert actions.prune() == 0
    assert chain.verify(workspace.pk).fault is None


def test_only_three_retentions_are_possible(workspace: Workspace) -> None:
    with nothing_happens(), pytest.raises(IntegrityError):
        keep(workspace, 31)


# The command


def verify(*words: Any) -> str:
    said = io.StringIO()
    call_command("audit", "verify", *words, stdout=said, stderr=said)
    return said.getvalue()


def test_the_command_prints_where_each_chain_ends(workspace: Workspace, sealed: list[AuditEntry]) -> None:
    head = chain.verify(workspace.pk).head
    assert str(head) in verify()
    assert str(workspace.pk) in verify("--workspace", str(workspace.pk), "--head", str(head))


def test_the_command_names_the_first_bad_entry_and_fails(workspace: Workspace, sealed: list[AuditEntry]) -> None:
    tamper("UPDATE audit_auditentry SET action = 'member.signed_out' WHERE id = %s", sealed[-1].pk)
    said = io.StringIO()
    with pytest.raises(CommandError, match="1 of 1 chains"):
        call_command("audit", "verify", "--workspace", str(workspace.pk), stdout=said, stderr=said)
    assert f"number {len(sealed)} (entry {sealed[-1].pk}): it was changed" in said.getvalue()


MISUSES: dict[str, Callable[[Workspace], list[str]]] = {
    "a head that isn't one": lambda workspace: ["--workspace", str(workspace.pk), "--head", "x"],
    "a head of nobody's": lambda _: ["--head", f"1:{'00' * 32}"],
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_the_command_says_what_it_needs(workspace: Workspace, misuse: str) -> None:
    with pytest.raises(CommandError):
        verify(*MISUSES[misuse](workspace))
