"""axe finds nothing on any page and in any state, light and dark."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from apps.core import clock
from tests import factories
from tests.e2e import files
from tests.e2e.accessibility import assert_accessible
from tests.e2e.crowd import Crowd

SCHEMES = ("light", "dark")
MARKDOWN = "Hello **there**, see `code`, https://example.com and:\n\n- one\n- two\n\n> quoted\n\n```\nblock\n```"


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_inbox_in_every_state(crowd: Crowd, scheme: str) -> None:
    owner = crowd.owner(color_scheme=scheme)
    page, desk = owner.page, owner.visit("/inbox/")
    expect(page.get_by_role("heading", name="No conversations yet")).to_be_visible()
    assert_accessible(page, "an inbox without conversations")

    member = owner.caller.member
    visitor = factories.make_visitor(
        crowd.workspace,
        name="Marta Kowalska",
        email="marta@example.net",
        attributes={"plan": "pro"},
        device={"browser": "Chrome", "os": "Linux", "type": "desktop"},
        page_url="https://shop.example/tourer",
        page_title="The Tourer",
        locale="pl-PL",
        timezone="Europe/Warsaw",
        referrer="https://www.google.com/",
    )
    conversation = factories.start(visitor, MARKDOWN)
    factories.send(conversation, member, MARKDOWN)
    factories.send(conversation, member, "A **note** with https://example.com", kind="note")
    for number in range(3):
        factories.start(factories.make_visitor(crowd.workspace), f"Number {number}")
    desk.row("A note").locator(".row__link").click()
    expect(desk.messages).to_have_count(3)
    assert_accessible(page, "a conversation")

    desk.thread.get_by_role("button", name="Assign", exact=True).click()
    expect(page.get_by_role("dialog", name="Assign").get_by_role("button", name=member.label)).to_be_visible()
    assert_accessible(page, "the menu of assignees")
    page.keyboard.press("Escape")
    desk.thread.get_by_role("button", name="Snooze").click()
    assert_accessible(page, "the menu of snooze times")
    page.get_by_role("button", name="With the next reply").click()
    expect(desk.thread.locator(".pill--warn")).to_be_visible()
    expect(desk.toast).to_be_visible()
    assert_accessible(page, "a snoozed conversation and a toast")

    desk.write("Note", "Half a note")
    desk.composer.locator('input[type="file"]').set_input_files(files.file("sizes.csv", b"a,b\n1,2\n"))
    expect(desk.composer.locator(".upload progress")).to_have_count(0)
    assert_accessible(page, "a note in the making, with a file")
    desk.write("Reply", "Half a reply")
    assert_accessible(page, "a reply in the making")

    desk.thread.get_by_role("button", name="Close").click()
    expect(desk.thread.get_by_role("button", name="Reopen")).to_be_visible()
    assert_accessible(page, "a closed conversation")
    desk.row("Number 1").locator("input").check()
    assert_accessible(page, "picked conversations")
    page.get_by_role("button", name="More").click()
    assert_accessible(page, "the menu of views")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Filter by assignee").click()
    assert_accessible(page, "the menu of filters")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Your account").click()
    assert_accessible(page, "the account's menu")
    page.keyboard.press("Escape")
    desk.title.click()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="All commands")).to_be_visible()
    assert_accessible(page, "the palette")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert_accessible(page, "the sheet of keys")
    page.keyboard.press("Escape")
    page.goto("/inbox/open/?q=nothing+like+this")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    assert_accessible(page, "a search without results")
    page.goto("/inbox/snoozed/")
    assert_accessible(page, "an empty view")


def test_what_becomes_of_a_message_that_was_not_sent(crowd: Crowd, scheme: str) -> None:
    visitor = factories.make_visitor(crowd.workspace, name="Marta Kowalska")
    conversation = factories.start(visitor, "Hello?")
    agent = crowd.agent(color_scheme=scheme)
    agent.may_complain = True
    desk = agent.visit()
    desk.open("Hello?")
    agent.context.set_offline(True)
    desk.reply("On its way")
    expect(desk.pending).to_have_count(1)
    expect(agent.page.locator("#connection")).to_be_visible()
    assert_accessible(agent.page, "without a connection")
    factories.send(conversation, crowd.workspace.members.get(role="owner"), "Somebody else was quicker")
    agent.context.set_offline(False)
    expect(agent.page.get_by_text("Your message waits.")).to_be_visible()
    assert_accessible(agent.page, "a message that was stopped")


@pytest.mark.parametrize(
    "size", [{"width": 390, "height": 844}, {"width": 900, "height": 700}], ids=["phone", "tablet"]
)
def test_the_inbox_on_small_screens(crowd: Crowd, scheme: str, size: dict[str, int]) -> None:
    factories.start(factories.make_visitor(crowd.workspace, name="Marta Kowalska"), "Hello?")
    agent = crowd.agent(color_scheme=scheme, viewport=size)
    desk = agent.visit()
    assert_accessible(agent.page, "the list")
    desk.open("Hello?")
    assert_accessible(agent.page, "a conversation")
    desk.thread.get_by_role("button", name="Show or hide the visitor").click()
    expect(agent.page.get_by_role("button", name="Hide the visitor", exact=True)).to_be_visible()
    assert_accessible(agent.page, "the visitor's drawer")


def test_every_other_page(crowd: Crowd, scheme: str) -> None:
    owner = crowd.owner(color_scheme=scheme)
    crowd.allow(crowd.servers.origin)
    page = owner.page
    page.goto("/visitors/")
    assert_accessible(page, "a directory without visitors")
    visitor = factories.make_visitor(
        crowd.workspace, name="Marta Kowalska", email="marta@example.net", attributes={"plan": "pro"}
    )
    factories.make_visitor(crowd.workspace)
    factories.start(visitor, "Hello?")
    for path in (
        "/visitors/", "/visitors/?q=marta", "/visitors/?q=nobody+at+all", f"/visitors/{visitor.pk}/", "/settings/members/",
        "/settings/installation/", "/settings/security/", "/settings/audit/", "/settings/audit/?action=member.removed", "/settings/messenger/",
        "/api/docs/",
    ):  # fmt: skip
        page.goto(path)
        if path == "/settings/messenger/":
            expect(page.frame_locator("#preview").locator("opencom-widget .card.start")).to_be_visible()
        assert_accessible(page, path)
    owner.may_complain = True  # the browser writes refused forms to its console
    page.goto("/settings/security/")
    page.get_by_label("Pages that may show the messenger").fill("not an origin")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible(page, "a form with errors")
    page.context.clear_cookies()
    page.goto("/sign-in/")
    assert_accessible(page, "the sign-in page")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".field__error").first).to_be_visible()
    assert_accessible(page, "a sign-in that failed")


def test_the_messenger_in_every_state(crowd: Crowd, scheme: str) -> None:
    visitor = crowd.visitor(color_scheme=scheme)
    page, messenger = visitor.page, visitor.visit(crowd.shop(body="<main><h1>Acme Bikes</h1></main>"))
    expect(messenger.launcher).to_be_visible()
    assert_accessible(page, "the launcher")
    messenger.open()
    expect(messenger.panel.locator(".card.start")).to_be_visible()
    assert_accessible(page, "home")
    messenger.panel.get_by_role("button", name="Messages", exact=True).click()
    assert_accessible(page, "no conversations yet")
    messenger.panel.get_by_role("button", name="New conversation").click()
    assert_accessible(page, "a new conversation")
    messenger.panel.locator('input[type="file"]').set_input_files(files.file("squeak.txt", b"Left pedal."))
    expect(messenger.chip("squeak.txt")).to_be_visible()
    assert_accessible(page, "a file in the composer")
    messenger.send(MARKDOWN)
    messenger.expect_delivered()

    desk = crowd.agent().visit()
    desk.open("Hello")
    desk.reply(MARKDOWN)
    expect(messenger.bubbles).to_have_count(2)
    desk.field.press_sequentially("And")
    expect(messenger.typing).to_be_visible()
    assert_accessible(page, "a conversation with markup, a file, and somebody typing")
    desk.send_button.click()
    expect(messenger.bubbles).to_have_count(3)
    desk.thread.get_by_role("button", name="Close").click()
    expect(messenger.panel).to_contain_text("This conversation was closed")
    assert_accessible(page, "a closed conversation")
    visitor.may_complain = True
    visitor.context.set_offline(True)
    messenger.send("Offline")
    assert_accessible(page, "without a connection")
    visitor.context.set_offline(False)
    messenger.expect_delivered()
    visitor.page.route(
        "**/api/v1/conversations/*/messages",
        lambda route: route.fulfill(status=400, json={}, headers={"Access-Control-Allow-Origin": "*"}),
    )
    messenger.send("Refused")
    expect(messenger.panel.locator(".failed")).to_be_visible()
    assert_accessible(page, "a message that failed")
    visitor.page.unroute_all()
    messenger.launcher.click()
    desk.reply("One more")
    expect(messenger.preview).to_be_visible()
    assert_accessible(page, "a preview and a badge")
    messenger.open()
    messenger.back.click()
    messenger.panel.get_by_role("button", name="Home").click()
    expect(messenger.panel.get_by_role("heading", name="Recent conversations")).to_be_visible()
    assert_accessible(page, "home with a conversation")
    messenger.panel.get_by_role("button", name="Messages", exact=True).click()
    assert_accessible(page, "the list of conversations")


def test_a_messenger_in_colours_that_were_badly_chosen(crowd: Crowd, scheme: str) -> None:
    for colour in ("#ffe066", "#7a7a7a", "#0b0b0b"):
        visitor = crowd.visitor(color_scheme=scheme)
        page = crowd.shop(body="<main><h1>Acme Bikes</h1></main>", primary_color=colour, background_color=colour)
        messenger = visitor.visit(page)
        messenger.open()
        expect(messenger.panel.locator(".card.start")).to_be_visible()
        assert_accessible(visitor.page, f"home in {colour}")
        messenger.panel.locator(".card.start").click()
        messenger.send("Can you read this?")
        messenger.expect_delivered()
        assert_accessible(visitor.page, f"a conversation in {colour}")


def test_a_conversation_that_comes_back_shows_until_when_it_sleeps(crowd: Crowd, scheme: str) -> None:
    conversation = factories.start(factories.make_visitor(crowd.workspace), "Next week")
    agent = crowd.agent(color_scheme=scheme)
    until = (clock.now() + timedelta(days=3)).isoformat()
    agent.caller.put(f"/conversations/{conversation.pk}/status", {"status": "snoozed", "until": until})
    desk = agent.visit("/inbox/snoozed/")
    desk.open("Next week")
    expect(desk.thread.locator(".pill--warn")).to_contain_text("Comes back")
    assert_accessible(agent.page, "a conversation snoozed until a time")
