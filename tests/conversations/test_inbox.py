"""The inbox: lists, pages, search and counters."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.conversations import actions, inbox
from apps.conversations.models import Conversation
from apps.core.clock import now
from apps.workspaces.models import Member, Workspace
from tests import callers, factories
from tests.callers import Booted, Caller, SignedIn, refusal

pytestmark = pytest.mark.django_db


def listed(caller: Caller, **asked: Any) -> list[str]:
    answer = caller.get("/conversations", **asked)
    assert answer.status_code == 200, answer.content
    return [item["id"] for item in answer.json()["items"]]


def ids(*conversations: Conversation) -> list[str]:
    return [str(conversation.pk) for conversation in conversations]


def test_the_inbox_lists_what_is_open_and_what_moved_last_first(agent: SignedIn, visitor: Booted) -> None:
    first, second, third = (factories.start(visitor.visitor, str(number)) for number in range(3))
    assert listed(agent) == ids(third, second, first)
    visitor.say(first, "again")
    assert listed(agent) == ids(first, third, second)
    agent.say(second, "a note", kind="note")
    assert listed(agent) == ids(second, first, third)
    agent.put(f"/conversations/{second.pk}/status", {"status": "closed"})
    assert listed(agent) == ids(first, third)


def test_lists_are_by_status_assignee_and_channel(workspace: Workspace, agent: SignedIn, visitor: Booted) -> None:
    mine, theirs, free, snoozed, closed = (factories.start(visitor.visitor, str(number)) for number in range(5))
    colleague = factories.make_member(workspace)
    actions.assign(mine, agent.member, by=agent.member)
    actions.assign(theirs, colleague, by=agent.member)
    actions.change_status(snoozed, "snoozed", by=agent.member)
    actions.change_status(closed, "closed", by=agent.member)
    assert set(listed(agent)) == set(ids(mine, theirs, free))
    assert listed(agent, assignee="me") == ids(mine)
    assert listed(agent, assignee=str(agent.member.pk)) == ids(mine)
    assert listed(agent, assignee=str(colleague.pk)) == ids(theirs)
    assert listed(agent, assignee="none") == ids(free)
    assert listed(agent, assignee="nonsense") == []
    assert listed(agent, status="snoozed") == ids(snoozed)
    assert listed(agent, status="closed") == ids(closed)
    assert set(listed(agent, status="all")) == set(ids(mine, theirs, free, snoozed, closed))
    assert listed(agent, status="all", assignee="me") == ids(mine)
    assert set(listed(agent, channel="chat")) == set(ids(mine, theirs, free))


@pytest.mark.parametrize(
    "asked",
    [
        {"status": "lost"},
        {"channel": "pigeon"},
        {"limit": 0},
        {"limit": -1},
        {"limit": 101},
        {"limit": 10**9},
        {"limit": "abc"},
        {"offset": 10**7},
        {"ordering": "created_at"},
        {"fields": "id"},
        {"expand": "visitor"},
        {"workspace": str(uuid.uuid4())},
        {"q": "x" * 201},
        {"assignee": "x" * 41},
    ],
)
def test_a_list_takes_no_parameter_it_does_not_have(agent: SignedIn, asked: dict[str, Any]) -> None:
    assert refusal(agent.get("/conversations", **asked)) == (400, "invalid")


@pytest.mark.parametrize("cursor", ["nonsense", "bnVsbA", "W10", "WzEsMl0", "é", "x" * 400])
def test_a_cursor_that_is_none_of_ours_is_refused(agent: SignedIn, cursor: str) -> None:
    for path in ("/conversations", "/visitors"):
        assert refusal(agent.get(path, cursor=cursor)) == (400, "invalid_cursor")


def test_a_row_shows_all_that_a_list_needs(agent: SignedIn, visitor: Booted) -> None:
    visitor.patch("/widget/visitor", {"name": "Grete"})
    conversation = factories.start(visitor.visitor, "One   line\n\nand **another**")
    (row,) = agent.get("/conversations").json()["items"]
    assert set(row) == {
        "key", "id", "version", "sort", "status", "snoozed_until", "channel", "subject", "visitor", "assignee", "last_message",
        "unread", "created_at",
    }  # fmt: skip
    assert row["last_message"]["preview"] == "One line and **another**"
    assert (row["last_message"]["author_kind"], row["last_message"]["author_name"]) == ("visitor", "Grete")
    agent.say(conversation, "A note.", kind="note")
    (row,) = agent.get("/conversations").json()["items"]
    assert (row["last_message"]["kind"], row["last_message"]["author_name"]) == ("note", "Ada")


def test_a_visitor_lists_its_own_and_sees_a_visitors_row(
    workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    mine = factories.start(visitor.visitor, "mine")
    factories.start(factories.make_visitor(workspace), "another's")
    agent.put(f"/conversations/{mine.pk}/status", {"status": "snoozed"})
    (row,) = visitor.get("/conversations").json()["items"]
    assert row["id"] == str(mine.pk)
    assert row["status"] == "open", "a visitor isn't told that nobody looks at it"
    assert set(row) == {"key", "id", "version", "sort", "status", "last_message", "unread", "created_at"}
    agent.put(f"/conversations/{mine.pk}/status", {"status": "closed"})
    assert visitor.get("/conversations").json()["items"][0]["status"] == "closed"


# Pages


def pages(caller: Caller, limit: int, between: Any = None, **asked: Any) -> list[str]:
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        body = caller.get("/conversations", limit=limit, **cursor, **asked).json()
        assert len(body["items"]) <= limit
        found += [item["id"] for item in body["items"]]
        if body["next_cursor"] is None:
            return found
        if between:
            between()
        cursor = {"cursor": body["next_cursor"]}


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_hold_everything_once_and_in_order(agent: SignedIn, visitor: Booted, limit: int) -> None:
    conversations = [factories.start(visitor.visitor, str(number)) for number in range(7)]
    assert pages(agent, limit) == ids(*reversed(conversations))
    assert pages(visitor, limit) == ids(*reversed(conversations))


def test_pages_stay_stable_while_conversations_arrive_and_move(agent: SignedIn, visitor: Booted) -> None:
    conversations = [factories.start(visitor.visitor, str(number)) for number in range(8)]

    def meanwhile() -> None:
        factories.start(visitor.visitor, "new")
        factories.send(conversations[-1], visitor.visitor, "moved to the top again")

    found = pages(agent, 3, meanwhile)
    assert len(found) == len(set(found))
    assert set(ids(*conversations)) <= set(found)


def test_conversations_of_the_same_instant_are_all_on_some_page(agent: SignedIn, visitor: Booted) -> None:
    conversations = [factories.start(visitor.visitor, str(number)) for number in range(6)]
    same = now()
    Conversation.objects.update(last_at=same, public_last_at=same)
    for caller in (agent, visitor):
        assert sorted(pages(caller, 2)) == sorted(ids(*conversations))


# Search


@pytest.fixture
def said(workspace: Workspace, agent: SignedIn) -> dict[str, str]:
    """Conversations by what was said in them; each by a visitor of its own."""
    bodies = {
        "order": "Where is my ORDER number 4711?",
        "refund": "I'd like a refund, please: 100% of it",
        "polish": "Zażółć gęślą jaźń",
        "cyrillic": "Где мой заказ?",
        "greek": "Πού είναι η παραγγελία μου;",
        "code": "the field is called user_name & it's 'quoted'",
        "closed": "an old order",
    }
    found = {}
    for name, body in bodies.items():
        visitor = factories.make_visitor(workspace, name=f"Person of {name}", email=f"{name}@home.example")
        found[name] = factories.start(visitor, body)
    actions.change_status(found["closed"], "closed", by=agent.member)
    factories.send(found["refund"], agent.member, "secretword for colleagues", kind="note")
    other = factories.make_workspace("Other")
    factories.start(factories.make_visitor(other, name="Person of order"), "their order 4711")
    return {str(conversation.pk): name for name, conversation in found.items()}


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("order", {"order", "closed"}),
        ("ORDER", {"order", "closed"}),
        ("ord", {"order", "closed"}),
        ("4711", {"order"}),
        ("order number", {"order"}),
        ("number order", {"order"}),
        ("refund", {"refund"}),
        ("secretword", {"refund"}),
        ("zażółć", {"polish"}),
        ("JAŹŃ", {"polish"}),
        ("заказ", {"cyrillic"}),
        ("ЗАКАЗ", {"cyrillic"}),
        ("παραγγελία", {"greek"}),
        ("user_name", {"code"}),
        ("'quoted'", {"code"}),
        ("refund@home.example", {"refund"}),
        ("Person of polish", {"polish"}),
        ("nowhere", set()),
        ("order & refund", set()),
        ("order | refund", set()),
        ("!order", {"order", "closed"}),
        ("order:*", {"order", "closed"}),
        ("' OR 1q=1q --", set()),
        ("'); DROP TABLE conversations_message; --", set()),
        ("'||pg_sleep(5)||'", set()),
        ("%", set()),
        ("_", set()),
        ("\\", set()),
        ("(", set()),
        ("<->", set()),
        ("🦦", set()),
        ("their", set()),
    ],
)
def test_a_search_finds_words_in_messages_notes_and_people_and_nothing_by_signs(
    said: dict[str, str], agent: SignedIn, q: str, found: set[str]
) -> None:
    assert {said[id_] for id_ in listed(agent, status="all", q=q)} == found


def test_a_search_keeps_to_the_list_it_is_made_in(said: dict[str, str], agent: SignedIn) -> None:
    assert [said[id_] for id_ in listed(agent, status="open", q="order")] == ["order"]
    assert [said[id_] for id_ in listed(agent, status="closed", q="order")] == ["closed"]
    assert listed(agent, status="all", q="order", assignee="me") == []


def test_a_blank_search_is_no_search(said: dict[str, str], agent: SignedIn) -> None:
    assert listed(agent, status="all", q="  ") == listed(agent, status="all")


# Counters


def recount(member: Member) -> dict[str, int]:
    rows = list(Conversation.objects.filter(workspace=member.workspace_id))
    is_open = [row for row in rows if row.status == "open"]
    mine = [row for row in is_open if row.assignee_id == member.pk]
    return {
        "open": len(is_open),
        "unassigned": sum(row.assignee_id is None for row in is_open),
        "mine": len(mine),
        "snoozed": sum(row.status == "snoozed" for row in rows),
        "closed": sum(row.status == "closed" for row in rows),
        "unread": sum(row.unread_by_agents > 0 for row in is_open),
        "mine_unread": sum(row.unread_by_agents > 0 for row in mine),
    }


def test_counters_follow_every_change(agent: SignedIn, visitor: Booted) -> None:
    def counted() -> dict[str, int]:
        body: dict[str, int] = agent.get("/conversations/counts").json()
        assert body == recount(agent.member)
        return body

    assert set(counted().values()) == {0}
    conversation = factories.start(visitor.visitor)
    nothing = {"snoozed": 0, "closed": 0, "mine": 0, "mine_unread": 0}
    assert counted() == {**nothing, "open": 1, "unassigned": 1, "unread": 1}
    agent.put(f"/conversations/{conversation.pk}/assignee", {"member": str(agent.member.pk)})
    assert counted() == {**nothing, "open": 1, "unassigned": 0, "unread": 1, "mine": 1, "mine_unread": 1}
    agent.put(f"/conversations/{conversation.pk}/seen", {"seq": 1})
    assert counted() == {**nothing, "open": 1, "unassigned": 0, "unread": 0, "mine": 1}
    agent.put(f"/conversations/{conversation.pk}/status", {"status": "snoozed"})
    assert counted() == {**nothing, "open": 0, "unassigned": 0, "unread": 0, "snoozed": 1}
    visitor.say(conversation)
    assert counted()["mine_unread"] == 1
    conversation.delete()
    assert set(counted().values()) == {0}


OPERATIONS = (
    "start",
    "say",
    "answer",
    "note",
    "close",
    "open",
    "snooze",
    "assign",
    "give away",
    "unassign",
    "see",
    "fold",
    "remove",
)


@given(st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(0, 5)), max_size=25))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_counters_equal_a_recount_after_any_changes(operations: list[tuple[str, int]]) -> None:
    workspace = factories.make_workspace()
    first, second = factories.make_member(workspace), factories.make_member(workspace)
    visitor = factories.make_visitor(workspace)
    rows = [factories.start(visitor)]
    for operation, number in operations:
        row = rows[number % len(rows)]
        match operation:
            case "start":
                rows.append(factories.start(visitor))
            case "say":
                factories.send(row, visitor)
            case "answer":
                factories.send(row, first)
            case "note":
                factories.send(row, first, kind="note")
            case "close":
                actions.change_status(row, "closed", by=first)
            case "open":
                actions.change_status(row, "open", by=first)
            case "snooze":
                actions.change_status(
                    row, "snoozed", by=first, until=now() + timedelta(hours=number) if number else None
                )
            case "assign":
                actions.assign(row, first, by=first)
            case "give away":
                actions.assign(row, second, by=first)
            case "unassign":
                actions.assign(row, None, by=first)
            case "see":
                actions.mark_seen(row, number, by=first)
            case "fold":
                inbox.fold_counts()
            case "remove" if len(rows) > 1:
                rows.remove(row)
                row.delete()
    for member in (first, second):
        assert inbox.counts(member) == recount(member)
    inbox.fold_counts()
    for member in (first, second):
        assert inbox.counts(member) == recount(member)


def test_folding_leaves_one_row_a_counter_and_the_same_numbers(agent: SignedIn, visitor: Booted) -> None:
    from django.db import connection

    for _ in range(5):
        factories.start(visitor.visitor)
    before = inbox.counts(agent.member)
    inbox.fold_counts()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT (workspace_id, bucket)) FROM conversations_count")
        rows, counters = cursor.fetchone()
    assert rows == counters
    assert inbox.counts(agent.member) == before


def test_counters_of_one_workspace_know_nothing_of_another(
    workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    factories.start(visitor.visitor)
    outsider = callers.signed_in(factories.make_workspace("Other"))
    assert set(outsider.get("/conversations/counts").json().values()) == {0}
    assert agent.get("/conversations/counts").json()["open"] == 1


def test_a_search_finds_a_word_in_the_newest_messages_and_in_one_behind_them(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "RECENT", 3)
    member = callers.signed_in(workspace)
    old = factories.start(factories.make_visitor(workspace), "A rare perihelion")
    newer = [factories.start(factories.make_visitor(workspace), "A common aphelion") for _ in range(5)]
    found = [row["id"] for row in member.get("/conversations", q="perihelion").json()["items"]]
    assert found == [str(old.pk)]
    monkeypatch.setattr(inbox, "FOUND_MOST", 2)
    common = [row["id"] for row in member.get("/conversations", q="aphelion").json()["items"]]
    assert common == [str(row.pk) for row in reversed(newer)][:2], "of a common word the newest are found"
