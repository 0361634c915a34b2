"""The hub: read once and written to many, in order and without a hole, whatever gets lost or is slow."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from apps.conversations import inbox
from apps.conversations.models import Conversation
from apps.core import feeds, limits
from apps.core import live as live_queries
from apps.core.isolation import scopes
from apps.workspaces import actions as workspace_actions
from apps.workspaces.models import Member, Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn
from tests.live import LiveSocket, LiveThread, greeted, queries, wait_until


@pytest.fixture
def conversation(live: LiveThread, visitor: Booted) -> Conversation:
    return factories.start(visitor.visitor, "1")


def log_of(
    socket: LiveSocket, conversation: Conversation, since: str | None = None, id_: str = "log"
) -> dict[str, Any]:
    return socket.subscribe(id_, "messages.list", since, conversation=conversation.pk)


def bodies(items: list[dict[str, Any]]) -> list[str]:
    return [item["body"] for item in items]


def read_log(socket: LiveSocket, count: int, id_: str = "log") -> list[dict[str, Any]]:
    """Return the next items of a log, asserting that they follow one another."""
    items: list[dict[str, Any]] = []
    while len(items) < count:
        items += socket.wait_for("delta", id_)["items"]
    assert [item["seq"] for item in items] == list(range(items[0]["seq"], items[0]["seq"] + count))
    return items


# Snapshots and cursors


def test_a_log_is_answered_with_its_newest_page_and_then_with_what_comes(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    socket = live.socket_of(agent)
    snapshot = log_of(socket, conversation)
    assert snapshot["type"] == "snapshot"
    assert bodies(snapshot["data"]["items"]) == ["1"]
    assert snapshot["data"]["more"] is False
    visitor.say(conversation, "2")
    agent.say(conversation, "3")
    assert bodies(read_log(socket, 2)) == ["2", "3"]


def test_a_long_log_says_that_there_is_more(live: LiveThread, conversation: Conversation, agent: SignedIn) -> None:
    for number in range(2, 53):
        factories.send(conversation, agent.member, str(number))
    data = log_of(live.socket_of(agent), conversation)["data"]
    assert data["more"] is True
    assert bodies(data["items"]) == [str(number) for number in range(3, 53)]


def test_who_comes_back_with_a_cursor_gets_exactly_what_was_missed(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    with live.socket_of(agent) as before:
        version = log_of(before, conversation)["version"]
    for body in ("2", "3", "4"):
        visitor.say(conversation, body)
    after = live.socket_of(agent)
    frame = log_of(after, conversation, version)
    assert frame["type"] == "delta"
    assert bodies(frame["items"]) == ["2", "3", "4"]
    again = log_of(live.socket_of(agent), conversation, frame["version"])
    assert (again["type"], again["items"], again["version"]) == ("delta", [], frame["version"])


@pytest.mark.parametrize("cursor", ["deadbeef.1", "1", "", "nonsense", ".", "deadbeef.", "९.९"])
def test_a_cursor_of_another_epoch_or_none_of_ours_is_answered_afresh(
    live: LiveThread, conversation: Conversation, agent: SignedIn, cursor: str
) -> None:
    socket = live.socket_of(agent)
    frame = log_of(socket, conversation, cursor)
    if cursor:
        assert frame["type"] == "resync"
        frame = socket.wait_for("snapshot", "log")
    assert bodies(frame["data"]["items"]) == ["1"]


@pytest.mark.parametrize("number", ["99", "-1", "1e3", "9" * 30, "9" * 5000, "٣"])
def test_a_cursor_with_a_number_that_was_never_given_is_answered_afresh(
    live: LiveThread, conversation: Conversation, agent: SignedIn, number: str
) -> None:
    socket = live.socket_of(agent)
    assert log_of(socket, conversation, f"{live_queries.epoch()}.{number}")["type"] == "resync"
    assert bodies(socket.wait_for("snapshot", "log")["data"]["items"]) == ["1"]


def test_who_is_too_far_behind_gets_the_newest_page_instead(
    live: LiveThread, conversation: Conversation, agent: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "CATCH_UP_MOST", 3)
    with live.socket_of(agent) as before:
        version = log_of(before, conversation)["version"]
    for number in range(2, 6):
        factories.send(conversation, agent.member, str(number))
    socket = live.socket_of(agent)
    assert log_of(socket, conversation, version)["type"] == "resync"
    assert bodies(socket.wait_for("snapshot", "log")["data"]["items"]) == ["1", "2", "3", "4", "5"]


def test_who_is_far_behind_but_not_too_far_gets_everything_page_by_page(
    live: LiveThread, conversation: Conversation, agent: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.conversations.live.CATCH_UP_PAGE", 4)
    socket = live.socket_of(agent)
    version = log_of(socket, conversation)["version"]
    for number in range(2, 20):
        factories.send(conversation, agent.member, str(number))
    resumed = live.socket_of(agent)
    resumed.sub("log", "messages.list", version, conversation=conversation.pk)
    assert bodies(read_log(resumed, 18)) == [str(number) for number in range(2, 20)]


def test_a_value_that_has_not_changed_since_its_version_is_not_sent_again(live: LiveThread, owner: SignedIn) -> None:
    socket = live.socket_of(owner)
    version = socket.subscribe("a", "workspaces.get")["version"]
    assert socket.subscribe("b", "workspaces.get", version) == {
        "type": "delta",
        "id": "b",
        "version": version,
        "items": [],
    }
    owner.patch("/workspace/messenger", {"greeting": "Changed."})
    assert socket.wait_for("snapshot", "a")["data"]["messenger"]["greeting"] == "Changed."
    assert socket.subscribe("c", "workspaces.get", version)["type"] == "snapshot"


def test_rows_carry_versions_that_grow_and_say_what_left_the_list(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    socket = live.socket_of(agent)
    (row,) = socket.subscribe("inbox", "conversations.listForInbox", status="open")["data"]["items"]
    visitor.say(conversation, "2")
    (changed,) = socket.wait_for("delta", "inbox")["items"]
    assert changed["key"] == row["key"] == str(conversation.pk)
    assert changed["version"] > row["version"]
    assert changed["sort"] > row["sort"]
    agent.put(f"/conversations/{conversation.pk}/status", {"status": "closed"})
    (removed,) = socket.wait_for("delta", "inbox")["items"]
    assert (removed["key"], removed["removed"]) == (row["key"], True)
    assert removed["version"] > changed["version"]
    assert set(removed) == {"key", "version", "removed"}


# Many


def test_a_message_is_read_once_however_many_wait_for_it(
    live: LiveThread, conversation: Conversation, workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    def reads(sockets: list[LiveSocket], body: str) -> list[str]:
        with queries() as sent:
            factories.send(conversation, visitor.visitor, body)
            for socket in sockets:
                assert bodies(socket.wait_for("delta", "log")["items"]) == [body]
        return [sql for sql in sent if sql.startswith("SELECT") and '"conversations_message"' in sql]

    one = [live.socket_of(agent)]
    log_of(one[0], conversation)
    alone = reads(one, "2")
    many = [live.socket_of(callers.signed_in(workspace)) for _ in range(19)]
    for socket in many:
        log_of(socket, conversation)
    together = reads([*one, *many], "3")
    assert len(alone) == len(together) == 1


def test_a_burst_is_read_in_fewer_reads_than_there_are_messages_and_arrives_whole(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    socket = live.socket_of(agent)
    log_of(socket, conversation)
    with queries() as sent:
        for number in range(2, 32):
            factories.send(conversation, visitor.visitor, str(number))
        items = read_log(socket, 30)
    assert bodies(items) == [str(number) for number in range(2, 32)]
    reads = [sql for sql in sent if sql.startswith("SELECT") and '"conversations_message"' in sql]
    assert len(reads) <= 30


def test_counters_in_a_burst_are_told_a_few_times_and_end_exact(
    live: LiveThread, workspace: Workspace, agent: SignedIn
) -> None:
    socket = live.socket_of(agent)
    assert socket.subscribe("counts", "conversations.counts")["data"]["open"] == 0
    for _ in range(20):
        factories.start(factories.make_visitor(workspace))
    told = []
    while not told or told[-1]["open"] < 20:
        told.append(socket.wait_for("snapshot", "counts")["data"])
    assert len(told) < 20
    assert told[-1] == inbox.counts(agent.member)


def test_each_subscriber_gets_everything_while_others_come_and_changes_go_on(
    live: LiveThread,
    conversation: Conversation,
    workspace: Workspace,
    agent: SignedIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Joining and changing at once: neither the snapshot of the one nor the delta of the other may be lost."""
    monkeypatch.setattr(limits, "FRAMES_PER_10_SECONDS", 10_000)
    count = 40
    watcher = live.socket_of(agent)
    watcher.subscribe("inbox", "conversations.listForInbox")
    watcher.subscribe("log", "messages.list", conversation=conversation.pk)
    watcher.subscribe("row", "conversations.get", conversation=conversation.pk)
    joiner = live.socket_of(callers.signed_in(workspace))

    def write() -> None:
        from django.db import connection

        try:
            with scopes.workspace(workspace.pk):
                for number in range(count):
                    factories.send(conversation, agent.member, f"message {number}")
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    joins = 0
    while writer.is_alive():
        joins += 1
        for query, params in (
            ("conversations.listForInbox", {}),
            ("messages.list", {"conversation": conversation.pk}),
            ("conversations.get", {"conversation": conversation.pk}),
        ):
            joiner.sub(f"{query} {joins % 5}", query, **params)
        time.sleep(0.002)
    writer.join()
    final = Conversation.objects.get(pk=conversation.pk)

    def latest(socket: LiveSocket) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for frame in [*socket.rest(0.5), *socket.settle()]:
            kind = frame.get("id", "").split(" ")[0]
            if frame["type"] not in ("snapshot", "delta"):
                continue
            items = frame.get("items", frame.get("data", {}).get("items", []))
            for item in items:
                key = "version" if "version" in item else "seq"
                found[kind] = max(found.get(kind, 0), item[key])
            if "version" in frame.get("data", {}):
                found[kind] = max(found.get(kind, 0), frame["data"]["version"])
        return found

    assert joins > 5
    assert latest(watcher) == {"inbox": final.version, "log": final.head, "row": final.version}
    assert latest(joiner) == {
        "conversations.listForInbox": final.version,
        "messages.list": final.head,
        "conversations.get": final.version,
    }


@pytest.mark.parametrize("query", ["conversations.listForInbox", "conversations.get"])
def test_a_change_that_is_heard_together_with_a_new_subscriber_reaches_the_old_one(
    live: LiveThread,
    conversation: Conversation,
    workspace: Workspace,
    agent: SignedIn,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
) -> None:
    """While the feed reads, both a change and a subscriber arrive: whoever is served first, nobody's news may be dropped."""
    params = {"conversation": conversation.pk} if query == "conversations.get" else {}
    old, new = live.socket_of(agent), live.socket_of(callers.signed_in(workspace))
    old.subscribe("a", query, **params)
    reading, go_on = threading.Event(), threading.Event()
    checked = feeds.Feed._checked

    def stalled(self: feeds.Feed, *args: Any) -> Any:
        answer = checked(self, *args)
        if self.query.name == query and not go_on.is_set():
            reading.set()
            go_on.wait(5)
        return answer

    monkeypatch.setattr(feeds.Feed, "_checked", stalled)
    factories.send(conversation, agent.member, "the first change")
    assert reading.wait(5)
    new.sub("b", query, **params)
    factories.send(conversation, agent.member, "the second change")
    new.settle()
    live_feed = wait_until(lambda: [feed for feed in live.hub.feeds.values() if feed.query.name == query], "the feed")[
        0
    ]
    wait_until(lambda: live_feed._dirty and live_feed.waiting, "both wait for the feed")
    go_on.set()

    def preview(frame: dict[str, Any]) -> str:
        data = frame["data"] if frame["type"] == "snapshot" else frame
        return str((data["items"][0] if "items" in data else data)["last_message"]["preview"])

    seen: list[str] = []
    while "the second change" not in seen:
        seen.append(preview(old.receive()))
    assert preview(new.receive()) in ("the first change", "the second change")


def test_unsubscribing_ends_the_frames_and_the_feed(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    socket, other = live.socket_of(agent), live.socket_of(agent)
    log_of(socket, conversation)
    log_of(other, conversation)
    socket.send(type="unsub", id="log")
    socket.settle()
    visitor.say(conversation, "2")
    other.wait_for("delta", "log")
    assert socket.settle() == []
    other.send(type="unsub", id="log")
    other.settle()
    assert live.hub.feeds == {}
    assert live.hub.by_topic == {}


def test_a_subscription_under_a_used_id_replaces_the_old_one(
    live: LiveThread, conversation: Conversation, workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    other = factories.start(visitor.visitor, "other")
    socket = live.socket_of(agent)
    log_of(socket, conversation)
    assert bodies(log_of(socket, other)["data"]["items"]) == ["other"]
    visitor.say(conversation, "to the first")
    visitor.say(other, "to the other")
    assert bodies(read_log(socket, 1)) == ["to the other"]
    assert socket.settle() == []


def test_a_closed_socket_leaves_nothing_behind(live: LiveThread, conversation: Conversation, agent: SignedIn) -> None:
    with live.socket_of(agent) as socket:
        log_of(socket, conversation)
        socket.subscribe("inbox", "conversations.listForInbox")
        centre = live.hub
        assert centre.sockets
    wait_until(lambda: not (centre.sockets or centre.feeds or centre.by_topic or centre.guarded), "all forgotten")


# What gets lost


def test_without_redis_what_moved_is_found_in_the_database(
    settings: Any, quick_hub: None, live: LiveThread, workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    settings.REDIS_URL = ""
    conversation = factories.start(visitor.visitor, "1")
    socket = live.socket_of(agent)
    log_of(socket, conversation)
    socket.subscribe("inbox", "conversations.listForInbox")
    for number in range(2, 7):
        visitor.say(conversation, str(number))
    assert bodies(read_log(socket, 5)) == ["2", "3", "4", "5", "6"]
    visitor.say(conversation, "7")
    while socket.wait_for("delta", "inbox")["items"][0]["last_message"]["preview"] != "7":
        pass


def test_lost_rumours_are_made_good_by_the_next_look(
    quick_hub: None, no_rumours: None, live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    socket = live.socket_of(agent)
    log_of(socket, conversation)
    for number in range(2, 12):
        visitor.say(conversation, str(number))
    assert bodies(read_log(socket, 10)) == [str(number) for number in range(2, 12)]


def test_a_rumour_and_its_row_are_one_piece_of_news(
    quick_hub: None, live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    socket = live.socket_of(agent)
    log_of(socket, conversation)
    socket.subscribe("inbox", "conversations.listForInbox")
    visitor.say(conversation, "2")
    frames = socket.rest(0.7)
    assert bodies([item for frame in frames if frame["id"] == "log" for item in frame["items"]]) == ["2"]
    assert len([frame for frame in frames if frame["id"] == "inbox"]) == 1


def test_a_hub_that_was_blind_reads_everything_anew(
    quick_hub: None,
    no_rumours: None,
    live: LiveThread,
    conversation: Conversation,
    agent: SignedIn,
    visitor: Booted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from apps.core import streams

    monkeypatch.setattr(streams, "LOOK_MOST", 1)
    socket = live.socket_of(agent)
    log_of(socket, conversation)
    visitor.say(conversation, "2")
    assert bodies(read_log(socket, 1)) == ["2"]


def test_the_database_going_away_for_a_moment_costs_no_subscriber_anything(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    monkeypatch.setattr(feeds, "RETRY_SECONDS", 0.05)
    socket = live.socket_of(agent)
    log_of(socket, conversation)
    checked, failures = feeds.Feed._checked, [OperationalError("gone"), OperationalError("gone")]

    def failing(self: feeds.Feed, *args: Any) -> Any:
        if failures:
            raise failures.pop()
        return checked(self, *args)

    monkeypatch.setattr(feeds.Feed, "_checked", failing)
    visitor.say(conversation, "2")
    assert bodies(read_log(socket, 1)) == ["2"]
    assert failures == []


# Who reads too slowly


def test_a_slow_client_is_told_so_and_the_others_notice_nothing(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    for _ in range(50):
        factories.send(conversation, agent.member, "x" * limits.MESSAGE_CHARACTERS)
    quick = live.socket_of(agent)
    log_of(quick, conversation)
    slow = greeted(live.connect(agent.headers["Origin"], max_queue=1), agent)
    for number in range(50):
        slow.sub(str(number), "messages.list", conversation=conversation.pk)
    wait_until(lambda: any(socket.closed for socket in live.hub.sockets), "the slow one is closed")
    visitor.say(conversation, "for the quick")
    assert bodies(read_log(quick, 1)) == ["for the quick"]
    assert slow.closed(10) == 4008


# Rights that change


def test_a_removed_member_hears_nothing_more_and_the_socket_closes(
    live: LiveThread, conversation: Conversation, owner: SignedIn, agent: SignedIn, visitor: Booted
) -> None:
    socket, other = live.socket_of(agent), live.socket_of(owner)
    log_of(socket, conversation)
    log_of(other, conversation)
    workspace_actions.remove_member(agent.member, by=owner.member)
    assert socket.closed() == 4401
    visitor.say(conversation, "after")
    assert bodies(read_log(other, 1)) == ["after"]


def test_signing_out_closes_the_sockets_of_that_session_and_no_others(
    live: LiveThread, agent: SignedIn, owner: SignedIn
) -> None:
    elsewhere = SignedIn(agent.member)
    socket, kept, other = live.socket_of(agent), live.socket_of(elsewhere), live.socket_of(owner)
    assert agent.delete("/session").status_code == 204
    assert socket.closed() == 4401
    assert kept.settle() == []
    assert other.settle() == []


def test_without_rumours_a_revoked_visitor_is_still_closed(
    quick_hub: None, no_rumours: None, live: LiveThread, visitor: Booted
) -> None:
    socket = live.socket_of(visitor)
    assert visitor.delete("/widget/session").status_code == 204
    assert socket.closed() == 4401


def test_a_token_that_expires_closes_its_socket(
    quick_hub: None, live: LiveThread, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.visitors.models import VisitorSession

    visitor = callers.booted(workspace)
    with_time = callers.booted(workspace)
    sessions = VisitorSession.objects.filter(visitor=visitor.visitor)
    sessions.update(
        expires_at=sessions.get().created_at + (sessions.get().expires_at - sessions.get().created_at) / 86400
    )
    socket, other = live.socket_of(visitor), live.socket_of(with_time)
    assert socket.closed() == 4401
    assert other.settle() == []


def test_a_member_who_may_no_longer_read_sees_no_more(
    live: LiveThread, conversation: Conversation, owner: SignedIn, agent: SignedIn, visitor: Booted
) -> None:
    socket, other = live.socket_of(agent), live.socket_of(owner)
    log_of(socket, conversation)
    log_of(other, conversation)
    socket.subscribe("members", "workspaceMembers.list")
    Member.objects.filter(pk=agent.member.pk).update(permissions=["users.read"])
    workspace_actions.change_role(Member.objects.get(pk=agent.member.pk), "viewer", by=owner.member)
    assert socket.wait_for("error", "log")["code"] in ("not_found", "forbidden")
    visitor.say(conversation, "not for viewers of nothing")
    assert bodies(read_log(other, 1)) == ["not for viewers of nothing"]
    frames = socket.settle()
    assert "not for viewers of nothing" not in str(frames)
    assert any(
        frame["type"] in ("snapshot", "delta") and frame["id"] == "members" for frame in [*frames, *socket.rest(1.2)]
    )


def test_a_blocked_visitor_is_put_out(live: LiveThread, visitor: Booted) -> None:
    from apps.visitors import actions
    from apps.visitors.models import Visitor

    socket = live.socket_of(visitor)
    Visitor.objects.filter(pk=visitor.visitor.pk).update(blocked=True)
    other = callers.booted(visitor.visitor.workspace, session_id=factories.session_id())
    actions.revoke(visitor.visitor.sessions.get())
    assert socket.closed() in (4401, 4403)
    assert live.socket_of(other).settle() == []
