"""Which pages may run a workspace's messenger."""

from __future__ import annotations

from typing import Any

import pytest

from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import Booted, Caller, refusal
from tests.database import nothing_happens

pytestmark = pytest.mark.django_db

ALLOWED = ["https://good.example", "https://*.good.example", "http://localhost:3000"]

FINE = [
    "https://good.example",
    "https://www.good.example",
    "https://a.b.good.example",
    "https://good.example:443",
    "HTTPS://GOOD.EXAMPLE",
    "https://good.example.",
    "http://localhost:3000",
]
EVIL = [
    "null",
    "",
    "https://evil.example",
    "https://good.example.evil.example",
    "https://notgood.example",
    "http://good.example",
    "http://www.good.example",
    "https://good.example:8443",
    "https://www.good.example:8443",
    "https://good.example@evil.example",
    "https://evil.example/https://good.example",
    "https://evil.example?https://good.example",
    "https://evil.example#.good.example",
    "https://*.good.example",
    "https://good.example\\.evil.example",
    "https://goodXexample",
    "https://localhost:3000",
    "http://localhost",
    "http://localhost:30000",
    "file://good.example",
    "chrome-extension://abc",
    "https://[::1",
    "https://",
    "://good.example",
    "good.example",
    "https://good.example https://evil.example",
    "https://good.example,https://evil.example",
    "https://ɡood.example",
]


@pytest.fixture
def strict() -> Workspace:
    return factories.make_workspace(allowed_origins=ALLOWED)


def boot(workspace: Workspace, page: str | None, **more: Any) -> Any:
    caller = Caller(**({} if page is None else {"Origin": page}))
    return caller.post("/widget/boot", {"workspace": str(workspace.pk), "session_id": factories.session_id(), **more})


@pytest.mark.parametrize("origin", FINE)
def test_an_allowed_page_boots_and_may_read_the_answer(strict: Workspace, origin: str) -> None:
    answer = boot(strict, origin)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", [*EVIL, None])
def test_another_page_neither_boots_nor_reads(strict: Workspace, origin: str | None) -> None:
    with nothing_happens():
        answer = boot(strict, origin)
    assert refusal(answer) == (403, "origin_refused")
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("origin", [*EVIL, None])
def test_a_living_token_opens_nothing_on_another_page(strict: Workspace, origin: str | None) -> None:
    issued = factories.boot(strict)
    conversation = factories.start(issued.visitor)
    elsewhere = Booted(issued.token, issued.visitor, origin or "")
    if origin is None:
        del elsewhere.headers["Origin"]
    with nothing_happens():
        for answer in (
            elsewhere.get("/widget/session"),
            elsewhere.get("/conversations"),
            elsewhere.say(conversation),
            elsewhere.patch("/widget/visitor", {"name": "Mallory"}),
            elsewhere.post("/widget/session/refresh"),
        ):
            assert refusal(answer) == (403, "origin_refused")
            assert "Access-Control-Allow-Origin" not in answer.headers
    here = Booted(issued.token, issued.visitor, "https://good.example")
    assert here.get("/widget/session").headers["Access-Control-Allow-Origin"] == "https://good.example"


def test_with_an_empty_list_no_page_is_allowed() -> None:
    workspace = factories.make_workspace(allowed_origins=[])
    with nothing_happens():
        for origin in ("https://good.example", "http://localhost", None):
            assert refusal(boot(workspace, origin)) == (403, "origin_refused")


def test_any_origin_allows_every_page_and_native_apps_but_no_opaque_origin() -> None:
    workspace = factories.make_workspace(allowed_origins=[], any_origin=True)
    for origin in ("https://whatever.example", "http://localhost:1234", None):
        assert boot(workspace, origin).status_code == 200
    with nothing_happens():
        assert refusal(boot(workspace, "null")) == (403, "origin_refused")


def test_a_workspace_that_does_not_exist_is_refused_like_a_foreign_page(strict: Workspace) -> None:
    unknown = Workspace(pk=factories.uuid.uuid4())
    with nothing_happens():
        missing, foreign = boot(unknown, "https://good.example"), boot(strict, "https://evil.example")
    assert refusal(missing) == refusal(foreign) == (403, "origin_refused")
    bodies = [answer.json()["error"] for answer in (missing, foreign)]
    assert bodies[0]["message"] == bodies[1]["message"]


def test_the_origin_is_the_requests_header_and_not_what_a_body_says(strict: Workspace) -> None:
    with nothing_happens():
        for more in ({"origin": "https://good.example"}, {"referrer": "https://good.example/"}):
            assert boot(strict, "https://evil.example", **more).status_code in (400, 403)
        caller = Caller(Origin="https://evil.example", Referer="https://good.example/", X_Forwarded_Host="good.example")
        body = {"workspace": str(strict.pk), "session_id": factories.session_id()}
        assert refusal(caller.post("/widget/boot", body)) == (403, "origin_refused")


def test_the_list_can_be_changed_while_tokens_live(strict: Workspace) -> None:
    issued = factories.boot(strict)
    caller = Booted(issued.token, issued.visitor, "https://good.example")
    assert caller.get("/widget/session").status_code == 200
    owner = callers.signed_in(strict, "owner")
    body = {"allowed_origins": ["https://new.example"], "any_origin": False, "session_lifetime": 86400}
    assert owner.put("/workspace/security", body).status_code == 200
    assert refusal(caller.get("/widget/session")) == (403, "origin_refused")
    moved = Booted(issued.token, issued.visitor, "https://new.example")
    assert moved.get("/widget/session").status_code == 200


def test_a_preflight_lets_the_browser_ask_and_promises_nothing_more(strict: Workspace) -> None:
    asks = Caller(Origin="https://evil.example", Access_Control_Request_Method="POST")
    answer = asks.send("OPTIONS", "/api/v1/widget/boot")
    assert answer.status_code == 204
    assert answer.content == b""
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"


def test_no_cookie_of_a_member_is_readable_from_another_site(strict: Workspace) -> None:
    agent = callers.signed_in(strict)
    agent.headers["Origin"] = "https://good.example"
    for path in ("/conversations", "/session", "/members"):
        answer = agent.get(path)
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert {"Origin", "Cookie"} <= {name.strip() for name in answer.headers["Vary"].split(",")}


def test_refusals_that_a_messenger_must_understand_are_readable_and_say_nothing(strict: Workspace) -> None:
    page = "https://good.example"
    expired = Caller(Origin=page, Authorization="Bearer wst_" + "0" * 64).get("/widget/session")
    assert refusal(expired) == (401, "session_expired")
    assert expired.headers["Access-Control-Allow-Origin"] == page
    invalid = boot(strict, page, nothing="of this name")
    assert refusal(invalid) == (400, "invalid")
    assert invalid.headers["Access-Control-Allow-Origin"] == page
    nobody = Caller(Origin=page).get("/conversations")
    assert refusal(nobody) == (401, "not_authenticated")
    assert "Access-Control-Allow-Origin" not in nobody.headers
