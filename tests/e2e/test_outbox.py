"""Messages written without a connection: kept through reloads, and sent exactly once."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from tests.e2e import files
from tests.e2e.crowd import Crowd


def test_what_is_written_offline_survives_a_reload_and_is_sent_once_and_in_order(crowd: Crowd) -> None:
    visitor, messenger, _, desk = crowd.talking("Online")
    visitor.may_complain = True
    visitor.context.set_offline(True)
    expect(messenger.panel).to_contain_text("You are offline. Messages are sent when you are back.")
    written = [f"Offline {number}" for number in range(1, 6)]
    for text in written:
        messenger.send(text)
    messenger.expect_said("Online", *written)
    expect(messenger.state).to_contain_text("Waiting for the connection")

    # The page comes back before our server does.
    api = f"{crowd.servers.origin}/api/**"
    visitor.page.route(api, lambda route: route.abort("internetdisconnected"))
    visitor.context.set_offline(False)
    visitor.page.reload()
    messenger.expect_said(*written)
    expect(messenger.panel.locator(".talk .waiting")).to_have_count(5)
    visitor.page.unroute(api)
    messenger.expect_said("Online", *written)
    messenger.expect_delivered()
    desk.expect_said("Online", *written)
    visitor.page.reload()
    messenger.expect_said("Online", *written)
    desk.expect_said("Online", *written)


def test_a_conversation_begun_offline_becomes_one_conversation(crowd: Crowd) -> None:
    visitor = crowd.visitor()
    visitor.may_complain = True
    messenger = visitor.visit(crowd.shop())
    messenger.start()
    visitor.context.set_offline(True)
    for text in ("First", "Second", "Third"):
        messenger.send(text)
    messenger.expect_said("First", "Second", "Third")
    visitor.context.set_offline(False)
    messenger.expect_delivered()
    messenger.expect_said("First", "Second", "Third")
    desk = crowd.agent().visit()
    expect(desk.rows).to_have_count(1)
    desk.open("Third")
    desk.expect_said("First", "Second", "Third")


def test_a_file_attached_offline_goes_with_its_message_when_the_connection_is_back(crowd: Crowd) -> None:
    visitor, messenger, agent, _ = crowd.talking("Online")
    visitor.may_complain = True
    visitor.context.set_offline(True)
    messenger.panel.locator('input[type="file"]').set_input_files(files.file("squeak.txt", b"Left pedal."))
    expect(messenger.chip("squeak.txt")).to_be_visible()
    messenger.send("Here it is")
    visitor.context.set_offline(False)
    messenger.expect_delivered()
    expect(agent.page.locator("message-list .file")).to_contain_text("squeak.txt")


def test_two_tabs_of_one_visitor_share_one_queue_and_send_each_message_once(crowd: Crowd) -> None:
    address = crowd.shop()
    visitor, first, _, desk = crowd.talking("Online", address=address)
    visitor.may_complain = True
    second = visitor.tab(address)
    second.open()
    second.panel.locator(".row", has_text="Online").click()
    second.expect_said("Online")
    visitor.context.set_offline(True)
    tabs = {"one": first, "two": second}
    for number in range(1, 11):
        for name, tab in tabs.items():
            tab.send(f"{name} {number}")
    for tab in tabs.values():
        expect(tab.bubbles).to_have_count(21)
    visitor.context.set_offline(False)
    for tab in tabs.values():
        tab.page.reload()
    for tab in tabs.values():
        expect(tab.bubbles).to_have_count(21)
        tab.expect_delivered()
    expect(desk.messages).to_have_count(21)
    expect(desk.pending).to_have_count(0)
    for texts in (
        desk.messages.all_text_contents(),
        first.bubbles.all_text_contents(),
        second.bubbles.all_text_contents(),
    ):
        said = [text.strip() for text in texts]
        assert len(set(said)) == 21, said
        for name in tabs:
            assert [text for text in said if text.startswith(name)] == [f"{name} {number}" for number in range(1, 11)]


def test_what_one_tab_writes_appears_in_the_other_before_it_is_sent(crowd: Crowd) -> None:
    address = crowd.shop()
    visitor, first, _, _ = crowd.talking("Online", address=address)
    second = visitor.tab(address)
    second.open()
    second.panel.locator(".row", has_text="Online").click()
    second.expect_said("Online")
    visitor.may_complain = True
    visitor.context.set_offline(True)
    first.send("Into the queue")
    second.expect_said("Online", "Into the queue")
    expect(second.panel.locator(".talk .waiting")).to_have_count(1)


def test_a_draft_survives_a_reload_and_is_gone_when_it_was_sent(crowd: Crowd) -> None:
    visitor, messenger, _, _ = crowd.talking("Online")
    messenger.field.fill("Half a thought")
    visitor.page.reload()
    expect(messenger.field).to_have_value("Half a thought")
    messenger.field.press("Enter")
    messenger.expect_said("Online", "Half a thought")
    messenger.expect_delivered()
    visitor.page.reload()
    messenger.expect_said("Online", "Half a thought")
    expect(messenger.field).to_have_value("")


def test_a_message_that_the_server_refuses_says_so_and_can_be_sent_again_or_dropped(crowd: Crowd) -> None:
    visitor, messenger, _, desk = crowd.talking("Online")
    visitor.may_complain = True
    address = f"{crowd.servers.origin}/api/v1/conversations/*/messages"
    visitor.page.route(address, _refuse)
    messenger.send("Refused once")
    failed = messenger.panel.locator(".talk .failed")
    expect(failed).to_contain_text("Not sent.")
    visitor.page.unroute(address)
    failed.get_by_role("button", name="Try again").click()
    messenger.expect_delivered()
    messenger.expect_said("Online", "Refused once")
    desk.expect_said("Online", "Refused once")

    visitor.page.route(address, _refuse)
    messenger.send("Refused for good")
    failed.get_by_role("button", name="Delete").click()
    messenger.expect_said("Online", "Refused once")
    visitor.page.unroute(address)
    visitor.page.reload()
    messenger.send("And on")
    desk.expect_said("Online", "Refused once", "And on")


def _refuse(route: Route) -> None:
    """Answer as the API does to a message it can't take."""
    if route.request.method != "POST":
        route.continue_()
        return
    body = {"error": {"code": "invalid", "message": "This can't be taken.", "request_id": "r"}}
    route.fulfill(status=400, json=body, headers={"Access-Control-Allow-Origin": "*"})


def test_an_agent_who_loses_the_connection_sends_when_it_is_back(crowd: Crowd) -> None:
    _, messenger, agent, desk = crowd.talking("Are you there?")
    agent.may_complain = True
    agent.context.set_offline(True)
    desk.reply("First")
    desk.reply("Second")
    expect(desk.pending).to_have_count(2)
    agent.context.set_offline(False)
    desk.expect_said("Are you there?", "First", "Second")
    messenger.expect_said("Are you there?", "First", "Second")
