"""The REST edge: one shape of refusal, strict bodies, and what is said when something of ours is broken."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from psycopg_pool import PoolTimeout

from apps.conversations import actions
from apps.conversations.models import Conversation
from apps.core import limits
from tests import callers, factories
from tests.callers import API, Booted, SignedIn, refusal
from tests.database import nothing_happens

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversation(visitor: Booted) -> Conversation:
    return factories.start(visitor.visitor)


def path_of(conversation: Conversation) -> str:
    return f"{API}/conversations/{conversation.pk}/messages"


def message(**changes: Any) -> dict[str, Any]:
    return {"client_id": str(uuid.uuid4()), "body": "Hello", **changes}


# Refusals


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/conversations/", 404, "not_found"),
        ("GET", "/conversations/1", 404, "not_found"),
        ("GET", "/conversations/../members", 404, "not_found"),
        ("DELETE", "/conversations", 405, "method_not_allowed"),
        ("PATCH", "/session", 405, "method_not_allowed"),
        ("TRACE", "/session", 405, "method_not_allowed"),
        ("GET", "/widget/boot", 405, "method_not_allowed"),
    ],
)
def test_what_does_not_exist_is_refused_in_the_one_shape(
    agent: SignedIn, method: str, path: str, status: int, code: str
) -> None:
    answer = agent.call(method, path)
    assert refusal(answer) == (status, code)
    assert answer.headers["Content-Type"] == "application/json"


def test_every_answer_has_its_requests_id_and_a_refusal_says_it(agent: SignedIn) -> None:
    ids = {agent.get("/session").headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3
    answer = agent.get("/nothing")
    assert answer.json()["error"]["request_id"] == answer.headers["X-Request-Id"]
    sent = agent.call("GET", "/nothing", X_Request_Id="of my own making")
    assert sent.headers["X-Request-Id"] != "of my own making"


def test_a_refused_field_is_named(visitor: Booted, conversation: Conversation) -> None:
    answer = visitor.post(f"/conversations/{conversation.pk}/messages", message(body=7, client_id="x"))
    assert refusal(answer) == (400, "invalid")
    assert set(answer.json()["error"]["fields"]) <= {"body", "client_id"}
    answer = visitor.post(f"/conversations/{conversation.pk}/messages", message(colour="red"))
    assert answer.json()["error"]["fields"] == {"colour": ["There is no such field."]}


def test_answers_to_somebody_are_not_kept_by_caches(
    agent: SignedIn, visitor: Booted, conversation: Conversation
) -> None:
    for answer in (
        agent.get("/conversations"),
        agent.get("/session"),
        visitor.get(f"/conversations/{conversation.pk}"),
        callers.nobody().get("/session"),
    ):
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_head_request_says_as_much_as_a_get_and_no_body(agent: SignedIn) -> None:
    answer = agent.call("HEAD", "/conversations")
    assert (answer.status_code, answer.content) == (200, b"")
    assert callers.nobody().call("HEAD", "/conversations").status_code == 401


# Bodies


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"NaN",
        b'{"client_id": NaN}',
        b"{'client_id': 1}",
        b'{"body":"a","body":"b"',
        b"\xff\xfe{}",
        b'{"body":"\xed\xa0\x80"}',
        b'{"body":"\\ud800"}',
        b'{"body":"\\u0000"}',
        json.dumps({"client_id": str(uuid.uuid4()), "body": "nul \x00"}).encode(),
        b'{"x":' * 25 + b"1" + b"}" * 25,
        b"[" * 100_000,
        json.dumps({"body": list(range(limits.JSON_NODES))}).encode(),
        b'{"client_id":"' + b"9" * 5000 + b'"}',
        b'{"seen_seq":1e999}',
    ],
)
def test_a_body_that_is_no_strict_json_object_is_refused(
    agent: SignedIn, conversation: Conversation, body: bytes
) -> None:
    with nothing_happens():
        assert refusal(agent.send("POST", path_of(conversation), body)) in ((400, "invalid"), (400, "parse_error"))


def test_a_body_has_at_most_a_megabyte(agent: SignedIn, conversation: Conversation) -> None:
    def of(size: int) -> bytes:
        body = json.dumps(message()).encode()
        return body + b" " * (size - len(body))

    with nothing_happens():
        assert refusal(agent.send("POST", path_of(conversation), of(limits.BODY_BYTES + 1))) == (413, "too_large")
    assert agent.send("POST", path_of(conversation), of(limits.BODY_BYTES)).status_code == 201


def test_json_may_be_as_deep_and_as_wide_as_the_limits_say(visitor: Booted) -> None:
    wide = {"attributes": {f"a{number}": [1] * 17 for number in range(100)}}
    assert visitor.patch("/widget/visitor", wide).status_code == 200


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "application/x-www-form-urlencoded", "application/octet-stream"]
)
def test_a_body_of_another_type_is_not_read(agent: SignedIn, conversation: Conversation, content_type: str) -> None:
    with nothing_happens():
        answer = agent.send("POST", path_of(conversation), json.dumps(message()), content_type)
        assert refusal(answer) == (415, "unsupported_type")
    assert (
        agent.send("POST", path_of(conversation), json.dumps(message()), "application/json; charset=utf-8").status_code
        == 201
    )


def test_text_comes_back_to_the_byte(agent: SignedIn, conversation: Conversation) -> None:
    body = "\u2028\u2029\ufeff\u200b</script><!-- \\ \" ' \U0001f9a6 \u0301\u0301 \r\n\t"
    assert agent.post(f"/conversations/{conversation.pk}/messages", message(body=body)).json()["body"] == body


# What is broken on our side


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, PoolTimeout])
def test_without_the_database_the_answer_is_try_again(
    agent: SignedIn, conversation: Conversation, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise error("server closed the connection: host=secret.internal")

    with nothing_happens():
        with monkeypatch.context() as patch:
            patch.setattr(actions, "send_message", away)
            answer = agent.say(conversation)
        assert refusal(answer) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert b"secret.internal" not in answer.content
    assert agent.say(conversation).status_code == 201


def test_without_the_database_not_even_a_session_is_a_reason_to_break(
    agent: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.sessions.backends.db import SessionStore

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(SessionStore, "load", away)
    agent.client.raise_request_exception = False
    answer = agent.get("/conversations")
    assert refusal(answer) == (503, "unavailable")
    assert agent.client.get("/inbox/").status_code == 503


def test_an_error_that_nobody_foresaw_says_nothing_but_its_id(
    agent: SignedIn, conversation: Conversation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("SELECT secret FROM /srv/opencom")

    agent.client.raise_request_exception = False
    with nothing_happens():
        with monkeypatch.context() as patch:
            patch.setattr(actions, "send_message", breaks)
            answer = agent.say(conversation, "CANARY of the body")
        assert refusal(answer) == (500, "internal")
    for secret in (b"SELECT", b"RuntimeError", b"opencom", b"Traceback"):
        assert secret not in answer.content
    assert "CANARY" not in caplog.text
