"""Snippets, as a team writes them and puts them into answers."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import assert_accessible
from tests.e2e.crowd import Crowd


@pytest.fixture(params=("light", "dark"))
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_snippet_is_written_previewed_and_changed(crowd: Crowd, scheme: str) -> None:
    owner = crowd.owner(color_scheme=scheme)
    owner.may_complain = True
    page = owner.page
    page.goto("/settings/snippets/")
    expect(page.get_by_role("heading", name="No snippet yet")).to_be_visible()
    assert_accessible(page, "no snippets")
    page.get_by_role("link", name="New snippet").first.click()
    page.get_by_label("Name", exact=True).fill("Greeting")
    page.get_by_label("Shortcut", exact=True).fill("hi")
    page.get_by_label("Folder", exact=True).fill("Everyday")
    page.get_by_label("Text", exact=True).fill("Hello ")
    page.get_by_role("button", name="Their first name").click()
    unknown = page.locator('[data-reading="unknown"]')
    expect(unknown.get_by_role("paragraph")).to_have_text("Hello there")
    page.get_by_label("Text", exact=True).fill("Hello {{ visitor.first_name }}!")
    expect(unknown.locator("mark")).to_have_text("{{ visitor.first_name }}")
    assert_accessible(page, "a snippet that is being written")
    page.get_by_label("Text", exact=True).fill("Hello {{ name }}!")
    page.get_by_role("button", name="Make the snippet").click()
    expect(page.locator(".field__error")).to_contain_text("{{ name }} stands for nothing")
    assert_accessible(page, "a snippet with a mistake")
    page.get_by_label("Text", exact=True).fill("Hello {{ visitor.first_name | there }}!")
    page.get_by_role("button", name="Make the snippet").click()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    page.get_by_role("link", name="← Snippets").click()
    expect(page.get_by_role("rowheader", name="Everyday")).to_be_visible()
    assert_accessible(page, "a list of snippets")
    page.get_by_label("Search snippets").fill("nothing like it")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()


def test_a_slash_puts_a_snippet_into_an_answer_and_what_is_not_known_is_filled_in_before_it_is_sent(
    crowd: Crowd,
) -> None:
    owner = crowd.owner()
    for name, shortcut, body in (
        ("Greeting", "hi", "Hello {{ visitor.first_name | there }}, {{ agent.first_name }} here."),
        ("Order", "order", "Order {{ visitor.order }} is on its way."),
    ):
        made = owner.caller.post("/snippets", {"name": name, "shortcut": shortcut, "body": body})
        assert made.status_code == 201
    _, messenger, ada, desk = crowd.talking("Where is my bike?")
    ada.may_complain = True
    options = desk.composer.get_by_role("option")

    desk.field.press_sequentially("/")
    expect(options).to_have_count(2)
    assert_accessible(ada.page, "snippets to choose from")
    ada.page.keyboard.press("Escape")
    expect(options.first).to_be_hidden()
    ada.page.keyboard.press("Backspace")
    desk.field.press_sequentially("/h")
    expect(options).to_have_text([re.compile("Greeting")])
    ada.page.keyboard.press("Enter")
    expect(desk.field).to_have_value("Hello there, Ada here.")
    desk.send_button.click()
    messenger.expect_said("Where is my bike?", "Hello there, Ada here.")

    desk.composer.get_by_role("button", name="Insert a snippet").click()
    expect(options.first).to_contain_text("Greeting", timeout=5_000)
    ada.page.keyboard.press("ArrowDown")
    ada.page.keyboard.press("Tab")
    expect(desk.field).to_have_value("Order {{ visitor.order }} is on its way.")
    ada.page.keyboard.press("Control+Enter")
    expect(desk.composer.get_by_role("alert")).to_contain_text("Nothing is known for {{ visitor.order }}")
    assert_accessible(ada.page, "a variable that nobody has filled in")
    expect(desk.pending).to_have_count(0)
    ada.page.keyboard.insert_text("4711")
    expect(desk.field).to_have_value("Order 4711 is on its way.")
    ada.page.keyboard.press("Control+Enter")
    messenger.expect_said("Where is my bike?", "Hello there, Ada here.", "Order 4711 is on its way.")
