"""The inbox under many hands: answers that cross, drafts, many at once, views and addresses, and what comes back from its sleep."""

from __future__ import annotations

from datetime import timedelta

from playwright.sync_api import expect

from apps.core import clock
from tests import factories
from tests.e2e.crowd import Crowd


def test_an_answer_stops_while_a_colleagues_newer_one_is_unseen_and_goes_when_it_is_insisted_on(crowd: Crowd) -> None:
    _, messenger, ada, desk = crowd.talking("Who answers first?")
    bens = crowd.agent("Ben Fischer").visit()
    bens.open("Who answers first?")
    expect(desk.activity).to_contain_text("Ben Fischer is here")
    ada.may_complain = True
    # Ada's browser hears nothing of Ben's answer until after she has sent hers.
    ada.context.set_offline(True)
    desk.reply("Ada does.")
    expect(desk.pending).to_have_count(1)
    bens.reply("Ben does.")
    messenger.expect_said("Who answers first?", "Ben does.")
    ada.context.set_offline(False)
    stop = ada.page.locator(".composer__stop")
    expect(stop).to_contain_text("Ben Fischer wrote meanwhile. Your message waits.")
    expect(desk.messages).to_have_text(["Who answers first?", "Ben does.", "Ada does."])
    messenger.send("Thank you, Ben.")
    messenger.expect_said("Who answers first?", "Ben does.", "Thank you, Ben.")
    stop.get_by_role("button", name="Send anyway").click()
    said = ("Who answers first?", "Ben does.", "Thank you, Ben.", "Ada does.")
    messenger.expect_said(*said)
    desk.expect_said(*said)
    expect(stop).to_be_hidden()


def test_an_answer_that_was_stopped_can_be_taken_back_and_changed(crowd: Crowd) -> None:
    _, messenger, ada, desk = crowd.talking("Who answers first?")
    ada.may_complain = True
    ada.context.set_offline(True)
    desk.reply("The old answer")
    messenger.send("Never mind, I found it.")
    messenger.expect_delivered()
    ada.context.set_offline(False)
    ada.page.locator(".composer__stop").get_by_role("button", name="Edit").click()
    expect(desk.field).to_have_value("The old answer")
    expect(desk.pending).to_have_count(0)
    desk.reply("Glad to hear it.")
    messenger.expect_said("Who answers first?", "Never mind, I found it.", "Glad to hear it.")


def test_drafts_survive_a_reload_and_another_device_and_end_when_they_are_sent(crowd: Crowd) -> None:
    _, messenger, ada, desk = crowd.talking("Draft something")
    with ada.page.expect_response(
        lambda response: response.url.endswith("/draft") and response.request.method == "PUT"
    ):
        desk.write("Reply", "Half an answer")
    with ada.page.expect_response(
        lambda response: response.url.endswith("/draft") and response.request.method == "PUT"
    ):
        desk.write("Note", "Half a note")
    ada.page.reload()
    expect(desk.field).to_have_value("Half an answer")
    elsewhere = crowd.again(ada)
    other = elsewhere.visit()
    other.open("Draft something")
    expect(other.field).to_have_value("Half an answer")
    other.composer.get_by_role("tab", name="Note").click()
    expect(other.field).to_have_value("Half a note")
    # A colleague's drafts are their own.
    bens = crowd.agent("Ben Fischer").visit()
    bens.open("Draft something")
    expect(bens.field).to_have_value("")
    with elsewhere.page.expect_response(
        lambda response: response.url.endswith("/draft") and response.request.method == "DELETE"
    ):
        other.composer.get_by_role("tab", name="Reply").click()
        other.send_button.click()
    messenger.expect_said("Draft something", "Half an answer")
    ada.page.reload()
    desk.composer.get_by_role("tab", name="Reply").click()
    expect(desk.field).to_have_value("")


def test_several_conversations_are_assigned_snoozed_and_closed_at_once(crowd: Crowd) -> None:
    for number in range(1, 6):
        factories.start(factories.make_visitor(crowd.workspace), f"Number {number}")
    ada = crowd.agent()
    desk = ada.visit()
    colleague = crowd.agent("Ben Fischer").visit()
    expect(colleague.rows).to_have_count(5)
    bulk = ada.page.get_by_role("toolbar", name="Selected conversations")
    for number in (1, 3, 5):
        desk.row(f"Number {number}").locator("input").check()
    expect(bulk).to_contain_text("3 selected")
    bulk.get_by_role("button", name="Assign").click()
    ada.page.get_by_role("dialog", name="Assign").get_by_role("button", name="Ben Fischer").click()
    expect(desk.toast).to_contain_text("3 conversations assigned to Ben Fischer")
    expect(colleague.page.locator('.tab [data-count="mine"]')).to_have_text("3")
    for number in (1, 3):
        desk.row(f"Number {number}").locator("input").check()
    bulk.get_by_role("button", name="Close", exact=True).click()
    expect(desk.rows).to_have_count(3)
    expect(colleague.rows).to_have_count(3)
    desk.toast.get_by_role("button", name="Undo").click()
    expect(desk.rows).to_have_count(5)
    expect(colleague.rows).to_have_count(5)
    desk.row("Number 2").locator("input").check()
    bulk.get_by_role("button", name="Snooze").click()
    ada.page.get_by_role("button", name="Tomorrow").click()
    expect(desk.toast).to_contain_text("Snoozed until tomorrow 09:00")
    expect(desk.rows).to_have_count(4)
    expect(bulk).to_be_hidden()


def test_a_snoozed_conversation_comes_back_by_itself_and_shows_in_the_open_inbox(crowd: Crowd) -> None:
    crowd.servers.work()
    conversation = factories.start(factories.make_visitor(crowd.workspace), "Ask me in a moment")
    ada = crowd.agent()
    desk = ada.visit()
    expect(desk.rows).to_have_count(1)
    until = (clock.now() + timedelta(seconds=2)).isoformat()
    ada.caller.put(f"/conversations/{conversation.pk}/status", {"status": "snoozed", "until": until})
    expect(desk.rows).to_have_count(0)
    # The clock looks every five seconds; a worker that has just been started needs a few more.
    expect(desk.row("Ask me in a moment")).to_be_visible(timeout=30_000)
    desk.open("Ask me in a moment")
    expect(desk.events.last).to_contain_text("Back from snooze")


def test_a_conversation_snoozed_until_the_next_reply_comes_back_with_it(crowd: Crowd) -> None:
    _, messenger, ada, desk = crowd.talking("I will call back")
    desk.thread.get_by_role("button", name="Snooze").click()
    ada.page.get_by_role("button", name="With the next reply").click()
    expect(desk.rows).to_have_count(0)
    messenger.send("Now I do.")
    expect(desk.row("Now I do.")).to_be_visible()
    expect(desk.thread.locator(".pill--warn")).to_have_count(0)


def test_views_filters_and_conversations_have_addresses_and_back_goes_where_one_was(crowd: Crowd) -> None:
    ada = crowd.agent()
    mine = factories.start(factories.make_visitor(crowd.workspace, name="Marta"), "Mine to answer")
    factories.start(factories.make_visitor(crowd.workspace, name="Tom"), "Nobody's yet")
    done = factories.start(factories.make_visitor(crowd.workspace, name="Noa"), "Long done")
    ada.caller.put(f"/conversations/{mine.pk}/assignee", {"member": str(ada.caller.member.pk)})
    ada.caller.put(f"/conversations/{done.pk}/status", {"status": "closed"})
    page, desk = ada.page, ada.visit()
    expect(desk.rows).to_have_count(2)
    page.get_by_role("link", name="Mine").click()
    expect(desk.rows).to_have_count(1)
    assert page.url.endswith("/inbox/mine/")
    desk.open("Mine to answer")
    assert page.url.endswith(f"/inbox/mine/{mine.pk}/")
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Closed").click()
    expect(desk.row("Long done")).to_be_visible()
    page.go_back()
    expect(desk.row("Mine to answer")).to_be_visible()
    expect(desk.title).to_have_text("Marta")
    page.go_back()
    expect(page.get_by_role("heading", name="No conversation open")).to_be_visible()
    page.go_back()
    expect(desk.rows).to_have_count(2)
    page.go_forward()
    page.go_forward()
    expect(desk.title).to_have_text("Marta")
    page.reload()
    expect(desk.title).to_have_text("Marta")
    expect(desk.rows).to_have_count(1)
    page.goto("/inbox/open/?assignee=none")
    expect(desk.row("Nobody's yet")).to_be_visible()
    expect(desk.rows).to_have_count(1)
    page.get_by_role("link", name="Show whoever it is assigned to").click()
    expect(desk.rows).to_have_count(2)


def test_a_search_finds_words_in_messages_and_names_and_can_be_widened(crowd: Crowd) -> None:
    ada = crowd.agent()
    first = factories.start(factories.make_visitor(crowd.workspace, name="Marta Kowalska"), "The derailleur rattles")
    factories.start(factories.make_visitor(crowd.workspace, name="Tom"), "Where is my parcel?")
    closed = factories.start(factories.make_visitor(crowd.workspace, name="Noa"), "A derailleur, long ago")
    ada.caller.put(f"/conversations/{closed.pk}/status", {"status": "closed"})
    page, desk = ada.page, ada.visit()
    field = page.get_by_role("searchbox", name="Search conversations")
    field.fill("derailleur")
    expect(desk.rows).to_have_count(1)
    assert page.url.endswith("/inbox/open/?q=derailleur")
    page.get_by_role("link", name="Search all conversations").click()
    expect(desk.rows).to_have_count(2)
    page.get_by_role("searchbox", name="Search conversations").fill("kowalska")
    expect(desk.rows).to_have_count(1)
    desk.open("rattles")
    expect(desk.title).to_have_text("Marta Kowalska")
    assert str(first.pk) in page.url
    page.get_by_role("searchbox", name="Search conversations").fill("zzzz")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    expect(desk.title).to_have_text("Marta Kowalska")
    page.get_by_role("searchbox", name="Search conversations").fill("")
    expect(desk.rows).to_have_count(3)


def test_what_arrives_while_one_reads_further_up_does_not_move_the_page(crowd: Crowd) -> None:
    visitor = factories.make_visitor(crowd.workspace)
    conversation = factories.start(visitor, "The first of many")
    for number in range(40):
        factories.send(conversation, visitor, f"Line {number}")
    ada = crowd.agent()
    desk = ada.visit()
    desk.open("Line 39")
    expect(desk.messages.last).to_be_in_viewport()
    place = ada.page.locator("message-list")
    place.evaluate("(list) => list.scrollTo(0, 300)")
    top = place.evaluate("(list) => list.scrollTop")
    factories.send(conversation, visitor, "Out of sight")
    pill = desk.composer.locator("xpath=..").locator(".thread__new")
    expect(pill).to_have_text("1 new")
    assert place.evaluate("(list) => list.scrollTop") == top
    pill.click()
    expect(desk.messages.filter(has_text="Out of sight")).to_be_in_viewport()
    expect(pill).to_be_hidden()
