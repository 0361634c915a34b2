"""Where sockets can't pass, messages come by held requests."""

from __future__ import annotations

from playwright.sync_api import WebSocketRoute, expect

from tests.e2e.crowd import Crowd
from tests.e2e.people import Visitor

REFUSED = 1011


def test_a_visitor_behind_a_proxy_without_sockets_talks_by_polling_and_changes_over_when_they_pass(
    crowd: Crowd,
) -> None:
    visitor = crowd.visitor()
    visitor.may_complain = True
    blocked = _block_sockets(visitor)
    messenger = visitor.visit(crowd.shop())
    messenger.start()
    messenger.send("Is there a way through?")
    desk = crowd.agent().visit()
    desk.open("Is there a way through?")
    desk.reply("There is.")
    messenger.expect_said("Is there a way through?", "There is.")
    assert any("/live/poll" in url for url in visitor.requests)
    assert not visitor.frames
    messenger.launcher.click()
    desk.reply("Even while you look away.")
    expect(messenger.badge).to_have_text("1")
    messenger.open()
    messenger.expect_said("Is there a way through?", "There is.", "Even while you look away.")

    blocked.clear()
    desk.field.press_sequentially("Typing needs a socket")
    # The tab's return makes it try again at once.
    visitor.page.evaluate("dispatchEvent(new Event('online'))")
    expect(messenger.typing).to_be_visible()
    desk.send_button.click()
    messenger.expect_said("Is there a way through?", "There is.", "Even while you look away.", "Typing needs a socket")


def _block_sockets(visitor: Visitor) -> list[bool]:
    """Refuse sockets for as long as the list isn't empty."""
    blocked = [True]

    def pass_or_refuse(socket: WebSocketRoute) -> None:
        if blocked:
            socket.close(code=REFUSED, reason="no sockets here")
        else:
            socket.connect_to_server()

    visitor.page.route_web_socket(lambda url: url.startswith("ws"), pass_or_refuse)
    return blocked
