"""A write with an Idempotency-Key that is sent twice is done once, and answered the same."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from apps.core import idempotency, limits
from apps.core.clock import now
from apps.core.models import KeptAnswer
from apps.visitors.models import Visitor
from tests import callers, factories
from tests.callers import Caller, Keyed, SignedIn, refusal
from tests.database import nothing_happens


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    if "committed" not in request.fixturenames:
        request.getfixturevalue("db")


@pytest.fixture
def key(owner: SignedIn) -> Keyed:
    return callers.keyed(owner.member, "conversations.reply", "conversations.read", "conversations.close")


def start(caller: Caller, visitor: Any, body: str = "Hello", once: str = "order-1", **fields: Any) -> Any:
    said = {"client_id": fields.pop("client_id", str(uuid4())), "body": body, "visitor": str(visitor.visitor.pk)}
    return caller.post("/conversations", said, Idempotency_Key=once)


@pytest.mark.parametrize("who", ["key", "agent"])
def test_the_second_time_is_answered_as_the_first_and_does_nothing(
    request: pytest.FixtureRequest, visitor: Any, who: str
) -> None:
    caller = request.getfixturevalue(who)
    client_id = str(uuid4())
    first = start(caller, visitor, client_id=client_id)
    assert first.status_code == 201
    assert "Idempotent-Replay" not in first.headers
    with nothing_happens():
        second = start(caller, visitor, client_id=client_id)
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["Idempotent-Replay"] == "true"
    assert second.headers["Cache-Control"] == "no-store"


def test_other_content_or_another_address_under_the_same_key_is_refused(key: Keyed, visitor: Any) -> None:
    started = start(key, visitor).json()["conversation"]["id"]
    with nothing_happens():
        assert refusal(start(key, visitor, body="Other")) == (409, "idempotency_key_reused")
        other = key.put(f"/conversations/{started}/status", {"status": "closed"}, Idempotency_Key="order-1")
        assert refusal(other) == (409, "idempotency_key_reused")
    assert start(key, visitor, body="Other", once="order-2").status_code == 201


def test_one_callers_key_is_not_anothers(key: Keyed, agent: SignedIn, visitor: Any) -> None:
    assert start(key, visitor).status_code == start(agent, visitor).status_code == 201
    assert KeptAnswer.objects.count() == 2


def test_what_was_refused_may_be_asked_again(key: Keyed, visitor: Any) -> None:
    with nothing_happens():
        assert refusal(start(key, visitor, body="")) == (400, "invalid")
        visitor_id = visitor.visitor.pk
        visitor.visitor.pk = uuid4()
        assert refusal(start(key, visitor)) == (404, "not_found")
    visitor.visitor.pk = visitor_id
    assert start(key, visitor).status_code == 201


def test_an_error_keeps_nothing_and_does_nothing(key: Keyed, visitor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    key.client.raise_request_exception = False
    monkeypatch.setattr(idempotency, "_keep", lambda *_: 1 / 0)
    with nothing_happens():
        assert start(key, visitor).status_code == 500
    monkeypatch.undo()
    assert start(key, visitor).status_code == 201


def test_after_a_day_the_key_is_free_again(key: Keyed, visitor: Any) -> None:
    start(key, visitor)
    KeptAnswer.objects.update(created_at=now() - timedelta(seconds=limits.IDEMPOTENCY_SECONDS + 1))
    assert start(key, visitor, body="Other").status_code == 201
    assert idempotency.forget_old() == 0
    KeptAnswer.objects.update(created_at=now() - timedelta(seconds=limits.IDEMPOTENCY_SECONDS + 1))
    assert idempotency.forget_old() == 1


@pytest.mark.parametrize("once", ["", "x" * 256, "ä", "a\tb"])
def test_a_key_that_can_t_be_one_is_refused(key: Keyed, visitor: Any, once: str) -> None:
    with nothing_happens():
        assert refusal(start(key, visitor, once=once)) == (400, "idempotency_key_invalid")


def test_an_answer_that_holds_a_secret_is_kept_nowhere(owner: SignedIn, agent: SignedIn) -> None:
    body = {"name": "Importer", "scopes": ["users.read"]}
    with nothing_happens():
        assert refusal(owner.post("/keys", body, Idempotency_Key="a")) == (400, "idempotency_unsupported")
        assert refusal(agent.post("/live/tickets", Idempotency_Key="a")) == (400, "idempotency_unsupported")
        export = owner.post("/audit/exports", {"format": "json"}, Idempotency_Key="a")
        assert refusal(export) == (400, "idempotency_unsupported")
    assert owner.post("/keys", body).status_code == 201


def test_reading_and_visitors_take_no_notice_of_a_key(key: Keyed, visitor: Any) -> None:
    with nothing_happens():
        assert key.call("GET", "/conversations", Idempotency_Key="a").status_code == 200
    visitor.start(Idempotency_Key="a")
    assert not KeptAnswer.objects.exists()


def test_of_two_that_come_at_once_one_is_done_and_both_are_answered(committed: None) -> None:
    owner = callers.signed_in(factories.make_workspace(), "owner")
    visitor: Visitor = factories.make_visitor(owner.member.workspace)
    issued = [callers.keyed(owner.member, "conversations.reply")]
    said = [{"client_id": str(uuid4()), "body": "Hello", "visitor": str(visitor.pk)}]
    start_line, answers = threading.Barrier(4), []

    def send() -> None:
        caller = Keyed(issued[0].token, issued[0].key)
        start_line.wait()
        answers.append(caller.post("/conversations", said[0], Idempotency_Key="at once"))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replay" in answer.headers for answer in answers) == 3
    assert visitor.conversations.count() == 1
