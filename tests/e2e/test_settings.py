"""What the team sets, and what visitors see of it at once."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from tests.e2e.crowd import Crowd


def test_a_changed_messenger_shows_in_one_that_is_open_without_a_reload(crowd: Crowd) -> None:
    crowd.allow(crowd.site.origin, crowd.servers.origin)
    visitor = crowd.visitor()
    messenger = visitor.visit(crowd.shop())
    messenger.open()
    expect(messenger.panel.get_by_role("heading", name="Hi there. How can we help?")).to_be_visible()
    owner = crowd.owner()
    page = owner.page
    page.goto("/settings/messenger/")
    page.get_by_label("Greeting").fill("Welcome to the workshop")
    page.locator("[name=primary_color]").fill("#14532d")
    page.locator("[name=background_color]").fill("#14532d")
    page.get_by_label("Left", exact=True).check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    expect(page.locator("[name=background_color]")).to_have_value("#14532d")
    expect(messenger.panel.get_by_role("heading", name="Welcome to the workshop")).to_be_visible()
    expect(messenger.panel.locator(".hero")).to_have_css("background-color", "rgb(20, 83, 45)")
    expect(messenger.launcher).to_have_css("background-color", "rgb(20, 83, 45)")
    expect(messenger.launcher).to_have_css("left", "20px")


def test_the_settings_preview_is_the_real_messenger_and_follows_what_is_chosen(crowd: Crowd) -> None:
    crowd.allow(crowd.servers.origin)
    owner = crowd.owner()
    page = owner.page
    page.goto("/settings/messenger/")
    preview = page.frame_locator("#preview")
    expect(preview.locator("opencom-widget .panel .card.start")).to_be_visible()
    page.locator("[name=primary_color]").fill("#b91c1c")
    expect(preview.locator("opencom-widget .launch")).to_have_css("background-color", "rgb(185, 28, 28)")
    page.locator("[name=theme]").locator("xpath=..").filter(has_text="Dark").locator("input").check()
    expect(preview.locator("opencom-widget .ow.dark")).to_have_count(1)


def test_what_is_chosen_before_the_form_s_script_ran_shows_in_the_preview_too(crowd: Crowd) -> None:
    crowd.allow(crowd.servers.origin)
    page = crowd.owner().page
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/js/messenger-form.js", hold)
    page.goto("/settings/messenger/", wait_until="commit")
    preview = page.frame_locator("#preview")
    expect(preview.locator("opencom-widget .panel .card.start")).to_be_visible()
    page.locator("[name=primary_color]").fill("#b91c1c")
    for route in held:
        route.continue_()
    expect(preview.locator("opencom-widget .launch")).to_have_css("background-color", "rgb(185, 28, 28)")


def test_an_origin_that_is_added_lets_the_messenger_in(crowd: Crowd) -> None:
    crowd.allow("https://shop.example")
    visitor = crowd.visitor()
    visitor.may_complain = True
    address = crowd.shop()
    with visitor.page.expect_event("requestfailed", lambda request: request.url.endswith("/widget/boot")):
        visitor.visit(address)
    expect(visitor.messenger.host).to_have_count(0)
    owner = crowd.owner()
    owner.page.goto("/settings/security/")
    owner.page.get_by_label("Pages that may show the messenger").fill(f"https://shop.example\n{crowd.site.origin}")
    owner.page.get_by_role("button", name="Save", exact=True).click()
    expect(owner.page.get_by_text("Saved", exact=True)).to_be_visible()
    expect(visitor.visit(address).launcher).to_be_visible()


def test_the_installation_page_notices_the_messengers_first_visit_by_itself(crowd: Crowd) -> None:
    owner = crowd.owner()
    owner.page.goto("/settings/installation/")
    signal = owner.page.locator("#signal")
    expect(signal).to_contain_text("hasn't been seen yet")
    assert str(crowd.workspace.pk) in owner.page.get_by_role("tabpanel").first.inner_text()
    crowd.visitor().visit(crowd.shop())
    expect(signal).to_contain_text(crowd.site.origin)
