"""Members' ways in: guessed, forged, or taken away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from apps.core.access import System
from apps.core.clock import now
from apps.workspaces import actions
from apps.workspaces.models import Ticket
from tests import callers, factories
from tests.callers import SignedIn, nobody, refusal
from tests.database import nothing_happens
from tests.live import LiveThread, credential_of
from tests.security.cases import case


def try_page(email: str, password: str) -> tuple[bool, str]:
    """Sign in by the page. Returns whether that worked, and what the page says."""
    answer = Client().post("/sign-in/", {"email": email, "password": password})
    return answer.status_code == 302, answer.content.decode()


def try_admin(email: str, password: str) -> tuple[bool, str]:
    """Sign in by the operators' way in."""
    answer = Client().post("/admin/login/?next=/admin/", {"username": email, "password": password})
    return answer.status_code == 302, answer.content.decode()


@case("A01")
@pytest.mark.django_db
@pytest.mark.parametrize("attempt", [try_page, try_admin], ids=["page", "admin"])
def test_after_five_wrong_passwords_the_right_one_waits_too(attempt: Any, limits_enforced: None) -> None:
    member = factories.owner_of(factories.make_workspace())
    member.user.is_staff = member.user.is_superuser = True
    member.user.save()
    email = member.user.email
    for _ in range(5):
        came_in, said = attempt(email, "wrong password")
        assert not came_in
        assert "Too many tries" not in said
    came_in, said = attempt(email, factories.PASSWORD)
    assert not came_in
    assert "Too many tries. Wait 3 min" in said
    other = factories.make_user(is_staff=True, is_superuser=True)
    factories.workspace_actions.create_workspace("Other", owner=other)
    assert attempt(other.email, factories.PASSWORD)[0], "somebody else isn't kept waiting"


@case("A02")
@pytest.mark.django_db
def test_the_operators_way_in_tells_nobody_apart() -> None:
    staff = factories.make_user(is_staff=True)
    locked_out = factories.make_user(is_staff=True, is_active=False)
    tries = ((staff.email, "wrong"), ("nobody@team.example", "wrong"), (locked_out.email, factories.PASSWORD))
    answers = set()
    for email, password in tries:
        came_in, page = try_admin(email, password)
        assert not came_in
        answers.add(page[page.index("errornote") :].replace(email, "").split("</p>")[0])
    assert len(answers) == 1
    assert try_admin(staff.email, factories.PASSWORD)[0]


@case("A10")
@pytest.mark.django_db
def test_a_session_that_was_never_given_opens_nothing(agent: SignedIn) -> None:
    key = agent.client.session.session_key
    assert key is not None
    other = ("a" if key[0] != "a" else "b") + key[1:]
    for forged in (other, key.upper(), key[:-1], f"{key} ", "", "0" * 32, "' OR 1=1 --"):
        client = Client()
        client.cookies["session"] = forged
        for path, status in (("/api/v1/session", 401), ("/inbox/", 302)):
            assert client.get(path).status_code == status, (forged, path)
    assert agent.get("/session").status_code == 200


@case("A10")
@pytest.mark.django_db
def test_an_expired_session_opens_nothing(agent: SignedIn) -> None:
    Session.objects.update(expire_date=now() - timedelta(seconds=1))
    with nothing_happens():
        assert refusal(agent.get("/session")) == (401, "not_authenticated")
        assert refusal(agent.post("/live/tickets")) == (401, "not_authenticated")


@case("A10")
@pytest.mark.django_db
def test_a_session_of_one_workspace_is_none_of_another(agent: SignedIn) -> None:
    elsewhere = factories.make_workspace("Elsewhere")
    session = agent.client.session
    session["workspace"] = str(elsewhere.pk)
    session.save()
    assert refusal(agent.get("/conversations")) == (401, "not_authenticated")


@case("R13")
def test_a_deactivated_member_is_out_at_once_everywhere(live: LiveThread, owner: SignedIn, agent: SignedIn) -> None:
    waiting = credential_of(agent)
    mine, theirs = live.socket_of(agent), live.socket_of(owner)
    with nothing_happens_to(agent):
        actions.deactivate_user(agent.member.user, by=System("admin"), operator=owner.member.user)
        assert mine.closed() == 4401
        assert refusal(agent.get("/session")) == (401, "not_authenticated")
        late = live.connect(agent.headers["Origin"])
        late.send(type="hello", **waiting)
        assert late.closed() == 4401
        right = {"email": agent.member.user.email, "password": factories.PASSWORD}
        assert refusal(nobody().post("/session", right)) == (401, "sign_in_refused")
    assert theirs.settle() == []
    actions.activate_user(agent.member.user, by=System("admin"), operator=owner.member.user)
    assert nobody().post("/session", right).status_code == 200


class nothing_happens_to:  # noqa: N801
    """Assert that nobody gets a session or a ticket for this caller inside."""

    def __init__(self, caller: SignedIn) -> None:
        self.caller = caller

    def __enter__(self) -> None:
        self.sessions, self.tickets = Session.objects.count(), Ticket.objects.filter(member=self.caller.member).count()

    def __exit__(self, *_: object) -> None:
        assert Session.objects.count() <= self.sessions
        assert Ticket.objects.filter(member=self.caller.member).count() <= self.tickets


@case("R13")
@pytest.mark.django_db
def test_deactivating_and_activating_are_on_record_in_each_workspace() -> None:
    from apps.audit.models import AuditEntry

    first, second = factories.make_workspace("First"), factories.make_workspace("Second")
    agent, operator = callers.signed_in(first), factories.make_user(is_staff=True)
    actions.add_member(second, agent.member.user, "viewer", by=System())
    actions.deactivate_user(agent.member.user, by=System("admin"), operator=operator)
    actions.activate_user(agent.member.user, by=System("admin"), operator=operator)
    for action in ("member.locked_out", "member.let_in"):
        entries = AuditEntry.objects.filter(action=action)
        assert {entry.workspace_id for entry in entries} == {first.pk, second.pk}
        assert {str(entry.details["operator"]) for entry in entries} == {str(operator.pk)}
        assert {entry.actor_kind for entry in entries} == {"system"}
