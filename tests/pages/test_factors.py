"""The pages of second factors: the step after signing in, setting up, recovery codes, and what a workspace asks of everyone."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from apps.core.clock import now
from apps.workspaces.factors.models import Authenticator, Passkey
from apps.workspaces.models import Member, UserSession, Workspace
from tests import callers, factories
from tests.authenticators import Device, code_of, with_app
from tests.callers import SignedIn
from tests.database import nothing_happens
from tests.factories import PASSWORD
from tests.mailing import code_for
from tests.pages.browsing import page, submit, text_of

pytestmark = pytest.mark.django_db


def half_in(member: Member, next_: str = "") -> Client:
    """Return a browser in which a member has given their password."""
    browser = Client()
    sent = browser.post("/sign-in/", {"email": member.user.email, "password": PASSWORD, "next": next_})
    assert (sent.status_code, sent["Location"]) == (302, "/sign-in/factor/")
    return browser


def codes_in(response: Any) -> list[str]:
    return re.findall(r"<li><code>([a-z0-9-]+)</code>", response.content.decode())


def test_the_password_leads_to_a_second_step_and_on_to_where_one_wanted(agent: SignedIn) -> None:
    secret, _ = with_app(agent.member)
    browser = half_in(agent.member, "/visitors/")
    assert browser.get("/visitors/").status_code == 302, "not in yet"
    assert "One more step" in text_of(browser.get("/sign-in/factor/"))
    wrong = browser.post("/sign-in/factor/", {"code": "000000"})
    assert wrong.status_code == 422
    assert "or was used before" in text_of(wrong)
    done = browser.post("/sign-in/factor/", {"code": f" {code_of(secret)} "})
    assert (done.status_code, done["Location"]) == (302, "/visitors/")
    assert browser.get("/visitors/").status_code == 200


def test_a_code_from_the_mail_leads_to_the_second_step_too(agent: SignedIn) -> None:
    secret, codes = with_app(agent.member)
    browser = Client()
    email = agent.member.user.email
    browser.post("/sign-in/", {"email": email, "by": "code", "next": "/visitors/"})
    led = browser.post("/code/", {"code": code_for(email)})
    assert (led.status_code, led["Location"]) == (302, "/sign-in/factor/")
    assert browser.get("/inbox/").status_code == 302
    assert browser.post("/sign-in/factor/", {"code": codes[3]})["Location"] == "/visitors/"
    assert secret


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example"])
def test_the_second_step_never_leads_to_somebody_elses_site(agent: SignedIn, next_: str) -> None:
    secret, _ = with_app(agent.member)
    done = half_in(agent.member, next_).post("/sign-in/factor/", {"code": code_of(secret)})
    assert done["Location"] == "/inbox/"


def test_without_a_first_step_there_is_no_second(agent: SignedIn) -> None:
    secret, _ = with_app(agent.member)
    with nothing_happens():
        assert Client().get("/sign-in/factor/")["Location"] == "/sign-in/"
        assert Client().post("/sign-in/factor/", {"code": code_of(secret)})["Location"] == "/sign-in/"


def test_an_app_is_set_up_by_its_page_and_the_codes_are_shown_once(agent: SignedIn) -> None:
    assert submit(agent, "/settings/second-factor/app/draft/")["Location"] == "/settings/second-factor/app/"
    shown = page(agent, "/settings/second-factor/app/").content.decode()
    assert "<svg" in shown
    secret = unescape(re.search(r'enrol__key"[^>]*>([A-Z2-7 ]+)<', shown).group(1)).replace(" ", "")  # type: ignore[union-attr]
    wrong = submit(agent, "/settings/second-factor/app/", code="000000")
    assert wrong.status_code == 422
    done = submit(agent, "/settings/second-factor/app/", code=code_of(secret))
    codes = codes_in(done)
    assert len(codes) == 10
    assert done["Cache-Control"] == "no-store"
    listed = page(agent, "/settings/second-factor/")
    assert "10 left" in text_of(listed)
    assert not any(code in listed.content.decode() for code in (*codes, secret))
    new = codes_in(submit(agent, "/settings/second-factor/codes/"))
    assert len(new) == 10
    assert not set(new) & set(codes)
    assert submit(agent, "/settings/second-factor/app/remove/").status_code == 302
    assert Authenticator.objects.count() == 0


def test_the_pages_ask_first_who_this_is_and_a_factor_answers(agent: SignedIn) -> None:
    secret, _ = with_app(agent.member)
    UserSession.objects.update(confirmed_at=now() - timedelta(minutes=11))
    paths = ("app/", "app/draft/", "app/remove/", "passkeys/", "codes/")
    with nothing_happens():
        for path in paths:
            asked = submit(agent, f"/settings/second-factor/{path}", code="000000")
            assert asked["Location"].startswith("/settings/confirm/?next="), path
        assert "By your second factor" not in text_of(page(agent, "/settings/profile/"))
    assert "Or by your second factor" in text_of(page(agent, "/settings/confirm/"))
    wrong = submit(agent, "/settings/confirm/factor/", code="000000", next="/settings/keys/")
    assert "factor=wrong" in wrong["Location"]
    assert "or was used before" in text_of(page(agent, wrong["Location"]))
    right = submit(agent, "/settings/confirm/factor/", code=code_of(secret), next="//evil.example")
    assert right["Location"] == "/settings/second-factor/"
    assert len(codes_in(submit(agent, "/settings/second-factor/codes/"))) == 10


def test_a_passkey_is_added_named_used_and_removed_by_pages(agent: SignedIn, settings: Any) -> None:
    settings.PUBLIC_URL = "http://localhost:8000"
    settings.OWN_ORIGINS = ["http://localhost:8000"]
    device = Device()
    agent.headers["Origin"] = "http://localhost:8000"
    options = agent.post("/factors/passkeys/options").json()["options"]
    credential = json.dumps(device.make(options))
    unnamed = submit(agent, "/settings/second-factor/passkeys/", name="", credential=credential)
    assert unnamed.status_code == 422
    added = submit(agent, "/settings/second-factor/passkeys/", name="My laptop", credential=credential)
    assert len(codes_in(added)) == 10
    assert "My laptop" in text_of(page(agent, "/settings/second-factor/"))
    browser = half_in(agent.member)
    asked = browser.post("/api/v1/session/factor/options", {}, "application/json").json()["options"]
    assert browser.post("/sign-in/factor/", {"credential": "[]"}).status_code == 422
    done = browser.post("/sign-in/factor/", {"credential": json.dumps(device.use(asked))})
    assert done["Location"] == "/inbox/"
    alone = Client()
    assert "Sign in with a passkey" in text_of(alone.get("/sign-in/"))
    asked = alone.post("/api/v1/session/passkey/options", {}, "application/json").json()["options"]
    refused = alone.post("/sign-in/passkey/", {"credential": "{}"})
    assert refused.status_code == 422
    assert "wasn't taken" in text_of(refused).replace("’", "'")
    asked = alone.post("/api/v1/session/passkey/options", {}, "application/json").json()["options"]
    in_ = alone.post("/sign-in/passkey/", {"credential": json.dumps(device.use(asked)), "next": "/visitors/"})
    assert in_["Location"] == "/visitors/"
    path = f"/settings/second-factor/passkeys/{Passkey.objects.get().pk}/remove/"
    stranger = callers.signed_in(agent.member.workspace)
    with nothing_happens():
        assert submit(stranger, path).status_code == 404
    assert submit(agent, path).status_code == 302
    assert Passkey.objects.count() == 0


def test_the_security_page_asks_everyone_and_tells_who_can_not(owner: SignedIn, agent: SignedIn) -> None:
    assert "2 members without one" in text_of(page(owner, "/settings/security/"))
    with nothing_happens():
        refused = submit(owner, "/settings/security/second-factor/", required="on")
    assert "lock yourself out" in text_of(page(owner, refused["Location"].partition("#")[0]))
    with_app(owner.member)
    assert submit(owner, "/settings/security/second-factor/", required="on").status_code == 302
    assert Workspace.objects.get(pk=owner.member.workspace_id).factor_required_at is not None
    assert "1 member without one" in text_of(page(owner, "/settings/security/"))
    told = text_of(page(agent, "/settings/profile/"))
    assert "You have 7 days left" in told
    assert "days left: 7" in text_of(page(agent, "/inbox/"))
    assert "days left" not in text_of(page(owner, "/settings/profile/"))
    submit(owner, "/settings/second-factor/app/remove/")
    assert Authenticator.objects.count() == 1, "the last one stays"
    assert submit(owner, "/settings/security/second-factor/").status_code == 302
    assert Workspace.objects.get(pk=owner.member.workspace_id).factor_required_at is None


def test_passkeys_alone_are_no_way_in_for_everybody(owner: SignedIn) -> None:
    with nothing_happens():
        refused = submit(owner, "/settings/security/sign-in/", methods="passkey", sign_up="invited")
    assert refused.status_code == 422
    assert "Who has no passkey yet" in text_of(refused)
    taken = submit(owner, "/settings/security/sign-in/", methods=["passkey", "password"], sign_up="invited")
    assert taken.status_code == 302


def test_an_owner_resets_a_members_factor_by_their_page(owner: SignedIn, agent: SignedIn) -> None:
    path = f"/settings/members/{agent.member.pk}/"
    assert "has none" in text_of(page(owner, path))
    with_app(agent.member)
    assert "On" in text_of(page(owner, "/settings/members/"))
    admin = callers.signed_in(owner.member.workspace, "admin")
    assert "Reset the second factor" not in text_of(page(admin, path))
    with nothing_happens():
        assert submit(admin, f"{path}second-factor/").status_code == 403
    assert submit(owner, f"{path}second-factor/").status_code == 302
    assert Authenticator.objects.count() == 0
    with_app(agent.member)
    Member.objects.create(workspace=factories.make_workspace("Else"), user=agent.member.user, role="agent")
    refused = submit(owner, f"{path}second-factor/")
    assert "other workspaces too" in text_of(page(owner, refused["Location"].partition("#")[0]))
    assert Authenticator.objects.count() == 1
