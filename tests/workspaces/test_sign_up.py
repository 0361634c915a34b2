"""Accounts are made for proven addresses only, with a seat, all of it or nothing; and who may is said by the installation and the workspace."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client

from apps.audit.models import AuditEntry
from apps.workspaces import policy, sign_up
from apps.workspaces.models import Invitation, Member, SignInPolicy, User, Workspace
from tests import callers, factories
from tests.callers import SignedIn, nobody, refusal
from tests.database import nothing_happens
from tests.factories import PASSWORD
from tests.mailing import code_for, mails_to, owed

ADDRESS = "mia@kiosk.example"
NEW = {"place": "new", "workspace": "Kiosk", "name": "Mia Sol", "password": "nine lamps in a row"}


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    if not {"committed", "live"} & set(request.fixturenames):
        request.getfixturevalue("db")


@pytest.fixture
def open_to_all(settings: Any) -> None:
    settings.SIGN_UP_OPEN = True


@pytest.fixture
def browser(workspace: Workspace) -> Client:
    """A browser, on an installation that has somebody."""
    return Client()


def prove(browser: Client, email: str = ADDRESS) -> Any:
    """Ask for a code, and enter it."""
    asked = browser.post("/sign-up/", {"email": email})
    assert (asked.status_code, asked["Location"]) == (302, "/code/")
    return browser.post("/code/", {"code": code_for(email)})


# A workspace of one's own


def test_who_signs_up_owns_a_workspace_and_is_in(browser: Client, open_to_all: None) -> None:
    assert prove(browser)["Location"] == "/welcome/"
    assert ADDRESS in browser.get("/welcome/").content.decode()
    assert browser.post("/welcome/", NEW)["Location"] == "/inbox/"
    member = Member.objects.get(user__email=ADDRESS)
    assert (member.role, member.workspace.name, member.user.name) == ("owner", "Kiosk", "Mia Sol")
    assert browser.get("/api/v1/session").json()["workspace"]["id"] == str(member.workspace_id)
    assert nobody().post("/session", {"email": ADDRESS, "password": NEW["password"]}).status_code == 200
    actions = set(AuditEntry.objects.filter(workspace_id=member.workspace_id).values_list("action", flat=True))
    assert actions == {"workspace.created", "member.signed_in"}


def test_nothing_is_made_before_the_address_is_proven(browser: Client, open_to_all: None) -> None:
    browser.post("/sign-up/", {"email": ADDRESS})
    code = code_for(ADDRESS)
    with nothing_happens():
        assert browser.get("/welcome/")["Location"] == "/sign-up/"
        assert browser.post("/welcome/", NEW)["Location"] == "/sign-up/"
    browser.post("/code/", {"code": f"{(int(code) + 1) % 10**6:06}"})
    assert browser.post("/welcome/", NEW)["Location"] == "/sign-up/"
    assert not User.objects.filter(email=ADDRESS).exists()
    browser.post("/code/", {"code": code})
    assert browser.post("/welcome/", NEW)["Location"] == "/inbox/"


def test_who_signs_up_with_anothers_address_neither_keeps_it_from_them_nor_shares_it(
    browser: Client, open_to_all: None
) -> None:
    browser.post("/sign-up/", {"email": ADDRESS})
    browser.post("/welcome/", {**NEW, "password": "the thief's own words"})
    assert not User.objects.filter(email=ADDRESS).exists()
    theirs = Client()
    prove(theirs)
    assert theirs.post("/welcome/", NEW)["Location"] == "/inbox/"
    assert browser.get("/api/v1/session").status_code == 401
    assert nobody().post("/session", {"email": ADDRESS, "password": "the thief's own words"}).status_code == 401


def test_a_proof_is_good_in_the_browser_that_gave_it_only(browser: Client, open_to_all: None) -> None:
    prove(browser)
    assert Client().post("/welcome/", NEW)["Location"] == "/sign-up/"
    assert not User.objects.filter(email=ADDRESS).exists()


def test_a_proof_is_good_for_half_an_hour(browser: Client, open_to_all: None) -> None:
    prove(browser)
    session = browser.session
    session["proven"] = {**session["proven"], "until": session["proven"]["until"] - 1801}
    session.save()
    assert browser.post("/welcome/", NEW)["Location"] == "/sign-up/"
    assert not User.objects.filter(email=ADDRESS).exists()


@pytest.mark.parametrize(
    "change",
    [
        {"password": "short"},
        {"password": "password"},
        {"password": "kiosk"},
        {"workspace": ""},
        {"name": ""},
        {"place": "x"},
    ],
)
def test_what_makes_no_account_makes_nothing_at_all(browser: Client, open_to_all: None, change: dict[str, str]) -> None:
    prove(browser)
    with nothing_happens():
        assert browser.post("/welcome/", {**NEW, **change}).status_code == 422
    assert browser.post("/welcome/", NEW).status_code == 302


def test_who_has_an_account_signs_in_by_signing_up(browser: Client, open_to_all: None, workspace: Workspace) -> None:
    email = factories.owner_of(workspace).user.email
    with_one, without = browser.post("/sign-up/", {"email": email}), Client().post("/sign-up/", {"email": ADDRESS})
    assert (with_one.status_code, with_one["Location"]) == (without.status_code, without["Location"])
    assert browser.post("/code/", {"code": code_for(email)})["Location"] == "/inbox/"
    assert browser.get("/api/v1/session").json()["user"]["email"] == email
    assert Workspace.objects.count() == 1


def test_a_disabled_account_is_not_opened_by_signing_up(
    browser: Client, open_to_all: None, workspace: Workspace
) -> None:
    user = factories.make_member(workspace).user
    User.objects.filter(pk=user.pk).update(is_active=False)
    browser.post("/sign-up/", {"email": user.email})
    assert mails_to(user.email) == []


# Open and closed


def test_where_signing_up_is_closed_no_code_is_sent_and_nobody_can_tell(browser: Client, workspace: Workspace) -> None:
    asked = browser.post("/sign-up/", {"email": ADDRESS})
    assert (asked.status_code, asked["Location"]) == (302, "/code/")
    assert mails_to(ADDRESS) == []
    assert "Create an account" not in Client().get("/sign-in/").content.decode()


def test_a_proven_address_makes_no_workspace_where_that_is_closed(
    browser: Client, settings: Any, workspace: Workspace
) -> None:
    settings.SIGN_UP_OPEN = True
    prove(browser)
    settings.SIGN_UP_OPEN = False
    with nothing_happens():
        assert browser.post("/welcome/", NEW).status_code == 422
    assert "No workspace waits for you" in browser.get("/welcome/").content.decode()
    with nothing_happens(), pytest.raises(sign_up.Closed):
        sign_up.found_workspace(factories.owner_of(workspace).user, "Another")


def test_who_is_invited_finds_the_invitation_by_signing_up(browser: Client, owner: SignedIn) -> None:
    owner.post("/invitations", {"email": ADDRESS, "role": "viewer"})
    assert prove(browser)["Location"] == "/welcome/"
    place = str(Invitation.objects.get().pk)
    assert "invited as viewer" in browser.get("/welcome/").content.decode()
    assert browser.post("/welcome/", {**NEW, "place": place})["Location"] == "/inbox/"
    assert Member.objects.get(user__email=ADDRESS).role == "viewer"
    assert Workspace.objects.count() == 1


# Domains


@pytest.fixture
def open_to_team(workspace: Workspace, owner: SignedIn) -> Workspace:
    """The workspace, open to whoever has an address of its owner's domain."""
    body = {"methods": ["password", "code"], "sign_up": "domains", "domains": ["@Team.Example"]}
    answer = owner.put("/workspace/sign-in", body)
    assert answer.status_code == 200, answer.content
    assert answer.json()["domains"] == ["team.example"]
    return workspace


def test_a_proven_address_of_an_allowed_domain_joins_as_agent(browser: Client, open_to_team: Workspace) -> None:
    prove(browser, "new@team.example")
    place = str(open_to_team.pk)
    assert browser.post("/welcome/", {**NEW, "place": place})["Location"] == "/inbox/"
    member = Member.objects.get(user__email="new@team.example")
    assert (member.workspace, member.role) == (open_to_team, "agent")
    assert AuditEntry.objects.get(action="member.joined").actor_label == "Mia Sol"


@pytest.mark.parametrize(
    "email",
    [
        "x@team.example.evil.example",
        "x@sub.team.example",
        "x@notteam.example",
        "x@team.example.",
        "team.example@evil.example",
    ],
)
def test_another_domain_joins_nothing(browser: Client, open_to_team: Workspace, email: str, settings: Any) -> None:
    settings.SIGN_UP_OPEN = True
    if browser.post("/sign-up/", {"email": email}).status_code == 422:
        return
    browser.post("/code/", {"code": code_for(email)})
    with nothing_happens():
        assert browser.post("/welcome/", {**NEW, "place": str(open_to_team.pk)}).status_code == 422
    assert not Member.objects.filter(user__email=email).exists()


def test_an_unproven_address_of_the_domain_joins_nothing(browser: Client, open_to_team: Workspace) -> None:
    browser.post("/sign-up/", {"email": "new@team.example"})
    assert browser.post("/welcome/", {**NEW, "place": str(open_to_team.pk)})["Location"] == "/sign-up/"
    assert not User.objects.filter(email="new@team.example").exists()


def test_a_workspace_that_only_invites_is_joined_by_nobody_else(
    browser: Client, owner: SignedIn, open_to_team: Workspace
) -> None:
    prove(browser, "new@team.example")
    body = {"methods": ["password", "code"], "sign_up": "invited", "domains": ["team.example"]}
    assert owner.put("/workspace/sign-in", body).status_code == 200
    with nothing_happens():
        assert browser.post("/welcome/", {**NEW, "place": str(open_to_team.pk)}).status_code == 422
    user = factories.make_user(email="late@team.example")
    with nothing_happens(), pytest.raises(sign_up.Closed):
        sign_up.join_by_domain(user, open_to_team)


# The policy


@pytest.mark.parametrize(
    "body",
    [
        {"methods": [], "sign_up": "invited", "domains": []},
        {"methods": ["passkey"], "sign_up": "invited", "domains": []},
        {"methods": ["telepathy"], "sign_up": "invited", "domains": []},
        {"methods": ["code"], "sign_up": "everybody", "domains": []},
        {"methods": ["code"], "sign_up": "domains", "domains": []},
        {"methods": ["code"], "sign_up": "domains", "domains": ["guest.example"]},
        {"methods": ["code"], "sign_up": "domains", "domains": ["team"]},
        {"methods": ["code"], "sign_up": "domains", "domains": ["*.team.example"]},
        {"methods": ["code"], "sign_up": "domains", "domains": ["team.example/x"]},
        {"methods": ["code"], "sign_up": "domains", "domains": ["team.example"] * 21},
        {"methods": "code", "sign_up": "invited", "domains": []},
        {"methods": ["code"], "sign_up": "invited"},
        {"methods": ["code"], "sign_up": "invited", "domains": [], "workspace": "1"},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(owner: SignedIn, body: dict[str, Any]) -> None:
    with nothing_happens():
        assert refusal(owner.put("/workspace/sign-in", body)) == (400, "invalid")
    assert owner.get("/workspace/sign-in").json() == {
        "methods": ["password", "code", "passkey"],
        "sign_up": "invited",
        "domains": [],
    }


def test_a_policy_is_changed_once_and_on_record(owner: SignedIn, workspace: Workspace) -> None:
    body = {"methods": ["code"], "sign_up": "invited", "domains": []}
    assert owner.put("/workspace/sign-in", body).json() == body
    with nothing_happens():
        assert owner.put("/workspace/sign-in", body).json() == body
    entry = AuditEntry.objects.get(action="workspace.sign_in_changed")
    assert entry.details == {
        "methods": {"before": ["password", "code", "passkey"], "after": ["code"]},
        "fields": ["methods"],
    }
    assert SignInPolicy.objects.get().methods == ["code"]


@pytest.mark.parametrize("role", ["agent", "viewer"])
def test_who_may_not_change_security_neither_sees_nor_changes_it(workspace: Workspace, role: str) -> None:
    caller = callers.signed_in(workspace, role)
    with nothing_happens():
        assert refusal(caller.get("/workspace/sign-in")) == (403, "forbidden")
        body = {"methods": ["code"], "sign_up": "invited", "domains": []}
        assert refusal(caller.put("/workspace/sign-in", body)) == (403, "forbidden")


# The first run

FIRST = {"workspace": "Kiosk", "name": "Mia Sol", "email": ADDRESS, "password": "nine lamps in a row"}


def test_an_empty_installation_begins_with_its_first_owner() -> None:
    browser = Client()
    assert browser.get("/sign-in/")["Location"] == "/first-run/"
    assert browser.get("/first-run/").status_code == 200
    done = browser.post("/first-run/", FIRST)
    assert (done.status_code, done["Location"]) == (302, "/settings/installation/")
    member = Member.objects.get()
    assert (member.role, member.user.email, member.workspace.name) == ("owner", ADDRESS, "Kiosk")
    assert browser.get("/inbox/").status_code == 200
    again = Client()
    with nothing_happens():
        assert again.get("/first-run/")["Location"] == "/sign-in/"
        assert again.post("/first-run/", {**FIRST, "email": "eve@kiosk.example"})["Location"] == "/sign-in/"


@pytest.mark.parametrize(
    "change", [{"password": "short"}, {"email": "nobody"}, {"workspace": ""}, {"password": "kiosk"}]
)
def test_a_first_run_that_makes_no_sense_makes_nothing(change: dict[str, str]) -> None:
    with nothing_happens():
        assert Client().post("/first-run/", {**FIRST, **change}).status_code == 422
    assert Client().post("/first-run/", FIRST).status_code == 302


def test_where_others_could_come_first_the_machines_key_is_needed(
    settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.PUBLIC_URL = "https://chat.example.test"
    for wrong in ({}, {"key": ""}, {"key": "0" * 32}):
        assert Client().post("/first-run/", {**FIRST, **wrong}).status_code == 422
    assert not User.objects.exists()
    call_command("first_run")
    address = capsys.readouterr().out.strip()
    assert address.startswith(f"{settings.PUBLIC_URL}/first-run/?key=")
    key = address.split("key=")[1]
    assert key in Client().get(f"/first-run/?key={key}").content.decode()
    assert Client().post("/first-run/", {**FIRST, "key": key}).status_code == 302
    with pytest.raises(CommandError):
        call_command("first_run")


def test_of_two_who_begin_at_once_one_is_first(committed: None) -> None:
    together, made = threading.Barrier(2), []

    def begin(number: int) -> None:
        together.wait()
        try:
            sign_up.first_run(
                email=f"{number}@kiosk.example", name="", password="nine lamps in a row", workspace="Kiosk", key=""
            )
            made.append(number)
        except sign_up.Closed:
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == User.objects.count() == Workspace.objects.count() == 1


# Rates


@pytest.mark.usefixtures("limits_enforced")
def test_a_client_signs_up_five_times_an_hour(browser: Client, open_to_all: None) -> None:
    for number in range(5):
        assert browser.post("/sign-up/", {"email": f"mia-{number}@kiosk.example"}).status_code == 302
    with nothing_happens():
        assert browser.post("/sign-up/", {"email": ADDRESS}).status_code == 429
    assert owed("workspaces.mail_code") == 5


def test_nobody_signs_in_by_an_address_that_was_only_asked_about(workspace: Workspace) -> None:
    assert policy.joinable_by(ADDRESS) == []
    assert nobody().post("/session", {"email": ADDRESS, "password": PASSWORD}).status_code == 401
