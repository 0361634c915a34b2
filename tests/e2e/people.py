"""Those who sit at the browsers: visitors with the messenger, members at the dashboard. Each has a browser profile of their own."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Locator, Page, WebSocket, expect

from tests.callers import SignedIn
from tests.e2e.servers import Servers
from tests.e2e.sites import Site

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 20_000


def wait_for(page: Page, script: str, value: Any) -> None:
    """Wait until a script of the page, which may take its time, comes to this value."""
    until = time.monotonic() + PATIENCE_MS / 1000
    while (found := page.evaluate(script)) != value:
        assert time.monotonic() < until, f"{found!r} is not {value!r}: {script}"
        page.evaluate("() => new Promise(requestAnimationFrame)")


class Person:
    """A browser profile, and a watch over what its pages must not do."""

    def __init__(self, browser: Browser, servers: Servers, site: Site, **options: Any) -> None:
        self.servers = servers
        self.site = site
        self.context: BrowserContext = browser.new_context(
            **{"viewport": DESKTOP, "reduced_motion": "reduce", **options}
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.complaints: list[str] = []
        """Errors on the pages, dialogs, and requests to hosts that are nobody's here."""
        self.requests: list[str] = []
        self.sockets: list[WebSocket] = []
        self.frames: list[str] = []
        """What sockets brought."""
        self.may_complain = False
        """Set by tests that break things on purpose: the browser itself writes failed requests to the console."""
        self.context.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        self.context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))
        self.context.on("dialog", self._dialog)
        self.context.on("request", lambda request: self._asked(request.url))
        self.context.on("page", self._watch)
        self.page = self.context.new_page()

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _watch(self, page: Page) -> None:
        page.on("websocket", self._connected)

    def _connected(self, socket: WebSocket) -> None:
        self.sockets.append(socket)
        self._asked(socket.url)
        socket.on("framereceived", lambda frame: self.frames.append(str(frame)))

    def _asked(self, url: str) -> None:
        self.requests.append(url)
        host = urlsplit(url).netloc
        here = (self.servers.origin, self.servers.live_origin, self.servers.provider_origin)
        ours = {urlsplit(each).netloc for each in (*here, self.site.origin, self.site.elsewhere)}
        if host and host not in ours and not url.startswith(("data:", "blob:")):
            self.complaints.append(f"a request to {url}")

    @property
    def open_sockets(self) -> list[WebSocket]:
        return [socket for socket in self.sockets if not socket.is_closed()]

    def close(self) -> None:
        self.context.close()

    def assert_calm(self) -> None:
        """Nothing went wrong on any page, nothing popped up, and nobody else was asked for anything."""
        grave = [each for each in self.complaints if each.startswith(("uncaught", "a dialog", "a request"))]
        assert not (grave if self.may_complain else self.complaints), self.complaints


class Visitor(Person):
    """Somebody on a customer's page."""

    def visit(self, url: str) -> Messenger:
        self.page.goto(url)
        return self.messenger

    @property
    def messenger(self) -> Messenger:
        return Messenger(self.page)

    def tab(self, url: str) -> Messenger:
        """Open another tab."""
        page = self.context.new_page()
        page.goto(url)
        return Messenger(page)


class Messenger:
    """The widget on a page, as a visitor sees and uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.host = page.locator("opencom-widget")
        self.launcher = self.host.locator(".launch")
        self.badge = self.host.locator(".badge")
        self.panel = self.host.locator(".panel")
        self.preview = self.host.locator(".peek")
        self.field = self.panel.locator(".composer textarea")
        self.bubbles = self.panel.locator(".talk .bubble")
        self.state = self.panel.locator(".talk li .state").last
        self.typing = self.panel.locator(".typing")
        self.back = self.panel.get_by_role("button", name="Back")

    def open(self) -> None:
        self.launcher.click()
        expect(self.panel).to_be_visible()

    def start(self) -> None:
        """Open the messenger and begin a conversation."""
        self.open()
        self.panel.locator(".card.start").click()
        expect(self.field).to_be_visible()

    def send(self, text: str) -> None:
        """Write and send; returns when the message is shown, sent or waiting."""
        before = self.bubbles.count()
        self.field.fill(text)
        self.field.press("Enter")
        expect(self.field).to_have_value("")
        expect(self.bubbles).not_to_have_count(before)

    def expect_said(self, *texts: str) -> None:
        """Exactly these messages are there, in this order."""
        expect(self.bubbles).to_have_text(list(texts))

    def expect_delivered(self) -> None:
        """Nothing waits in the outbox any more."""
        expect(self.panel.locator(".talk .waiting")).to_have_count(0)

    def chip(self, name: str) -> Locator:
        return self.panel.locator(".chips li", has_text=name)


class Member(Person):
    """Somebody of the team at the dashboard."""

    def __init__(self, browser: Browser, servers: Servers, site: Site, caller: SignedIn, **options: Any) -> None:
        super().__init__(browser, servers, site, base_url=servers.origin, **options)
        self.caller = caller
        self.name = caller.member.label
        cookie = caller.client.cookies[settings.SESSION_COOKIE_NAME].value
        self.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": servers.origin}])

    def visit(self, path: str = "/inbox/") -> Desk:
        self.page.goto(path)
        return self.desk

    @property
    def desk(self) -> Desk:
        return Desk(self.page)


class Desk:
    """The inbox, as a member sees and uses it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.rows = page.locator(".list .row")
        self.thread = page.locator(".thread")
        self.title = page.locator(".thread__title h2")
        self.messages = page.locator("message-list .bubble")
        self.notes = page.locator("message-list .message--note .bubble")
        self.events = page.locator("message-list .event > span:first-child")
        self.composer = page.locator("message-composer")
        self.field = self.composer.locator("textarea")
        self.send_button = self.composer.locator(".composer__send")
        self.activity = page.locator(".composer__status")
        self.delivery = page.locator("message-list [data-delivery]")
        self.pending = page.locator("message-list .pending")
        self.toast = page.locator("#toasts .toast")

    def row(self, text: str) -> Locator:
        return self.rows.filter(has_text=text)

    def open(self, text: str) -> None:
        """Open the conversation whose row shows this text."""
        row = self.row(text)
        key = row.get_attribute("data-key")
        row.locator(".row__link").click()
        expect(self.page.locator(f'.conversation[data-conversation="{key}"] textarea')).to_be_visible()

    def reply(self, text: str) -> None:
        self.write("Reply", text)
        self.send_button.click()

    def note(self, text: str) -> None:
        self.write("Note", text)
        self.send_button.click()

    def write(self, kind: str, text: str) -> None:
        self.composer.get_by_role("tab", name=kind).click()
        self.field.fill(text)

    def expect_said(self, *texts: str) -> None:
        """Exactly these messages and notes are there, in this order, and none waits."""
        expect(self.messages).to_have_text(list(texts))
        expect(self.pending).to_have_count(0)
