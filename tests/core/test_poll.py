"""Long polling: the same answers, a frame a request, for networks that block WebSockets."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection

from apps.conversations.live import MessagesList
from apps.conversations.models import Conversation
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn
from tests.factories import ORIGIN
from tests.live import LiveThread, wait_until


class Answer:
    def __init__(self, status: int, body: bytes, headers: Any) -> None:
        self.status = status
        self.headers = headers
        self.frame: Any = json.loads(body) if body else None


@pytest.fixture
def conversation(live: LiveThread, visitor: Booted) -> Conversation:
    return factories.start(visitor.visitor, "1")


def poll(
    live: LiveThread,
    caller: Booted | None,
    query: str = "messages.list",
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    **asked: Any,
) -> Answer:
    params = {
        name: value if isinstance(value, str) else json.dumps(value, default=str) for name, value in asked.items()
    }
    if "from_" in params:
        params["from"] = params.pop("from_")
    url = f"{live.poll_url}?{urlencode({'query': query, 'wait': '0.2', **params})}"
    sent = {**(caller.headers if caller else {"Origin": ORIGIN}), **(headers or {})}
    request = urllib.request.Request(url, headers=sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return Answer(response.status, response.read(), response.headers)
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read(), error.headers)


def of(conversation: Conversation) -> dict[str, Any]:
    return {"conversation": conversation.pk}


def test_the_first_poll_answers_with_a_snapshot(live: LiveThread, conversation: Conversation, visitor: Booted) -> None:
    answer = poll(live, visitor, params=of(conversation))
    assert answer.status == 200
    assert answer.frame["type"] == "snapshot"
    assert [item["body"] for item in answer.frame["data"]["items"]] == ["1"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_poll_from_a_version_waits_for_what_is_new_and_brings_only_that(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    version = poll(live, visitor, params=of(conversation)).frame["version"]
    answers: list[Answer] = []
    waiting = threading.Thread(
        target=lambda: answers.append(poll(live, visitor, params=of(conversation), from_=version, wait="10"))
    )
    waiting.start()
    wait_until(lambda: any(feed.members for feed in live.hub.feeds.values()), "the poll waits")
    agent.say(conversation, "2")
    waiting.join(5)
    (answer,) = answers
    assert answer.frame["type"] == "delta"
    assert [(item["seq"], item["body"]) for item in answer.frame["items"]] == [(2, "2")]
    missed = poll(live, visitor, params=of(conversation), from_=version)
    assert missed.frame["items"] == answer.frame["items"]


def test_a_poll_with_nothing_new_ends_without_an_answer_after_its_wait(
    live: LiveThread, conversation: Conversation, visitor: Booted
) -> None:
    version = poll(live, visitor, params=of(conversation)).frame["version"]
    started = time.monotonic()
    answer = poll(live, visitor, params=of(conversation), from_=version, wait="0.3")
    assert (answer.status, answer.frame) == (204, None)
    assert time.monotonic() - started >= 0.3
    wait_until(lambda: not live.hub.sockets, "it has left the hub")
    assert live.hub.feeds == {}


def test_a_note_does_not_end_a_visitors_poll(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    version = poll(live, visitor, params=of(conversation)).frame["version"]
    agent.say(conversation, "between us", kind="note")
    assert poll(live, visitor, params=of(conversation), from_=version).status == 204


def test_values_can_be_polled_too(
    live: LiveThread, conversation: Conversation, agent: SignedIn, visitor: Booted
) -> None:
    query = "conversations.getTotalUnreadForVisitor"
    first = poll(live, visitor, query)
    assert first.frame["data"]["unread"] == 0
    assert poll(live, visitor, query, from_=first.frame["version"]).status == 204
    agent.say(conversation, "2")
    assert poll(live, visitor, query, from_=first.frame["version"]).frame["data"]["unread"] == 1


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"query": "messages.everything"}, 403, "forbidden"),
        ({"query": ""}, 403, "forbidden"),
        ({"query": "conversations.listForInbox"}, 403, "forbidden"),
        ({"params": "{"}, 400, "invalid"),
        ({"params": "[]"}, 400, "invalid"),
        ({"params": "{}"}, 400, "invalid"),
        ({"wait": "long"}, 400, "invalid"),
        ({"wait": "nan"}, 400, "invalid"),
        ({"wait": "-1"}, 400, "invalid"),
        ({"params": {"conversation": factories.uuid.uuid4()}}, 404, "not_found"),
    ],
)
def test_a_poll_that_asks_wrongly_is_refused(
    live: LiveThread, conversation: Conversation, visitor: Booted, asked: dict[str, Any], status: int, code: str
) -> None:
    answer = poll(live, visitor, **{"params": of(conversation), **asked})
    assert answer.status == status
    assert answer.frame.get("error", answer.frame)["code"] == code


@pytest.mark.parametrize("wait", ["1e9", "inf"])
def test_a_poll_never_waits_longer_than_its_limit(
    live: LiveThread, conversation: Conversation, visitor: Booted, monkeypatch: pytest.MonkeyPatch, wait: str
) -> None:
    monkeypatch.setattr("apps.core.poll.WAIT_SECONDS_MOST", 0.2)
    version = poll(live, visitor, params=of(conversation)).frame["version"]
    assert poll(live, visitor, params=of(conversation), from_=version, wait=wait).status == 204


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wst_" + "0" * 64, "Basic abc", "Bearer wst_" + "g" * 64])
def test_a_poll_without_a_living_token_is_refused(
    live: LiveThread, conversation: Conversation, visitor: Booted, header: str
) -> None:
    answer = poll(live, visitor, params=of(conversation), headers={"Authorization": header})
    assert answer.status == 401
    assert answer.frame["error"]["code"] in ("not_authenticated", "session_expired")


def test_a_poll_from_a_page_that_may_not_run_the_messenger_is_refused(
    live: LiveThread, conversation: Conversation, visitor: Booted
) -> None:
    answer = poll(live, visitor, params=of(conversation), headers={"Origin": "https://evil.example"})
    assert (answer.status, answer.frame["error"]["code"]) == (403, "forbidden")
    assert poll(live, visitor, params=of(conversation)).status == 200


def test_a_visitor_cannot_poll_anothers_conversation(
    live: LiveThread, conversation: Conversation, workspace: Workspace, visitor: Booted
) -> None:
    stranger = callers.booted(workspace)
    theirs = poll(live, stranger, params=of(conversation))
    nobodys = poll(live, stranger, params={"conversation": factories.uuid.uuid4()})
    assert theirs.status == nobodys.status == 404
    assert theirs.frame == nobodys.frame


def test_a_token_revoked_while_a_poll_waits_ends_it(
    live: LiveThread, conversation: Conversation, visitor: Booted
) -> None:
    version = poll(live, visitor, params=of(conversation)).frame["version"]
    answers: list[Answer] = []
    waiting = threading.Thread(
        target=lambda: answers.append(poll(live, visitor, params=of(conversation), from_=version, wait="10"))
    )
    waiting.start()
    wait_until(lambda: any(feed.members for feed in live.hub.feeds.values()), "the poll waits")
    visitor.delete("/widget/session")
    waiting.join(5)
    assert answers[0].status == 401


def test_a_browser_may_ask_from_another_origin(live: LiveThread, conversation: Conversation, visitor: Booted) -> None:
    preflight = poll(live, None, method="OPTIONS")
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert preflight.headers["Access-Control-Allow-Headers"] == "authorization"
    answer = poll(live, visitor, params=of(conversation))
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert answer.headers["Vary"] == "Origin"


def test_polling_is_done_by_get_only(live: LiveThread, conversation: Conversation, visitor: Booted) -> None:
    answer = poll(live, visitor, method="POST", params=of(conversation))
    assert (answer.status, answer.frame["error"]["code"]) == (405, "method_not_allowed")
    connection.close()


def test_a_fault_of_ours_is_said_to_be_one(
    live: LiveThread, conversation: Conversation, visitor: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(MessagesList, "last", breaks)
    answer = poll(live, visitor, params=of(conversation))
    assert (answer.status, answer.frame["type"], answer.frame["code"]) == (500, "error", "internal")
    assert "secret" not in str(answer.frame)
    monkeypatch.undo()
    assert poll(live, visitor, params=of(conversation)).status == 200
