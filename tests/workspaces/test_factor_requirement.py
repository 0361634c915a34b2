"""A workspace that asks everyone for a second factor: seven days for those who were there, none for those who come, and nothing else opens."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.core.clock import now
from apps.workspaces import actions
from apps.workspaces.models import Member, UserSession, Workspace
from tests import callers, factories
from tests.authenticators import code_of, with_app
from tests.callers import SignedIn, refusal
from tests.database import nothing_happens
from tests.live import LiveThread


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    if "live" not in request.fixturenames:
        request.getfixturevalue("db")


@pytest.fixture
def asking(owner: SignedIn) -> Workspace:
    """The workspace, which has asked for so long that nobody has any days left."""
    with_app(owner.member)
    assert owner.put("/workspace/second-factor", {"everyone": True}).status_code == 200
    pass_days(owner.member.workspace, 8)
    return owner.member.workspace


def pass_days(workspace: Workspace, days: float) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(factor_required_at=now() - timedelta(days=days))
    Member.objects.filter(workspace=workspace).update(created_at=now() - timedelta(days=100))


def test_those_who_were_there_have_seven_days(owner: SignedIn, agent: SignedIn) -> None:
    with_app(owner.member)
    said = owner.put("/workspace/second-factor", {"everyone": True}).json()
    assert said["everyone"] is True
    due_in = agent.get("/factors").json()["due_in"]
    assert 6.9 * 24 * 3600 < due_in <= 7 * 24 * 3600
    assert agent.get("/conversations").status_code == 200
    pass_days(owner.member.workspace, 6.99)
    assert agent.get("/conversations").status_code == 200
    pass_days(owner.member.workspace, 7.01)
    assert refusal(agent.get("/conversations")) == (403, "mfa_required")
    assert owner.get("/conversations").status_code == 200
    assert owner.get("/factors").json()["due_in"] is None


def test_after_that_nothing_opens_but_enrolment_for_sessions_and_tokens(asking: Workspace, owner: SignedIn) -> None:
    member = factories.make_member(asking)
    pass_days(asking, 8)
    for caller in (SignedIn(member), callers.app_of(member)):
        with nothing_happens():
            for refused in (
                caller.get("/conversations"),
                caller.get("/members"),
                caller.get("/sessions"),
                caller.post("/live/tickets"),
                caller.patch("/profile", {"name": "X"}),
                caller.put("/password", {"present": factories.PASSWORD, "password": "nine lamps in a row"}),
            ):
                assert refusal(refused) == (403, "mfa_required")
        assert caller.get("/session").status_code == 200
        assert caller.get("/factors").json()["due_in"] == 0
    browser = SignedIn(member)
    secret = browser.post("/factors/app").json()["secret"]
    assert browser.put("/factors/app", {"code": code_of(secret)}).status_code == 200
    assert browser.get("/conversations").status_code == 200, "the twin: with one everything opens"
    assert browser.post("/live/tickets").status_code == 200


def test_pages_lead_to_enrolment(asking: Workspace) -> None:
    caller = SignedIn(factories.make_member(asking))
    for path in ("/inbox/", "/settings/members/", "/settings/profile/"):
        led = caller.client.get(path)
        assert (led.status_code, led["Location"]) == (302, "/settings/second-factor/")
    shown = caller.client.get("/settings/second-factor/")
    assert shown.status_code == 200
    assert b"asks everyone for one" in shown.content
    begun = caller.client.post("/settings/second-factor/app/draft/", headers=caller.headers)
    assert begun["Location"] == "/settings/second-factor/app/"
    assert b"<svg" in caller.client.get("/settings/second-factor/app/").content


def test_who_comes_later_sets_one_up_first(owner: SignedIn) -> None:
    with_app(owner.member)
    owner.put("/workspace/second-factor", {"everyone": True})
    newcomer = callers.signed_in(owner.member.workspace)
    assert refusal(newcomer.get("/conversations")) == (403, "mfa_required")
    with_app(newcomer.member)
    assert SignedIn(newcomer.member).get("/conversations").status_code == 200


def test_a_socket_is_closed_when_the_days_are_over_and_none_opens(live: LiveThread, workspace: Workspace) -> None:
    agent, owner = callers.signed_in(workspace), callers.signed_in(workspace, "owner")
    with_app(owner.member)
    spare = agent.post("/live/tickets").json()["ticket"]
    socket = live.socket_of(agent)
    owner.put("/workspace/second-factor", {"everyone": True})
    assert socket.settle() is not None, "within the seven days it stays"
    pass_days(workspace, 8)
    actions.change_role(Member.objects.select_related("user").get(pk=agent.member.pk), "viewer", by=owner.member)
    assert socket.closed() == 4401
    late = live.connect(agent.headers["Origin"])
    late.send(type="hello", ticket=spare)
    assert late.closed() == 4403
    live.socket_of(SignedIn(owner.member)).settle()


def test_api_keys_go_on_working(asking: Workspace, owner: SignedIn) -> None:
    maker = factories.make_member(asking, "admin")
    key = callers.keyed(maker, "users.read")
    assert refusal(SignedIn(maker).get("/members")) == (403, "mfa_required")
    assert key.get("/members").status_code == 200


def test_it_concerns_one_workspace_and_not_the_others_of_a_person(asking: Workspace) -> None:
    member = factories.make_member(asking)
    elsewhere = factories.make_workspace("Elsewhere")
    seat = Member.objects.create(workspace=elsewhere, user=member.user, role="agent")
    assert refusal(SignedIn(member).get("/conversations")) == (403, "mfa_required")
    assert SignedIn(seat).get("/conversations").status_code == 200
    caller = SignedIn(member)
    assert (
        caller.client.post("/workspaces/", {"workspace": str(elsewhere.pk)}, headers=caller.headers).status_code == 302
    )
    assert caller.get("/conversations").status_code == 200


def test_who_has_none_can_not_ask_for_one(owner: SignedIn) -> None:
    with nothing_happens():
        assert refusal(owner.put("/workspace/second-factor", {"everyone": True})) == (409, "no_factor_yourself")
    with_app(owner.member)
    assert owner.put("/workspace/second-factor", {"everyone": True}).status_code == 200


def test_only_who_may_and_has_proven_it_asks_for_one(owner: SignedIn, agent: SignedIn) -> None:
    with_app(owner.member)
    with nothing_happens():
        assert agent.put("/workspace/second-factor", {"everyone": True}).status_code == 403
        assert refusal(owner.put("/workspace/second-factor", {"everyone": 1})) == (400, "invalid")
    UserSession.objects.update(confirmed_at=now() - timedelta(minutes=11))
    with nothing_happens():
        assert refusal(owner.put("/workspace/second-factor", {"everyone": True})) == (403, "reauth_required")
    UserSession.objects.update(confirmed_at=now())
    assert owner.put("/workspace/second-factor", {"everyone": True}).status_code == 200
    assert owner.put("/workspace/second-factor", {"everyone": False}).json()["since"] is None
    assert agent.get("/factors").json()["due_in"] is None


def test_the_last_factor_stays_where_one_is_asked_for(asking: Workspace, owner: SignedIn) -> None:
    with nothing_happens():
        assert refusal(owner.delete("/factors/app")) == (409, "last_factor")
    owner.put("/workspace/second-factor", {"everyone": False})
    assert owner.delete("/factors/app").status_code == 204
