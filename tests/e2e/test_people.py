"""Who visitors are and what they do: an address proven from the messenger, pages told by themselves, and somebody erased."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from apps.visitors.models import TrackedEvent, Visitor
from tests import factories
from tests.e2e.accessibility import assert_accessible
from tests.e2e.crowd import Crowd
from tests.e2e.post import Post
from tests.e2e.servers import Servers
from tests.live import wait_until

ADDRESS = "marta@mail.example"


def test_a_visitor_proves_an_address_and_finds_the_conversation_on_another_device(
    crowd: Crowd, servers: Servers
) -> None:
    post = Post(servers)
    agent = crowd.agent()
    phone = crowd.visitor()
    # A wrong code is a 400, which the browser itself writes to the console.
    phone.may_complain = True
    messenger = phone.visit(crowd.shop(body="<main><h1>Acme Bikes</h1></main>"))
    messenger.start()
    expect(messenger.panel.get_by_label(re.compile("your e-mail address"))).to_have_count(0)
    messenger.send("Is the tourer back?")
    address = messenger.panel.get_by_label(re.compile("your e-mail address"))
    assert_accessible(phone.page, "asked for an address")
    address.fill("marta at home")
    address.press("Enter")
    expect(messenger.panel.get_by_role("alert")).to_have_text("This isn’t right.")
    address.fill(ADDRESS)
    address.press("Enter")
    code = messenger.panel.get_by_label(re.compile(f"sent a code to {ADDRESS}"))
    expect(code).to_be_focused()
    assert_accessible(phone.page, "asked for a code")
    agent.visit().open("Is the tourer back?")
    panel = agent.page.get_by_role("complementary", name="Visitor")
    expect(panel.get_by_text("not proven", exact=True)).to_be_visible()
    sent = post.code_for(ADDRESS)
    code.fill("000000" if sent != "000000" else "111111")
    code.press("Enter")
    expect(messenger.panel.get_by_role("alert")).to_have_text("This isn’t right.")
    code.fill(sent)
    code.press("Enter")
    expect(code).to_have_count(0)
    expect(panel.get_by_text("proven", exact=True)).to_be_visible()

    laptop = crowd.visitor()
    other = laptop.visit(crowd.shop())
    other.start()
    other.send("Hello from my laptop.")
    again = other.panel.get_by_label(re.compile("your e-mail address"))
    again.fill(ADDRESS)
    again.press("Enter")
    typed = other.panel.get_by_label(re.compile("sent a code"))
    expect(typed).to_be_focused()
    typed.fill(wait_until(lambda: (fresh := post.code_for(ADDRESS)) != sent and fresh, "another code is mailed"))
    typed.press("Enter")
    expect(typed).to_have_count(0)
    other.back.click()
    expect(other.panel.get_by_text("Is the tourer back?")).to_be_visible()
    assert Visitor.objects.filter(workspace=crowd.workspace).count() == 1


def test_pages_and_routes_are_told_by_themselves_where_a_page_asks_for_it(crowd: Crowd) -> None:
    visitor = crowd.visitor()
    visitor.visit(crowd.shop(track_page_views="true")).open()
    events = TrackedEvent.objects.filter(workspace=crowd.workspace).order_by("occurred_at")
    wait_until(lambda: events.filter(name="page_view").count() == 1, "the first page is told")
    visitor.page.evaluate("() => { history.pushState({}, '', '/prices#top'); document.title = 'Prices' }")
    wait_until(lambda: events.filter(name="page_view").count() == 2, "the route is told")
    visitor.page.goto("about:blank")
    end = wait_until(lambda: events.filter(name="session_end").first(), "the end is told while the page goes away")
    assert end.properties["pages"] == 2
    assert events.filter(name="session_start").count() == 1
    seen = Visitor.objects.get(workspace=crowd.workspace)
    agent = crowd.agent()
    agent.visit(f"/visitors/{seen.pk}/")
    activity = agent.page.get_by_role("region", name="Activity")
    expect(activity.get_by_text("Came to the site")).to_be_visible()
    expect(activity.get_by_role("listitem")).to_have_count(4)
    assert_accessible(agent.page, "what a visitor did")


def test_an_erasure_ends_with_its_receipt(crowd: Crowd) -> None:
    seen = factories.make_visitor(crowd.workspace)
    factories.start(seen, "Forget me, please.")
    owner = crowd.agent("Olga Owner", role="owner")
    owner.visit(f"/visitors/{seen.pk}/erase/")
    assert_accessible(owner.page, "asked to confirm an erasure")
    owner.page.get_by_label(re.compile("to confirm")).fill(seen.readable_id)
    owner.page.get_by_role("button", name="Erase for good").click()
    expect(owner.page.get_by_role("heading", name="Erased")).to_be_visible()
    expect(owner.page.get_by_role("row", name=re.compile("^Conversation 1$"))).to_be_visible()
    assert_accessible(owner.page, "the receipt of an erasure")
