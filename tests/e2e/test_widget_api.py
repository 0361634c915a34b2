"""What a customer's page can tell the messenger, from before it is there until it is gone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Route, expect

from apps.visitors.models import TrackedEvent, Visitor
from tests.e2e.crowd import Crowd
from tests.e2e.people import wait_for
from tests.live import wait_until

STUB = "window.OpencomWidget = window.OpencomWidget || function () { (OpencomWidget.q = OpencomWidget.q || []).push(arguments) };"
LISTENERS = """window.told = [];
for (const name of ["onReady", "onShow", "onHide", "onUnreadCountChange"]) OpencomWidget(name, (...values) => told.push([name, ...values]));"""
QUEUE_LENGTH = """async () => {
  const [known] = await indexedDB.databases();
  if (!known) return undefined;
  const settle = (request) => new Promise((done) => { request.onsuccess = () => done(request.result); });
  const database = await settle(indexedDB.open(known.name));
  const count = await settle(database.transaction("queue").objectStore("queue").count());
  database.close();
  return count;
}"""
STORED = (
    "async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length, document.cookie]"
)


@pytest.fixture
def visitor(crowd: Crowd) -> Any:
    return crowd.visitor()


def test_calls_made_before_the_script_is_there_are_not_lost(crowd: Crowd, visitor: Any) -> None:
    early = f"""<script>{STUB}
      OpencomWidget("identify", {{ user_id: "42", name: "Marta Kowalska", email: "marta@example.net", attributes: {{ plan: "pro" }} }});
      OpencomWidget("trackEvent", "signed up", {{ seats: 3 }});
      OpencomWidget("showNewMessage", "I have just signed up and");
    </script>"""
    messenger = visitor.visit(crowd.shop(before=early))
    expect(messenger.field).to_have_value("I have just signed up and")
    messenger.field.press("End")
    messenger.field.press_sequentially(" have a question")
    messenger.field.press("Enter")
    messenger.expect_delivered()
    agent = crowd.agent()
    agent.visit().open("I have just signed up and have a question")
    panel = agent.page.get_by_role("complementary", name="Visitor")
    expect(panel.get_by_role("heading", name="Marta Kowalska")).to_be_visible()
    expect(panel).to_contain_text("marta@example.net")
    expect(panel).to_contain_text("not proven")
    expect(panel).to_contain_text("pro")
    event = wait_until(lambda: TrackedEvent.objects.filter(workspace=crowd.workspace).first(), "the event is recorded")
    assert (event.name, event.properties) == ("signed up", {"seats": 3})


def test_calls_made_while_the_messenger_is_on_its_way_are_taken_in_their_order(crowd: Crowd, visitor: Any) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visitor.page.route("**/widget/a/launcher-*.js", hold)
    visitor.visit(crowd.shop())
    visitor.page.wait_for_function("() => window.OpencomWidget")
    visitor.page.evaluate("""() => {
      OpencomWidget.identify({ name: "First" });
      OpencomWidget.update({ name: "Second", attributes: { step: 1 } });
      OpencomWidget.trackEvent("one");
      OpencomWidget.trackEvent("two");
      OpencomWidget.showNewMessage("Typed early");
    }""")
    wait_until(lambda: visitor.page.evaluate("() => true") and held, "the launcher was asked for")
    held[0].continue_()
    expect(visitor.messenger.field).to_have_value("Typed early")
    events = TrackedEvent.objects.filter(workspace=crowd.workspace).order_by("id")
    wait_until(lambda: events.count() == 2, "both events are recorded")
    assert [event.name for event in events] == ["one", "two"]
    known = Visitor.objects.get(workspace=crowd.workspace)
    wait_until(lambda: known.refresh_from_db() or known.name == "Second", "the last name holds")
    assert known.attributes == {"step": 1}


def test_an_event_that_is_tracked_offline_is_recorded_once(crowd: Crowd, visitor: Any) -> None:
    visitor.may_complain = True
    visitor.visit(crowd.shop()).open()
    wait_for(visitor.page, QUEUE_LENGTH, 0)
    visitor.context.set_offline(True)
    visitor.page.evaluate("() => { for (const name of ['a', 'b', 'c']) OpencomWidget.trackEvent(name); }")
    wait_for(visitor.page, QUEUE_LENGTH, 3)
    visitor.context.set_offline(False)
    visitor.page.reload()
    wait_for(visitor.page, QUEUE_LENGTH, 0)
    assert [event.name for event in TrackedEvent.objects.filter(workspace=crowd.workspace).order_by("id")] == [
        "a",
        "b",
        "c",
    ]


def test_a_page_hears_when_the_messenger_is_ready_opens_closes_and_has_unread_messages(
    crowd: Crowd, visitor: Any
) -> None:
    messenger = visitor.visit(crowd.shop(before=f"<script>{STUB}{LISTENERS}</script>"))
    messenger.start()
    messenger.send("Listen")
    messenger.expect_delivered()
    visitor.page.evaluate("() => OpencomWidget.hide()")
    expect(messenger.panel).to_be_hidden()
    desk = crowd.agent().visit()
    desk.open("Listen")
    desk.reply("I do.")
    expect(messenger.badge).to_have_text("1")
    assert visitor.page.evaluate("() => told") == [
        ["onUnreadCountChange", 0], ["onReady"], ["onShow"], ["onHide"], ["onUnreadCountChange", 1],
    ]  # fmt: skip
    visitor.page.evaluate("() => { told.length = 0; OpencomWidget.toggle(); }")
    messenger.expect_said("Listen", "I do.")
    visitor.page.wait_for_function("() => told.length === 2")
    assert visitor.page.evaluate("() => told") == [["onShow"], ["onUnreadCountChange", 0]]
    # Who comes late is told what holds, and who has left is told nothing.
    visitor.page.evaluate("""() => {
      told.length = 0;
      OpencomWidget.onReady(() => told.push("late"));
      OpencomWidget.onHide(() => told.push("left"))();
      OpencomWidget.hide();
    }""")
    expect(messenger.panel).to_be_hidden()
    assert visitor.page.evaluate("() => told") == ["late", ["onHide"]]


def test_a_listener_that_fails_is_the_pages_own_trouble(crowd: Crowd, visitor: Any) -> None:
    visitor.may_complain = True
    mistake = f"{STUB}OpencomWidget('onShow', () => {{ throw new Error('a mistake of the page'); }});"
    messenger = visitor.visit(crowd.shop(before=f"<script>{mistake}</script>"))
    messenger.start()
    messenger.send("All the same")
    messenger.expect_delivered()
    assert [each for each in visitor.complaints if "a mistake of the page" in each]


def test_after_a_logout_the_next_visitor_finds_nothing_of_the_one_before(crowd: Crowd, visitor: Any) -> None:
    address = crowd.shop(user_id="marta", name="Marta")
    messenger = visitor.visit(address)
    messenger.start()
    messenger.send("This is Marta's secret")
    messenger.expect_delivered()
    messenger.field.fill("Half of Marta's next thought")
    desk = crowd.agent().visit()
    desk.open("Marta's secret")
    session = f"opencom.{crowd.workspace.pk}.session"
    secret = visitor.page.evaluate("(name) => JSON.parse(localStorage.getItem(name)).id", session)
    visitor.page.evaluate("() => OpencomWidget.logout()")
    expect(messenger.panel).to_be_hidden()
    expect(messenger.launcher).to_be_visible()
    desk.reply("For Marta only")
    messenger.open()
    messenger.panel.get_by_role("button", name="Messages", exact=True).click()
    expect(messenger.panel.get_by_role("heading", name="No conversations yet")).to_be_visible()
    expect(messenger.badge).to_be_empty()
    messenger.panel.get_by_role("button", name="New conversation").click()
    expect(messenger.field).to_have_value("")
    messenger.send("And this is somebody else")
    messenger.expect_said("And this is somebody else")
    messenger.expect_delivered()
    expect(desk.rows).to_have_count(2)
    after = visitor.page.evaluate("() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }])")
    assert "Marta" not in after
    assert secret not in after
    assert Visitor.objects.filter(workspace=crowd.workspace).count() == 2


def test_somebody_elses_user_id_is_somebody_else(crowd: Crowd, visitor: Any) -> None:
    messenger = visitor.visit(crowd.shop())
    messenger.start()
    visitor.page.evaluate("() => OpencomWidget.identify({ user_id: '1', name: 'Marta' })")
    messenger.send("From Marta")
    messenger.expect_delivered()
    visitor.page.evaluate("() => OpencomWidget.identify({ user_id: '2', name: 'Tom' })")
    expect(messenger.panel).to_be_hidden()
    messenger.start()
    messenger.send("From Tom")
    messenger.expect_said("From Tom")
    messenger.expect_delivered()
    desk = crowd.agent().visit()
    expect(desk.row("From Marta")).to_contain_text("Marta")
    expect(desk.row("From Tom").locator(".row__name")).to_have_text("Tom")


def test_a_destroyed_messenger_leaves_the_page_as_it_was_and_can_come_back(crowd: Crowd, visitor: Any) -> None:
    messenger = visitor.visit(crowd.shop())
    messenger.start()
    messenger.send("Before the end")
    messenger.expect_delivered()
    desk = crowd.agent().visit()
    desk.open("Before the end")
    desk.field.press_sequentially("You")
    expect(messenger.typing).to_be_visible()
    (socket,) = visitor.open_sockets
    with socket.expect_event("close"):
        visitor.page.evaluate("() => OpencomWidget.destroy()")
    expect(messenger.host).to_have_count(0)
    asked = len(visitor.requests)
    desk.send_button.click()
    desk.expect_said("Before the end", "You")
    visitor.page.evaluate("() => { dispatchEvent(new Event('online')); dispatchEvent(new Event('focus')); }")
    visitor.page.evaluate("() => new Promise((done) => requestIdleCallback(done))")
    assert visitor.requests[asked:] == []
    visitor.page.evaluate("() => OpencomWidget.init()")
    expect(messenger.badge).to_have_text("1")
    messenger.preview.get_by_role("button", name="You").click()
    messenger.expect_said("Before the end", "You")


def test_without_consent_nothing_is_kept_or_asked_until_the_visitor_opens_the_messenger(
    crowd: Crowd, visitor: Any
) -> None:
    messenger = visitor.visit(crowd.shop(consent="false", name="Marta"))
    expect(messenger.launcher).to_be_visible()
    messenger.launcher.hover()
    visitor.page.evaluate("() => { OpencomWidget.trackEvent('seen'); OpencomWidget.identify({ user_id: '42' }); }")
    visitor.page.reload()
    expect(messenger.launcher).to_be_visible()
    visitor.page.evaluate("() => new Promise((done) => requestIdleCallback(done))")
    assert visitor.page.evaluate(STORED) == [0, 0, 0, ""]
    assert not visitor.sockets
    assert not [url for url in visitor.requests if "/api/" in url or "/live/" in url]
    assert not Visitor.objects.filter(workspace=crowd.workspace).exists()
    visitor.page.evaluate("() => OpencomWidget.trackEvent('wanted to know')")
    messenger.start()
    messenger.send("I agree")
    messenger.expect_delivered()
    assert Visitor.objects.get(workspace=crowd.workspace).name == "Marta"
    wait_until(
        lambda: TrackedEvent.objects.filter(workspace=crowd.workspace, name="wanted to know").exists(),
        "the event is recorded",
    )
    # Having agreed once they are known again.
    visitor.page.reload()
    messenger.expect_said("I agree")


def test_consent_that_is_given_later_is_as_good(crowd: Crowd, visitor: Any) -> None:
    messenger = visitor.visit(crowd.shop(consent="false"))
    expect(messenger.launcher).to_be_visible()
    assert not Visitor.objects.filter(workspace=crowd.workspace).exists()
    visitor.page.evaluate("() => OpencomWidget.update({ consent: true })")
    wait_until(lambda: Visitor.objects.filter(workspace=crowd.workspace).exists(), "the visitor has arrived")
    expect(messenger.panel).to_be_hidden()


@pytest.mark.parametrize("tab", ["home", "messages"])
def test_the_pages_address_can_open_the_messenger_at_a_tab(crowd: Crowd, visitor: Any, tab: str) -> None:
    messenger = visitor.visit(crowd.shop() + f"?open-widget-tab={tab}")
    expect(messenger.panel.locator('.tabs [aria-current="page"]')).to_have_text(tab.capitalize())


def test_a_german_page_has_a_german_messenger(crowd: Crowd, visitor: Any) -> None:
    messenger = visitor.visit(crowd.shop(lang="de-AT"))
    messenger.launcher.hover()
    expect(messenger.launcher).to_have_attribute("aria-label", "Nachrichten öffnen")
    messenger.open()
    expect(messenger.panel.locator(".card.start")).to_contain_text("Nachricht schreiben")
    messenger.panel.locator(".card.start").click()
    expect(messenger.field).to_have_attribute("placeholder", "Nachricht schreiben")
    messenger.send("Grüß Gott")
    expect(messenger.state).to_contain_text("Gesendet")
    expect(messenger.panel.locator(".day")).to_have_text("Heute")
    messenger.panel.get_by_role("button", name="Zurück").click()
    messenger.panel.get_by_role("button", name="Schließen", exact=True).click()
    expect(messenger.panel).to_be_hidden()


def test_a_page_chooses_the_language_the_place_the_colour_and_its_own_button(crowd: Crowd, visitor: Any) -> None:
    options = {
        "language": "es", "alignment": "left", "primary_color": "#ffe066", "horizontal_padding": "40", "vertical_padding": "60",
        "custom_launcher_selector": "#help", "hide_default_launcher": "true",
    }  # fmt: skip
    messenger = visitor.visit(crowd.shop(body='<button id="help"><b>Help</b></button>', **options))
    visitor.page.wait_for_function("() => document.querySelector('opencom-widget')")
    expect(messenger.launcher).to_be_hidden()
    visitor.page.locator("#help b").click()
    expect(messenger.panel.locator(".card.start")).to_contain_text("Envíanos un mensaje")
    box = messenger.panel.bounding_box()
    assert box is not None
    assert box["x"] == 40
    visitor.page.locator("#help b").click()
    expect(messenger.panel).to_be_hidden()
    visitor.page.evaluate("() => OpencomWidget.update({ hide_default_launcher: false })")
    expect(messenger.launcher).to_be_visible()
    expect(messenger.launcher).to_have_css("background-color", "rgb(255, 224, 102)")
    expect(messenger.launcher).to_have_css("color", "rgb(0, 0, 0)")
