"""Getting in, in a real browser: signing up, by code, by invitation, with a new password; and every page of it for everybody."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from apps.workspaces import invitations
from tests import factories
from tests.e2e.accessibility import assert_accessible
from tests.e2e.crowd import Crowd
from tests.e2e.people import PHONE
from tests.e2e.post import Post


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def newcomer(crowd: Crowd, scheme: str) -> Page:
    """The page of somebody who isn't signed in."""
    options = {"viewport": PHONE} if scheme == "dark" else {}
    person = crowd.visitor(color_scheme=scheme, base_url=crowd.servers.origin, **options)
    # The browser itself writes a refused form (422) to its console.
    person.may_complain = True
    return person.page


@pytest.fixture
def post(crowd: Crowd) -> Post:
    return Post(crowd.servers)


def address(name: str, scheme: str) -> str:
    return f"{name}-{scheme}@kiosk.example"


def test_signing_up_from_the_first_page_to_the_inbox(newcomer: Page, post: Post, scheme: str) -> None:
    email = address("mia", scheme)
    newcomer.goto("/sign-in/")
    assert_accessible(newcomer, "signing in")
    newcomer.get_by_role("link", name="Create an account").click()
    assert_accessible(newcomer, "signing up")
    newcomer.get_by_label("E-mail").fill(email)
    newcomer.keyboard.press("Enter")
    expect(newcomer.get_by_label("Code")).to_be_focused()
    assert_accessible(newcomer, "a code")
    code = post.code_for(email)
    newcomer.keyboard.type(f"{(int(code) + 1) % 10**6:06}")
    newcomer.keyboard.press("Enter")
    expect(newcomer.get_by_text("This code isn't right")).to_be_visible()
    assert_accessible(newcomer, "a wrong code")
    newcomer.get_by_label("Code").fill(code)
    newcomer.keyboard.press("Enter")
    expect(newcomer.get_by_role("heading", name="Welcome")).to_be_visible()
    assert_accessible(newcomer, "a welcome")
    newcomer.get_by_label("Name of the workspace").fill("Kiosk")
    newcomer.get_by_label("Your name").fill("Mia Sol")
    newcomer.get_by_label("Password").fill("nine lamps in a row")
    newcomer.get_by_role("button", name="Begin").click()
    expect(newcomer.get_by_role("heading", name="No conversations yet")).to_be_visible()


def test_a_new_password_by_mail(newcomer: Page, post: Post, crowd: Crowd) -> None:
    email = factories.make_member(crowd.workspace).user.email
    newcomer.goto("/sign-in/")
    newcomer.get_by_role("link", name="Forgot your password?").click()
    assert_accessible(newcomer, "asking for a new password")
    newcomer.get_by_label("E-mail").fill(email)
    newcomer.get_by_role("button", name="Mail me a link").click()
    expect(newcomer.get_by_role("heading", name="Look into your mail")).to_be_visible()
    newcomer.goto(post.link_for(email))
    assert_accessible(newcomer, "setting a new password")
    newcomer.get_by_label("New password").fill("password")
    newcomer.get_by_role("button", name="Set the password").click()
    expect(newcomer.get_by_text("too common")).to_be_visible()
    newcomer.get_by_label("New password").fill("nine lamps in a row")
    newcomer.get_by_role("button", name="Set the password").click()
    expect(newcomer.get_by_text("Your password is changed")).to_be_visible()
    newcomer.get_by_label("Password").fill("nine lamps in a row")
    newcomer.get_by_role("button", name="Sign in", exact=True).click()
    expect(newcomer.get_by_role("heading", name="No conversations yet")).to_be_visible()


def test_an_invitation_from_the_members_page_to_the_inbox(
    newcomer: Page, post: Post, crowd: Crowd, scheme: str
) -> None:
    email = address("grace", scheme)
    owner = crowd.owner(color_scheme=scheme)
    owner.page.goto("/settings/members/")
    owner.page.get_by_label("E-mail").fill(email)
    owner.page.get_by_label("Role").select_option("Admin")
    owner.page.get_by_role("button", name="Send invitation").click()
    expect(owner.page.get_by_text("The invitation is on its way.")).to_be_visible()
    expect(owner.page.get_by_role("button", name=f"Take back the invitation of {email}")).to_be_visible()
    assert_accessible(owner.page, "members with an invitation")
    newcomer.goto(post.link_for(email))
    expect(newcomer.get_by_role("heading", name="Join Acme Bikes")).to_be_visible()
    assert_accessible(newcomer, "an invitation")
    newcomer.get_by_label("Your name").fill("Grace Hopper")
    newcomer.get_by_role("button", name="Create your account and join").click()
    expect(newcomer.get_by_role("heading", name="No conversations yet")).to_be_visible()
    # The members' page of the one who invited follows by itself.
    expect(owner.page.get_by_role("cell", name="Grace Hopper")).to_be_visible()


def test_choosing_between_an_invitation_and_a_workspace_of_ones_own(
    newcomer: Page, post: Post, crowd: Crowd, scheme: str
) -> None:
    email = address("ida", scheme)
    invitations.invite(email, "agent", by=factories.owner_of(crowd.workspace))
    newcomer.goto("/sign-up/")
    newcomer.get_by_label("E-mail").fill(email)
    newcomer.keyboard.press("Enter")
    newcomer.get_by_label("Code").fill(post.code_for(email))
    newcomer.keyboard.press("Enter")
    own = newcomer.get_by_label("Name of the workspace")
    expect(newcomer.get_by_role("radio", name="Join Acme Bikes, invited as agent")).to_be_checked()
    expect(own).to_be_hidden()
    assert_accessible(newcomer, "a welcome with a choice")
    newcomer.get_by_role("radio", name="Create a new workspace").check()
    expect(own).to_be_visible()
    newcomer.get_by_role("radio", name="Join Acme Bikes, invited as agent").check()
    newcomer.get_by_label("Your name").fill("Ida")
    newcomer.get_by_role("button", name="Begin").click()
    expect(newcomer.get_by_role("heading", name="No conversations yet")).to_be_visible()


def test_the_settings_of_how_members_get_in(crowd: Crowd, scheme: str) -> None:
    owner = crowd.owner(color_scheme=scheme)
    page = owner.page
    page.goto("/settings/security/")
    assert_accessible(page, "security")
    page.get_by_role("checkbox", name="Password").uncheck()
    page.get_by_role("button", name="Update how members get in").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Password")).not_to_be_checked()
    page.goto("/settings/password/")
    assert_accessible(page, "one's password")
