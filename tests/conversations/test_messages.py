"""Messages: stored once and in order, numbered for each side, read and unread exactly."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.db import connection

from apps.conversations.models import Conversation, Message
from apps.core import limits
from apps.core.isolation import scopes
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import Booted, Caller, SignedIn, refusal
from tests.database import nothing_happens


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    if "committed" not in request.fixturenames:
        request.getfixturevalue("db")


def log(caller: Caller, conversation: Any, **asked: Any) -> dict[str, Any]:
    answer = caller.get(f"/conversations/{getattr(conversation, 'pk', conversation)}/messages", **asked)
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def row(caller: Caller, conversation: Conversation) -> dict[str, Any]:
    answer = caller.get(f"/conversations/{conversation.pk}")
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


# Starting


def test_a_visitor_starts_a_conversation_with_its_first_message(
    workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    answer = visitor.start("Where is my order?")
    assert answer.status_code == 201
    assert "Idempotent-Replay" not in answer.headers
    body = answer.json()
    assert body["message"]["seq"] == 1
    assert body["message"]["body"] == "Where is my order?"
    assert body["message"]["author"]["kind"] == "visitor"
    assert body["conversation"]["status"] == "open"
    assert body["conversation"]["last_message"]["preview"] == "Where is my order?"
    shown = agent.get("/conversations").json()["items"]
    assert [item["id"] for item in shown] == [body["conversation"]["id"]]
    assert shown[0]["unread"] == 1
    assert shown[0]["visitor"]["id"] == str(visitor.visitor.pk)


def test_a_start_sent_twice_is_one_conversation(visitor: Booted) -> None:
    client_id = str(uuid.uuid4())
    first = visitor.start("Once.", client_id=client_id)
    with nothing_happens():
        second = visitor.start("Once.", client_id=client_id)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["Idempotent-Replay"] == "true"
    assert second.json() == first.json()


def test_a_start_sent_again_with_other_content_is_a_conflict(visitor: Booted) -> None:
    client_id = str(uuid.uuid4())
    visitor.start("Once.", client_id=client_id)
    with nothing_happens():
        assert refusal(visitor.start("Twice?", client_id=client_id)) == (409, "client_id_reused")


def test_there_is_no_conversation_without_a_first_message(visitor: Booted, agent: SignedIn) -> None:
    for body in ({}, {"client_id": str(uuid.uuid4())}, {"client_id": str(uuid.uuid4()), "body": " \n\t "}):
        with nothing_happens():
            assert refusal(visitor.post("/conversations", body)) == (400, "invalid")
    assert agent.get("/conversations", status="all").json()["items"] == []
    assert visitor.get("/conversations").json()["items"] == []


def test_a_member_starts_a_conversation_with_a_visitor(agent: SignedIn, visitor: Booted) -> None:
    answer = agent.start("Can we help?", visitor=str(visitor.visitor.pk))
    assert answer.status_code == 201
    body = answer.json()
    assert body["conversation"]["visitor"]["id"] == str(visitor.visitor.pk)
    assert body["conversation"]["unread"] == 0
    mine = visitor.get("/conversations").json()["items"]
    assert [(item["id"], item["unread"]) for item in mine] == [(body["conversation"]["id"], 1)]
    assert "client_id" not in log(visitor, body["conversation"]["id"])["items"][0]


def test_a_member_must_name_a_visitor_of_the_workspace_and_a_visitor_must_not(agent: SignedIn, visitor: Booted) -> None:
    stranger = factories.make_visitor(factories.make_workspace("Other"))
    with nothing_happens():
        assert refusal(agent.start("To nobody.")) == (400, "invalid")
        assert refusal(agent.start("To a stranger.", visitor=str(stranger.pk))) == (404, "not_found")
        assert refusal(agent.start("To nobody.", visitor=str(uuid.uuid4()))) == (404, "not_found")
        assert refusal(visitor.start("As another.", visitor=str(stranger.pk))) == (400, "invalid")
        assert refusal(visitor.start("As myself.", visitor=str(visitor.visitor.pk))) == (400, "invalid")


# Sending


def test_both_sides_read_every_message_once_and_in_order(agent: SignedIn, visitor: Booted) -> None:
    conversation = visitor.start("1").json()["conversation"]
    for number in range(2, 8):
        side = visitor if number % 2 else agent
        assert side.say(conversation, str(number)).status_code == 201
    for side in (agent, visitor):
        items = log(side, conversation["id"])["items"]
        assert [item["body"] for item in items] == [str(number) for number in range(1, 8)]
        assert [item["seq"] for item in items] == list(range(1, 8))


def test_a_message_sent_twice_is_stored_once(agent: SignedIn, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor)
    for caller in (agent, visitor):
        client_id = str(uuid.uuid4())
        first = caller.say(conversation, "Once.", client_id=client_id)
        with nothing_happens():
            again = [caller.say(conversation, "Once.", client_id=client_id) for _ in range(3)]
        assert first.status_code == 201
        assert {answer.status_code for answer in again} == {200}
        assert all(answer.headers["Idempotent-Replay"] == "true" for answer in again)
        assert all(answer.json() == first.json() for answer in again)


def test_a_client_id_with_other_content_is_a_conflict(agent: SignedIn, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor)
    client_id = str(uuid.uuid4())
    agent.say(conversation, "Once.", client_id=client_id)
    with nothing_happens():
        assert refusal(agent.say(conversation, "Twice?", client_id=client_id)) == (409, "client_id_reused")
        assert refusal(agent.say(conversation, "Once.", client_id=client_id, kind="note")) == (409, "client_id_reused")
    assert agent.say(conversation, "Twice?").status_code == 201


def test_client_ids_of_different_senders_do_not_meet(workspace: Workspace, agent: SignedIn, visitor: Booted) -> None:
    conversation, other = factories.start(visitor.visitor), factories.start(visitor.visitor)
    colleague = callers.signed_in(workspace)
    client_id = str(uuid.uuid4())
    for caller, where in ((agent, conversation), (colleague, conversation), (visitor, conversation), (agent, other)):
        assert caller.say(where, "Mine.", client_id=client_id).status_code == 201


def test_one_message_sent_by_many_at_once_is_stored_once_and_numbers_have_no_hole(
    committed: None, workspace: Workspace, visitor: Booted
) -> None:
    conversation = factories.start(visitor.visitor, "0")
    client_ids = [uuid.uuid4() for _ in range(6)]
    replays: list[bool] = []

    def send_all() -> None:
        try:
            with scopes.workspace(workspace.pk):
                for client_id in client_ids:
                    text = f"text of {client_id}"
                    sent = factories.send_once(conversation, visitor.visitor, text, client_id=client_id)
                    replays.append(sent.replayed)
        finally:
            connection.close()

    threads = [threading.Thread(target=send_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replays) == [False] * 6 + [True] * 18
    stored = Message.objects.filter(conversation=conversation).order_by("seq")
    assert [message.seq for message in stored] == list(range(1, 8))
    assert len({message.client_id for message in stored}) == 7
    conversation.refresh_from_db()
    assert (conversation.head, conversation.public_head, conversation.unread_by_agents) == (7, 7, 7)


@pytest.mark.parametrize(
    "change",
    [
        {"body": ""},
        {"body": " \u3000\n"},
        {"body": None},
        {"body": 7},
        {"body": ["text"]},
        {"body": "x" * (limits.MESSAGE_CHARACTERS + 1)},
        {"body": "nul \x00"},
        {"client_id": "1"},
        {"client_id": None},
        {"kind": "event"},
        {"kind": "bot"},
        {"kind": None},
        {"author": {"kind": "bot"}},
        {"author_kind": "member"},
        {"sender_id": "x"},
        {"member": "x"},
        {"seq": 1},
        {"created_at": "2020-01-01T00:00:00Z"},
        {"workspace_id": "x"},
        {"seen_seq": -1},
        {"seen_seq": "1"},
        {"seen_seq": True},
        {"attachments": "x"},
        {"attachments": ["x"]},
        {"attachments": [str(uuid.uuid4()) for _ in range(6)]},
        {"attachments": [str(uuid.uuid4())]},
    ],
)
def test_a_message_that_makes_no_sense_is_refused(agent: SignedIn, visitor: Booted, change: dict[str, Any]) -> None:
    conversation = factories.start(visitor.visitor)
    with nothing_happens():
        for caller in (agent, visitor):
            answer = caller.post(
                f"/conversations/{conversation.pk}/messages",
                {"client_id": str(uuid.uuid4()), "body": "Fine.", **change},
            )
            assert answer.status_code == 400, answer.content


def test_a_message_may_have_ten_thousand_characters_of_any_kind(agent: SignedIn, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor)
    body = ("  Żółć 🦦 \u202eABC\u0301 <b>&amp;</b>\r\n" * 400)[: limits.MESSAGE_CHARACTERS - 3] + "end"
    assert agent.say(conversation, body).json()["body"] == body
    assert log(visitor, conversation)["items"][-1]["body"] == body
    assert len(row(agent, conversation)["last_message"]["preview"]) <= 140


def test_a_visitor_writes_into_its_own_conversations_only(workspace: Workspace, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor)
    stranger = callers.booted(workspace)
    with nothing_happens():
        answers = [stranger.say(conversation), stranger.say(uuid.uuid4())]
        for path in ("", "/messages"):
            answers.append(stranger.get(f"/conversations/{conversation.pk}{path}"))
            answers.append(stranger.get(f"/conversations/{uuid.uuid4()}{path}"))
        answers.append(stranger.put(f"/conversations/{conversation.pk}/seen", {"seq": 1}))
    assert {refusal(answer) for answer in answers} == {(404, "not_found")}
    assert len({answer.json()["error"]["message"] for answer in answers}) == 1
    assert visitor.say(conversation).status_code == 201


def test_the_first_human_answer_is_noted_once(workspace: Workspace, agent: SignedIn, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor)
    agent.say(conversation, "Between us.", kind="note")
    visitor.say(conversation, "Hello?")
    assert row(agent, conversation)["first_response_at"] is None
    agent.say(conversation, "Here I am.")
    first = row(agent, conversation)["first_response_at"]
    assert first is not None
    agent.say(conversation, "Still here.")
    assert row(agent, conversation)["first_response_at"] == first


def test_names_are_the_members_own_and_the_visitors_of_today(agent: SignedIn, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor, "Before I had a name.")
    agent.say(conversation, "Hi.")
    visitor.patch("/widget/visitor", {"name": "Grete"})
    for caller in (agent, visitor):
        assert [item["author"]["name"] for item in log(caller, conversation)["items"]] == ["Grete", "Ada"]
    assert row(agent, conversation)["visitor"]["name"] == "Grete"


# Notes, and the two numberings


def test_a_visitor_never_learns_of_a_note(agent: SignedIn, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor, "1")
    agent.say(conversation, "2")
    before = (row(visitor, conversation), visitor.get("/conversations").json(), log(visitor, conversation))
    agent.say(conversation, "secret one", kind="note")
    agent.say(conversation, "secret two", kind="note")
    assert (row(visitor, conversation), visitor.get("/conversations").json(), log(visitor, conversation)) == before
    agent.say(conversation, "3")
    items = log(visitor, conversation)["items"]
    assert [(item["seq"], item["body"]) for item in items] == [(1, "1"), (2, "2"), (3, "3")]
    assert [(item["seq"], item["kind"]) for item in log(agent, conversation)["items"]] == [
        (1, "message"),
        (2, "message"),
        (3, "note"),
        (4, "note"),
        (5, "message"),
    ]
    assert (row(visitor, conversation)["head"], row(agent, conversation)["head"]) == (3, 5)


def test_what_was_done_to_a_conversation_is_in_the_agents_log_only(agent: SignedIn, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor, "1")
    agent.put(f"/conversations/{conversation.pk}/assignee", {"member": str(agent.member.pk)})
    agent.put(f"/conversations/{conversation.pk}/status", {"status": "closed"})
    events = [item["data"] for item in log(agent, conversation)["items"] if item["kind"] == "event"]
    assert events == [
        {"event": "assigned", "member": {"id": str(agent.member.pk), "name": "Ada"}},
        {"event": "closed", "until": None},
    ]
    assert [item["seq"] for item in log(visitor, conversation)["items"]] == [1]
    assert row(agent, conversation)["last_message"]["preview"] == "1", "the list shows what was said last"


@pytest.mark.parametrize("more", [{"kind": "note"}, {"seen_seq": 1}])
def test_a_visitor_writes_no_notes(visitor: Booted, more: dict[str, Any]) -> None:
    conversation = factories.start(visitor.visitor)
    with nothing_happens():
        assert refusal(visitor.say(conversation, "A note?", **more)) == (400, "invalid")


def test_the_database_itself_refuses_a_public_note(visitor: Booted, agent: SignedIn) -> None:
    from django.db import IntegrityError, transaction

    conversation = factories.start(visitor.visitor)
    note = factories.send(conversation, agent.member, "secret", kind="note")
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.filter(pk=note.pk).update(public_seq=99)


# Reading


def test_the_log_is_read_forwards_backwards_and_from_the_end(agent: SignedIn, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor, "1")
    for number in range(2, 8):
        factories.send(conversation, visitor.visitor, str(number))

    def seqs(**asked: Any) -> tuple[list[int], bool, int]:
        body = log(agent, conversation, **asked)
        return [item["seq"] for item in body["items"]], body["more"], body["head"]

    assert seqs() == ([1, 2, 3, 4, 5, 6, 7], False, 7)
    assert seqs(limit=3) == ([5, 6, 7], True, 7)
    assert seqs(before=5, limit=3) == ([2, 3, 4], True, 7)
    assert seqs(before=2) == ([1], False, 7)
    assert seqs(before=1) == ([], False, 7)
    assert seqs(after=0, limit=3) == ([1, 2, 3], True, 7)
    assert seqs(after=5) == ([6, 7], False, 7)
    assert seqs(after=7) == ([], False, 7)
    assert seqs(after=10**30) == ([], False, 7)


@pytest.mark.parametrize(
    "asked",
    [
        {"after": 1, "before": 3},
        {"after": -1},
        {"after": "x"},
        {"limit": 0},
        {"limit": 101},
        {"limit": "all"},
        {"order": "desc"},
        {"offset": 5},
    ],
)
def test_a_log_is_not_read_in_ways_that_do_not_exist(agent: SignedIn, visitor: Booted, asked: dict[str, Any]) -> None:
    conversation = factories.start(visitor.visitor)
    assert refusal(agent.get(f"/conversations/{conversation.pk}/messages", **asked)) == (400, "invalid")


def test_unread_counts_are_exact_on_both_sides(agent: SignedIn, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor, "1")

    def unread() -> tuple[int, int]:
        return row(agent, conversation)["unread"], row(visitor, conversation)["unread"]

    assert unread() == (1, 0)
    visitor.say(conversation, "2")
    assert unread() == (2, 0)
    agent.say(conversation, "a note", kind="note")
    assert unread() == (2, 0)
    agent.say(conversation, "4")
    agent.say(conversation, "5")
    assert unread() == (2, 2)
    assert agent.put(f"/conversations/{conversation.pk}/seen", {"seq": 1}).status_code == 204
    assert unread() == (1, 2)
    visitor.put(f"/conversations/{conversation.pk}/seen", {"seq": 3})
    assert unread() == (1, 1), "three in the visitor's own numbering: its two, and the first answer"
    agent.put(f"/conversations/{conversation.pk}/seen", {"seq": 5})
    visitor.put(f"/conversations/{conversation.pk}/seen", {"seq": 4})
    assert unread() == (0, 0)
    visitor.say(conversation, "6")
    assert unread() == (1, 0)


def test_having_seen_never_goes_back_and_never_beyond_what_there_is(agent: SignedIn, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor, "1")
    for body in ("2", "3"):
        agent.say(conversation, body)
    path = f"/conversations/{conversation.pk}/seen"
    visitor.put(path, {"seq": 3})
    with nothing_happens():
        for seq in (2, 1, 0, 3):
            assert visitor.put(path, {"seq": seq}).status_code == 204
    assert row(visitor, conversation)["seen_by_visitor"] == 3
    with nothing_happens():
        assert visitor.put(path, {"seq": 10**9}).status_code == 204
    agent.say(conversation, "4")
    assert row(visitor, conversation)["unread"] == 1, (
        "what came after the last seen is unread, whatever was claimed before"
    )


@pytest.mark.parametrize("seq", [-1, "1", 1.5, True, None, 2**53 + 1])
def test_having_seen_is_a_number_of_the_log(agent: SignedIn, visitor: Booted, seq: Any) -> None:
    conversation = factories.start(visitor.visitor)
    with nothing_happens():
        for caller in (agent, visitor):
            assert refusal(caller.put(f"/conversations/{conversation.pk}/seen", {"seq": seq})) == (400, "invalid")


def test_each_side_is_told_how_far_the_other_has_read_in_its_own_numbering(agent: SignedIn, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor, "1")
    agent.say(conversation, "note", kind="note")
    agent.say(conversation, "2 to the visitor, 3 to us")
    visitor.put(f"/conversations/{conversation.pk}/seen", {"seq": 2})
    assert row(agent, conversation)["seen_by_visitor"] == 3
    assert row(visitor, conversation)["seen_by_visitor"] == 2
    agent.put(f"/conversations/{conversation.pk}/seen", {"seq": 3})
    assert row(visitor, conversation)["seen_by_agents"] == 2
    visitor.say(conversation, "3, 4")
    agent.put(f"/conversations/{conversation.pk}/seen", {"seq": 4})
    assert row(visitor, conversation)["seen_by_agents"] == 3


def test_a_visitors_total_tells_what_waits_and_where(workspace: Workspace, agent: SignedIn, visitor: Booted) -> None:
    first, second = factories.start(visitor.visitor), factories.start(visitor.visitor)
    agent.say(first, "one")
    agent.say(second, "two")
    agent.say(second, "a note", kind="note")
    agent.say(second, "three")
    mine = factories.session_id()
    owner_id = factories.boot(workspace, session_id=mine).visitor
    assert owner_id.pk != visitor.visitor.pk
    from apps.core.live import snapshot

    total = snapshot(visitor.visitor, "conversations.getTotalUnreadForVisitor", {}).data
    assert total["unread"] == 3
    assert total["last_unread"] == {"conversation": second.pk, "preview": "three", "author_name": "Ada"}
    visitor.put(f"/conversations/{second.pk}/seen", {"seq": 3})
    total = snapshot(visitor.visitor, "conversations.getTotalUnreadForVisitor", {}).data
    assert (total["unread"], total["last_unread"]["preview"]) == (1, "one")


def test_what_waits_is_told_at_boot(workspace: Workspace, agent: SignedIn) -> None:
    mine = factories.session_id()
    visitor = factories.boot(workspace, session_id=mine).visitor
    conversation = factories.start(visitor)
    agent.say(conversation, "An answer while you were away.")
    body = callers.nobody().post("/widget/boot", {"workspace": str(workspace.pk), "session_id": mine}).json()
    assert body["unread"] == 1
    assert body["last_unread"] == {
        "conversation": str(conversation.pk),
        "preview": "An answer while you were away.",
        "author_name": "Ada",
    }


# Two agents at once


def test_a_reply_is_held_back_while_a_newer_one_is_unseen(
    workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    conversation = factories.start(visitor.visitor, "1")
    colleague = callers.signed_in(workspace)
    colleague.say(conversation, "2: I have answered.")
    visitor.say(conversation, "3: And now?")
    with nothing_happens():
        answer = agent.say(conversation, "My late answer.", seen_seq=1)
        assert refusal(answer) == (409, "newer_reply")
        assert answer.json()["error"]["newer"] == 2
    assert agent.say(conversation, "Knowing all that.", seen_seq=3).status_code == 201
    colleague.say(conversation, "Once more.")
    assert agent.say(conversation, "I insist.").status_code == 201


def test_ones_own_messages_and_events_are_not_newer_replies(agent: SignedIn, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor, "1")
    agent.say(conversation, "2")
    agent.put(f"/conversations/{conversation.pk}/assignee", {"member": str(agent.member.pk)})
    assert agent.say(conversation, "3", seen_seq=1).status_code == 201


def test_a_held_back_reply_that_was_stored_before_is_a_replay(
    workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    conversation = factories.start(visitor.visitor, "1")
    client_id = str(uuid.uuid4())
    agent.say(conversation, "Mine.", client_id=client_id, seen_seq=1)
    visitor.say(conversation, "Newer.")
    with nothing_happens():
        answer = agent.say(conversation, "Mine.", client_id=client_id, seen_seq=1)
    assert (answer.status_code, answer.headers["Idempotent-Replay"]) == (200, "true")
