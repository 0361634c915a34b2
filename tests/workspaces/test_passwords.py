"""Passwords: what they have to be, changing one, and a new one by a link in a mail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.core import limits
from apps.core.access import System
from apps.workspaces import passwords, policy
from apps.workspaces.models import PasswordReset, Ticket, User, Workspace
from tests import callers, factories
from tests.callers import SignedIn, nobody, refusal
from tests.database import nothing_happens, shapes_of
from tests.factories import PASSWORD
from tests.live import LiveThread
from tests.mailing import link_for, mails_to, pay_all
from tests.pages.browsing import text_of

NEW = "nine lamps in a row"


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    if not {"committed", "live"} & set(request.fixturenames):
        request.getfixturevalue("db")


@pytest.fixture
def email(workspace: Workspace) -> str:
    return factories.owner_of(workspace).user.email


def ask(email: str) -> Any:
    return Client().post("/reset/", {"email": email})


def set_by(link: str, password: str = NEW) -> Any:
    return Client().post(link, {"password": password})


def comes_in(email: str, password: str) -> bool:
    status = nobody().post("/session", {"email": email, "password": password}).status_code
    assert status in (200, 401)
    return bool(status == 200)


def change(caller: SignedIn, present: str = PASSWORD, password: str = NEW) -> Any:
    token = caller.get("/session").json()["csrf"]
    return caller.put("/password", {"present": present, "password": password}, X_CSRFToken=token)


# Rules


@pytest.mark.parametrize(
    "password", ["short7!", "password", "12345678", "iloveyou", "acme bikes", "ACME Bikes ", "x" * 1001]
)
def test_a_password_that_can_be_guessed_is_refused(password: str) -> None:
    owner = callers.signed_in(factories.make_workspace("Acme Bikes"), "owner")
    with nothing_happens():
        answer = change(owner, password=password)
        assert refusal(answer) == (400, "invalid")
        assert list(answer.json()["error"]["fields"]) == ["password"]
    assert comes_in(owner.member.user.email, PASSWORD)


@pytest.mark.parametrize("password", ["eight ok", "a phrase of sixty-four characters is as welcome as any other one"])
def test_eight_characters_or_many_words_are_fine(owner: SignedIn, password: str) -> None:
    assert change(owner, password=password).status_code == 204
    assert comes_in(owner.member.user.email, password)


def test_ones_own_address_or_name_is_no_password() -> None:
    user = factories.make_user("Marta Kowalska", "kowalska@team.example")
    for password in ("kowalska@team.example", "martakowalska"):
        with pytest.raises(passwords.ValidationError):
            passwords.check_rules(password, user)
    passwords.check_rules(NEW, user)


# Changing


def test_who_knows_the_present_password_changes_it_and_stays(owner: SignedIn) -> None:
    elsewhere = SignedIn(owner.member)
    assert elsewhere.get("/session").status_code == 200
    assert change(owner).status_code == 204
    assert owner.get("/session").status_code == 200
    assert refusal(elsewhere.get("/session")) == (401, "not_authenticated")
    assert not comes_in(owner.member.user.email, PASSWORD)
    assert comes_in(owner.member.user.email, NEW)


def test_who_does_not_know_it_changes_nothing(owner: SignedIn) -> None:
    with nothing_happens():
        answer = change(owner, present="not this one")
        assert refusal(answer) == (400, "invalid")
        assert list(answer.json()["error"]["fields"]) == ["present"]
    assert comes_in(owner.member.user.email, PASSWORD)


def test_changing_is_told_by_mail_and_on_record_wherever_they_work(owner: SignedIn) -> None:
    second = factories.make_workspace("Second")
    factories.workspace_actions.add_member(second, owner.member.user, "agent", by=System())
    change(owner)
    [told] = mails_to(owner.member.user.email)
    assert told.subject == "Your Opencom password was changed"
    assert NEW not in str(told.message())
    entries = AuditEntry.objects.filter(action="member.password_changed")
    assert {entry.workspace_id for entry in entries} == {owner.member.workspace_id, second.pk}


def test_sockets_and_tickets_of_other_sessions_end_with_the_password(live: LiveThread, owner: SignedIn) -> None:
    elsewhere = SignedIn(owner.member)
    socket = live.socket_of(elsewhere)
    elsewhere.post("/live/tickets")
    assert Ticket.objects.exists()
    assert change(owner).status_code == 204
    assert socket.closed() == 4401
    assert not Ticket.objects.exists()
    assert live.socket_of(owner).settle() == []


# By a link


def test_a_link_sets_a_new_password_once(email: str) -> None:
    answer = ask(email)
    assert answer.status_code == 200
    link = link_for(email)
    assert Client().get(link).status_code == 200
    assert Client().get(link).status_code == 200, "looking at it uses nothing up"
    done = set_by(link)
    assert (done.status_code, done["Location"].split("?")[0]) == (302, "/sign-in/")
    assert comes_in(email, NEW)
    assert not comes_in(email, PASSWORD)
    with nothing_happens():
        assert set_by(link, "eleven lamps in a row").status_code == 400
        assert Client().get(link).status_code == 400


def test_a_new_password_by_mail_ends_every_session(live: LiveThread, owner: SignedIn) -> None:
    socket = live.socket_of(owner)
    email = owner.member.user.email
    ask(email)
    assert set_by(link_for(email)).status_code == 302
    assert refusal(owner.get("/session")) == (401, "not_authenticated")
    assert socket.closed() == 4401
    assert AuditEntry.objects.filter(action="member.password_reset").count() == 1
    assert mails_to(email)[-1].subject == "Your Opencom password was changed"


@pytest.mark.parametrize(("minutes", "status"), [(59, 302), (61, 400)])
def test_a_link_is_good_for_an_hour(email: str, minutes: int, status: int) -> None:
    ask(email)
    link = link_for(email)
    PasswordReset.objects.update(expires_at=F("expires_at") - timedelta(minutes=minutes))
    assert set_by(link).status_code == status
    assert comes_in(email, NEW if status == 302 else PASSWORD)


def test_a_new_link_ends_the_one_before(email: str) -> None:
    ask(email)
    first = link_for(email)
    ask(email)
    assert set_by(first).status_code == 400
    assert set_by(link_for(email)).status_code == 302


@pytest.mark.parametrize(
    "token", ["rst_", "x", "rst_" + "0" * 64, "inv_" + "0" * 64, "rst_" + "é" * 64, "%00", "rst_" + "0" * 10_000]
)
def test_what_is_no_link_opens_nothing(email: str, token: str) -> None:
    ask(email)
    pay_all()
    with nothing_happens():
        assert Client().get(f"/reset/{token}/").status_code == 400
        assert set_by(f"/reset/{token}/").status_code == 400
    assert comes_in(email, PASSWORD)


def test_a_password_that_can_be_guessed_leaves_the_link_good(email: str) -> None:
    ask(email)
    link = link_for(email)
    with nothing_happens():
        assert set_by(link, "password").status_code == 422
    assert set_by(link).status_code == 302


def test_the_link_leads_to_the_configured_host_whatever_the_request_said(email: str) -> None:
    for headers in ({"X-Forwarded-Host": "evil.example"}, {"Origin": "https://evil.example"}):
        assert Client().post("/reset/", {"email": email}, headers=headers).status_code == 200
    assert Client().post("/reset/", {"email": email}, headers={"Host": "evil.example"}).status_code == 400
    for sent in mails_to(email):
        assert f"{django_settings.PUBLIC_URL}/reset/rst_" in str(sent.body)
        assert "evil.example" not in str(sent.message())


def test_asking_is_answered_and_costs_the_same_whoever_has_the_address(email: str) -> None:
    seen = []
    for each in (email, "nobody@team.example"):
        with CaptureQueriesContext(connection) as captured:
            answer = ask(each)
        seen.append((answer.status_code, text_of(answer).replace(each, ""), shapes_of(captured)))
    assert seen[0] == seen[1]
    assert len(mails_to(email)) == 1
    assert mails_to("nobody@team.example") == []


def test_a_disabled_account_gets_no_link_and_its_old_one_opens_nothing(email: str) -> None:
    ask(email)
    link = link_for(email)
    User.objects.filter(email=email).update(is_active=False)
    assert set_by(link).status_code == 400
    ask(email)
    assert len(mails_to(email)) == 1


def test_where_no_password_is_taken_the_mail_says_so(workspace: Workspace, email: str) -> None:
    by = factories.owner_of(workspace)
    policy.change_policy(workspace, methods=["code"], sign_up="invited", domains=[], by=by)
    ask(email)
    [told] = mails_to(email)
    assert told.subject == "Signing in to Opencom"
    assert "/reset/" not in str(told.message())


def test_links_that_ended_are_forgotten(email: str) -> None:
    ask(email)
    assert passwords.forget_ended() == 0
    PasswordReset.objects.update(expires_at=F("expires_at") - timedelta(days=2))
    assert passwords.forget_ended() == 1


@pytest.mark.usefixtures("limits_enforced")
class TestRates:
    """Over a limit nothing is sent and nothing is said; who guesses waits."""

    def test_the_third_link_within_an_hour_is_not_sent(self, email: str, workspace: Workspace) -> None:
        for number in range(4):
            assert ask(email).status_code == 200
            assert len(mails_to(email)) == min(number + 1, 2)
        other = factories.make_member(workspace).user.email
        ask(other)
        assert len(mails_to(other)) == 1

    def test_a_new_password_forgives_the_wrong_ones_before_it(self, email: str) -> None:
        for number in range(6):
            caller = nobody()
            caller.client.defaults["REMOTE_ADDR"] = f"192.0.2.{number}"
            caller.post("/session", {"email": email, "password": "wrong"})
        assert nobody().post("/session", {"email": email, "password": PASSWORD}).status_code == 429
        ask(email)
        assert set_by(link_for(email)).status_code == 302
        assert comes_in(email, NEW)

    def test_who_guesses_the_present_password_has_to_wait(self, owner: SignedIn) -> None:
        for _ in range(limits.PASSWORD_CHANGES.burst):
            assert change(owner, present="not this one").status_code == 400
        assert refusal(change(owner)) == (429, "rate_limited")
        assert comes_in(owner.member.user.email, PASSWORD)
