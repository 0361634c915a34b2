"""Second factors in a real browser: an app with recovery codes, and passkeys with the browser's own virtual authenticator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from playwright.sync_api import Page, expect

from apps.core.clock import now
from apps.workspaces.models import Member, Workspace
from opencom_project import processes
from tests import factories
from tests.authenticators import code_of
from tests.e2e.accessibility import assert_accessible
from tests.e2e.crowd import Crowd
from tests.e2e.people import PHONE
from tests.e2e.servers import Server, Servers
from tests.factories import PASSWORD
from tests.processes import free_port


@pytest.fixture
def email(workspace: Workspace) -> str:
    """The address of the workspace's owner, whose password is hashed as in production."""
    user = factories.owner_of(workspace).user
    user.password = Argon2PasswordHasher().encode(PASSWORD, "salted-enough")
    user.save()
    return user.email


def sign_in(page: Page, email: str) -> None:
    page.goto("/sign-in/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page) -> None:
    page.evaluate("document.querySelector('#sign-out').submit()")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_app_is_set_up_asked_for_and_stood_in_for_by_a_recovery_code(
    crowd: Crowd, workspace: Workspace, email: str
) -> None:
    owner = crowd.owner()
    owner.may_complain = True
    page = owner.page
    page.goto("/settings/second-factor/")
    assert_accessible(page, "no second factor")
    page.get_by_role("button", name="Set up an app").click()
    key = page.locator(".enrol__key").inner_text().replace(" ", "")
    expect(page.locator(".qr svg")).to_be_visible()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Turn it on").click()
    expect(page.locator(".field__error")).to_be_visible()
    assert_accessible(page, "setting an app up")
    page.get_by_label("Code").fill(code_of(key))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", name="Keep your recovery codes")).to_be_visible()
    assert_accessible(page, "recovery codes")
    codes = page.locator(".codes__list code").all_inner_texts()
    with page.expect_download() as downloaded:
        page.get_by_role("button", name="Download").click()
    assert all(code in Path(downloaded.value.path()).read_text() for code in codes)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 left")).to_be_visible()
    assert_accessible(page, "an app that counts")
    page.goto("/settings/security/")
    page.get_by_label("Everyone needs a second factor").check()
    page.get_by_role("button", name="Save who needs a second factor").click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    assert_accessible(page, "everyone is asked")

    # In another browser, on a phone
    other = crowd.visitor(color_scheme="dark", viewport=PHONE, base_url=crowd.servers.origin)
    other.may_complain = True
    page = other.page
    sign_in(page, email)
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    assert_accessible(page, "the second step")
    page.get_by_label("Code").fill(code_of(key, steps=1))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/inbox/**")
    page.goto("/settings/profile/")
    sign_out(page)
    sign_in(page, email)
    page.get_by_label("Code").fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/inbox/**")
    page.goto("/settings/second-factor/")
    expect(page.get_by_text("9 left")).to_be_visible()

    # Somebody whose days are over
    agent = crowd.agent("Ben Fischer")
    Member.objects.filter(workspace=workspace).update(created_at=now() - timedelta(days=30))
    Workspace.objects.filter(pk=workspace.pk).update(factor_required_at=now() - timedelta(days=3))
    agent.page.goto("/settings/profile/")
    expect(agent.page.get_by_text("You have 4 days left")).to_be_visible()
    assert_accessible(agent.page, "days left")
    Workspace.objects.filter(pk=workspace.pk).update(factor_required_at=now() - timedelta(days=8))
    agent.may_complain = True
    agent.page.goto("/inbox/")
    expect(agent.page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
    assert_accessible(agent.page, "nothing else opens")


@pytest.fixture
def named(servers: Servers) -> Iterator[str]:
    """The product under a host's name, which passkeys need; returns its address."""
    port = str(free_port())
    origin = f"http://localhost:{port}"
    environment = {**servers.environment, "PORT": port, "PUBLIC_URL": origin}
    server = Server("named-web", processes.web, environment, f"{origin}/healthz")
    server.start()
    server.wait()
    yield origin
    server.stop()


def test_a_passkey_is_added_signs_in_alone_and_as_the_second_step(crowd: Crowd, email: str, named: str) -> None:
    context = crowd.browser.new_context(base_url=named, color_scheme="dark", viewport=PHONE, reduced_motion="reduce")
    context.set_default_timeout(20_000)
    page = context.new_page()
    authenticator = context.new_cdp_session(page)
    authenticator.send("WebAuthn.enable")
    traits = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    more = {"isUserVerified": True, "automaticPresenceSimulation": True}
    authenticator.send("WebAuthn.addVirtualAuthenticator", {"options": {**traits, **more}})

    sign_in(page, email)
    page.wait_for_url("**/inbox/**")
    page.goto("/settings/second-factor/")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator(".field__error").first).to_be_visible()
    page.get_by_label("Name").fill("My laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Keep your recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("My laptop").first).to_be_visible()
    assert_accessible(page, "a passkey")
    page.get_by_label("Name").fill("The same laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("has a passkey for your account already")).to_be_visible()

    sign_out(page)
    assert_accessible(page, "the sign-in page with passkeys")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/inbox/**")
    page.goto("/settings/profile/")
    sign_out(page)
    sign_in(page, email)
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    assert_accessible(page, "the second step by passkey")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/inbox/**")
    page.goto("/settings/confirm/?next=/settings/second-factor/")
    assert_accessible(page, "is it you")
    page.get_by_role("button", name="Use a passkey").click()
    page.get_by_role("button", name="Remove My laptop").click()
    expect(page.get_by_text("Removed")).to_be_visible()
    context.close()
