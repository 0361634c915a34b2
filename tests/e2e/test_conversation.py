"""A visitor and an agent talk, each in a browser of their own."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e import files
from tests.e2e.crowd import Crowd


def test_a_visitor_and_an_agent_talk_and_each_sees_every_message_once_and_in_order(crowd: Crowd) -> None:
    agent = crowd.agent("Ada Okafor")
    desk = agent.visit()
    expect(agent.page.get_by_role("heading", name="No conversations yet")).to_be_visible()

    visitor = crowd.visitor()
    messenger = visitor.visit(crowd.shop(name="Marta Kowalska"))
    messenger.start()
    messenger.send("Do you have the tourer in green?")

    desk.open("Do you have the tourer in green?")
    expect(desk.title).to_have_text("Marta Kowalska")
    desk.reply("We do, in **all** sizes.")
    messenger.expect_said("Do you have the tourer in green?", "We do, in all sizes.")
    messenger.send("Lovely, thank you.")
    desk.expect_said("Do you have the tourer in green?", "We do, in all sizes.", "Lovely, thank you.")
    expect(desk.messages.nth(1).locator("strong")).to_have_text("all")
    messenger.expect_said("Do you have the tourer in green?", "We do, in all sizes.", "Lovely, thank you.")


def test_each_side_sees_who_it_talks_to(crowd: Crowd) -> None:
    _, messenger, agent, desk = crowd.talking("Who is there?")
    ben = crowd.agent("Ben Fischer")
    bens = ben.visit()
    bens.open("Who is there?")
    desk.reply("Ada here.")
    expect(desk.messages).to_have_count(2)
    bens.reply("And Ben.")
    messenger.expect_said("Who is there?", "Ada here.", "And Ben.")
    expect(messenger.panel.locator(".talk .who")).to_have_text(["Ada Okafor", "Ben Fischer"])
    expect(messenger.panel.locator(".head h2")).to_have_text("Ben Fischer")
    expect(agent.page.locator("message-list .message__author").last).to_have_text("Ben Fischer")
    panel = agent.page.get_by_role("complementary", name="Visitor")
    expect(panel.get_by_text("Online", exact=True)).to_be_visible()
    expect(panel.get_by_role("link", name="Acme Bikes")).to_be_visible()
    expect(panel.get_by_text(re.compile(r"^Chrome .* on Linux, desktop$"))).to_be_visible()


def test_each_side_sees_the_other_typing_and_a_note_in_the_making_is_not_told_to_the_visitor(crowd: Crowd) -> None:
    visitor, messenger, _, desk = crowd.talking()
    messenger.field.press_sequentially("One more thing")
    expect(desk.activity).to_contain_text("is typing")
    messenger.send("One more thing")
    expect(desk.activity).not_to_contain_text("is typing")

    desk.composer.get_by_role("tab", name="Note").click()
    desk.field.press_sequentially("They ask a lot")
    ben = crowd.agent("Ben Fischer")
    bens = ben.visit()
    bens.open("One more thing")
    expect(bens.activity).to_contain_text("Ada Okafor is writing a note")
    desk.composer.get_by_role("tab", name="Reply").click()
    desk.field.press_sequentially("Go ahead")
    expect(messenger.typing).to_have_attribute("aria-label", "Ada Okafor is typing")
    expect(bens.activity).to_contain_text("Ada Okafor is writing a reply")
    desk.send_button.click()
    messenger.expect_said("Do you have the tourer in green?", "One more thing", "Go ahead")
    expect(messenger.typing).to_have_count(0)
    typing = [frame for frame in visitor.frames if '"typing":[{' in frame]
    assert len(typing) == 1, "the visitor was told of typing once: of the reply"


def test_an_answer_to_a_closed_messenger_is_a_badge_and_a_preview_that_leads_to_it(crowd: Crowd) -> None:
    visitor, messenger, _, desk = crowd.talking()
    messenger.launcher.click()
    expect(messenger.panel).to_be_hidden()
    desk.reply("We do.")
    expect(messenger.badge).to_have_text("1")
    expect(messenger.preview).to_contain_text("Ada Okafor")
    expect(messenger.preview).to_contain_text("We do.")
    desk.reply("In every size.")
    expect(messenger.badge).to_have_text("2")
    expect(messenger.preview).to_contain_text("In every size.")

    visitor.page.reload()
    expect(messenger.badge).to_have_text("2")
    messenger.preview.get_by_role("button", name="In every size.").click()
    messenger.expect_said("Do you have the tourer in green?", "We do.", "In every size.")
    expect(messenger.preview).to_have_count(0)
    expect(messenger.badge).to_be_empty()
    messenger.launcher.click()
    expect(messenger.launcher).to_have_attribute("aria-label", "Open messages")
    expect(messenger.badge).to_be_empty()


def test_a_preview_that_was_dismissed_stays_away_until_there_is_something_new(crowd: Crowd) -> None:
    visitor, messenger, _, desk = crowd.talking()
    messenger.launcher.click()
    desk.reply("We do.")
    messenger.preview.get_by_role("button", name="Close").click()
    expect(messenger.preview).to_have_count(0)
    visitor.page.reload()
    expect(messenger.badge).to_have_text("1")
    expect(messenger.preview).to_have_count(0)
    desk.reply("In every size.")
    expect(messenger.preview).to_contain_text("In every size.")


def test_each_side_learns_when_the_other_has_seen_its_last_message(crowd: Crowd) -> None:
    messenger = crowd.visitor().visit(crowd.shop())
    messenger.start()
    messenger.send("Is anybody there?")
    expect(messenger.state).to_contain_text("Sent")
    desk = crowd.agent().visit()
    expect(desk.row("Is anybody there?").locator(".row__dot")).to_be_visible()
    desk.open("Is anybody there?")
    expect(messenger.state).to_contain_text("Seen")
    expect(desk.row("Is anybody there?").locator(".row__dot")).to_have_count(0)

    messenger.launcher.click()
    desk.reply("I am.")
    expect(desk.delivery).to_have_text("Sent", use_inner_text=True)
    messenger.open()
    expect(desk.delivery).to_have_text("Seen", use_inner_text=True)


def test_nothing_of_a_note_ever_reaches_the_visitor(crowd: Crowd) -> None:
    visitor, messenger, _, desk = crowd.talking()
    messenger.expect_delivered()
    desk.note("Careful: this one is **Kowalska** of the magazine")
    desk.expect_said("Do you have the tourer in green?", "Careful: this one is Kowalska of the magazine")
    expect(desk.notes).to_have_count(1)
    desk.reply("We do.")
    messenger.expect_said("Do you have the tourer in green?", "We do.")
    messenger.back.click()
    expect(messenger.panel.locator(".row .said")).to_have_text("We do.")
    visitor.page.reload()
    expect(messenger.panel).to_contain_text("We do.")
    assert "Kowalska" not in visitor.page.content()
    assert not [frame for frame in visitor.frames if "Kowalska" in frame or '"kind":"note"' in frame]


def test_a_visitor_attaches_files_by_button_by_pasting_and_by_dropping_and_the_agent_sees_them(crowd: Crowd) -> None:
    visitor, messenger, agent, desk = crowd.talking()
    with visitor.page.expect_file_chooser() as chooser:
        messenger.panel.get_by_role("button", name="Attach files").click()
    chooser.value.set_files(files.file("invoice.txt", b"Total: 1,980"))
    expect(messenger.chip("invoice.txt")).to_be_visible()
    files.paste_picture(visitor.page, messenger.field, files.picture())
    expect(messenger.chip("image.png")).to_be_visible()
    files.drop(visitor.page, messenger.panel.locator(".thread"), "frame.png", files.picture(640, 400), files.PNG)
    expect(messenger.chip("frame.png")).to_be_visible()
    messenger.send("The invoice, and where it squeaks.")
    messenger.expect_delivered()

    expect(agent.page.locator("message-list .file")).to_contain_text("invoice.txt")
    pictures = agent.page.locator("message-list .picture img")
    expect(pictures).to_have_count(2)
    expect(pictures.nth(1)).to_have_js_property("naturalWidth", 640)
    with agent.page.expect_download() as download:
        agent.page.locator("message-list a.file").click()
    assert download.value.path().read_bytes() == b"Total: 1,980"
    pictures.nth(1).click()
    expect(agent.page.get_by_role("dialog", name="Picture").get_by_role("img", name="frame.png")).to_be_visible()
    agent.page.keyboard.press("Escape")
    expect(agent.page.get_by_role("dialog", name="Picture")).to_be_hidden()
    expect(messenger.panel.locator(".talk a.image img").nth(1)).to_have_js_property("naturalWidth", 640)
    desk.expect_said("Do you have the tourer in green?", "The invoice, and where it squeaks.")


def test_an_agent_attaches_files_by_button_by_pasting_and_by_dropping_and_the_visitor_sees_them(crowd: Crowd) -> None:
    visitor, messenger, agent, desk = crowd.talking()
    with agent.page.expect_file_chooser() as chooser:
        desk.composer.get_by_role("button", name="Attach files").click()
    chooser.value.set_files(files.file("sizes.csv", b"size,height\nM,172\n", "text/csv"))
    files.paste_picture(agent.page, desk.field, files.picture())
    files.drop(agent.page, desk.field, "green.png", files.picture(640, 400), files.PNG)
    expect(desk.composer.locator(".upload")).to_have_count(3)
    expect(desk.composer.locator(".upload progress")).to_have_count(0)
    desk.send_button.click()
    expect(messenger.panel.locator(".talk a.file")).to_contain_text("sizes.csv")
    pictures = messenger.panel.locator(".talk a.image img")
    expect(pictures).to_have_count(2)
    expect(pictures.nth(1)).to_have_js_property("naturalWidth", 640)
    with visitor.page.expect_popup() as popup:
        messenger.panel.locator(".talk a.image").nth(1).click()
    expect(popup.value.locator("img")).to_have_js_property("naturalWidth", 640)
    # The browser's own picture page styles itself inline, which the file's sandbox doesn't let it.
    assert all("inline style" in complaint for complaint in visitor.complaints)
    visitor.may_complain = True


def test_a_file_that_cannot_be_sent_is_said_to_be_so_and_the_message_goes_without_it(crowd: Crowd) -> None:
    visitor, messenger, _, desk = crowd.talking()
    chooser = messenger.panel.locator('input[type="file"]')
    chooser.set_input_files(files.file("virus.exe", b"MZ\x90\x00"))
    expect(messenger.panel.get_by_role("alert")).to_contain_text("virus.exe is not a type we can accept")
    # Its name says it is a picture, its content says it isn't: only the server finds out.
    visitor.may_complain = True
    chooser.set_input_files(files.file("page.png", b"<html><script>alert(1)</script></html>", files.PNG))
    expect(messenger.panel.get_by_role("alert")).to_contain_text("page.png is not a type we can accept")
    expect(messenger.panel.locator(".chips li")).to_have_count(0)
    messenger.send("It was a page.")
    desk.expect_said("Do you have the tourer in green?", "It was a page.")


def test_a_reply_to_a_closed_conversation_opens_it_again(crowd: Crowd) -> None:
    _, messenger, _, desk = crowd.talking()
    desk.reply("We do.")
    messenger.expect_said("Do you have the tourer in green?", "We do.")
    desk.thread.get_by_role("button", name="Close").click()
    expect(desk.toast).to_contain_text("Closed")
    expect(desk.rows).to_have_count(0)
    expect(messenger.panel).to_contain_text("This conversation was closed. Write to open it again.")
    messenger.send("One more question.")
    expect(desk.row("One more question.")).to_be_visible()
    expect(desk.thread.get_by_role("button", name="Close")).to_be_visible()
    expect(messenger.panel).not_to_contain_text("This conversation was closed")
    desk.expect_said("Do you have the tourer in green?", "We do.", "One more question.")


def test_a_visitor_has_several_conversations_and_each_keeps_its_own_messages(crowd: Crowd) -> None:
    visitor, messenger, _, desk = crowd.talking("The first matter")
    messenger.back.click()
    messenger.panel.get_by_role("button", name="Messages", exact=True).click()
    messenger.panel.get_by_role("button", name="New conversation").click()
    messenger.send("The second matter")
    messenger.expect_said("The second matter")
    messenger.expect_delivered()
    expect(desk.rows).to_have_count(2)
    desk.reply("To the first")
    desk.open("The second matter")
    desk.reply("To the second")
    messenger.expect_said("The second matter", "To the second")
    messenger.back.click()
    expect(messenger.panel.locator(".rows .said")).to_have_text(["To the second", "To the first"])
    messenger.panel.locator(".row", has_text="To the first").click()
    messenger.expect_said("The first matter", "To the first")
    visitor.page.reload()
    messenger.expect_said("The first matter", "To the first")
