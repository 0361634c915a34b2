"""The live socket: who gets in, what it answers, what it refuses, and when it closes."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from apps.conversations.models import Conversation
from apps.core import limits
from apps.workspaces.models import Ticket, Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn
from tests.database import nothing_happens
from tests.factories import ORIGIN
from tests.live import LiveThread, credential_of, greeted, wait_until


@pytest.fixture
def conversation(live: LiveThread, visitor: Booted) -> Conversation:
    return factories.start(visitor.visitor, "Hello?")


# Getting in


def test_a_visitor_gets_in_by_token_and_is_told_who_they_are(live: LiveThread, visitor: Booted) -> None:
    socket = live.connect(ORIGIN)
    socket.send(type="hello", token=visitor.token)
    ready = socket.receive()
    assert ready["type"] == "ready"
    assert ready["actor"] == {"kind": "visitor", "id": str(visitor.visitor.pk)}
    assert ready["ping"] == 25
    assert len(ready["epoch"]) == 8


def test_a_member_gets_in_by_ticket(live: LiveThread, agent: SignedIn) -> None:
    socket = live.connect(agent.headers["Origin"])
    socket.send(type="hello", **credential_of(agent))
    assert socket.receive()["actor"] == {"kind": "member", "id": str(agent.member.pk)}


def test_a_ticket_opens_one_socket_and_no_second(live: LiveThread, agent: SignedIn) -> None:
    credential = credential_of(agent)
    first, second = live.connect(agent.headers["Origin"]), live.connect(agent.headers["Origin"])
    first.send(type="hello", **credential)
    assert first.receive()["type"] == "ready"
    second.send(type="hello", **credential)
    assert second.closed() == 4401
    assert first.settle() == []


def test_a_ticket_is_good_for_thirty_seconds(live: LiveThread, agent: SignedIn) -> None:
    from datetime import timedelta

    from apps.core.clock import now

    late, in_time = credential_of(agent), credential_of(agent)
    first, second = Ticket.objects.order_by("expires_at")
    assert timedelta(seconds=28) < second.expires_at - now() <= timedelta(seconds=30)
    Ticket.objects.filter(pk=first.pk).update(expires_at=now() - timedelta(seconds=1))
    socket = live.connect(agent.headers["Origin"])
    socket.send(type="hello", **late)
    assert socket.closed() == 4401
    other = live.connect(agent.headers["Origin"])
    other.send(type="hello", **in_time)
    assert other.receive()["type"] == "ready"


def test_a_ticket_is_void_after_its_session_was_signed_out(live: LiveThread, agent: SignedIn) -> None:
    credential = credential_of(agent)
    agent.delete("/session")
    socket = live.connect(agent.headers["Origin"])
    socket.send(type="hello", **credential)
    assert socket.closed() == 4401


@pytest.mark.parametrize(
    "credential",
    [
        {"token": "wst_" + "0" * 64},
        {"token": "wst_" + "0" * 63},
        {"token": ""},
        {"token": "x" * 10_000},
        {"ticket": "0" * 64},
        {"ticket": ""},
    ],
)
def test_a_credential_that_nobody_was_given_opens_nothing(
    live: LiveThread, workspace: Workspace, credential: dict[str, str], settings: Any
) -> None:
    socket = live.connect(settings.PUBLIC_URL if "ticket" in credential else ORIGIN)
    socket.send(type="hello", **credential)
    assert socket.closed() == 4401


def test_an_ended_token_opens_nothing(live: LiveThread, visitor: Booted) -> None:
    visitor.delete("/widget/session")
    socket = live.connect(ORIGIN)
    socket.send(type="hello", token=visitor.token)
    assert socket.closed() == 4401


def test_a_blocked_visitor_is_refused_as_such(live: LiveThread, visitor: Booted) -> None:
    visitor.visitor.blocked = True
    visitor.visitor.save(update_fields=["blocked"])
    socket = live.connect(ORIGIN)
    socket.send(type="hello", token=visitor.token)
    assert socket.closed() == 4403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://shop.example.evil.example", "http://shop.example", None]
)
def test_a_token_is_refused_on_a_page_that_may_not_run_the_messenger(
    live: LiveThread, visitor: Booted, origin: str | None
) -> None:
    socket = live.connect(origin)
    socket.send(type="hello", token=visitor.token)
    assert socket.closed() == 4403
    assert live.socket_of(visitor).settle() == []


@pytest.mark.parametrize("origin", ["https://evil.example", ORIGIN, None])
def test_a_ticket_is_good_on_pages_of_our_own_only(live: LiveThread, agent: SignedIn, origin: str | None) -> None:
    socket = live.connect(origin)
    socket.send(type="hello", **credential_of(agent))
    assert socket.closed() == 4401


def test_an_opaque_origin_is_refused_before_the_handshake_ends(live: LiveThread, visitor: Booted) -> None:
    with pytest.raises(InvalidStatus) as refused:
        live.connect("null")
    assert refused.value.response.status_code == 403


def test_a_credential_in_the_address_is_refused_before_the_handshake_ends(live: LiveThread, visitor: Booted) -> None:
    with pytest.raises(InvalidStatus) as refused:
        live.connect(ORIGIN, path=f"?token={visitor.token}")
    assert refused.value.response.status_code == 403


def test_who_says_nothing_for_five_seconds_is_let_go(
    quick_hub: None, live: LiveThread, visitor: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HELLO_SECONDS", 0.3)
    silent, known = live.connect(ORIGIN), live.socket_of(visitor)
    assert silent.closed() == 4401
    assert known.settle() == []


def test_who_pings_no_more_is_let_go(
    quick_hub: None, live: LiveThread, visitor: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "IDLE_SECONDS", 0.3)
    socket = live.socket_of(visitor)
    assert socket.closed() == 4408


def test_the_database_being_away_at_the_greeting_is_said_as_try_again_later(
    live: LiveThread, visitor: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    from apps.core import socket as endpoint

    def away(*_: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(endpoint, "ask", away)
    socket = live.connect(ORIGIN)
    socket.send(type="hello", token=visitor.token)
    assert socket.closed() == 1013


def test_two_credentials_or_none_make_no_greeting(live: LiveThread, visitor: Booted, agent: SignedIn) -> None:
    for hello in ({}, {"token": visitor.token, **credential_of(agent)}):
        socket = live.connect(ORIGIN)
        socket.send(type="hello", **hello)
        assert socket.closed() == 4400


def test_a_second_greeting_is_a_bad_frame(live: LiveThread, visitor: Booted) -> None:
    socket = live.socket_of(visitor)
    socket.send(type="hello", token=visitor.token)
    assert socket.closed() == 4400


@pytest.mark.parametrize(
    "frame",
    [{"type": "sub", "id": "a", "query": "workspaces.get"}, {"type": "ping"}, {"type": "tell", "what": "typing"}],
)
def test_nothing_is_answered_before_the_greeting(live: LiveThread, visitor: Booted, frame: dict[str, Any]) -> None:
    socket = live.connect(ORIGIN)
    socket.send(**frame)
    assert socket.closed() == 4401


def test_a_visitors_sixth_socket_replaces_the_oldest(live: LiveThread, visitor: Booted) -> None:
    sockets = [live.socket_of(visitor) for _ in range(limits.SOCKETS_PER_VISITOR)]
    other = live.socket_of(callers.booted(visitor.visitor.workspace))
    sixth = live.socket_of(visitor)
    assert sockets[0].closed() == 4409
    for socket in [*sockets[1:], sixth, other]:
        assert socket.settle() == []


def test_a_members_sockets_are_limited_too(live: LiveThread, agent: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SOCKETS_PER_MEMBER", 2)
    first, second, third = (live.socket_of(agent) for _ in range(3))
    assert first.closed() == 4409
    assert second.settle() == third.settle() == []


# Frames


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "{",
        "[]",
        "null",
        '"hello"',
        "{}",
        '{"type":"nothing"}',
        '{"type":7}',
        '{"type":"ping","more":1}',
        '{"type":"sub","id":"a"}',
        '{"type":"sub","id":"","query":"workspaces.get"}',
        '{"type":"sub","id":"' + "a" * 65 + '","query":"workspaces.get"}',
        '{"type":"sub","id":"a","query":"workspaces.get","as":"xml"}',
        '{"type":"sub","id":"a","query":"workspaces.get","params":[]}',
        '{"type":"sub","id":7,"query":"workspaces.get"}',
        '{"type":"tell","what":"typing","params":"all"}',
        '{"type":"ping","x":' + "[" * 5000 + "]" * 5000 + "}",
        '{"type":"ping","x":"\\ud800"}',
        '{"type":"ping"}{"type":"ping"}',
        '{"type":"ping","x":"' + "x" * 65_536 + '"}',
        b'{"type":"ping"}',
    ],
)
def test_a_bad_frame_closes_its_socket_and_disturbs_no_other(
    live: LiveThread, visitor: Booted, junk: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    other, socket = live.socket_of(visitor), live.socket_of(visitor)
    socket.connection.send(junk)
    assert socket.closed() == 4400
    assert other.settle() == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_text_that_is_not_utf_8_closes_the_socket(live: LiveThread, visitor: Booted) -> None:
    socket, other = live.socket_of(visitor), live.socket_of(visitor)
    socket.connection.send(b'{"type":"\xff\xfe"}', text=True)
    assert socket.closed() in (1007, 4400)
    assert other.settle() == []


def test_the_sixty_first_frame_within_ten_seconds_closes_the_socket(
    live: LiveThread, visitor: Booted, settings: Any
) -> None:
    settings.LIMITS_ENFORCED = True
    socket = live.socket_of(visitor)
    for _ in range(limits.FRAMES_PER_10_SECONDS - 1):
        socket.send(type="ping")
    for _ in range(limits.FRAMES_PER_10_SECONDS - 1):
        socket.wait_for("pong")
    socket.send(type="ping")
    assert socket.closed() == 4429


def test_subscriptions_are_limited_and_one_may_take_anothers_place(
    live: LiveThread, visitor: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SUBSCRIPTIONS", 2)
    socket = live.socket_of(visitor)
    assert socket.subscribe("a", "workspaces.get")["type"] == "snapshot"
    assert socket.subscribe("b", "visitors.get")["type"] == "snapshot"
    refused = socket.subscribe("c", "conversations.listByVisitor")
    assert (refused["type"], refused["code"]) == ("error", "too_many_subscriptions")
    assert socket.subscribe("b", "conversations.listByVisitor")["type"] == "snapshot"
    socket.send(type="unsub", id="a")
    assert socket.subscribe("c", "visitors.get")["type"] == "snapshot"


@pytest.mark.parametrize(
    ("query", "params", "code"),
    [
        ("conversations.everything", {}, "unknown_query"),
        ("", {}, "unknown_query"),
        ("messages.list", {}, "invalid"),
        ("messages.list", {"conversation": "not-an-id"}, "invalid"),
        ("messages.list", {"conversation": factories.uuid.uuid4(), "topic": "inbox:1"}, "invalid"),
        ("messages.list", {"conversation": None}, "invalid"),
        ("messages.list", {"conversation": factories.uuid.uuid4()}, "not_found"),
        ("conversations.listForInbox", {"status": "lost"}, "invalid"),
        ("conversations.listForInbox", {"channel": "\x00"}, "not_found"),
        ("conversations.getTotalUnreadForVisitor", {}, "forbidden"),
    ],
)
def test_a_query_that_cannot_be_answered_is_an_error_frame_and_the_socket_stays(
    live: LiveThread, agent: SignedIn, query: str, params: dict[str, Any], code: str
) -> None:
    socket = live.socket_of(agent)
    frame = socket.subscribe("a", query, **params)
    assert (frame["type"], frame["code"]) == ("error", code)
    assert frame["message"]
    assert socket.subscribe("a", "workspaces.get")["type"] == "snapshot"


def test_unsubscribing_from_nothing_is_nothing(live: LiveThread, visitor: Booted) -> None:
    socket = live.socket_of(visitor)
    socket.send(type="unsub", id="never")
    assert socket.settle() == []


def test_a_ping_is_answered_with_what_the_client_should_hold(
    live: LiveThread, conversation: Conversation, visitor: Booted
) -> None:
    socket = live.socket_of(visitor)
    log = socket.subscribe("log", "messages.list", conversation=conversation.pk)
    workspace = socket.subscribe("workspace", "workspaces.get")
    socket.send(type="ping")
    assert socket.receive() == {"type": "pong", "heads": {"log": log["version"], "workspace": workspace["version"]}}


# Two forms of one answer


def test_html_and_data_are_the_same_rows_in_the_same_order(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    factories.start(visitor.visitor, "Second <b>question</b>")
    agent.say(conversation, "An *answer*.")
    socket = live.socket_of(agent)
    for query, params in (
        ("messages.list", {"conversation": conversation.pk}),
        ("conversations.listForInbox", {}),
        ("conversations.listByVisitor", {"visitor": visitor.visitor.pk}),
    ):
        data = socket.subscribe("data", query, **params)["data"]
        html = socket.subscribe("html", query, form="html", **params)["data"]
        assert data["more"] == html["more"]
        assert len(data["items"]) == len(html["items"]) > 1
        for item, shown in zip(data["items"], html["items"], strict=True):
            assert set(shown) == ({"key", "seq", "version", "sort"} & set(item)) | {"html"}
            assert all(shown[name] == item[name] for name in shown if name != "html")
            assert "<" in shown["html"]
    assert "Second &lt;b&gt;question" in str(html)


def test_a_change_comes_as_html_to_those_who_asked_for_html(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    socket = live.socket_of(agent)
    socket.subscribe("html", "messages.list", form="html", conversation=conversation.pk)
    socket.subscribe("data", "messages.list", conversation=conversation.pk)
    visitor.say(conversation, "<script>alert(1)</script>")
    frames = {frame["id"]: frame for frame in (socket.wait_for("delta"), socket.wait_for("delta"))}
    (data,), (html,) = frames["data"]["items"], frames["html"]["items"]
    assert data["body"] == "<script>alert(1)</script>"
    assert (html["key"], html["seq"]) == (data["key"], data["seq"])
    assert "<script" not in html["html"]
    assert "&lt;script&gt;" in html["html"]


def test_a_value_as_html_is_one_piece(live: LiveThread, conversation: Conversation, agent: SignedIn) -> None:
    socket = live.socket_of(agent)
    for query, params in (
        ("conversations.get", {"conversation": conversation.pk}),
        ("conversations.counts", {}),
        ("conversations.activity", {"conversation": conversation.pk}),
        ("workspaceMembers.list", {}),
        ("visitors.get", {"visitor": conversation.visitor_id}),
    ):
        frame = socket.subscribe("html", query, form="html", **params)
        assert frame["type"] == "snapshot", (query, frame)
        assert set(frame["data"]) == {"html"}, query


def test_a_visitor_gets_data_only(live: LiveThread, conversation: Conversation, visitor: Booted) -> None:
    socket = live.socket_of(visitor)
    frame = socket.subscribe("a", "messages.list", form="html", conversation=conversation.pk)
    assert (frame["type"], frame["code"]) == ("error", "invalid")


# What is true for seconds


def test_each_side_sees_the_other_writing_and_stopping(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    inbox, messenger = live.socket_of(agent), live.socket_of(visitor)
    nothing = {"typing": [], "viewing": []}
    for socket in (inbox, messenger):
        assert socket.subscribe("activity", "conversations.activity", conversation=conversation.pk)["data"] == nothing
    messenger.tell("typing", conversation=conversation.pk)
    assert inbox.wait_for("snapshot", "activity")["data"]["typing"] == [
        {"kind": "visitor", "id": str(visitor.visitor.pk), "name": visitor.visitor.label, "note": False}
    ]
    messenger.tell("typing", conversation=conversation.pk, active=False)
    assert inbox.wait_for("snapshot", "activity")["data"] == nothing
    inbox.tell("typing", conversation=conversation.pk)
    assert messenger.wait_for("snapshot", "activity")["data"]["typing"] == [
        {"kind": "member", "id": str(agent.member.pk), "name": "Ada", "note": False}
    ]


def test_writing_is_over_when_nothing_is_said_for_a_while(
    quick_hub: None,
    live: LiveThread,
    conversation: Conversation,
    agent: SignedIn,
    visitor: Booted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "TYPING_SECONDS", 0.3)
    inbox, messenger = live.socket_of(agent), live.socket_of(visitor)
    inbox.subscribe("activity", "conversations.activity", conversation=conversation.pk)
    messenger.tell("typing", conversation=conversation.pk)
    assert inbox.wait_for("snapshot", "activity")["data"]["typing"]
    assert inbox.wait_for("snapshot", "activity")["data"]["typing"] == []


def test_a_visitor_hears_of_no_note_no_visit_and_no_address(
    live: LiveThread, conversation: Conversation, workspace: Workspace, visitor: Booted
) -> None:
    user = factories.make_user(email="nameless@team.example")
    user.name = ""
    user.save()
    from apps.core.access import System
    from apps.workspaces.actions import add_member

    nameless = SignedIn(add_member(workspace, user, "agent", by=System()))
    inbox, colleague, messenger = live.socket_of(nameless), live.socket_of(nameless), live.socket_of(visitor)
    for socket in (colleague, messenger):
        socket.subscribe("activity", "conversations.activity", conversation=conversation.pk)
    inbox.tell("typing", conversation=conversation.pk, kind="note")
    assert colleague.wait_for("snapshot", "activity")["data"]["typing"][0]["note"] is True
    inbox.tell("viewing", conversation=conversation.pk)
    assert [by["id"] for by in colleague.wait_for("snapshot", "activity")["data"]["viewing"]] == [
        str(nameless.member.pk)
    ]
    assert messenger.settle() == []
    inbox.tell("typing", conversation=conversation.pk, kind="message")
    frame = messenger.wait_for("snapshot", "activity")
    assert frame["data"] == {
        "typing": [{"kind": "member", "id": str(nameless.member.pk), "name": "Support", "note": False}],
        "viewing": [],
    }
    assert "nameless@" not in str(frame)


def test_viewing_ends_with_the_socket_and_moves_with_the_member(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    other = factories.start(visitor.visitor)
    watcher = live.socket_of(agent)
    for id_, row in (("one", conversation), ("two", other)):
        watcher.subscribe(id_, "conversations.activity", conversation=row.pk)
    viewer = live.socket_of(agent)
    viewer.tell("viewing", conversation=conversation.pk)
    assert watcher.wait_for("snapshot", "one")["data"]["viewing"]
    viewer.tell("viewing", previous=conversation.pk)
    assert watcher.wait_for("snapshot", "one")["data"]["viewing"] == []
    viewer.tell("viewing", conversation=other.pk)
    assert watcher.wait_for("snapshot", "two")["data"]["viewing"]
    viewer.close()
    assert watcher.wait_for("snapshot", "two")["data"]["viewing"] == []


def test_what_is_told_changes_no_row(
    quick_hub: None, live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    inbox, messenger = live.socket_of(agent), live.socket_of(visitor)
    inbox.subscribe("activity", "conversations.activity", conversation=conversation.pk)
    wait_until(lambda: not live.hub.arrived, "presence is noted")
    with nothing_happens():
        messenger.tell("typing", conversation=conversation.pk)
        inbox.wait_for("snapshot", "activity")
        inbox.tell("viewing", conversation=conversation.pk)
        inbox.wait_for("snapshot", "activity")


def test_the_page_a_visitor_is_on_reaches_the_agent_who_looks(
    live: LiveThread, agent: SignedIn, visitor: Booted
) -> None:
    inbox, messenger = live.socket_of(agent), live.socket_of(visitor)
    inbox.subscribe("visitor", "visitors.get", visitor=visitor.visitor.pk)
    messenger.tell("page", url="https://shop.example/cart", title="Your cart")
    while True:
        page = inbox.wait_for("snapshot", "visitor")["data"]["page"]
        if page["url"]:
            break
    assert page == {"url": "https://shop.example/cart", "title": "Your cart"}


@pytest.mark.parametrize(
    ("what", "params", "code"),
    [
        ("typing", {"conversation": factories.uuid.uuid4()}, "not_found"),
        ("typing", {}, "invalid"),
        ("typing", {"conversation": "everywhere"}, "invalid"),
        ("shouting", {}, "invalid"),
        ("viewing", {"conversation": factories.uuid.uuid4()}, "not_found"),
        ("page", {"title": "no address"}, "invalid"),
    ],
)
def test_telling_something_that_makes_no_sense_is_an_error_frame(
    quick_hub: None, live: LiveThread, visitor: Booted, what: str, params: dict[str, Any], code: str
) -> None:
    socket = live.socket_of(visitor)
    with nothing_happens():
        wait_until(lambda: not live.hub.arrived, "presence is noted")
        socket.tell(what, **params)
        assert socket.wait_for("error")["code"] == code
    assert socket.settle() == []


def test_telling_of_a_page_with_text_no_database_takes_harms_nothing(live: LiveThread, visitor: Booted) -> None:
    socket = live.socket_of(visitor)
    socket.tell("page", url="https://shop.example/\x00")
    assert [frame["type"] for frame in socket.settle()] in ([], ["error"])
    socket.tell("page", url="https://shop.example/ok")
    wait_until(lambda: visitor.visitor.refresh_from_db() or visitor.visitor.page_url.endswith("ok"), "the next is told")


def test_who_has_a_socket_open_is_online(
    quick_hub: None, live: LiveThread, workspace: Workspace, agent: SignedIn
) -> None:
    from datetime import timedelta

    from apps.core.clock import now

    visitor = callers.booted(workspace)
    long_ago = now() - timedelta(minutes=10)
    type(visitor.visitor).objects.filter(pk=visitor.visitor.pk).update(last_seen_at=long_ago)
    type(agent.member).objects.filter(pk=agent.member.pk).update(last_seen_at=None)
    inbox = live.socket_of(agent)
    assert inbox.subscribe("visitor", "visitors.get", visitor=visitor.visitor.pk)["data"]["online"] is False
    live.socket_of(visitor)
    assert inbox.wait_for("snapshot", "visitor")["data"]["online"] is True
    members = agent.get("/members").json()["items"]
    assert [member["online"] for member in members if member["id"] == str(agent.member.pk)] == [True]


# What a visitor may know


def test_a_visitor_sees_nothing_but_what_a_visitor_may_see(
    live: LiveThread, conversation: Conversation, workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    messenger = live.socket_of(visitor)
    subscriptions = {
        "log": ("messages.list", {"conversation": conversation.pk}),
        "row": ("conversations.get", {"conversation": conversation.pk}),
        "rows": ("conversations.listByVisitor", {}),
        "unread": ("conversations.getTotalUnreadForVisitor", {}),
        "activity": ("conversations.activity", {"conversation": conversation.pk}),
        "workspace": ("workspaces.get", {}),
        "self": ("visitors.get", {}),
    }
    frames = [messenger.subscribe(id_, query, **params) for id_, (query, params) in subscriptions.items()]
    agent.say(conversation, "CANARY note", kind="note")
    agent.put(f"/conversations/{conversation.pk}/assignee", {"member": str(agent.member.pk)})
    frames += messenger.rest(0.5)
    assert [frame for frame in frames if frame["type"] == "delta"] == [], "a note and an assignment are not heard of"
    heard = len(frames)
    agent.say(conversation, "An answer.")
    while not {"log", "unread", "row", "rows"} <= {frame["id"] for frame in frames[heard:]}:
        frames.append(messenger.receive())
    agent.put(f"/conversations/{conversation.pk}/status", {"status": "snoozed"})
    frames += messenger.rest(0.5)
    text = str(frames)
    for secret in (
        "CANARY",
        agent.member.user.email,
        "assignee",
        "snoozed",
        "permissions",
        "allowed_origins",
        "version': 9",
    ):
        assert secret not in text, secret
    log = [
        item
        for frame in frames
        if frame["id"] == "log"
        for item in frame.get("items", frame.get("data", {}).get("items", []))
    ]
    assert [item["seq"] for item in log] == [1, 2], "the visitor's own numbering has no hole where the note is"
    message = {"key", "id", "seq", "kind", "author", "body", "data", "attachments", "created_at"}
    assert set(log[0]) == message | {"client_id"}
    assert set(log[1]) == message, "a member's client_id is the member's own"
    row = {"key", "id", "version", "sort", "status", "last_message", "unread", "created_at"}
    shown = {frame["id"]: frame["data"] for frame in frames if frame["type"] == "snapshot"}
    assert set(shown["row"]) == row | {"head", "seen_by_visitor", "seen_by_agents"}
    assert all(set(item) == row for item in shown["rows"]["items"])
    assert set(shown["self"]) == {"id", "readable_id", "name", "email", "email_proven", "attributes"}
    assert set(shown["workspace"]) == {"id", "name", "messenger"}
    assert shown["unread"]["unread"] == 1
    assert shown["row"]["status"] == "open"


def test_a_visitor_cannot_subscribe_to_anything_of_others(
    live: LiveThread, conversation: Conversation, workspace: Workspace, visitor: Booted
) -> None:
    stranger = callers.booted(workspace)
    socket = live.socket_of(stranger)
    missing = factories.uuid.uuid4()
    for query in ("messages.list", "conversations.get", "conversations.activity"):
        theirs = socket.subscribe("a", query, conversation=conversation.pk)
        nobodys = socket.subscribe("a", query, conversation=missing)
        assert theirs == nobodys
        assert theirs["type"] == "error"
    for query in ("conversations.listForInbox", "conversations.counts", "workspaceMembers.list"):
        frame = socket.subscribe("a", query)
        assert (frame["type"], frame["code"]) == ("error", "forbidden"), query
    visitor_ids = {"visitor": visitor.visitor.pk}
    assert socket.subscribe("a", "visitors.get", **visitor_ids)["data"]["id"] == str(stranger.visitor.pk)
    assert socket.subscribe("a", "conversations.listByVisitor", **visitor_ids)["data"]["items"] == []
    visitor.say(conversation, "not for the stranger")
    assert socket.settle() == []


def test_an_agent_of_another_workspace_hears_nothing(
    live: LiveThread, conversation: Conversation, visitor: Booted
) -> None:
    outsider = callers.signed_in(factories.make_workspace("Other"))
    socket = live.socket_of(outsider)
    missing = factories.uuid.uuid4()
    for query in ("messages.list", "conversations.get", "conversations.activity"):
        assert socket.subscribe("a", query, conversation=conversation.pk) == socket.subscribe(
            "a", query, conversation=missing
        )
    assert socket.subscribe("inbox", "conversations.listForInbox", status="all")["data"]["items"] == []
    assert socket.subscribe("counts", "conversations.counts")["data"]["open"] == 0
    for query in ("visitors.get", "conversations.listByVisitor"):
        assert socket.subscribe("v", query, visitor=visitor.visitor.pk)["code"] == "not_found"
    members = socket.subscribe("members", "workspaceMembers.list")["data"]["items"]
    assert {member["id"] for member in members} == {str(m.pk) for m in outsider.member.workspace.members.all()}
    visitor.say(conversation, "not for outsiders")
    assert socket.rest(0.3) == []


def test_the_same_socket_count_serves_greeted_clients_again_after_they_left(live: LiveThread, visitor: Booted) -> None:
    for _ in range(limits.SOCKETS_PER_VISITOR + 2):
        greeted(live.connect(ORIGIN), visitor).close()
        wait_until(lambda: not live.hub.guarded, "the socket has left")
    assert live.socket_of(visitor).settle() == []
