"""The knowledge base in a browser: written, published, read, and never lost when two write."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import Page, expect

from apps.knowledge import actions, collections
from apps.knowledge.actions import Text
from apps.knowledge.models import Article, ArticleFeedback
from tests import factories
from tests.e2e.accessibility import assert_accessible
from tests.e2e.crowd import Crowd
from tests.security.scene import PICTURE

PASTE = """async (area, content) => {
  const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], "bike.png", { type: "image/png" }));
  area.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


def saved(page: Page) -> None:
    expect(page.locator("[data-said]")).to_have_text("Saved")


def test_an_article_is_written_published_read_and_found(crowd: Crowd) -> None:
    owner = crowd.owner()
    page = owner.page
    page.goto("/knowledge/")
    page.get_by_role("button", name="New article").click()
    page.get_by_label("Title", exact=True).fill("Oil the chain")
    body = page.get_by_label("Text, in Markdown")
    body.fill("Every ")
    body.press("End")
    page.get_by_role("button", name="Bold").click()
    body.press_sequentially("week")
    expect(page.locator("[data-preview] strong")).to_have_text("week")
    body.press("End")
    body.press("Enter")
    body.evaluate(PASTE, base64.b64encode(PICTURE).decode())
    expect(page.locator("[data-preview] img")).to_have_count(1)
    saved(page)
    page.get_by_role("button", name="Publish", exact=True).click()
    page.get_by_role("link", name="Open").click()
    expect(page.get_by_role("heading", name="Oil the chain")).to_be_visible()
    expect(page.locator(".text strong")).to_have_text("week")

    reader = crowd.visitor().page
    article = Article.objects.get()
    reader.goto(f"{crowd.servers.origin}/help/{article.workspace.help_center.slug}/")
    reader.get_by_label("Search for answers").press_sequentially("oil ch")
    reader.locator(".find__found a").click()
    expect(reader.get_by_role("heading", name="Oil the chain")).to_be_visible()
    assert reader.context.cookies() == []
    reader.get_by_role("link", name="Yes").click()
    reader.get_by_label("What could be better?").fill("Which oil?")
    reader.get_by_role("button", name="Send").click()
    expect(reader.get_by_text("Good to know that it helped.")).to_be_visible()
    assert ArticleFeedback.objects.get().comment == "Which oil?"


def test_when_two_write_the_second_sees_both_texts_and_nothing_is_lost(crowd: Crowd) -> None:
    article = factories.make_article(crowd.workspace, "Returns", "First")
    one, other = crowd.owner(), crowd.agent("Grace", "admin")
    one.may_complain = other.may_complain = True
    for person in (one, other):
        person.page.goto(f"/knowledge/articles/{article.pk}/")
    other.page.get_by_label("Text, in Markdown").fill("Theirs")
    saved(other.page)
    one.page.get_by_label("Text, in Markdown").fill("Mine")
    expect(one.page.get_by_text("Grace saved a newer version while you were writing")).to_be_visible()
    one.page.get_by_role("button", name="Compare the two").click()
    expect(one.page.get_by_role("heading", name="What yours changes in theirs")).to_be_visible()
    expect(one.page.locator("del").get_by_text("Theirs")).to_be_visible()
    expect(one.page.get_by_label("Text, in Markdown")).to_have_value("Mine")
    one.page.get_by_label("Text, in Markdown").fill("Theirs and mine")
    one.page.get_by_role("button", name="Save", exact=False).first.click()
    expect(one.page.get_by_label("Text, in Markdown")).to_have_value("Theirs and mine")
    said = set(article.versions.values_list("body", flat=True))
    assert {"First", "Theirs", "Mine", "Theirs and mine"} <= said


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_knowledge_base_is_accessible(crowd: Crowd, scheme: str) -> None:
    owner = crowd.owner(color_scheme=scheme)
    by, page = owner.caller.member, owner.page
    page.goto("/knowledge/")
    assert_accessible(page, "no articles")
    outer = collections.make_collection(crowd.workspace.pk, "Orders", by=by, description="From click to doorstep")
    inner = collections.make_collection(crowd.workspace.pk, "Returns", by=by, parent=outer)
    text = "## One\n\nText\n\n## Two\n\n- a\n\n### Three\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n```\ncode\n```"
    article = factories.make_article(crowd.workspace, "How to return", text, collection=inner, summary="In a week")
    factories.make_article(crowd.workspace, "Rückgabe", text, language="de", translation_of=article)
    factories.make_article(crowd.workspace, "Beside it", "Short", collection=inner, publish=False)
    version = actions.save_text(article, Text("How to return", "", "Newer"), base=1, by=by)
    first = article.versions.get(number=1)
    paths = [
        "knowledge/", "knowledge/?q=nothing+like+it", f"knowledge/articles/{article.pk}/", "knowledge/collections/",
        f"knowledge/articles/{article.pk}/versions/?version={first.pk}", f"knowledge/articles/{article.pk}/delete/",
        f"knowledge/collections/{outer.pk}/", "settings/help-center/",
    ]  # fmt: skip
    slug = article.workspace.help_center.slug
    paths += [
        f"help/{slug}/{path}"
        for path in (
            "",
            "collections/orders/",
            f"articles/{article.slug}/",
            f"articles/{article.slug}/feedback/",
            "search/?q=return",
        )
    ]
    assert version.number == 2
    for path in paths:
        page.goto(f"/{path}")
        assert_accessible(page, path)
    page.set_viewport_size({"width": 390, "height": 844})
    for path in (paths[0], paths[2], paths[3], *paths[-5:]):
        page.goto(f"/{path}")
        assert_accessible(page, f"{path} on a phone")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is too wide"
