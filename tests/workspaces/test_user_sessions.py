"""A person's sessions: which there are, how long they last, and how they are ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.models import Session
from django.test import Client

from apps.core import limits
from apps.core.access import System
from apps.core.clock import now
from apps.core.volatile import volatile
from apps.workspaces import actions, user_sessions
from apps.workspaces.devices import device_of, network_of
from apps.workspaces.models import Member, UserSession, Workspace
from tests import callers, factories
from tests.callers import Caller, SignedIn, refusal
from tests.database import nothing_happens
from tests.factories import PASSWORD
from tests.live import LiveThread, credential_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    if "live" not in request.fixturenames:
        request.getfixturevalue("db")


def browser(member: Member, agent: str = FIREFOX, address: str = "203.0.113.77") -> Caller:
    """Sign a member in by the API, as a browser does."""
    caller = callers.nobody(origin="http://127.0.0.1:8000")
    caller.client = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
    answer = caller.post("/session", {"email": member.user.email, "password": PASSWORD})
    assert answer.status_code == 200
    return caller


def age(session_of: Any, **fields: Any) -> None:
    """Let a member's sessions be older."""
    UserSession.objects.filter(user=session_of.member.user).update(
        **{name: now() - timedelta(seconds=seconds) for name, seconds in fields.items()}
    )


def test_each_sign_in_is_listed_with_its_device_and_the_network_it_came_from(workspace: Workspace) -> None:
    member = factories.make_member(workspace)
    here = browser(member)
    callers.tokens_of(member)
    items = here.get("/sessions").json()["items"]
    assert [(item["kind"], item["current"]) for item in items] == [("app", False), ("browser", True)]
    mine = items[1]
    assert (mine["device"], mine["network"]) == ("Firefox on Linux", "203.0.113.0/24")
    assert "203.0.113.77" not in str(list(UserSession.objects.values()))


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown device"),
        ("<script>alert(1)</script>\r\n" + "x" * 9000, "Unknown device"),
    ],
)
def test_a_device_is_named_in_our_words(agent: str, device: str) -> None:
    assert device_of(agent) == device


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_only_the_network_of_an_address_is_kept(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("field", "seconds", "alive"),
    [
        ("seen_at", limits.MEMBER_SESSION_IDLE_SECONDS - 60, True),
        ("seen_at", limits.MEMBER_SESSION_IDLE_SECONDS + 1, False),
        ("created_at", limits.MEMBER_SESSION_SECONDS - 60, True),
        ("created_at", limits.MEMBER_SESSION_SECONDS + 1, False),
    ],
)
def test_a_session_ends_a_week_after_its_last_use_and_a_month_after_its_beginning(
    agent: SignedIn, field: str, seconds: int, alive: bool
) -> None:
    app = callers.app_of(agent.member)
    age(agent, **{field: seconds})
    for caller in (agent, app):
        answer = caller.get("/session")
        assert answer.status_code == 200 if alive else refusal(answer)[0] == 401
    assert bool(user_sessions.forget_ended()) is not alive
    if not alive:
        assert not Session.objects.exists()


def test_a_sessions_use_is_written_down_at_most_once_a_minute(agent: SignedIn) -> None:
    with nothing_happens():
        assert agent.get("/session").status_code == 200
    age(agent, seen_at=120)
    before = UserSession.objects.get().seen_at
    assert agent.get("/session").status_code == 200
    after = UserSession.objects.get().seen_at
    assert after - before > timedelta(seconds=110)
    agent.get("/session")
    assert UserSession.objects.get().seen_at == after


def test_signing_in_again_in_one_browser_is_still_one_session(workspace: Workspace) -> None:
    member = factories.make_member(workspace)
    caller = browser(member)
    caller.post("/session", {"email": member.user.email, "password": PASSWORD})
    assert len(caller.get("/sessions").json()["items"]) == 1


def test_one_session_is_ended_and_the_others_go_on(agent: SignedIn) -> None:
    other, third = SignedIn(agent.member), SignedIn(agent.member)
    named = next(s for s in other.get("/sessions").json()["items"] if s["current"])["id"]
    assert agent.delete(f"/sessions/{named}").status_code == 204
    assert refusal(other.get("/session")) == (401, "not_authenticated")
    assert other.client.get("/inbox/").status_code == 302
    assert agent.get("/session").status_code == third.get("/session").status_code == 200
    assert Session.objects.count() == 2, "what the cookie named is gone too"


def test_all_others_are_ended_at_once(agent: SignedIn) -> None:
    others = [SignedIn(agent.member), callers.app_of(agent.member)]
    stranger = callers.signed_in(agent.member.workspace)
    assert agent.delete("/sessions").status_code == 204
    assert {refusal(other.get("/session"))[0] for other in others} == {401}
    assert agent.get("/session").status_code == stranger.get("/session").status_code == 200


def test_nobody_ends_or_sees_anothers_session(agent: SignedIn, owner: SignedIn) -> None:
    theirs = agent.get("/sessions").json()["items"][0]["id"]
    assert theirs not in str(owner.get("/sessions").json())
    with nothing_happens():
        refused = owner.delete(f"/sessions/{theirs}")
        assert refusal(refused) == (404, "not_found")
        unknown = owner.delete(f"/sessions/{uuid4()}").json()
    assert unknown["error"]["message"] == refused.json()["error"]["message"]
    assert agent.delete(f"/sessions/{theirs}").status_code == 204


def test_a_session_survives_a_flush_of_redis(agent: SignedIn) -> None:
    volatile.call(lambda client: client.flushdb())
    assert agent.get("/session").status_code == 200


def test_a_deactivated_persons_sessions_are_gone_and_don_t_come_back(agent: SignedIn, owner: SignedIn) -> None:
    app = callers.app_of(agent.member)
    operator = owner.member.user
    actions.deactivate_user(agent.member.user, by=System("admin"), operator=operator)
    actions.activate_user(agent.member.user, by=System("admin"), operator=operator)
    assert {refusal(caller.get("/session"))[0] for caller in (agent, app)} == {401}
    assert not UserSession.objects.filter(user=agent.member.user).exists()


def test_a_new_password_ends_apps_too(agent: SignedIn) -> None:
    tokens = callers.tokens_of(agent.member)
    app = callers.App(agent.member, tokens["access_token"])
    agent.member.user.set_password("another long password")
    agent.member.user.save()
    assert refusal(app.get("/session")) == (401, "session_expired")
    again = callers.nobody().post("/tokens/refresh", {"refresh_token": tokens["refresh_token"]})
    assert refusal(again) == (401, "token_refused")


def test_an_operators_session_is_one_too_and_ends_when_it_is_ended(workspace: Workspace) -> None:
    staff = factories.make_user(is_staff=True, is_superuser=True)
    client = Client()
    client.post("/admin/login/?next=/admin/", {"username": staff.email, "password": PASSWORD})
    assert client.get("/admin/").status_code == 200
    assert user_sessions.end(staff, by=System("admin")) == 1
    assert client.get("/admin/").status_code == 302
    assert not isinstance(staff, AnonymousUser)


# Sockets


def test_signing_out_closes_the_sessions_sockets_and_no_others(live: LiveThread, agent: SignedIn) -> None:
    elsewhere = SignedIn(agent.member)
    mine, other = live.socket_of(agent), live.socket_of(elsewhere)
    agent.delete("/session")
    assert mine.closed() == 4401
    assert other.settle() == []


def test_a_session_that_is_ended_elsewhere_loses_its_sockets_and_tickets(live: LiveThread, agent: SignedIn) -> None:
    elsewhere, app = SignedIn(agent.member), callers.app_of(agent.member)
    ticket = credential_of(elsewhere)
    lost = [live.socket_of(elsewhere), live.connect(None)]
    lost[1].send(type="hello", ticket=app.post("/live/tickets").json()["ticket"])
    assert lost[1].receive()["type"] == "ready"
    kept = live.socket_of(agent)
    assert agent.delete("/sessions").status_code == 204
    assert [socket.closed() for socket in lost] == [4401, 4401]
    late = live.connect(agent.headers["Origin"])
    late.send(type="hello", **ticket)
    assert late.closed() == 4401
    assert kept.settle() == []


def test_a_browsers_ticket_opens_nothing_without_a_page_of_ours(live: LiveThread, agent: SignedIn) -> None:
    ticket = agent.post("/live/tickets").json()["ticket"]
    bare = live.connect(None)
    bare.send(type="hello", ticket=ticket)
    assert bare.closed() == 4401
    assert live.socket_of(agent).settle() == []


# Proving it again


def test_what_is_sensitive_asks_again_who_this_is_after_ten_minutes(owner: SignedIn) -> None:
    body = {"name": "Importer", "scopes": ["users.read"]}
    assert owner.post("/keys", body).status_code == 201
    age(owner, confirmed_at=limits.CONFIRMED_SECONDS + 1)
    assert owner.get("/session/confirmation").json() == {"confirmed": False, "methods": ["password"]}
    with nothing_happens():
        assert refusal(owner.post("/keys", body)) == (403, "reauth_required")
        assert refusal(owner.post("/session/confirmation", {"proof": "wrong"})) == (403, "not_proven")
        assert refusal(owner.post("/session/confirmation", {"proof": PASSWORD, "method": "smell"})) == (400, "invalid")
    before = owner.client.cookies["session"].value
    assert owner.post("/session/confirmation", {"proof": PASSWORD}).status_code == 204
    assert owner.client.cookies["session"].value != before, "the session has another id with what it may do now"
    assert owner.post("/keys", body).status_code == 201
    assert len(owner.get("/sessions").json()["items"]) == 1
    assert owner.delete("/sessions").status_code == 204
    assert owner.get("/session").status_code == 200


def test_proving_it_in_one_session_opens_nothing_in_another(owner: SignedIn) -> None:
    other = SignedIn(owner.member)
    age(owner, confirmed_at=limits.CONFIRMED_SECONDS + 1)
    assert other.post("/session/confirmation", {"proof": PASSWORD}).status_code == 204
    assert refusal(owner.post("/keys", {"name": "x", "scopes": ["users.read"]})) == (403, "reauth_required")


def test_wrong_proofs_are_limited_with_wrong_passwords(owner: SignedIn, limits_enforced: None) -> None:
    for _ in range(limits.LOGIN_FAILURES.burst):
        assert refusal(owner.post("/session/confirmation", {"proof": "wrong"})) == (403, "not_proven")
    assert refusal(owner.post("/session/confirmation", {"proof": PASSWORD})) == (429, "rate_limited")


# Several workspaces


def test_somebody_with_two_seats_switches_in_this_browser_only(workspace: Workspace) -> None:
    seat = factories.make_member(workspace, "viewer")
    other = factories.make_workspace("Other")
    actions.add_member(other, seat.user, "admin", by=System())
    here, there = SignedIn(seat), SignedIn(seat)
    assert {item["name"]: item["role"] for item in here.get("/session/workspaces").json()["items"]} == {
        "Shop": "viewer",
        "Other": "admin",
    }
    assert here.client.post("/workspaces/", {"workspace": str(other.pk)}).status_code == 302
    assert here.get("/workspace").json()["id"] == str(other.pk)
    assert there.get("/workspace").json()["id"] == str(workspace.pk)


def test_nobody_switches_to_a_workspace_without_a_seat(agent: SignedIn) -> None:
    foreign = factories.make_workspace("Foreign")
    for named in (foreign.pk, uuid4(), "", "x"):
        with nothing_happens():
            assert agent.client.post("/workspaces/", {"workspace": str(named)}).status_code == 404
    assert agent.get("/workspace").json()["id"] == str(agent.member.workspace_id)
