"""Confirming by a mailed code that it is still you, for whoever signs in without a password; and leaving a workspace."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from apps.audit.models import AuditEntry
from apps.core.access import System
from apps.core.clock import now
from apps.core.isolation import scopes
from apps.core.models import Effect
from apps.workspaces import actions
from apps.workspaces.models import ApiKey, Member, Ticket, UserSession, Workspace
from tests import callers, factories
from tests.callers import SignedIn, nobody, refusal
from tests.database import nothing_happens, owner
from tests.factories import PASSWORD
from tests.live import LiveThread, wait_until
from tests.mailing import code_for, mails_to, owed, pay_all


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    if not {"live", "committed"} & set(request.fixturenames):
        request.getfixturevalue("db")


@pytest.fixture
def by_code(workspace: Workspace) -> SignedIn:
    """An admin without a password, whose session was confirmed an hour ago."""
    member = factories.make_member(workspace, "admin")
    member.user.set_unusable_password()
    member.user.save()
    caller = SignedIn(member)
    stale(caller)
    return caller


def stale(caller: SignedIn) -> None:
    UserSession.objects.filter(user=caller.member.user).update(confirmed_at=now() - timedelta(hours=1))


KEY = {"name": "Importer", "scopes": ["users.read"]}


def test_a_mailed_code_confirms_who_has_no_password(by_code: SignedIn) -> None:
    assert refusal(by_code.post("/keys", KEY)) == (403, "reauth_required")
    assert by_code.get("/session/confirmation").json() == {"confirmed": False, "methods": ["code"]}
    assert by_code.post("/session/confirmation/codes").status_code == 202
    code = code_for(by_code.member.user.email)
    [mail] = mails_to(by_code.member.user.email)
    assert mail.subject == "Your code to confirm that it is you"
    with nothing_happens_but_tries(by_code):
        wrong = f"{(int(code) + 1) % 10**6:06}"
        assert refusal(by_code.post("/session/confirmation", {"method": "code", "proof": wrong})) == (403, "not_proven")
    assert by_code.post("/session/confirmation", {"method": "code", "proof": code}).status_code == 204
    assert by_code.post("/keys", KEY).status_code == 201
    stale(by_code)
    again = by_code.post("/session/confirmation", {"method": "code", "proof": code})
    assert refusal(again) == (403, "not_proven"), "a code counts once"


class nothing_happens_but_tries:  # noqa: N801
    """Assert that the session isn't confirmed inside."""

    def __init__(self, caller: SignedIn) -> None:
        self.caller = caller

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        assert self.caller.get("/session/confirmation").json()["confirmed"] is False


def test_a_code_to_sign_in_confirms_nothing_and_one_to_confirm_signs_nobody_in(by_code: SignedIn) -> None:
    email = by_code.member.user.email
    nobody().post("/session/codes", {"email": email})
    sign_in = code_for(email)
    by_code.post("/session/confirmation/codes")
    confirm = code_for(email)
    answer = by_code.post("/session/confirmation", {"method": "code", "proof": sign_in})
    assert refusal(answer) == (403, "not_proven")
    assert refusal(nobody().post("/session/code", {"email": email, "code": confirm})) == (401, "code_refused")
    assert by_code.post("/session/confirmation", {"method": "code", "proof": confirm}).status_code == 204


def test_whoever_has_a_password_confirms_by_it(workspace: Workspace) -> None:
    caller = callers.signed_in(workspace, "admin")
    stale(caller)
    assert caller.get("/session/confirmation").json()["methods"] == ["password"]
    with nothing_happens():
        assert refusal(caller.post("/session/confirmation/codes")) == (409, "method_not_open")
    assert caller.post("/session/confirmation", {"proof": PASSWORD}).status_code == 204


def test_the_page_mails_a_code_and_goes_on_where_it_came_from(by_code: SignedIn) -> None:
    onwards = "/settings/keys/?new"
    page = by_code.client.get("/settings/confirm/", {"next": onwards}).content.decode()
    assert 'action="/settings/confirm/code/"' in page
    assert f'value="{onwards}"' in page
    sent = by_code.client.post("/settings/confirm/code/", {"mail": "1", "next": onwards})
    assert sent.status_code == 302
    assert by_code.client.get(sent["Location"]).status_code == 200
    wrong = by_code.client.post("/settings/confirm/code/", {"code": "12", "next": onwards})
    assert (wrong.status_code, "six digits" in wrong.content.decode()) == (422, True)
    code = code_for(by_code.member.user.email)
    right = by_code.client.post("/settings/confirm/code/", {"code": code, "next": onwards})
    assert (right.status_code, right["Location"]) == (302, onwards)
    assert by_code.client.get(onwards).status_code == 200


# Leaving


def test_a_member_leaves_with_the_keys_they_made(live: LiveThread, workspace: Workspace) -> None:
    member = callers.signed_in(workspace, "admin", name="Ada")
    key = callers.keyed(member.member, "users.read")
    socket = live.socket_of(member)
    assert member.delete("/session/seat").status_code == 204
    assert socket.closed() == 4401
    assert refusal(member.get("/session")) == (401, "not_authenticated")
    assert key.get("/members").status_code == 401
    assert not Member.objects.filter(pk=member.member.pk).exists()
    entry = AuditEntry.objects.get(action="member.left")
    assert (entry.actor_label, entry.subject_id) == ("Ada", member.member.pk)


def test_the_last_owner_stays(workspace: Workspace) -> None:
    boss = callers.signed_in(workspace, "owner")
    with nothing_happens():
        assert refusal(boss.delete("/session/seat")) == (409, "last_owner")
        page = boss.client.post("/settings/leave/")
    assert (page.status_code, "Make somebody else an owner first." in page.content.decode()) == (422, True)
    factories.make_member(workspace, "owner")
    assert boss.delete("/session/seat").status_code == 204


def test_leaving_asks_first_who_it_is(agent: SignedIn) -> None:
    stale(agent)
    with nothing_happens():
        assert refusal(agent.delete("/session/seat")) == (403, "reauth_required")
        assert agent.client.post("/settings/leave/")["Location"].startswith("/settings/confirm/")
    assert Member.objects.filter(pk=agent.member.pk).exists()


def test_by_the_page_one_goes_on_in_another_workspace_or_out(agent: SignedIn) -> None:
    other = actions.add_member(factories.make_workspace("Other"), agent.member.user, "viewer", by=System())
    assert agent.client.get("/settings/leave/").status_code == 200
    assert agent.client.post("/settings/leave/")["Location"] == "/inbox/"
    assert agent.get("/session").json()["member"]["id"] == str(other.pk)
    assert agent.client.post("/settings/leave/")["Location"] == "/sign-in/"
    assert refusal(agent.get("/session")) == (401, "not_authenticated")
    assert not ApiKey.objects.filter(revoked_at=None).exists()


# Failures


def fail(email: str) -> None:
    assert nobody().post("/session", {"email": email, "password": "not this one"}).status_code == 401


def test_a_failure_is_on_record_once_however_often_its_effect_runs(agent: SignedIn) -> None:
    fail(agent.member.user.email)
    pay_all()
    Effect.objects.filter(kind="workspaces.record_failed_sign_in").update(state="ready", finished_at=None)
    pay_all()
    assert AuditEntry.objects.filter(action="member.sign_in_failed").count() == 1
    fail(agent.member.user.email)
    pay_all()
    assert AuditEntry.objects.filter(action="member.sign_in_failed").count() == 2


def test_the_tenth_failure_in_a_day_is_told_once(agent: SignedIn) -> None:
    email = agent.member.user.email
    for _ in range(9):
        fail(email)
    pay_all()
    assert mails_to(email) == []
    for _ in range(5):
        fail(email)
    pay_all()
    [mail] = mails_to(email)
    assert mail.subject == "Sign-ins to your Opencom account keep failing"
    assert "/reset/" in str(mail.body)
    assert owed("workspaces.mail_failures") == 1


def test_failures_with_an_address_that_nobody_has_tell_nobody() -> None:
    for _ in range(12):
        fail("nobody@team.example")
    pay_all()
    assert mails_to("nobody@team.example") == []
    assert owed("workspaces.record_failed_sign_in") == 12


# Tickets


def test_a_ticket_asked_for_while_its_session_is_being_deleted_is_a_clear_401(
    committed: None, workspace: Workspace, agent: SignedIn
) -> None:
    caller = SignedIn(agent.member)
    id_ = UserSession.objects.get(pk=caller.client.session["user_session"]).pk
    answers: list[Any] = []

    def ask() -> None:
        with scopes.closed():
            answers.append(caller.post("/live/tickets"))
        connections.close_all()

    with owner() as deleting:
        deleting.execute("BEGIN")
        deleting.execute("DELETE FROM workspaces_usersession WHERE id = %s", [id_])
        asking = threading.Thread(target=ask)
        asking.start()
        wait_until(lambda: waits_for_a_lock(deleting), "the ticket waits for the deletion")
        deleting.execute("COMMIT")
        asking.join()
    assert refusal(answers[0]) == (401, "not_authenticated")
    assert not Ticket.objects.exists()
    assert agent.post("/live/tickets").status_code == 200


def waits_for_a_lock(cursor: Any) -> bool:
    cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return bool(cursor.fetchone()[0])
