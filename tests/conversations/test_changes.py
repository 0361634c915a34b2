"""What agents do with conversations: open, snooze, close, assign, in bulk; and the drafts they keep."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.audit.models import AuditEntry
from apps.conversations import actions
from apps.conversations.models import Conversation, Draft
from apps.core import effects
from apps.core.clock import now
from apps.core.models import Effect
from apps.workspaces.actions import remove_member
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn, refusal
from tests.database import nothing_happens

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation(visitor: Booted) -> Conversation:
    return factories.start(visitor.visitor, "Hello?")


def set_status(caller: SignedIn, conversation: Conversation, status: str, **more: Any) -> Any:
    return caller.put(f"/conversations/{conversation.pk}/status", {"status": status, **more})


def assign(caller: SignedIn, conversation: Conversation, member: Any) -> Any:
    return caller.put(f"/conversations/{conversation.pk}/assignee", {"member": str(member.pk) if member else None})


def tomorrow() -> datetime:
    return (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)


def pass_time_for(owed: Effect) -> None:
    """Let an effect's time come."""
    Effect.objects.filter(pk=owed.pk).update(available_at=now() - timedelta(seconds=1))


# Status


def test_closing_and_opening_sets_and_clears_the_time_of_closing(agent: SignedIn, conversation: Conversation) -> None:
    closed = set_status(agent, conversation, "closed")
    assert (closed.status_code, closed.json()["status"]) == (200, "closed")
    detail = agent.get(f"/conversations/{conversation.pk}").json()
    assert detail["closed_at"] is not None
    set_status(agent, conversation, "open")
    detail = agent.get(f"/conversations/{conversation.pk}").json()
    assert (detail["status"], detail["closed_at"]) == ("open", None)


@pytest.mark.parametrize("status", ["closed", "snoozed"])
def test_a_visitors_message_reopens_and_an_agents_does_not(
    agent: SignedIn, visitor: Booted, conversation: Conversation, status: str
) -> None:
    set_status(agent, conversation, status)
    agent.say(conversation, "A last word.")
    agent.say(conversation, "A note.", kind="note")
    assert agent.get(f"/conversations/{conversation.pk}").json()["status"] == status
    visitor.say(conversation, "One more thing.")
    detail = agent.get(f"/conversations/{conversation.pk}").json()
    assert (detail["status"], detail["closed_at"], detail["snoozed_until"]) == ("open", None, None)


def test_a_change_to_what_is_already_so_says_nothing(agent: SignedIn, conversation: Conversation) -> None:
    until = tomorrow().isoformat()
    with nothing_happens():
        assert set_status(agent, conversation, "open").status_code == 200
        assert assign(agent, conversation, None).status_code == 200
    set_status(agent, conversation, "snoozed", until=until)
    assign(agent, conversation, agent.member)
    with nothing_happens():
        assert set_status(agent, conversation, "snoozed", until=until).status_code == 200
        assert assign(agent, conversation, agent.member).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "lost"},
        {"status": None},
        {"status": "closed", "until": "2030-01-01T00:00:00Z"},
        {"status": "open", "until": "2030-01-01T00:00:00Z"},
        {"status": "snoozed", "until": "tomorrow"},
        {"status": "snoozed", "until": 7},
        {"status": "snoozed", "until": "0000-01-01T00:00:00Z"},
        {"status": "snoozed", "until": "10000-01-01T00:00:00Z"},
        {"status": "snoozed", "for": "1h"},
    ],
)
def test_a_status_that_makes_no_sense_is_refused(
    agent: SignedIn, conversation: Conversation, body: dict[str, Any]
) -> None:
    with nothing_happens():
        assert refusal(agent.put(f"/conversations/{conversation.pk}/status", body)) == (400, "invalid")


# Snoozing


def test_a_snooze_ends_at_its_time(agent: SignedIn, conversation: Conversation) -> None:
    until = tomorrow()
    row = set_status(agent, conversation, "snoozed", until=until.isoformat()).json()
    assert row["status"] == "snoozed"
    assert datetime.fromisoformat(row["snoozed_until"]) == until
    owed = Effect.objects.get(kind="conversations.wake_up")
    assert (owed.available_at, owed.lane, owed.workspace_id) == (until, "interactive", conversation.workspace_id)
    with nothing_happens():
        assert not effects.pay(owed.pk), "not before its time"
    pass_time_for(owed)
    assert effects.pay(owed.pk)
    detail = agent.get(f"/conversations/{conversation.pk}").json()
    assert (detail["status"], detail["snoozed_until"]) == ("open", None)
    events = [
        item
        for item in agent.get(f"/conversations/{conversation.pk}/messages").json()["items"]
        if item["kind"] == "event"
    ]
    assert [(item["author"]["kind"], item["data"]["event"]) for item in events] == [
        ("member", "snoozed"),
        ("system", "open"),
    ]


def test_a_snooze_without_a_time_waits_for_the_next_reply(
    agent: SignedIn, visitor: Booted, conversation: Conversation
) -> None:
    row = set_status(agent, conversation, "snoozed", until=None).json()
    assert (row["status"], row["snoozed_until"]) == ("snoozed", None)
    assert not Effect.objects.filter(kind="conversations.wake_up").exists()
    visitor.say(conversation, "Here I am again.")
    assert agent.get(f"/conversations/{conversation.pk}").json()["status"] == "open"


@pytest.mark.parametrize("meanwhile", ["opened", "closed", "snoozed for longer", "snoozed until a reply"])
def test_the_end_of_a_snooze_that_is_over_changes_nothing(
    agent: SignedIn, conversation: Conversation, meanwhile: str
) -> None:
    set_status(agent, conversation, "snoozed", until=tomorrow().isoformat())
    owed = Effect.objects.get(kind="conversations.wake_up")
    match meanwhile:
        case "opened":
            set_status(agent, conversation, "open")
        case "closed":
            set_status(agent, conversation, "closed")
        case "snoozed for longer":
            set_status(agent, conversation, "snoozed", until=(tomorrow() + timedelta(days=1)).isoformat())
        case "snoozed until a reply":
            set_status(agent, conversation, "snoozed")
    before = agent.get(f"/conversations/{conversation.pk}").json()
    pass_time_for(owed)
    assert effects.pay(owed.pk)
    assert agent.get(f"/conversations/{conversation.pk}").json() == before


def test_the_end_of_a_snooze_paid_twice_is_one_waking(agent: SignedIn, conversation: Conversation) -> None:
    set_status(agent, conversation, "snoozed", until=tomorrow().isoformat())
    owed = Effect.objects.get(kind="conversations.wake_up")
    handler = effects.registry["conversations.wake_up"].handler
    handler(owed)
    head = agent.get(f"/conversations/{conversation.pk}").json()["head"]
    handler(owed)
    assert agent.get(f"/conversations/{conversation.pk}").json()["head"] == head


def test_a_snooze_into_the_past_ends_at_once(agent: SignedIn, conversation: Conversation) -> None:
    set_status(agent, conversation, "snoozed", until="2020-01-01T00:00:00Z")
    assert effects.pay(Effect.objects.get(kind="conversations.wake_up").pk)
    assert agent.get(f"/conversations/{conversation.pk}").json()["status"] == "open"


# Assigning


def test_a_conversation_is_given_to_a_member_and_taken_back(
    workspace: Workspace, agent: SignedIn, conversation: Conversation
) -> None:
    colleague = factories.make_member(workspace, name="Bob")
    assert assign(agent, conversation, colleague).json()["assignee"] == {"id": str(colleague.pk), "name": "Bob"}
    assert assign(agent, conversation, agent.member).json()["assignee"]["name"] == "Ada"
    assert assign(agent, conversation, None).json()["assignee"] is None
    details = (
        AuditEntry.objects.filter(action="conversation.assigned")
        .order_by("created_at", "id")
        .values_list("details", flat=True)
    )
    ids = [None, str(colleague.pk), str(agent.member.pk), None]
    assert list(details) == [{"before": ids[i], "after": ids[i + 1]} for i in range(3)]


def test_only_a_member_who_may_answer_can_be_given_a_conversation(
    workspace: Workspace, agent: SignedIn, conversation: Conversation
) -> None:
    viewer = factories.make_member(workspace, "viewer")
    removed = factories.make_member(workspace)
    stranger = factories.make_member(factories.make_workspace("Other"))
    gone = removed.pk
    remove_member(removed, by=factories.owner_of(workspace))
    path = f"/conversations/{conversation.pk}/assignee"
    with nothing_happens():
        for id_ in (viewer.pk, stranger.pk, gone, uuid.uuid4(), conversation.visitor_id):
            assert refusal(agent.put(path, {"member": str(id_)})) == (400, "invalid")
        with pytest.raises(actions.NotAMember):
            actions.assign(conversation, stranger, by=agent.member)
    for body in ({}, {"member": "me"}, {"member": 7}, {"member": str(agent.member.pk), "team": "x"}):
        with nothing_happens():
            assert refusal(agent.put(path, body)) == (400, "invalid")


def test_what_a_member_would_have_answered_is_nobodys_once_their_seat_is_gone(
    agent: SignedIn, workspace: Workspace, conversation: Conversation, visitor: Booted
) -> None:
    leaving = callers.signed_in(workspace)
    done = factories.start(visitor.visitor, "And this?")
    assign(agent, conversation, leaving.member)
    assign(agent, done, leaving.member)
    set_status(agent, done, "closed")
    before = agent.get(f"/conversations/{conversation.pk}").json()
    remove_member(leaving.member, by=agent.member)
    row = agent.get(f"/conversations/{conversation.pk}").json()
    assert (row["assignee"], row["version"] > before["version"]) == (None, True)
    log = agent.get(f"/conversations/{conversation.pk}/messages").json()["items"]
    assert log[-1]["data"]["event"] == "unassigned"
    nobodys = agent.get("/conversations", assignee="none").json()["items"]
    assert str(conversation.pk) in [item["id"] for item in nobodys]
    assert len(agent.get(f"/conversations/{done.pk}/messages").json()["items"]) == 3


# In bulk


def bulk(caller: SignedIn, conversations: list[Any], **change: Any) -> Any:
    named = [str(getattr(conversation, "pk", conversation)) for conversation in conversations]
    return caller.post("/conversations/bulk", {"conversations": named, "change": change})


def test_many_are_changed_at_once(agent: SignedIn, visitor: Booted) -> None:
    conversations = [factories.start(visitor.visitor) for _ in range(3)]
    answer = bulk(agent, conversations, status="closed", assignee=str(agent.member.pk))
    assert (answer.status_code, answer.json()) == (200, {"changed": 3})
    rows = agent.get("/conversations", status="closed", assignee="me").json()["items"]
    assert len(rows) == 3
    bulk(agent, conversations[:2], status="snoozed", until=tomorrow().isoformat(), assignee=None)
    assert len(agent.get("/conversations", status="snoozed", assignee="none").json()["items"]) == 2
    assert Effect.objects.filter(kind="conversations.wake_up").count() == 2


def test_one_that_is_not_there_stops_the_whole_change(
    agent: SignedIn, visitor: Booted, conversation: Conversation
) -> None:
    foreign = factories.start(factories.make_visitor(factories.make_workspace("Other")))
    with nothing_happens():
        for other in (foreign.pk, uuid.uuid4()):
            assert refusal(bulk(agent, [conversation, other], status="closed")) == (404, "not_found")
    assert bulk(agent, [conversation], status="closed").json() == {"changed": 1}


def test_one_that_fails_undoes_those_before_it(
    workspace: Workspace, agent: SignedIn, visitor: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversations = [factories.start(visitor.visitor) for _ in range(3)]
    viewer = factories.make_member(workspace, "viewer")
    with nothing_happens():
        assert refusal(bulk(agent, conversations, status="closed", assignee=str(viewer.pk))) == (400, "invalid")


def test_a_bulk_change_names_between_one_and_a_hundred(
    agent: SignedIn, visitor: Booted, conversation: Conversation
) -> None:
    with nothing_happens():
        assert refusal(bulk(agent, [], status="closed")) == (400, "invalid")
        assert refusal(bulk(agent, [uuid.uuid4() for _ in range(101)], status="closed")) == (400, "invalid")
        assert refusal(bulk(agent, [conversation])) == (400, "invalid")
        assert refusal(bulk(agent, [conversation], status="open", until=tomorrow().isoformat())) == (400, "invalid")
        assert refusal(bulk(agent, [conversation], tag="vip")) == (400, "invalid")
    assert bulk(agent, [conversation, conversation], status="closed").json() == {"changed": 1}


def test_a_bulk_change_needs_the_permission_for_each_of_its_parts(
    workspace: Workspace, visitor: Booted, conversation: Conversation
) -> None:
    closer = callers.signed_in(workspace, permissions=["conversations.read", "conversations.close"])
    with nothing_happens():
        assert refusal(bulk(closer, [conversation], assignee=None)) == (403, "forbidden")
        assert refusal(bulk(closer, [conversation], status="closed", assignee=str(closer.member.pk))) == (
            403,
            "forbidden",
        )
    assert bulk(closer, [conversation], status="closed").status_code == 200


# Drafts


def test_each_member_has_one_draft_a_conversation_and_kind(
    workspace: Workspace, agent: SignedIn, conversation: Conversation
) -> None:
    path = f"/conversations/{conversation.pk}/draft"
    assert agent.put(path, {"kind": "message", "body": "Dear"}).json()["body"] == "Dear"
    agent.put(path, {"kind": "message", "body": "Dear Grete"})
    agent.put(path, {"kind": "note", "body": " call her "})
    drafts = {draft["kind"]: draft["body"] for draft in agent.get(path).json()["drafts"]}
    assert drafts == {"message": "Dear Grete", "note": " call her "}
    colleague = callers.signed_in(workspace)
    assert colleague.get(path).json() == {"drafts": []}
    assert Draft.objects.count() == 2


def test_a_draft_is_forgotten_when_asked(agent: SignedIn, conversation: Conversation) -> None:
    path = f"/conversations/{conversation.pk}/draft"
    for kind in ("message", "note"):
        agent.put(path, {"kind": kind, "body": kind})
    assert agent.delete(f"{path}?kind=note").status_code == 204
    assert [draft["kind"] for draft in agent.get(path).json()["drafts"]] == ["message"]
    assert agent.delete(path).status_code == 204
    assert agent.get(path).json() == {"drafts": []}
    assert agent.delete(path).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "message"},
        {"kind": "event", "body": "x"},
        {"kind": "message", "body": "x" * 10_001},
        {"kind": "message", "body": 7},
    ],
)
def test_a_draft_that_could_not_be_sent_is_not_kept(
    agent: SignedIn, conversation: Conversation, body: dict[str, Any]
) -> None:
    with nothing_happens():
        assert refusal(agent.put(f"/conversations/{conversation.pk}/draft", body)) == (400, "invalid")


def test_a_draft_is_not_a_message(agent: SignedIn, visitor: Booted, conversation: Conversation) -> None:
    before = agent.get(f"/conversations/{conversation.pk}").json()
    agent.put(f"/conversations/{conversation.pk}/draft", {"kind": "message", "body": "not yet"})
    assert agent.get(f"/conversations/{conversation.pk}").json() == before
    assert "not yet" not in visitor.get(f"/conversations/{conversation.pk}/messages").content.decode()


# Whose conversations


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", "/messages", None),
        ("POST", "/messages", {"client_id": str(uuid.uuid4()), "body": "intruding"}),
        ("PUT", "/status", {"status": "closed"}),
        ("PUT", "/assignee", {"member": None}),
        ("PUT", "/seen", {"seq": 1}),
        ("GET", "/draft", None),
        ("PUT", "/draft", {"kind": "note", "body": "x"}),
        ("DELETE", "/draft", None),
    ],
)
def test_the_owner_of_another_workspace_finds_no_conversation_here(
    agent: SignedIn, conversation: Conversation, method: str, path: str, body: Any
) -> None:
    outsider = callers.signed_in(factories.make_workspace("Other"), "owner")
    with nothing_happens():
        theirs = outsider.call(method, f"/conversations/{conversation.pk}{path}", body)
        nobodys = outsider.call(method, f"/conversations/{uuid.uuid4()}{path}", body)
    assert refusal(theirs) == refusal(nobodys) == (404, "not_found")
    assert theirs.json()["error"]["message"] == nobodys.json()["error"]["message"]
    assert agent.call(method, f"/conversations/{conversation.pk}{path}", body).status_code < 300
