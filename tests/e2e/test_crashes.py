"""Processes die without a word while people talk. Nothing is lost, nothing comes twice, and nobody has to reload."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.e2e.crowd import Crowd
from tests.e2e.servers import Servers


@pytest.fixture
def crashing(servers: Servers) -> Iterator[Servers]:
    """The processes, that run again afterwards whatever was done to them."""
    yield servers
    for server in (servers.web, servers.live):
        if server.process is None or server.process.poll() is not None:
            server.restart()


def test_the_live_process_dies_and_comes_back_and_both_sides_go_on(crowd: Crowd, crashing: Servers) -> None:
    visitor, messenger, agent, desk = crowd.talking("Before")
    visitor.may_complain = agent.may_complain = True
    crashing.live.kill()
    desk.reply("While it is down")
    expect(desk.pending).to_have_text(re.compile("Sent"))
    messenger.send("From the other side")
    messenger.expect_delivered()
    crashing.live.restart()
    messenger.expect_said("Before", "While it is down", "From the other side")
    desk.expect_said("Before", "While it is down", "From the other side")
    messenger.send("And on")
    expect(desk.messages.last).to_have_text("And on")
    desk.reply("And on here")
    said = ("Before", "While it is down", "From the other side", "And on", "And on here")
    messenger.expect_said(*said)
    desk.expect_said(*said)


def test_the_web_process_dies_while_both_sides_send_and_each_message_arrives_once(
    crowd: Crowd, crashing: Servers
) -> None:
    visitor, messenger, agent, desk = crowd.talking("Before")
    factories.start(factories.make_visitor(crowd.workspace), "Somebody else")
    desk.open("Somebody else")
    desk.expect_said("Somebody else")
    visitor.may_complain = agent.may_complain = True
    questions = [f"Question {number}" for number in range(1, 9)]
    answers = [f"Answer {number}" for number in range(1, 5)]
    for number, text in enumerate(questions):
        messenger.send(text)
        if number == 3:
            expect(desk.row("Question")).to_be_visible()
            desk.reply(answers[0])
            crashing.web.kill()
    for text in answers[1:]:
        desk.reply(text)
    expect(messenger.bubbles).to_have_count(9)
    crashing.web.restart()
    messenger.expect_said("Before", *questions)
    messenger.expect_delivered()
    desk.expect_said("Somebody else", *answers)
    desk.open("Question 8")
    desk.expect_said("Before", *questions)
    for person in (visitor, agent):
        person.page.reload()
    messenger.expect_said("Before", *questions)
    desk.expect_said("Before", *questions)
    desk.open(answers[-1])
    desk.expect_said("Somebody else", *answers)


def test_a_page_that_opens_while_everything_is_down_gets_there_when_it_is_back(crowd: Crowd, crashing: Servers) -> None:
    visitor = crowd.visitor()
    visitor.may_complain = True
    address = crowd.shop()
    messenger = visitor.visit(address)
    messenger.start()
    crashing.web.kill()
    crashing.live.kill()
    messenger.send("Anybody?")
    expect(messenger.panel.locator(".talk .waiting")).to_have_count(1)
    crashing.web.restart()
    crashing.live.restart()
    messenger.expect_delivered()
    desk = crowd.agent().visit()
    desk.open("Anybody?")
    desk.reply("Here again.")
    messenger.expect_said("Anybody?", "Here again.")
