"""Both sides on a phone: a thumb, a small window, and no keys to hold."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.e2e.crowd import Crowd
from tests.e2e.people import PHONE

DEVICE: dict[str, Any] = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


def test_the_messenger_fills_a_phone_and_is_used_by_touch(crowd: Crowd) -> None:
    visitor = crowd.visitor(**DEVICE)
    messenger = visitor.visit(crowd.shop(body="<h1>Acme Bikes</h1>" + "<p>Bikes.</p>" * 100))
    messenger.launcher.tap()
    expect(messenger.panel).to_be_visible()
    assert _box(messenger.panel) == (0, 0, PHONE["width"], PHONE["height"])
    expect(messenger.launcher).to_be_hidden()
    messenger.panel.locator(".card.start").tap()
    messenger.field.tap()
    messenger.field.fill("First line")
    messenger.field.press("Enter")
    expect(messenger.field).to_have_value("First line\n")
    messenger.panel.get_by_role("button", name="Send").tap()
    messenger.expect_said("First line")

    desk = crowd.agent().visit()
    desk.open("First line")
    desk.reply("An answer with a word of Donaudampfschifffahrtsgesellschaftskapitänskajütenschlüsselanhänger length")
    expect(messenger.bubbles).to_have_count(2)
    _assert_fits(visitor.page)
    _assert_inside(messenger.bubbles.last)
    messenger.panel.get_by_role("button", name="Close").tap()
    expect(messenger.panel).to_be_hidden()
    desk.reply("Still there?")
    expect(messenger.preview).to_be_visible()
    _assert_inside(messenger.preview)
    messenger.preview.get_by_role("button", name="Still there?").tap()
    expect(messenger.bubbles).to_have_count(3)
    # A phone shows the page first, whatever was open before.
    visitor.page.reload()
    expect(messenger.launcher).to_be_visible()
    expect(messenger.panel).to_be_hidden()


def test_an_agent_answers_from_a_phone(crowd: Crowd) -> None:
    messenger = crowd.visitor().visit(crowd.shop(name="Marta Kowalska"))
    messenger.start()
    messenger.send("Are you on the train?")
    messenger.expect_delivered()
    crowd.allow(crowd.site.origin, crowd.servers.origin)
    agent = crowd.owner(**DEVICE)
    desk = agent.visit()
    page = agent.page
    _assert_fits(page)
    expect(desk.row("Are you on the train?")).to_be_visible()
    expect(desk.thread).to_be_hidden()
    desk.row("Are you on the train?").locator(".row__link").tap()
    expect(desk.field).to_be_visible()
    expect(desk.rows.first).to_be_hidden()
    _assert_fits(page)
    desk.field.tap()
    desk.field.fill("I am.")
    desk.send_button.tap()
    messenger.expect_said("Are you on the train?", "I am.")
    messenger.send("Then later.")
    expect(desk.messages.last).to_have_text("Then later.")
    expect(desk.messages.last).to_be_in_viewport()
    desk.thread.get_by_role("button", name="Show or hide the visitor").tap()
    panel = page.get_by_role("complementary", name="Visitor")
    expect(panel.get_by_role("heading", name="Marta Kowalska")).to_be_in_viewport()
    page.get_by_role("button", name="Hide the visitor", exact=True).tap()
    expect(panel).not_to_be_in_viewport()
    page.get_by_role("link", name="Back to the list").tap()
    expect(desk.row("Then later.")).to_be_visible()
    expect(desk.thread).to_be_hidden()
    page.go_back()
    expect(desk.field).to_be_visible()
    for path in (
        "/visitors/",
        "/settings/messenger/",
        "/settings/security/",
        "/settings/installation/",
        "/settings/members/",
        "/sign-in/",
    ):
        page.goto(path)
        _assert_fits(page)


def _box(place: Locator) -> tuple[float, ...]:
    box = place.bounding_box()
    assert box is not None
    return (box["x"], box["y"], box["width"], box["height"])


def _assert_fits(page: Page) -> None:
    """Nothing reaches out of the window to the side."""
    wide = page.evaluate("() => document.scrollingElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{page.url} is {wide} px too wide"


def _assert_inside(place: Locator) -> None:
    x, _, width, _ = _box(place)
    assert x >= 0
    assert x + width <= PHONE["width"]
