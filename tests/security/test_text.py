"""Text that no database takes, and numbers that two programs read differently, are refused at every edge."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests import callers
from tests.callers import Booted, SignedIn, nobody
from tests.database import nothing_happens
from tests.live import LiveThread
from tests.security.cases import case

TEXTS = ["a\\u0000b", "a\\ud800b", "\\udc00", "\\ud800\\ud800"]
"""NUL and lone surrogates, as JSON writes them."""


@case("Q02", "Q10")
@pytest.mark.django_db
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("where", ["value", "name", "deep"])
def test_a_body_with_text_that_is_none_is_refused(visitor: Booted, text: str, where: str) -> None:
    fields = {
        "value": f'"name": "{text}"',
        "name": f'"attributes": {{"{text}": 1}}',
        "deep": f'"attributes": {{"a": ["{text}"]}}',
    }
    with nothing_happens():
        answer = visitor.send("PATCH", "/api/v1/widget/visitor", f"{{{fields[where]}}}")
    assert answer.status_code == 400
    assert visitor.send("PATCH", "/api/v1/widget/visitor", '{"name": "Maya"}').status_code == 200


@case("Q02")
@pytest.mark.django_db
@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 10**40])
def test_a_number_that_is_not_exact_everywhere_is_refused(visitor: Booted, number: int) -> None:
    with nothing_happens():
        assert visitor.patch("/widget/visitor", {"attributes": {"n": number}}).status_code == 400
    assert visitor.patch("/widget/visitor", {"attributes": {"n": 2**53}}).status_code == 200


@case("Q03", "Q04")
@pytest.mark.django_db
@pytest.mark.parametrize("asked", ["q=%00", "q=a%00b", "q=%ff%fe", "q=%ed%a0%80", "%00=1", "cursor=%00"])
@pytest.mark.parametrize(
    "path", ["/api/v1/conversations", "/api/v1/visitors", "/inbox/open/", "/visitors/", "/sign-in/"]
)
def test_an_address_with_text_that_is_none_is_refused(agent: SignedIn, path: str, asked: str) -> None:
    with nothing_happens():
        answer = agent.client.get(f"{path}?{asked}")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid"
    assert agent.client.get(f"{path}?q=%C3%BC").status_code in (200, 302)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/%00", "/inbox/%00/", "/api/v1/conversations/%00"])
def test_a_path_with_nul_is_refused(path: str) -> None:
    assert nobody().client.get(path).status_code == 400


@case("Q02")
@pytest.mark.django_db
def test_a_form_with_nul_is_refused_beside_its_field(workspace: Any) -> None:
    owner = callers.signed_in(workspace, "owner")
    with nothing_happens():
        answer = owner.client.post(
            "/settings/security/", {"allowed_origins": "https://a\x00.example", "session_lifetime": "3600"}
        )
    assert answer.status_code == 422
    with nothing_happens():
        assert nobody().client.post("/sign-in/", {"email": "a\x00@b.example", "password": "x\x00"}).status_code == 422


@case("W09")
@pytest.mark.parametrize("text", TEXTS[1:])
def test_a_frame_that_is_no_unicode_closes_the_socket(live: LiveThread, visitor: Booted, text: str) -> None:
    with live.socket_of(visitor) as socket:
        socket.connection.send(
            f'{{"type": "sub", "id": "{text}", "query": "messages.list", "params": {{"conversation": "{uuid4()}"}}}}'
        )
        assert socket.closed() == 4400
    with live.socket_of(visitor) as socket:
        socket.connection.send(json.dumps({"type": "ping"}))
        assert socket.wait_for("pong")


@case("W09")
def test_a_frame_with_nul_names_nothing_that_there_is(live: LiveThread, visitor: Booted) -> None:
    with live.socket_of(visitor) as socket, nothing_happens():
        assert socket.subscribe("a\x00", "messages.list\x00")["code"] == "unknown_query"
        assert socket.subscribe("b", "messages.list", conversation=f"{uuid4()}\x00")["code"] == "invalid"
        assert [frame["code"] for frame in _told(socket)] == ["invalid"]


def _told(socket: Any) -> list[dict[str, Any]]:
    socket.tell("typing\x00", conversation=uuid4())
    told: list[dict[str, Any]] = socket.settle()
    return told
