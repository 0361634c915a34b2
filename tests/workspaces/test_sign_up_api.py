"""Signing up and a new password over REST: as the pages do, with the same limits and the same answers whoever has an account."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.core import limits
from apps.workspaces.models import Member, User, Workspace
from tests import callers, factories
from tests.callers import Caller, nobody, refusal
from tests.database import nothing_happens
from tests.factories import PASSWORD
from tests.mailing import code_for, link_for, mails_to

pytestmark = pytest.mark.django_db
EMAIL = "mia@kiosk.example"
NEW = {"place": "new", "workspace": "Kiosk", "name": "Mia", "password": "nine lamps in a row"}


@pytest.fixture(autouse=True)
def is_open(settings: Any) -> None:
    settings.SIGN_UP_OPEN = True


def prove(email: str = EMAIL) -> tuple[Caller, Any]:
    """Prove an address; returns the client that did, and what it was answered."""
    client = nobody()
    assert client.post("/sign-up/codes", {"email": email}).status_code == 202
    return client, client.post("/sign-up/code", {"email": email, "code": code_for(email)})


def test_somebody_new_proves_their_address_and_begins_with_a_workspace() -> None:
    client, proven = prove()
    assert proven.json() == {
        "session": None,
        "beginning": {
            "email": EMAIL,
            "has_account": False,
            "places": [{"id": "new", "kind": "new", "workspace": None, "role": "owner"}],
        },
    }
    assert client.get("/sign-up").json() == proven.json()["beginning"]
    begun = client.post("/sign-up", NEW)
    assert begun.status_code == 201
    assert begun.json()["workspace"]["name"] == "Kiosk"
    assert client.get("/session").json()["member"]["role"] == "owner"
    assert User.objects.get(email=EMAIL).check_password("nine lamps in a row")


def test_an_invitation_is_a_place_to_begin(workspace: Workspace) -> None:
    owner = callers.signed_in(workspace, "owner")
    assert owner.post("/invitations", {"email": EMAIL, "role": "viewer"}).status_code == 201
    client, proven = prove()
    place = proven.json()["beginning"]["places"][0]
    assert (place["kind"], place["workspace"], place["role"]) == ("invitation", "Shop", "viewer")
    assert client.post("/sign-up", {"place": place["id"], "name": "Mia"}).status_code == 201
    assert Member.objects.get(workspace=workspace, user__email=EMAIL).role == "viewer"


def test_whoever_has_an_account_is_signed_in_by_the_code(workspace: Workspace) -> None:
    member = factories.make_member(workspace)
    client, proven = prove(member.user.email)
    assert proven.json()["beginning"] is None
    assert proven.json()["session"]["member"]["id"] == str(member.pk)
    assert client.get("/session").status_code == 200


def test_asking_tells_nobody_apart(workspace: Workspace) -> None:
    known = factories.make_member(workspace).user.email
    answers = [nobody().post("/sign-up/codes", {"email": email}) for email in (known, EMAIL)]
    answers += [nobody().post("/password/resets", {"email": email}) for email in (known, EMAIL)]
    assert {answer.status_code for answer in answers} == {202}
    assert answers[0].json() == answers[1].json()
    assert answers[2].json() == answers[3].json()
    wrong = [nobody().post("/sign-up/code", {"email": email, "code": "000000"}) for email in (known, EMAIL)]
    assert [refusal(answer) for answer in wrong] == [(401, "code_refused")] * 2
    assert len(mails_to(EMAIL)) == 1, "a code; no link, because there is no account"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"place": "another"}, "place"),
        ({"workspace": ""}, "workspace"),
        ({"name": ""}, "name"),
        ({"password": "password"}, "password"),
        ({"password": "Kiosk"}, "password"),
        ({"role": "owner"}, "role"),
    ],
)
def test_what_cannot_be_used_begins_nothing(change: dict[str, str], field: str) -> None:
    client, _ = prove()
    with nothing_happens():
        answer = client.post("/sign-up", {**NEW, **change})
    assert refusal(answer) == (400, "invalid")
    assert field in answer.json()["error"]["fields"]
    assert client.post("/sign-up", NEW).status_code == 201


def test_without_a_proven_address_nothing_begins() -> None:
    with nothing_happens():
        assert refusal(nobody().get("/sign-up")) == (401, "address_not_proven")
        assert refusal(nobody().post("/sign-up", NEW)) == (401, "address_not_proven")


def test_where_nobody_may_sign_up_there_is_no_code_and_no_place(settings: Any) -> None:
    settings.SIGN_UP_OPEN = False
    assert nobody().post("/sign-up/codes", {"email": EMAIL}).status_code == 202
    assert mails_to(EMAIL) == []


def test_signing_up_has_the_page_s_limit(limits_enforced: None) -> None:
    for number in range(limits.SIGN_UPS.burst):
        assert nobody().post("/sign-up/codes", {"email": f"{number}@kiosk.example"}).status_code == 202
    with nothing_happens():
        assert refusal(nobody().post("/sign-up/codes", {"email": EMAIL})) == (429, "rate_limited")
    assert Client().post("/sign-up/", {"email": EMAIL}).status_code == 429, "it is one and the same"


def test_a_new_password_by_the_token_of_the_mailed_link(workspace: Workspace) -> None:
    member = factories.make_member(workspace)
    browser = callers.SignedIn(member)
    email = member.user.email
    assert nobody().post("/password/resets", {"email": email}).status_code == 202
    token = link_for(email).rstrip("/").rsplit("/", 1)[1]
    with nothing_happens():
        answer = nobody().put("/password/resets", {"token": token, "password": "password"})
        assert "password" in answer.json()["error"]["fields"]
        wrong = {"token": f"rst_{'0' * 64}", "password": "nine lamps in a row"}
        assert refusal(nobody().put("/password/resets", wrong)) == (400, "link_ended")
    right = {"token": token, "password": "nine lamps in a row"}
    assert nobody().put("/password/resets", right).status_code == 204
    assert browser.get("/session").status_code == 401
    assert refusal(nobody().put("/password/resets", right)) == (400, "link_ended")
    assert refusal(nobody().post("/session", {"email": email, "password": PASSWORD})) == (401, "sign_in_refused")
    assert nobody().post("/session", {"email": email, "password": "nine lamps in a row"}).status_code == 200
