"""Who is who, in real browsers: proof that a customer's page carries, consent, and what members do about a visitor."""

from __future__ import annotations

import zipfile
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from apps.core import clock
from apps.visitors.models import Merge, Visitor
from apps.workspaces.models import UserSession
from tests import factories
from tests.e2e.accessibility import assert_accessible
from tests.e2e.crowd import Crowd
from tests.live import wait_until
from tests.visitors.test_proof import Host


@pytest.fixture
def host(crowd: Crowd) -> Host:
    host = Host(crowd.workspace)
    host.mode("optional")
    return host


def proven_page(crowd: Crowd, host: Host, user_id: str = "42") -> str:
    settings = (
        f"""<script>window.opencomSettings = {{ userId: "{user_id}", userHash: "{host.hash(user_id)}" }};</script>"""
    )
    return crowd.shop(before=settings)


def test_a_user_finds_their_conversation_on_a_second_device_and_nobody_else_does(crowd: Crowd, host: Host) -> None:
    page = proven_page(crowd, host)
    laptop = crowd.visitor().visit(page)
    laptop.start()
    laptop.send("From my laptop")
    laptop.expect_delivered()
    phone = crowd.visitor().visit(page)
    phone.open()
    phone.panel.get_by_text("From my laptop").first.click()
    phone.expect_said("From my laptop")
    phone.send("From my phone")
    laptop.expect_said("From my laptop", "From my phone")
    thief = crowd.visitor()
    claims = crowd.shop(before='<script>window.opencomSettings = { userId: "42" };</script>')
    other = thief.visit(claims)
    other.open()
    expect(other.panel.locator(".card.start")).to_be_visible()
    expect(other.panel.get_by_text("From my laptop")).to_have_count(0)


def test_what_a_guest_wrote_is_theirs_after_they_sign_in(crowd: Crowd, host: Host) -> None:
    crowd.visitor().visit(proven_page(crowd, host))
    wait_until(
        lambda: Visitor.objects.filter(workspace=crowd.workspace, proven_at__isnull=False).exists(), "the user is known"
    )
    guest = crowd.visitor()
    messenger = guest.visit(crowd.shop())
    messenger.start()
    messenger.send("As a guest")
    messenger.expect_delivered()
    guest.page.evaluate(f"() => OpencomWidget('identify', {{ userId: '42', userHash: '{host.hash('42')}' }})")
    wait_until(lambda: Merge.objects.filter(workspace=crowd.workspace).exists(), "the guest is the user now")
    messenger.send("Now signed in")
    messenger.expect_delivered()
    messenger.expect_said("As a guest", "Now signed in")
    assert Visitor.objects.filter(workspace=crowd.workspace).count() == 1


def test_a_wrong_proof_is_told_to_the_developer_and_the_messenger_works(crowd: Crowd, host: Host) -> None:
    visitor = crowd.visitor()
    visitor.may_complain = True
    said: list[str] = []
    visitor.context.on("console", lambda message: said.append(message.text))
    page = crowd.shop(before='<script>window.opencomSettings = { userId: "42", userHash: "wrong" };</script>')
    messenger = visitor.visit(page)
    messenger.start()
    messenger.send("Still here")
    messenger.expect_delivered()
    assert any("user_hash isn't the HMAC-SHA256" in text for text in said), said
    assert not Visitor.objects.filter(workspace=crowd.workspace, external_id="42").exists()


def test_consent_that_is_taken_back_leaves_nothing(crowd: Crowd, host: Host) -> None:
    visitor = crowd.visitor()
    page = crowd.shop(consent="false")
    visitor.visit(page)
    visitor.page.wait_for_function("() => window.OpencomWidget")
    visitor.page.evaluate("() => OpencomWidget('consent', true)")
    wait_until(lambda: Visitor.objects.filter(workspace=crowd.workspace).exists(), "the visitor is remembered")
    stored = "() => Object.keys(localStorage).concat(Object.keys(sessionStorage))"
    visitor.page.wait_for_function("() => localStorage.length > 0")
    visitor.page.evaluate("() => OpencomWidget('consent', false)")
    wait_until(lambda: not Visitor.objects.filter(workspace=crowd.workspace).exists(), "nothing is left of them")
    visitor.page.wait_for_function("() => localStorage.length + sessionStorage.length === 0")
    asked = len(visitor.requests)
    visitor.page.evaluate("() => OpencomWidget('trackEvent', 'viewed')")
    visitor.page.wait_for_timeout(500)
    assert len(visitor.requests) == asked
    assert visitor.page.evaluate(stored) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_settings_page_by_keyboard_and_live(crowd: Crowd, scheme: str) -> None:
    owner = crowd.owner(color_scheme=scheme)
    page = owner.page
    owner.visit("/settings/identity/")
    page.get_by_role("button", name="Make a secret").press("Enter")
    shown = page.get_by_role("button", name="Show")
    expect(shown).to_have_attribute("aria-expanded", "false")
    shown.press("Enter")
    clear = page.locator(".identity__clear")
    expect(clear).to_contain_text("ivs_")
    page.get_by_role("button", name="Hide").press("Enter")
    expect(clear).to_be_hidden()
    page.get_by_label("Optional").check()
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_text("Saved")).to_be_visible()
    page.get_by_role("tab", name="Node.js").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tabpanel", name="Python")).to_be_visible()
    crowd.allow(crowd.site.origin, factories.ORIGIN)
    host = Host(crowd.workspace, crowd.workspace.identity_secrets.get())
    host.proven("u42", name="Grete Huber")
    expect(page.get_by_role("link", name="Grete Huber")).to_be_visible()
    expect(page.get_by_text("100 %")).to_be_visible()
    assert_accessible(page, "identity verification")
    owner.may_complain = True
    UserSession.objects.update(confirmed_at=clock.now() - timedelta(hours=1))
    page.get_by_role("button", name="Show").press("Enter")
    expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_member_merges_undoes_copies_and_erases(crowd: Crowd, scheme: str, tmp_path: Any) -> None:
    ada = factories.make_visitor(crowd.workspace, name="Ada Berg", email="ada@home.example")
    again = factories.make_visitor(crowd.workspace, email="ada@home.example")
    factories.start(again, "From the phone")
    owner = crowd.owner(color_scheme=scheme)
    page = owner.page
    owner.visit(f"/visitors/{ada.pk}/")
    assert_accessible(page, "a visitor's page with its actions")
    page.get_by_role("link", name="Merge…").click()
    assert_accessible(page, "who may be the same person")
    page.locator("td a").first.click()
    expect(page.get_by_text("1 × conversation")).to_be_visible()
    assert_accessible(page, "what a merge would do")
    page.get_by_role("button", name="Merge them").click()
    expect(page.get_by_text("From the phone")).to_be_visible()
    assert_accessible(page, "a merged visitor")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("this visitor is back")).to_be_visible()
    page.get_by_role("button", name="Block").click()
    expect(page.get_by_role("button", name="Unblock")).to_be_visible()
    page.get_by_role("link", name="Export…").click()
    page.get_by_role("button", name="Make the link").click()
    assert_accessible(page, "a link to a copy")
    page.get_by_role("link", name="Open the link").click()
    assert_accessible(page, "the way to a copy")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    download.value.save_as(tmp_path / "copy.zip")
    assert "From the phone" in zipfile.ZipFile(tmp_path / "copy.zip").read("data/conversations.message-1.json").decode()
    owner.visit(f"/visitors/{again.pk}/erase/")
    assert_accessible(page, "before an erasure")
    page.get_by_label("Type “").fill(again.readable_id)
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_role("heading", name="Erased")).to_be_visible()
    assert_accessible(page, "a receipt")
    assert not Visitor.objects.filter(pk=again.pk).exists()
