"""Sessions, keys and seats in a browser, as whoever owns the workspace sees them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests import callers
from tests.e2e.accessibility import assert_accessible
from tests.e2e.crowd import Crowd

SIGN_IN = re.compile(r"/sign-in/\?next=%2Finbox%2F$")


@pytest.fixture(params=("light", "dark"))
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_key_is_made_shown_once_used_and_revoked(crowd: Crowd, scheme: str) -> None:
    owner = crowd.owner(color_scheme=scheme)
    owner.may_complain = True
    page = owner.page
    page.goto("/settings/keys/")
    expect(page.get_by_role("heading", name="No key yet")).to_be_visible()
    assert_accessible(page, "no keys")
    page.get_by_role("link", name="New key").first.click()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("alert").or_(page.locator(".field__error")).first).to_be_visible()
    assert_accessible(page, "a key that lacks everything")
    page.get_by_label("Name").fill("Importer")
    page.get_by_label("Users: read").check()
    page.get_by_role("button", name="Make the key").click()
    token = page.locator(".secret__value").inner_text()
    assert token.startswith("oca_")
    assert_accessible(page, "a new key")

    integration = callers.Caller(Authorization=f"Bearer {token}")
    assert integration.get("/members").status_code == 200
    page.goto("/settings/keys/")
    expect(page.get_by_text("Importer").first).to_be_visible()
    assert token not in page.content()
    page.get_by_role("button", name="Revoke Importer").click()
    expect(page.get_by_text("Revoked")).to_be_visible()
    assert integration.get("/members").status_code == 401


def test_a_session_that_is_ended_elsewhere_is_at_the_sign_in_page_within_seconds(crowd: Crowd, scheme: str) -> None:
    agent = crowd.agent(color_scheme=scheme)
    elsewhere = crowd.another_session(agent)
    elsewhere.may_complain = True
    elsewhere.visit("/inbox/")
    page = agent.page
    page.goto("/settings/sessions/")
    expect(page.locator("tbody tr")).to_have_count(2)
    assert_accessible(page, "two sessions")
    page.get_by_role("button", name="Sign out everywhere else").click()
    expect(page.get_by_text("Signed out there")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(elsewhere.page).to_have_url(SIGN_IN, timeout=10_000)


def test_an_owner_changes_what_a_member_may_do_and_takes_the_seat_away(crowd: Crowd, scheme: str) -> None:
    agent = crowd.agent("Ben Fischer")
    agent.may_complain = True
    desk = agent.visit("/inbox/")
    page = crowd.owner(color_scheme=scheme).page
    page.goto("/settings/members/")
    page.get_by_role("link", name="Ben Fischer").click()
    assert_accessible(page, "a member's seat")
    page.get_by_label("Viewer").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    desk.page.reload()
    page.get_by_role("button", name="Remove Ben Fischer").click()
    expect(page.get_by_role("link", name="Ben Fischer")).to_have_count(0)
    expect(agent.page).to_have_url(SIGN_IN, timeout=10_000)


def test_what_concerns_only_oneself(crowd: Crowd, scheme: str) -> None:
    page = crowd.owner(color_scheme=scheme).page
    for path in ("profile", "password", "confirm", "ownership"):
        page.goto(f"/settings/{path}/")
        assert_accessible(page, path)
    page.goto("/settings/profile/")
    page.get_by_label("Name").fill("Olga Petrova")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Olga Petrova")
    page.goto("/workspaces/")
    assert_accessible(page, "one's workspaces")
