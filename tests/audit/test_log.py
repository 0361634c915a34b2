"""Reading the audit log: filters that miss nothing, pages, sentences, and copies that a spreadsheet doesn't run."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from apps.audit import log
from apps.audit.models import AuditEntry
from apps.core import clock, events, limits
from apps.core.access import System
from apps.workspaces import actions
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import SignedIn
from tests.database import nothing_happens

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(workspace: Workspace) -> SignedIn:
    return callers.signed_in(workspace, "owner")


def write(workspace: Workspace, count: int = 1, **fields: Any) -> list[AuditEntry]:
    made = {
        "action": "member.signed_in",
        "actor_kind": "member",
        "actor_id": uuid4(),
        "actor_label": "Ada",
        "subject_kind": "workspaces.member",
        "subject_id": uuid4(),
        "subject_label": "Ada",
    }
    return [AuditEntry.objects.create(workspace_id=workspace.pk, **(made | fields)) for _ in range(count)]


def found(caller: SignedIn, **asked: Any) -> list[str]:
    answer = caller.get("/audit", **asked)
    assert answer.status_code == 200, answer.content
    return [item["id"] for item in answer.json()["items"]]


def ids(*entries: AuditEntry) -> list[str]:
    return [str(entry.pk) for entry in entries]


def test_each_filter_finds_what_it_names_and_nothing_else(workspace: Workspace, owner: SignedIn) -> None:
    [mine] = write(workspace, action="workspace.created", actor_id=owner.member.pk)
    [theirs] = write(workspace, action="member.added")
    [visitors] = write(workspace, actor_kind="visitor")
    [systems] = write(workspace, actor_kind="system", actor_id=None)
    [old] = write(workspace, created_at=clock.now() - timedelta(days=3))
    assert found(owner, action="member.added") == ids(theirs)
    assert ids(mine)[0] in found(owner, actor=str(owner.member.pk))
    assert ids(theirs)[0] not in found(owner, actor=str(owner.member.pk))
    assert found(owner, actor="visitor") == ids(visitors)
    assert ids(systems)[0] in found(owner, actor="system")
    assert found(owner, subject=str(theirs.subject_id)) == ids(theirs)
    assert found(owner, until=(clock.now() - timedelta(days=2)).isoformat()) == ids(old)
    assert ids(old)[0] not in found(owner, since=(clock.now() - timedelta(days=2)).isoformat())


def test_a_rare_entry_is_found_behind_many_others(workspace: Workspace, owner: SignedIn) -> None:
    [rare] = write(workspace, action="member.removed")
    write(workspace, 150)
    assert found(owner, action="member.removed") == ids(rare)


def test_pages_follow_each_other_without_gap_or_repetition(workspace: Workspace, owner: SignedIn) -> None:
    at = clock.now()
    write(workspace, 7, created_at=at)
    expected = ids(*AuditEntry.objects.filter(workspace_id=workspace.pk).order_by("-created_at", "-pk"))
    read: list[str] = []
    cursor = ""
    while cursor is not None:
        answer = owner.get("/audit", limit=3, **({"cursor": cursor} if cursor else {})).json()
        read += [item["id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
    assert read == expected


@pytest.mark.parametrize(
    "asked",
    [{"action": "no.such"}, {"actor": "nobody"}, {"subject": "x"}, {"since": "x"}, {"cursor": "x"}, {"limit": 0}],
)
def test_what_cannot_be_asked_is_refused(owner: SignedIn, asked: dict[str, Any]) -> None:
    assert owner.get("/audit", **asked).status_code == 400


def test_a_workspace_never_sees_the_log_of_another(workspace: Workspace, owner: SignedIn) -> None:
    other = factories.make_workspace("Other")
    [entry] = write(other)
    assert ids(entry)[0] not in found(owner)
    assert found(owner, subject=str(entry.subject_id)) == []
    assert str(entry.pk) not in exported(owner, "json")


@pytest.mark.parametrize("role", ["agent", "viewer"])
def test_only_owners_and_admins_read_or_take_a_copy(workspace: Workspace, role: str) -> None:
    caller = callers.signed_in(workspace, role)
    with nothing_happens():
        assert caller.get("/audit").status_code == 403
        assert caller.post("/audit/exports", {"format": "csv"}).status_code == 403
        assert caller.put("/audit/retention", {"days": 30}).status_code == 403
    admin = callers.signed_in(workspace, "admin")
    assert admin.get("/audit").status_code == 200


# Sentences


def sentence(caller: SignedIn, action: str) -> str:
    [item, *_] = caller.get("/audit", action=action).json()["items"]
    return str(item["sentence"]).replace(caller.member.label, "Olga")


def test_entries_read_as_sentences(workspace: Workspace, owner: SignedIn) -> None:
    agent = callers.signed_in(workspace, "agent", name="Ali")
    visitor = callers.booted(workspace)
    conversation = factories.start(visitor.visitor)
    owner.put(f"/conversations/{conversation.pk}/assignee", {"member": str(agent.member.pk)})
    assert sentence(owner, "conversation.assigned") == "Olga assigned a conversation to Ali"
    owner.put(f"/conversations/{conversation.pk}/assignee", {"member": None})
    assert sentence(owner, "conversation.assigned") == "Olga assigned a conversation to nobody"
    agent.put(f"/conversations/{conversation.pk}/status", {"status": "closed"})
    assert sentence(owner, "conversation.status_changed") == "Ali changed a conversation from open to closed"
    actions.change_role(agent.member, "admin", by=owner.member)
    assert sentence(owner, "member.changed") == "Olga changed Ali from agent to admin"
    owner.patch("/workspace/messenger", {"primary_color": "#123456", "theme": "dark"})
    assert sentence(owner, "workspace.messenger_changed") == "Olga changed the messenger: primary color, theme"


def test_an_entry_keeps_the_name_of_somebody_who_is_gone(workspace: Workspace, owner: SignedIn) -> None:
    agent = factories.make_member(workspace, name="Ali")
    conversation = factories.start(factories.make_visitor(workspace))
    owner.put(f"/conversations/{conversation.pk}/assignee", {"member": str(agent.pk)})
    owner.put(f"/conversations/{conversation.pk}/status", {"status": "closed"})
    actions.remove_member(agent, by=owner.member)
    assert sentence(owner, "member.removed") == "Olga took Ali's seat away"
    assert sentence(owner, "conversation.assigned") == "Olga assigned a conversation to a former member"


@pytest.mark.parametrize("name", log.action_names())
def test_every_audited_event_has_words_for_people(name: str) -> None:
    phrase = events.registry[name].phrase
    assert phrase
    assert phrase[0].islower()
    entry = AuditEntry(action=name, actor_label="Ada", subject_label="Ali")
    assert log.sentence(entry, {}).startswith("Ada "), "also where the details of an older version lack a word"


def test_an_entry_of_an_action_that_is_no_more_reads_as_its_name() -> None:
    assert log.sentence(AuditEntry(action="member.flown", actor_label="Ada"), {}) == "Ada member.flown"


# Copies


def exported(caller: SignedIn, form: str, **asked: Any) -> str:
    answer = caller.post("/audit/exports", {"format": form, **asked})
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content).decode("utf-8-sig")


def test_a_copy_has_every_entry_that_was_asked_for(workspace: Workspace, owner: SignedIn) -> None:
    write(workspace, 620, action="member.added", details={"role": "agent"})
    lines = [json.loads(line) for line in exported(owner, "json", action="member.added").splitlines()]
    assert len({line["id"] for line in lines}) == 620
    rows = list(csv.DictReader(io.StringIO(exported(owner, "csv", action="member.added"))))
    assert {row["id"] for row in rows} == {line["id"] for line in lines}
    assert rows[0]["sentence"] == "Ada gave Ada a seat as agent"
    assert json.loads(rows[0]["details"]) == {"role": "agent"}


def test_a_copy_says_how_much_it_is_and_is_on_record(workspace: Workspace, owner: SignedIn) -> None:
    write(workspace, 3, action="member.added")
    answer = owner.post("/audit/exports", {"format": "csv", "action": "member.added"})
    assert answer["X-Total-Count"] == "3"
    assert answer["Content-Disposition"] == 'attachment; filename="audit-log.csv"'
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    entry = AuditEntry.objects.get(workspace_id=workspace.pk, action="audit.exported")
    assert (entry.actor_id, entry.details) == (owner.member.pk, {"entries": 3, "format": "csv"})


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(workspace: Workspace, owner: SignedIn, name: str) -> None:
    write(workspace, action="member.added", actor_label=name, subject_label=name)
    [row] = csv.DictReader(io.StringIO(exported(owner, "csv", action="member.added"), newline=""))
    for cell in row.values():
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), row
    assert name in row["actor"]


@pytest.mark.parametrize(
    "body", [{}, {"format": "xml"}, {"format": "csv", "workspace": "x"}, {"format": "csv", "actor": "x"}]
)
def test_a_copy_of_nothing_known_is_refused(owner: SignedIn, body: dict[str, Any]) -> None:
    with nothing_happens():
        assert owner.post("/audit/exports", body).status_code == 400


@pytest.mark.usefixtures("limits_enforced")
def test_a_workspace_takes_five_copies_a_day(workspace: Workspace, owner: SignedIn) -> None:
    admin = callers.signed_in(workspace, "admin")
    for number in range(limits.AUDIT_EXPORTS.burst):
        exported(admin if number % 2 else owner, "json")
    with nothing_happens():
        assert owner.post("/audit/exports", {"format": "json"}).status_code == 429
    assert (
        callers.signed_in(factories.make_workspace("Other"), "owner")
        .post("/audit/exports", {"format": "json"})
        .status_code
        == 200
    )


# Retention


def test_the_retention_is_ninety_days_until_somebody_says_otherwise(workspace: Workspace, owner: SignedIn) -> None:
    assert owner.get("/audit/retention").json() == {"days": 90}
    assert owner.put("/audit/retention", {"days": 365}).json() == {"days": 365}
    assert owner.get("/audit/retention").json() == {"days": 365}
    assert sentence(owner, "audit.retention_changed") == (
        "Olga changed how long the audit log is kept from 90 to 365 days"
    )
    with nothing_happens():
        assert owner.put("/audit/retention", {"days": 365}).status_code == 200


@pytest.mark.parametrize("days", [0, 31, 10_000, "90", None])
def test_another_retention_is_refused(owner: SignedIn, days: Any) -> None:
    with nothing_happens():
        assert owner.put("/audit/retention", {"days": days}).status_code == 400


def test_the_system_reads_nothing(workspace: Workspace) -> None:
    write(workspace)
    assert not AuditEntry.objects.visible_to(System()).exists()
