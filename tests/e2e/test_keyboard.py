"""Both sides without a mouse."""

from __future__ import annotations

import re

from django.contrib.auth.hashers import Argon2PasswordHasher
from playwright.sync_api import expect

from tests import factories
from tests.e2e.crowd import Crowd
from tests.e2e.people import Desk

PASSWORD = "a long and winding road"
INSIDE = """() => `${document.activeElement.localName} ${document.activeElement.shadowRoot?.activeElement?.ariaLabel ?? ""}`"""
FOCUS = """() => {
  const at = document.activeElement;
  const label = at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.textContent || at.title || at.localName;
  // In a text field the caret shows where one is.
  const isMarked = at.matches("body, input, textarea") || [null, "::after"].some((part) => getComputedStyle(at, part).outlineStyle !== "none");
  return [label.trim().replace(/\\s+/g, " ").slice(0, 60), isMarked];
}"""


def test_an_agent_works_a_whole_day_without_a_mouse(crowd: Crowd) -> None:
    for name in ("Marta", "Tom", "Noa"):
        factories.start(factories.make_visitor(crowd.workspace, name=name), f"Hello from {name}")
    visitor = crowd.visitor()
    messenger = visitor.visit(crowd.shop(name="Priya"))
    messenger.start()
    messenger.send("Hello from Priya")
    messenger.expect_delivered()

    agent = crowd.agent("Ada Okafor")
    crowd.agent("Ben Fischer")
    agent.context.clear_cookies()
    page, keys = agent.page, agent.page.keyboard
    user = agent.caller.member.user
    user.password = Argon2PasswordHasher().encode(PASSWORD, "salted-enough")
    user.save()
    page.goto("/inbox/")
    expect(page.get_by_label("E-mail")).to_be_focused()
    keys.type(user.email)
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    desk = Desk(page)
    expect(desk.rows).to_have_count(4)
    page.wait_for_load_state()

    keys.press("j")
    expect(desk.title).to_have_text("Priya")
    keys.press("j")
    expect(desk.title).to_have_text("Noa")
    keys.press("k")
    expect(desk.title).to_have_text("Priya")
    keys.press("r")
    expect(desk.field).to_be_focused()
    keys.type("Hello, Priya.")
    keys.press("Control+Enter")
    messenger.expect_said("Hello from Priya", "Hello, Priya.")
    keys.press("Escape")
    keys.press("n")
    expect(desk.field).to_have_attribute("aria-label", "Note")
    keys.type("Sounds nice.")
    keys.press("Control+Enter")
    expect(desk.notes).to_have_text(["Sounds nice."])
    keys.press("Escape")

    keys.press("a")
    expect(page.get_by_role("dialog", name="Assign")).to_be_visible()
    keys.type("ben")
    keys.press("Enter")
    expect(desk.toast).to_contain_text("Assigned to Ben Fischer")
    keys.press("i")
    expect(desk.toast).to_contain_text("Assigned to you")
    keys.press("e")
    expect(desk.toast).to_contain_text("Closed")
    expect(desk.rows).to_have_count(3)
    keys.press("j")
    expect(desk.title).to_have_text("Noa")
    keys.press("z")
    expect(page.get_by_role("dialog", name="Snooze")).to_be_visible()
    keys.press("z")
    expect(desk.toast).to_contain_text("Snoozed until tomorrow")
    expect(desk.rows).to_have_count(2)

    keys.press("/")
    expect(page.get_by_role("searchbox", name="Search conversations")).to_be_focused()
    keys.type("Marta")
    expect(desk.rows).to_have_count(1)
    keys.press("Escape")
    keys.press("j")
    expect(desk.title).to_have_text("Marta")
    keys.press("Control+k")
    palette = page.get_by_role("dialog", name="All commands")
    expect(palette.get_by_role("combobox")).to_be_focused()
    keys.type("show open")
    keys.press("Enter")
    expect(palette).to_be_hidden()
    expect(desk.rows).to_have_count(2)
    keys.press("x")
    expect(page.get_by_role("toolbar", name="Selected conversations")).to_contain_text("1 selected")
    keys.press("Escape")
    expect(page.get_by_role("toolbar", name="Selected conversations")).to_be_hidden()
    keys.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet).to_contain_text("Next conversation")
    keys.press("Escape")
    expect(sheet).to_be_hidden()
    keys.press("u")
    expect(page.get_by_role("heading", name="No conversation open")).to_be_visible()
    keys.press("g")
    keys.press("v")
    expect(page.get_by_role("heading", name="Visitors", exact=True)).to_be_visible()
    keys.press("Control+k")
    keys.type("sign out")
    keys.press("Enter")
    expect(page).to_have_url(re.compile("/sign-in/"))


def test_every_control_of_the_inbox_can_be_reached_by_tab_and_shows_that_it_is(crowd: Crowd) -> None:
    factories.start(factories.make_visitor(crowd.workspace, name="Marta"), "Hello")
    agent = crowd.agent()
    desk = agent.visit()
    desk.open("Hello")
    agent.page.locator("body").press("Escape")
    reached, unmarked = [], []
    for _ in range(60):
        agent.page.keyboard.press("Tab")
        name, is_marked = agent.page.evaluate(FOCUS)
        if reached and name == reached[0]:
            break
        reached.append(name)
        if not is_marked:
            unmarked.append(name)
    assert not unmarked
    wanted = (
        "Skip to content",
        "Inbox",
        "Search conversations",
        "Open",
        "Select Marta",
        "Marta",
        "Assign",
        "Snooze",
        "Reply",
        "Attach files",
        "Send",
    )
    missing = [name for name in wanted if not any(name in each for each in reached)]
    assert not missing, (missing, reached)


def test_a_visitor_talks_without_a_mouse_and_never_falls_out_of_the_messenger(crowd: Crowd) -> None:
    visitor = crowd.visitor()
    messenger = visitor.visit(crowd.shop(body='<button id="before">Before</button>'))
    page, keys = visitor.page, visitor.page.keyboard
    expect(messenger.launcher).to_be_visible()
    page.locator("#before").focus()
    keys.press("Tab")
    expect(messenger.launcher).to_be_focused()
    keys.press("Enter")
    expect(messenger.panel.locator(".card.start")).to_be_focused()
    keys.press("Enter")
    expect(messenger.field).to_be_focused()
    keys.type("No mouse here")
    keys.press("Shift+Enter")
    keys.type("and two lines")
    keys.press("Enter")
    expect(messenger.bubbles).to_have_count(1)
    messenger.expect_delivered()
    expect(messenger.field).to_be_focused()

    # All the way around, both ways, and always inside
    for key in ("Tab", "Shift+Tab"):
        seen = []
        for _ in range(12):
            keys.press(key)
            seen.append(page.evaluate(INSIDE))
        assert all(each.startswith("opencom-widget ") for each in seen), seen
        assert {"opencom-widget Back", "opencom-widget Close", "opencom-widget Write a message"} <= set(seen), seen

    desk = crowd.agent("Ada Okafor").visit()
    desk.open("No mouse here")
    desk.reply("Nor here.")
    expect(messenger.panel.locator('[aria-live="polite"]')).to_have_text("Ada Okafor says: Nor here.")
    keys.press("Escape")
    expect(messenger.panel).to_be_hidden()
    expect(messenger.launcher).to_be_focused()
    expect(messenger.launcher).to_have_attribute("aria-expanded", "false")
    desk.reply("Are you gone?")
    expect(messenger.launcher).to_have_attribute("aria-label", "Open messages, 1 unread")
    keys.press("Enter")
    expect(messenger.bubbles.last).to_have_text("Are you gone?")
    expect(messenger.launcher).to_have_attribute("aria-expanded", "true")
