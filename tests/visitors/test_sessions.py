"""A visitor is whoever holds the token; at boot, whoever holds the session id. Nothing else says who anybody is."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.core.clock import now
from apps.visitors import actions
from apps.visitors.models import Visitor, VisitorSession
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import Booted, Caller, SignedIn, refusal
from tests.database import nothing_happens, tables
from tests.factories import ORIGIN

pytestmark = pytest.mark.django_db


def boot(workspace: Workspace, session_id: str | None = None, **more: Any) -> Any:
    body = {"workspace": str(workspace.pk), "session_id": session_id or factories.session_id(), **more}
    return callers.nobody().post("/widget/boot", body)


def bearer(token: str, workspace: Workspace | None = None) -> Caller:
    return Caller(Origin=ORIGIN, Authorization=f"Bearer {token}")


# Booting


def test_the_first_boot_makes_a_visitor_and_answers_all_a_messenger_needs(workspace: Workspace) -> None:
    agent = factories.make_member(workspace, "agent", name="Ada")
    answer = boot(
        workspace,
        device={"browser": "Firefox", "browser_version": "140", "os": "Linux", "type": "desktop"},
        page={"url": "https://shop.example/cart", "title": "Your cart"},
        referrer="https://search.example/",
        locale="de-AT",
        timezone="Europe/Vienna",
        client={"type": "web_widget", "version": "1", "identifier": "shop"},
        name="Grete",
        email="grete@home.example",
        attributes={"plan": "gold", "seats": 3, "trial": False, "tags": ["a", "b"]},
    )
    assert answer.status_code == 200
    body = answer.json()
    assert re.fullmatch(r"wst_[0-9a-f]{64}", body["token"])
    assert (body["lifetime"], body["refresh_after"]) == (86_400, 64_800)
    ends = datetime.fromisoformat(body["expires_at"])
    assert timedelta(hours=23, minutes=59) < ends - timezone.now() <= timedelta(hours=24, minutes=1)
    assert body["visitor"]["name"] == "Grete"
    assert body["visitor"]["attributes"] == {"plan": "gold", "seats": 3, "trial": False, "tags": ["a", "b"]}
    assert body["workspace"] == {"id": str(workspace.pk), "name": "Shop"}
    assert body["messenger"]["greeting"]
    assert {"id": str(agent.pk), "name": "Ada", "avatar_url": None, "online": False} in body["team"]
    assert (body["unread"], body["last_unread"], body["slots"]) == (0, None, {})
    assert body["live_url"].startswith("ws")
    assert body["poll_url"].endswith("/live/poll")
    row = Visitor.objects.get(pk=body["visitor"]["id"])
    assert (row.page_url, row.page_title, row.locale) == ("https://shop.example/cart", "Your cart", "de-AT")
    assert row.device["browser"] == "Firefox"
    session = VisitorSession.objects.get(visitor=row)
    assert (session.origin, session.client["version"]) == (ORIGIN, "1")


def test_the_session_id_brings_its_visitor_back_also_after_the_token_has_ended(workspace: Workspace) -> None:
    mine = factories.session_id()
    first = boot(workspace, mine, name="Grete").json()
    VisitorSession.objects.update(expires_at=now() - timedelta(days=30))
    again = boot(workspace, mine).json()
    assert again["visitor"]["id"] == first["visitor"]["id"]
    assert again["visitor"]["name"] == "Grete"
    assert again["token"] != first["token"]
    other = boot(workspace).json()
    assert other["visitor"]["id"] != first["visitor"]["id"]
    assert Visitor.objects.filter(workspace=workspace).count() == 2


def test_one_session_id_is_another_visitor_in_another_workspace(workspace: Workspace) -> None:
    mine, other = factories.session_id(), factories.make_workspace("Other")
    assert boot(workspace, mine).json()["visitor"]["id"] != boot(other, mine).json()["visitor"]["id"]


def test_a_second_boot_leaves_the_first_tabs_token_alive(workspace: Workspace) -> None:
    mine = factories.session_id()
    first, second = boot(workspace, mine).json()["token"], boot(workspace, mine).json()["token"]
    for token in (first, second):
        assert bearer(token).get("/widget/session").status_code == 200


def test_nothing_a_body_names_brings_anybody_back(workspace: Workspace) -> None:
    victim = boot(workspace, name="Grete", email="grete@home.example", attributes={"plan": "gold"}).json()["visitor"]
    factories.start(Visitor.objects.get(pk=victim["id"]), "My secret.")
    thief = boot(workspace, email="grete@home.example").json()
    assert thief["visitor"]["id"] != victim["id"]
    assert thief["visitor"]["attributes"] == {}
    assert bearer(thief["token"]).get("/conversations").json()["items"] == []
    claimed = boot(workspace, user_id=victim["id"])
    assert claimed.json()["visitor"]["id"] != victim["id"]
    assert bearer(claimed.json()["token"]).get("/conversations").json()["items"] == []
    for claim in ("visitor", "visitor_id", "id", "readable_id", "external_id"):
        with nothing_happens():
            assert refusal(boot(workspace, **{claim: victim["id"]})) == (400, "invalid")
    with nothing_happens():
        assert refusal(boot(workspace, victim["readable_id"])) == (400, "invalid")
    assert boot(workspace, victim["id"].replace("-", "")).json()["visitor"]["id"] != victim["id"]


@pytest.mark.parametrize(
    "session_id",
    ["a", "x" * 31, "x" * 33, "=" * 32, "é" * 32, "a" * 28 + "====", " " * 32, "x" * 65, "\x00" * 32, 7, None, []],
)
def test_a_session_id_must_be_24_random_bytes(workspace: Workspace, session_id: Any) -> None:
    body = {"workspace": str(workspace.pk), "session_id": session_id}
    with nothing_happens():
        assert callers.nobody().post("/widget/boot", body).status_code == 400
    assert boot(workspace, "x" * 32).status_code == 200


@pytest.mark.parametrize(
    "more",
    [
        {"identity_verified": True},
        {"readable_id": "calm-otter-42"},
        {"tags": ["vip"]},
        {"is_blocked": False},
        {"blocked": False},
        {"merged_into": "x"},
        {"created_at": "2020-01-01T00:00:00Z"},
        {"first_seen_at": "2020-01-01T00:00:00Z"},
        {"email_proven": True},
        {"name": "x" * 201},
        {"name": 7},
        {"email": "not an address"},
        {"email": "a@b.example\nBcc: c@d.example"},
        {"device": {"type": "toaster"}},
        {"device": {"fingerprint": "x"}},
        {"device": "phone"},
        {"page": {"title": "no address"}},
        {"page": {"url": "x" * 2001}},
        {"client": {"secret": "x"}},
        {"attributes": []},
        {"attributes": {"deep": {"er": 1}}},
        {"attributes": {"deep": [[1]]}},
        {"attributes": {"long": "x" * 2048}},
        {"attributes": {"x" * 101: 1}},
        {"attributes": {str(number): number for number in range(101)}},
    ],
)
def test_a_boot_that_says_what_it_may_not_is_refused_whole(workspace: Workspace, more: dict[str, Any]) -> None:
    with nothing_happens():
        assert refusal(boot(workspace, **more)) == (400, "invalid")


def test_a_blocked_visitor_gets_no_further(workspace: Workspace) -> None:
    mine = factories.session_id()
    body = boot(workspace, mine).json()
    visitor, caller = Visitor.objects.get(pk=body["visitor"]["id"]), bearer(body["token"])
    conversation = factories.start(visitor)
    visitor.blocked = True
    visitor.save(update_fields=["blocked"])
    with nothing_happens():
        assert refusal(boot(workspace, mine)) == (403, "blocked")
        for answer in (
            caller.get("/widget/session"),
            caller.get("/conversations"),
            caller.say(conversation),
            caller.start(),
            caller.patch("/widget/visitor", {"name": "x"}),
            caller.post("/widget/session/refresh"),
        ):
            assert refusal(answer) == (403, "blocked")
    visitor.blocked = False
    visitor.save(update_fields=["blocked"])
    assert caller.say(conversation).status_code == 201


def test_the_team_is_shown_by_name_and_without_addresses(workspace: Workspace) -> None:
    nameless = factories.make_member(workspace, "agent")
    nameless.user.name = ""
    nameless.user.save()
    viewer = factories.make_member(workspace, "viewer", name="Only Looks")
    body = boot(workspace).json()
    assert "@team.example" not in str(body)
    assert "Support" in [mate["name"] for mate in body["team"]]
    assert viewer.pk not in [UUID(mate["id"]) for mate in body["team"]]
    owner = callers.signed_in(workspace, "owner")
    owner.patch("/workspace/messenger", {"show_avatars": False})
    assert boot(workspace).json()["team"] == []


# The token


def test_a_token_says_who_it_is_and_until_when(workspace: Workspace, visitor: Booted) -> None:
    body = visitor.get("/widget/session").json()
    assert body["visitor"]["id"] == str(visitor.visitor.pk)
    assert set(body["visitor"]) == {"id", "readable_id", "name", "email", "email_proven", "attributes"}
    assert datetime.fromisoformat(body["expires_at"]) > timezone.now()


@pytest.mark.parametrize(
    "path", ["/widget/session", "/conversations", "/widget/visitor", "/widget/events", "/widget/session/refresh"]
)
def test_without_a_token_no_endpoint_of_a_visitor_answers(workspace: Workspace, path: str) -> None:
    with nothing_happens():
        for method in ("GET", "POST", "PATCH", "DELETE"):
            answer = callers.nobody().call(
                method, path, {"visitor": str(factories.uuid.uuid4())} if method != "GET" else None
            )
            assert refusal(answer) in ((401, "not_authenticated"), (405, "method_not_allowed"))


FORGED = [
    "",
    "wst_",
    "wst_" + "a" * 63,
    "wst_" + "a" * 65,
    "wst_" + "A" * 64,
    "wst_" + "g" * 64,
    "WST_" + "a" * 64,
    "wst_" + "١" * 64,
    "wst_" + "a" * 64 + " ",
    "wst_" + "a" * 10_000,
    "a" * 68,
    "oca_" + "a" * 63,
    "' OR 1=1 --",
]


@pytest.mark.parametrize("token", FORGED)
def test_what_does_not_look_like_a_token_costs_no_query(workspace: Workspace, token: str) -> None:
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        answer = Client().get("/api/v1/widget/session", headers={"Origin": ORIGIN, "Authorization": f"Bearer {token}"})
    assert refusal(answer) in ((401, "session_expired"),)
    assert len(queries) == 0


def test_unknown_expired_and_revoked_tokens_get_one_answer(workspace: Workspace, visitor: Booted) -> None:
    expired, revoked = callers.booted(workspace), callers.booted(workspace)
    VisitorSession.objects.filter(visitor=expired.visitor).update(expires_at=now() - timedelta(seconds=1))
    revoked.delete("/widget/session")
    unknown = bearer("wst_" + "0" * 64)
    with nothing_happens():
        answers = [caller.get("/conversations") for caller in (expired, revoked, unknown)]
    assert {refusal(answer) for answer in answers} == {(401, "session_expired")}
    assert len({answer.json()["error"]["message"] for answer in answers}) == 1
    assert visitor.get("/conversations").status_code == 200


@pytest.mark.parametrize("scheme", ["bearer", "Token", "Basic", "BEARER", "Bearer\t", ""])
def test_only_bearer_brings_a_token(workspace: Workspace, visitor: Booted, scheme: str) -> None:
    caller = Caller(Origin=ORIGIN, Authorization=f"{scheme} {visitor.token}".strip())
    with nothing_happens():
        assert refusal(caller.get("/widget/session")) == (401, "session_expired")


def test_a_token_in_an_address_or_a_cookie_opens_nothing(workspace: Workspace, visitor: Booted) -> None:
    stranger = callers.nobody()
    with nothing_happens():
        for name in ("token", "access_token", "q"):
            answer = stranger.get("/widget/session", **{name: visitor.token})
            assert refusal(answer) == (400, "credential_in_url")
        assert refusal(visitor.get("/conversations", token=visitor.token)) == (400, "credential_in_url")
        stranger.client.cookies["session"] = visitor.token
        assert refusal(stranger.get("/widget/session")) == (401, "not_authenticated")


def test_two_credentials_in_one_request_are_one_too_many(
    workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    agent.headers["Authorization"] = f"Bearer {visitor.token}"
    with nothing_happens():
        for answer in (agent.get("/conversations"), agent.get("/widget/session"), agent.start(), agent.get("/session")):
            assert refusal(answer) == (400, "ambiguous_credentials")
    del agent.headers["Authorization"]
    assert agent.get("/conversations").status_code == 200


def test_no_token_and_no_session_id_is_kept_in_clear(workspace: Workspace) -> None:
    secrets = []
    for _ in range(20):
        mine = factories.session_id()
        secrets += [mine, boot(workspace, mine).json()["token"]]
    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} AS t")
            text = cursor.fetchone()[0]
            assert "wst_" not in text, table
            for secret in secrets:
                assert secret not in text, table
                assert secret.encode().hex() not in text, table
                assert secret.removeprefix("wst_") not in text, table


def test_tokens_and_session_ids_are_shown_by_nothing(
    workspace: Workspace, owner: SignedIn, caplog: pytest.LogCaptureFixture
) -> None:
    mine = factories.session_id()
    caplog.set_level("DEBUG")
    body = boot(workspace, mine).json()
    caller = bearer(body["token"])
    shown = [
        caller.get("/widget/session").content,
        caller.start().content,
        owner.get("/visitors").content,
        owner.get(f"/visitors/{body['visitor']['id']}").content,
        owner.get("/conversations").content,
        caplog.text.encode(),
    ]
    for secret in (mine, body["token"]):
        assert all(secret.encode() not in text for text in shown)
    assert mine not in str(body)


def test_a_token_lasts_as_long_as_the_workspace_says() -> None:
    workspace = factories.make_workspace(session_lifetime=3600)
    body = boot(workspace).json()
    assert (body["lifetime"], body["refresh_after"]) == (3600, 2700)
    assert timedelta(minutes=59) < VisitorSession.objects.get().expires_at - now() <= timedelta(hours=1)


# Refreshing and ending


def test_refreshing_gives_another_token_and_ends_the_old_one_now(workspace: Workspace, visitor: Booted) -> None:
    body = visitor.post("/widget/session/refresh").json()
    assert set(body) == {"token", "expires_at", "lifetime", "refresh_after"}
    assert body["token"] != visitor.token
    with nothing_happens():
        assert refusal(visitor.get("/widget/session")) == (401, "session_expired")
        assert refusal(visitor.post("/widget/session/refresh")) == (401, "session_expired")
    fresh = bearer(body["token"])
    assert fresh.get("/widget/session").json()["visitor"]["id"] == str(visitor.visitor.pk)
    session = VisitorSession.objects.get()
    assert (session.origin, session.client) == (ORIGIN, {"type": "web_widget"})


def test_an_ended_token_cannot_be_refreshed(workspace: Workspace, visitor: Booted) -> None:
    VisitorSession.objects.update(expires_at=now() - timedelta(seconds=1))
    with nothing_happens():
        assert refusal(visitor.post("/widget/session/refresh")) == (401, "session_expired")


def test_of_two_refreshes_of_one_token_one_succeeds(workspace: Workspace, visitor: Booted) -> None:
    session = actions.session_of(visitor.token)
    assert session is not None
    assert actions.refresh(session) is not None
    assert actions.refresh(session) is None
    assert VisitorSession.objects.count() == 1


def test_ending_a_session_is_at_once_and_only_that_session(workspace: Workspace) -> None:
    mine = factories.session_id()
    first, second = (bearer(boot(workspace, mine).json()["token"]) for _ in range(2))
    assert first.delete("/widget/session").status_code == 204
    assert refusal(first.get("/widget/session")) == (401, "session_expired")
    assert second.get("/widget/session").status_code == 200
    session = VisitorSession.objects.get()
    actions.revoke(session)
    with nothing_happens():
        actions.revoke(session)


def test_ended_sessions_are_forgotten_and_living_ones_kept(workspace: Workspace, visitor: Booted) -> None:
    ended = callers.booted(workspace)
    VisitorSession.objects.filter(visitor=ended.visitor).update(expires_at=now() - timedelta(seconds=1))
    assert actions.forget_ended_sessions() == 1
    assert visitor.get("/widget/session").status_code == 200


# Kinds of caller


def test_a_members_cookie_opens_nothing_that_is_a_visitors(agent: SignedIn) -> None:
    with nothing_happens():
        for method, path in (
            ("GET", "/widget/session"),
            ("POST", "/widget/session/refresh"),
            ("DELETE", "/widget/session"),
            ("PATCH", "/widget/visitor"),
            ("POST", "/widget/events"),
        ):
            assert refusal(agent.call(method, path, {})) == (403, "forbidden")


def test_a_visitors_token_opens_nothing_that_is_a_members(workspace: Workspace, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor)
    id_ = conversation.pk
    with nothing_happens():
        for method, path in (
            ("GET", "/session"),
            ("DELETE", "/session"),
            ("GET", "/members"),
            ("GET", "/workspace"),
            ("PATCH", "/workspace/messenger"),
            ("PUT", "/workspace/security"),
            ("POST", "/live/tickets"),
            ("GET", "/visitors"),
            ("GET", f"/visitors/{visitor.visitor.pk}"),
            ("GET", "/conversations/counts"),
            ("POST", "/conversations/bulk"),
            ("PUT", f"/conversations/{id_}/status"),
            ("PUT", f"/conversations/{id_}/assignee"),
            ("GET", f"/conversations/{id_}/draft"),
            ("PUT", f"/conversations/{id_}/draft"),
        ):
            assert refusal(visitor.call(method, path, {} if method != "GET" else None)) == (403, "forbidden"), path
