"""What a browser may be made to do by another site: nothing that changes, reads or frames anything of ours."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings

from apps.core.endpoints import METHODS
from tests.callers import API, refusal
from tests.database import nothing_happens
from tests.security.cases import case
from tests.security.scene import Scene
from tests.security.test_matrix import ENDPOINTS, call

EVIL = "https://evil.example"
ADDRESSES = sorted({endpoint.name for endpoint in ENDPOINTS if endpoint.verb != "ANY"})
API_ENDPOINTS = [endpoint for endpoint in ENDPOINTS if endpoint.name.startswith(API)]
PAGES = [
    endpoint for endpoint in ENDPOINTS if endpoint.verb == "GET" and not endpoint.name.startswith(("/api/", "/files/"))
]


def handled(name: str) -> set[str]:
    return {endpoint.verb for endpoint in ENDPOINTS if endpoint.name == name}


def filled(name: str, scene: Scene) -> str:
    return re.sub(r"<\w+:(\w+)>", lambda match: str(scene.ids[match.group(1)]), name)


@case("S02")
@pytest.mark.parametrize("name", ADDRESSES)
def test_a_method_that_an_address_does_not_have_is_not_allowed(cell: Scene, name: str) -> None:
    owner = cell.person("owner").caller
    others = {method.upper() for method in METHODS} - handled(name)
    for method in sorted(others | {"TRACE", "MERGE"} | (set() if "GET" in handled(name) else {"HEAD"})):
        with nothing_happens():
            assert owner.client.generic(method, filled(name, cell), headers=owner.headers).status_code == 405, method


@case("S02")
@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_no_header_and_no_field_is_a_method(cell: Scene, header: str) -> None:
    owner = cell.person("owner").caller
    with nothing_happens():
        owner.client.get(f"{API}/session", headers={**owner.headers, header: "DELETE"})
        owner.client.get(f"{API}/session", {"_method": "DELETE"}, headers=owner.headers)
    assert owner.get("/session").status_code == 200
    assert owner.delete("/session").status_code == 204


@case("S06")
@pytest.mark.parametrize("endpoint", API_ENDPOINTS, ids=lambda endpoint: f"{endpoint.verb} {endpoint.name}")
def test_no_answer_to_a_cookie_can_be_read_by_another_site(cell: Scene, endpoint: Any) -> None:
    owner: Any = cell.person("owner")
    owner.caller.headers["Origin"], before = EVIL, owner.caller.headers["Origin"]
    response = call(endpoint, owner, cell, cell.ids)
    owner.caller.headers["Origin"] = before
    boots = endpoint.name.endswith("/widget/boot")
    if not boots:
        assert "Access-Control-Allow-Origin" not in response.headers
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "Origin" in response.headers["Vary"]
    assert "Cookie" in response.headers["Vary"]


@case("S06", "S03")
def test_a_visitors_answer_can_be_read_by_the_allowed_page_only(cell: Scene) -> None:
    visitor = cell.visitor
    readable = visitor.get("/conversations")
    assert readable["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "Access-Control-Allow-Credentials" not in readable.headers
    visitor.headers["Origin"], before = EVIL, visitor.headers["Origin"]
    refused = visitor.get("/conversations")
    visitor.headers["Origin"] = before
    assert refusal(refused) == (403, "origin_refused")
    assert "Access-Control-Allow-Origin" not in refused.headers


@case("S07")
@pytest.mark.parametrize("endpoint", PAGES, ids=lambda endpoint: endpoint.name)
def test_a_page_can_be_framed_by_ours_at_most(cell: Scene, endpoint: Any) -> None:
    response = call(endpoint, cell.person("owner"), cell, cell.ids)
    framing = response.headers["X-Frame-Options"]
    assert framing == ("SAMEORIGIN" if endpoint.name == "/settings/messenger/preview/" else "DENY")
    if response.status_code == 200 and response["Content-Type"].startswith("text/html"):
        assert "frame-ancestors 'self'" in response.headers["Content-Security-Policy"]


@case("D11")
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.verb} {endpoint.name}")
def test_no_answer_to_somebody_is_kept_by_anything_in_between(cell: Scene, endpoint: Any) -> None:
    response = call(endpoint, cell.person("owner"), cell, cell.ids)
    if endpoint.name.startswith("/files/") or endpoint.name.startswith("/attachments/"):
        assert response.headers["Cache-Control"] == "private, max-age=300"
    elif endpoint.name.startswith("/help/") and "/files/" in endpoint.name:
        assert response.headers["Cache-Control"] == "public, max-age=300", "it is everybody's"
    elif response.status_code < 300:
        assert response.headers["Cache-Control"] == "no-store"


@case("S01")
def test_the_sessions_cookie_is_out_of_reach_of_scripts_and_other_sites(cell: Scene) -> None:
    body = {"email": cell.agent.member.user.email, "password": "correct horse battery staple"}
    nobody = cell.person("nobody").caller
    assert nobody.post("/session", body).status_code == 200
    cookie = nobody.client.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert cookie["domain"] == ""
