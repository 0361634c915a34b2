"""Takes the pictures in this folder from the running product, both sides talking to each other.

``python -m docs.screenshots.take`` starts a product of its own for it; with an address it uses the one that runs there, which must
have the demo workspace.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from opencom_project.demo.cast import PASSWORD, TEAM

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"]
DESKTOP, TABLET, PHONE, HALF = (1440, 900), (1024, 768), (390, 844), (900, 900)
COLOURS = 256
SETTLED_MS = 700
SOMEBODY = "James Whitfield"
"""A visitor of the demo with a conversation that has a bit of everything."""
START_SECONDS = 180


def main(arguments: list[str]) -> None:
    """Take every picture anew."""
    with _product(arguments[0] if arguments else None) as origin, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for old in FOLDER.glob("*.png"):
            old.unlink()
        Photographer(browser, origin).take_all()
        browser.close()
    total = sum(picture.stat().st_size for picture in FOLDER.glob("*.png"))
    print(f"{len(list(FOLDER.glob('*.png')))} pictures, {total / 1e6:.2f} MB")


@contextmanager
def _product(origin: str | None) -> Iterator[str]:
    if origin is not None:
        yield origin.rstrip("/")
        return
    with tempfile.TemporaryDirectory() as state:
        port, live_port = _free_ports()
        environment = {**os.environ, "PORT": str(port), "LIVE_PORT": str(live_port), "STATE_DIR": state}
        command = [sys.executable, "-m", "opencom_project.embedded", "up"]
        product = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            _wait(f"http://127.0.0.1:{port}", product)
            yield f"http://127.0.0.1:{port}"
        finally:
            product.send_signal(signal.SIGINT)
            product.wait()


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _wait(origin: str, product: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if product.poll() is not None:
            raise SystemExit("The product ended before it answered.")
        try:
            urllib.request.urlopen(f"{origin}/demo/", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
        else:
            return
    raise SystemExit("The product didn't answer in time.")


class Photographer:
    """Goes through the product as a visitor and as a member, and keeps what it sees."""

    def __init__(self, browser: Browser, origin: str) -> None:
        self.browser = browser
        self.origin = origin
        self.member = self._signed_in()

    def take_all(self) -> None:
        """Take every picture."""
        self.sign_in_page()
        self.conversation()
        self.inbox()
        self.other_pages()
        self.phones()
        self.note()

    # The product's pages

    def sign_in_page(self) -> None:
        with self._page(DESKTOP) as page:
            page.goto(f"{self.origin}/sign-in/")
            self._keep(page, "sign-in")

    def conversation(self) -> None:
        """A visitor writes, the team answers, and both sides are seen at once."""
        with self._page(HALF) as shop, self._page(DESKTOP, member=True) as desk:
            shop.goto(f"{self.origin}/demo/bikes/gravel/")
            widget = shop.locator("opencom-widget")
            expect(widget.locator(".launch")).to_be_visible(timeout=15_000)
            self._keep(shop, "shop")
            widget.locator(".launch").click()
            expect(widget.locator(".card.start")).to_be_visible()
            self._keep(shop, "messenger-home")
            widget.locator(".card.start").click()
            self._say(widget.locator(".composer textarea"), "Hi! Does the Gravel fit 45 mm tyres?")
            desk.goto(f"{self.origin}/inbox/")
            row = desk.locator(".row", has_text="45 mm tyres")
            expect(row).to_be_visible(timeout=15_000)
            row.locator(".row__link").click()
            self._answer(desk, "It does, with **2 mm** to spare. 40 mm if you want mudguards too.")
            expect(widget.locator(".talk .bubble", has_text="to spare")).to_be_visible(timeout=15_000)
            self._say(widget.locator(".composer textarea"), "Perfect. And can I try one in Hamburg?")
            expect(desk.locator("message-list .bubble", has_text="Hamburg")).to_be_visible(timeout=15_000)
            desk.keyboard.press("Alt+p")
            desk.keyboard.type("Lukas has a 54 in the Hamburg shop until Friday.")
            desk.keyboard.press("Control+Enter")
            expect(desk.locator(".message--note .bubble")).to_be_visible()
            self._answer(desk, "Yes, until Friday. Shall I put your name on it?")
            expect(widget.locator(".talk .bubble", has_text="your name")).to_be_visible(timeout=15_000)
            expect(desk.locator("[data-delivery]")).to_contain_text("Seen")
            self._keep(shop, "messenger-conversation")
            self._keep(desk, "inbox-conversation")
            self._keep_beside("both-sides", shop, desk)

    def inbox(self) -> None:
        steps: dict[str, Callable[[Page], None]] = {
            "inbox-snooze": lambda page: page.keyboard.press("z"),
            "inbox-assign": lambda page: page.keyboard.press("a"),
            "inbox-palette": lambda page: page.keyboard.press("Control+k"),
            "inbox-keys": lambda page: page.keyboard.press("?"),
            "inbox-selected": self._select,
        }
        for number, (name, step) in enumerate(steps.items()):
            with self._page(DESKTOP, member=True, dark=number % 2 == 1) as page:
                self._open(page)
                step(page)
                self._keep(page, name)
        with self._page(DESKTOP, member=True, dark=True) as page:
            self._open(page)
            self._keep(page, "inbox-dark")
        with self._page(TABLET, member=True) as page:
            self._open(page)
            self._keep(page, "inbox-tablet")

    def other_pages(self) -> None:
        paths = {
            "visitors": "/visitors/",
            "settings-members": "/settings/members/",
            "settings-security": "/settings/security/",
            "settings-keys": "/settings/keys/?new",
            "settings-identity": "/settings/identity/",
            "settings-audit": "/settings/audit/",
            "settings-sessions": "/settings/sessions/",
            "settings-installation": "/settings/installation/",
        }
        for number, (name, path) in enumerate(paths.items()):
            with self._page(DESKTOP, member=True, dark=number % 2 == 1) as page:
                page.goto(self.origin + path)
                self._keep(page, name)
        with self._page(DESKTOP, member=True) as page:
            page.goto(f"{self.origin}/visitors/")
            page.locator(".table__name a", has_text=SOMEBODY).first.click()
            self._keep(page, "visitor")
        with self._page(DESKTOP, member=True) as page:
            page.goto(f"{self.origin}/settings/messenger/")
            frame = page.frame_locator("#preview")
            expect(frame.locator("opencom-widget .panel")).to_be_visible(timeout=15_000)
            self._keep(page, "settings-messenger")

    def phones(self) -> None:
        with self._page(PHONE, member=True) as page:
            page.goto(f"{self.origin}/inbox/")
            self._keep(page, "phone-inbox")
            page.locator(".row__link", has_text=SOMEBODY).first.click()
            expect(page.locator("message-composer")).to_be_visible()
            self._keep(page, "phone-conversation")
        with self._page(PHONE, dark=True) as page:
            page.goto(f"{self.origin}/demo/")
            widget = page.locator("opencom-widget")
            widget.locator(".launch").click(timeout=15_000)
            expect(widget.locator(".card.start")).to_be_visible()
            self._keep(page, "phone-messenger-dark")

    def note(self) -> None:
        """The last picture: what is begun here stays as a draft."""
        with self._page(DESKTOP, member=True) as page:
            self._open(page)
            page.keyboard.press("n")
            page.keyboard.type("Ask the workshop before promising a date.")
            self._keep(page, "inbox-note")

    # What is done on them

    def _open(self, page: Page) -> None:
        page.goto(f"{self.origin}/inbox/")
        page.locator(".row__link", has_text=SOMEBODY).first.click()
        expect(page.locator("message-composer")).to_be_visible()
        page.wait_for_timeout(SETTLED_MS)

    @staticmethod
    def _say(field: object, text: str) -> None:
        field.fill(text)  # type: ignore[attr-defined]
        field.press("Enter")  # type: ignore[attr-defined]

    @staticmethod
    def _answer(page: Page, text: str) -> None:
        expect(page.locator("message-composer")).to_be_visible()
        page.wait_for_timeout(SETTLED_MS)
        page.locator("message-composer").get_by_role("tab", name="Reply").click()
        page.locator("message-composer textarea").fill(text)
        page.keyboard.press("Control+Enter")
        expect(page.locator(".pending")).to_have_count(0)

    @staticmethod
    def _select(page: Page) -> None:
        for row in range(3):
            page.locator(".row .row__pick input").nth(row).check(force=True)

    # How pictures are kept

    def _signed_in(self) -> BrowserContext:
        context = self.browser.new_context(base_url=self.origin)
        page = context.new_page()
        page.goto("/sign-in/")
        page.fill("[name=email]", TEAM[0].email)
        page.fill("[name=password]", PASSWORD)
        page.click("[type=submit]")
        page.wait_for_url("**/inbox/**")
        page.close()
        return context

    @contextmanager
    def _page(self, size: tuple[int, int], *, member: bool = False, dark: bool = False) -> Iterator[Page]:
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            has_touch=size == PHONE,
            is_mobile=size == PHONE,
            reduced_motion="reduce",
            storage_state=self.member.storage_state() if member else None,
        )
        yield context.new_page()
        context.close()

    def _keep(self, page: Page, name: str) -> None:
        _save(_picture(page), name)

    def _keep_beside(self, name: str, left: Page, right: Page) -> None:
        pictures = [_picture(left), _picture(right)]
        gap = 32
        width = sum(picture.width for picture in pictures) + 3 * gap
        together = Image.new("RGB", (width, pictures[0].height + 2 * gap), (226, 228, 234))
        together.paste(pictures[0], (gap, gap))
        together.paste(pictures[1], (pictures[0].width + 2 * gap, gap))
        _save(together.resize((1600, round(together.height * 1600 / width)), Image.Resampling.LANCZOS), name)


def _picture(page: Page) -> Image.Image:
    page.mouse.move(0, 0)
    page.wait_for_timeout(SETTLED_MS)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def _save(picture: Image.Image, name: str) -> None:
    """Keep a picture in few colours: an interface has few, and a repository keeps every version."""
    few = picture.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=5, dither=Image.Dither.NONE)
    few.save(FOLDER / f"{name}.png", optimize=True)
    print(name, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
