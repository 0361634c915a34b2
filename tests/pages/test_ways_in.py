"""The pages by which people get in, and the settings about them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.workspaces import policy
from apps.workspaces.models import Invitation, Workspace
from tests import factories
from tests.callers import SignedIn, signed_in
from tests.database import nothing_happens
from tests.factories import PASSWORD
from tests.mailing import code_for, link_for, mails_to
from tests.pages.browsing import page, submit, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def email(workspace: Workspace) -> str:
    return factories.owner_of(workspace).user.email


def test_the_sign_in_page_leads_to_a_code_and_on_to_where_one_wanted(email: str) -> None:
    browser = Client()
    asked = browser.post("/sign-in/", {"email": email, "password": "", "by": "code", "next": "/visitors/"})
    assert (asked.status_code, asked["Location"]) == (302, "/code/")
    shown = browser.get("/code/")
    assert email in text_of(shown)
    assert 'autocomplete="one-time-code"' in shown.content.decode()
    done = browser.post("/code/", {"code": f" {code_for(email)} "})
    assert (done.status_code, done["Location"]) == (302, "/visitors/")
    assert browser.get("/visitors/").status_code == 200


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_a_code_never_leads_to_somebody_elses_site(email: str, next_: str) -> None:
    browser = Client()
    browser.post("/sign-in/", {"email": email, "by": "code", "next": next_})
    assert browser.post("/code/", {"code": code_for(email)})["Location"] == "/inbox/"


def test_a_wrong_code_is_said_beside_the_field_and_another_can_be_sent(email: str) -> None:
    browser = Client()
    browser.post("/sign-in/", {"email": email, "by": "code"})
    first = code_for(email)
    wrong = browser.post("/code/", {"code": f"{(int(first) + 1) % 10**6:06}"})
    assert wrong.status_code == 422
    assert "This code isn't right" in text_of(wrong)
    assert browser.post("/code/", {"again": "1"})["Location"] == "/code/?again"
    assert len(mails_to(email)) == 2
    assert "is on its way" in text_of(browser.get("/code/?again"))
    assert browser.post("/code/", {"code": code_for(email)}).status_code == 302


def test_without_an_address_there_is_no_page_for_a_code(workspace: Workspace) -> None:
    assert Client().get("/code/")["Location"] == "/sign-in/"
    with nothing_happens():
        assert Client().post("/code/", {"code": "123456"})["Location"] == "/sign-in/"


def test_a_right_password_goes_on_to_the_code_where_only_codes_are_taken(workspace: Workspace, email: str) -> None:
    by = factories.owner_of(workspace)
    policy.change_policy(workspace, methods=["code"], sign_up="invited", domains=[], by=by)
    browser = Client()
    asked = browser.post("/sign-in/", {"email": email, "password": PASSWORD, "next": "/visitors/"})
    assert (asked.status_code, asked["Location"]) == (302, "/code/")
    assert browser.get("/inbox/").status_code == 302, "the password alone opens nothing"
    assert browser.post("/code/", {"code": code_for(email)})["Location"] == "/visitors/"
    refused = Client().post("/sign-in/", {"email": email, "password": "not this one"})
    unknown = Client().post("/sign-in/", {"email": "nobody@team.example", "password": "not this one"})
    assert refused.status_code == unknown.status_code == 422
    assert text_of(refused) == text_of(unknown)


def test_a_code_for_signing_up_leads_to_the_password_where_only_passwords_are_taken(
    workspace: Workspace, email: str, settings: Any
) -> None:
    settings.SIGN_UP_OPEN = True
    by = factories.owner_of(workspace)
    policy.change_policy(workspace, methods=["password"], sign_up="invited", domains=[], by=by)
    browser = Client()
    browser.post("/sign-up/", {"email": email})
    sent_on = browser.post("/code/", {"code": code_for(email)})
    assert sent_on["Location"].startswith("/sign-in/?notice=password&email=")
    assert "takes passwords only" in text_of(browser.get(sent_on["Location"]))
    assert browser.get("/inbox/").status_code == 302


def test_the_page_for_a_new_password_leads_back_to_the_sign_in(email: str) -> None:
    browser = Client()
    assert "If" in text_of(browser.post("/reset/", {"email": email}))
    done = browser.post(link_for(email), {"password": "nine lamps in a row"})
    assert "Your password is changed" in text_of(browser.get(done["Location"]))
    assert f'value="{email}"' in browser.get(done["Location"]).content.decode()
    assert "This link has ended" in text_of(browser.get("/reset/rst_x/"))


def test_the_members_page_invites_sends_again_and_takes_back(workspace: Workspace) -> None:
    owner = signed_in(workspace, "owner")
    sent = submit(owner, "/settings/members/invitations/", email="grace@guest.example", role="admin")
    assert (sent.status_code, sent["Location"]) == (302, "/settings/members/?done=invited")
    shown = text_of(page(owner, "/settings/members/?done=invited"))
    assert "The invitation is on its way." in shown
    assert "grace@guest.example" in shown
    first = link_for("grace@guest.example")
    path = f"/settings/members/invitations/{Invitation.objects.get().pk}"
    assert submit(owner, f"{path}/mail/").status_code == 302
    assert link_for("grace@guest.example") != first
    assert submit(owner, f"{path}/revoke/")["Location"] == "/settings/members/?done=revoked"
    assert "grace@guest.example" not in text_of(page(owner, "/settings/members/"))
    with nothing_happens():
        assert submit(owner, f"{path}/mail/").status_code == 404
        assert submit(owner, f"{path}/revoke/").status_code == 404


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"email": "nobody", "role": "agent"}, "valid email"),
        ({"email": "grace@guest.example", "role": "owner"}, "Select a valid choice"),
        ({"email": "", "role": "agent"}, "required"),
    ],
)
def test_what_is_no_invitation_is_refused_beside_its_field(workspace: Workspace, fields: Any, words: str) -> None:
    owner = signed_in(workspace, "owner")
    with nothing_happens():
        refused = submit(owner, "/settings/members/invitations/", **fields)
    assert refused.status_code == 422
    assert words in text_of(refused)


def test_who_may_not_invite_sees_no_form_and_no_invitations(workspace: Workspace) -> None:
    submit(signed_in(workspace, "owner"), "/settings/members/invitations/", email="grace@guest.example", role="agent")
    agent = signed_in(workspace)
    shown = text_of(page(agent, "/settings/members/"))
    assert "Invite somebody" not in shown
    assert "grace@guest.example" not in shown
    with nothing_happens():
        refused = submit(agent, "/settings/members/invitations/", email="more@guest.example", role="viewer")
    assert refused.status_code == 403


def test_the_security_page_says_how_members_get_in(workspace: Workspace) -> None:
    owner = signed_in(workspace, "owner")
    saved = submit(
        owner, "/settings/security/sign-in/", methods=["code"], sign_up="domains", domains="@Team.example\n\n"
    )
    assert (saved.status_code, saved["Location"]) == (302, "/settings/security/?saved=people#people")
    row = policy.policy_of(workspace)
    assert (row.methods, row.sign_up, row.domains) == (["code"], "domains", ["team.example"])
    assert "team.example" in page(owner, "/settings/security/").content.decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"methods": []}, "at least one way"),
        ({"sign_up": "domains", "domains": ""}, "at least one domain"),
        (
            {"sign_up": "domains", "domains": "guest.example"},
            "Nobody in this workspace has an address of guest.example",
        ),
    ],
)
def test_a_way_in_that_makes_no_sense_is_refused_beside_its_field(
    workspace: Workspace, change: Any, words: str
) -> None:
    owner = signed_in(workspace, "owner")
    with nothing_happens():
        refused = submit(owner, "/settings/security/sign-in/", **{"methods": ["code"], "sign_up": "invited", **change})
    assert refused.status_code == 422
    assert words in text_of(refused)
    assert "Nothing was saved" in text_of(refused)


def test_ones_password_is_changed_on_its_page(workspace: Workspace) -> None:
    owner = signed_in(workspace, "owner")
    elsewhere = SignedIn(owner.member)
    wrong = submit(owner, "/settings/password/", present="not this", password="nine lamps in a row")
    assert wrong.status_code == 422
    assert "This isn't your present password." in text_of(wrong)
    easy = submit(owner, "/settings/password/", present=PASSWORD, password="password")
    assert "too common" in text_of(easy)
    done = submit(owner, "/settings/password/", present=PASSWORD, password="nine lamps in a row")
    assert done["Location"] == "/settings/password/?saved"
    assert "Changed" in text_of(page(owner, "/settings/password/?saved"))
    assert page(elsewhere, "/inbox/").status_code == 302


def test_who_has_no_password_is_offered_a_link_to_one(workspace: Workspace) -> None:
    agent = signed_in(workspace)
    agent.member.user.set_unusable_password()
    agent.member.user.save()
    again = SignedIn(agent.member)
    assert "You have none" in text_of(page(again, "/settings/password/"))
    submit(again, "/reset/", email=again.member.user.email)
    assert Client().post(link_for(again.member.user.email), {"password": "nine lamps in a row"}).status_code == 302


def test_the_way_to_an_account_is_shown_where_there_is_one(workspace: Workspace, settings: Any) -> None:
    assert "Create an account" not in text_of(Client().get("/sign-in/"))
    settings.SIGN_UP_OPEN = True
    assert "Create an account" in text_of(Client().get("/sign-in/"))
