"""A browser: an agent's dashboard that shows what arrives, and a customer's page with the messenger on it."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench.load.visitors import API, ORIGIN, address
from bench.remote import serve

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
WATCH = """
window.arrivals = {};
new MutationObserver((records) => {
  const now = performance.timeOrigin + performance.now();
  for (const record of records) for (const node of record.addedNodes) {
    const found = /#(\\d+)#/.exec(node.textContent);
    if (found && !(found[1] in window.arrivals)) window.arrivals[found[1]] = now;
  }
}).observe(document.querySelector(PLACE), { childList: true, subtree: true });
"""
SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: 'layout-shift', buffered: true });
"""
SHOP = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Bikes</title>
<style>body { font: 16px sans-serif; margin: 2rem auto; max-width: 40rem }</style>
<h1>Bikes</h1>%s<p>A page with some text.</p>%s</html>"""
LAUNCHED = "() => [...document.querySelectorAll('*')].some((element) => element.shadowRoot || element.localName.includes('opencom'))"
SLOWER = 4
QUIET_SECONDS = 4.0
SAMPLE_MICROSECONDS = 100
TEXT = "Hello, my order has not arrived and it has been a week. "


class InBrowser:
    """One browser and its pages."""

    def __init__(self) -> None:
        self._playwright = sync_playwright().start()
        installed = next((path for path in CHROMIUM if Path(path).exists()), None)
        self.browser: Browser = self._playwright.chromium.launch(
            executable_path=installed, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        self.pages: dict[str, Page] = {}
        self.connections: dict[str, http.client.HTTPConnection] = {}
        self.number = 0
        self.shop: ThreadingHTTPServer | None = None

    def open_dashboard(self, port: int, cookie: str) -> None:
        """Open the dashboard as an agent who is signed in."""
        context = self.browser.new_context()
        context.add_cookies([{"name": "session", "value": cookie, "url": f"http://127.0.0.1:{port}"}])
        self.pages["ours"] = context.new_page()
        self.connections["ours"] = http.client.HTTPConnection("127.0.0.1", port)

    def show(self, port: int, conversation: str) -> None:
        """Go to a conversation, and note from now on when something arrives in it."""
        page = self.pages["ours"]
        page.goto(f"http://127.0.0.1:{port}/inbox/all/{conversation}/", wait_until="networkidle")
        page.wait_for_selector("message-list [data-items] > *", state="attached")
        page.evaluate(WATCH.replace("PLACE", "'message-list'"))

    def open_floor(self, port: int) -> None:
        """Open the floor's page."""
        page = self.browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("body[data-ready]", state="attached")
        page.evaluate(WATCH.replace("PLACE", "'main'"))
        self.pages["floor"] = page
        self.connections["floor"] = http.client.HTTPConnection("127.0.0.1", port)

    def send(self, side: str, visitor: Mapping[str, str], count: int, pause: float) -> list[float]:
        """Send messages one after the other; return for each the ms from its POST until it is in the page's DOM."""
        taken = []
        for _ in range(count):
            self.number += 1
            sent = self._post(side, visitor, self.number)
            handle = self.pages[side].wait_for_function(
                "number => window.arrivals[number]", arg=str(self.number), timeout=10_000
            )
            taken.append(float(handle.json_value()) - sent)
            time.sleep(pause)
        return taken

    def _post(self, side: str, visitor: Mapping[str, str], number: int) -> float:
        connection = self.connections[side]
        body: dict[str, Any] = {"body": f"{TEXT}#{number}#"}
        headers = {"Content-Type": "application/json"}
        path = "/"
        if side == "ours":
            path = f"{API}/conversations/{visitor['conversation']}/messages"
            headers |= {
                "Authorization": f"Bearer {visitor['token']}",
                "Origin": ORIGIN,
                "X-Forwarded-For": address(number),
            }
            body["client_id"] = f"00000000-0000-4000-8000-{time.time_ns() % 16**12:012x}"
        else:
            body["conversation"] = 1
        sent = time.time() * 1000
        connection.request("POST", path, msgspec.json.encode(body), headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 201:
            raise ValueError(f"{side} answered with {answer.status}: {said[:200].decode()}")
        return sent

    def visit(self, script: str) -> dict[str, float]:
        """Load a customer's page with this tag in it on a slow machine, and return what it cost until it was quiet.

        ``main_thread`` is before anybody is there, ``moved`` with what the pointer's first move brings; in milliseconds.
        """
        context = self.browser.new_context()
        page = context.new_page()
        requests: list[str] = []
        session = context.new_cdp_session(page)
        session.send("Performance.enable")
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.add_init_script(SHIFTS)
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{self._shop()}/?{script}", wait_until="load")
        # Nothing asks the page meanwhile: each question would be work of its main thread too.
        page.wait_for_timeout(QUIET_SECONDS * 1000)
        main_thread, before = _main_thread_ms(session), len(requests)
        page.mouse.move(200, 200)
        page.wait_for_timeout(QUIET_SECONDS * 1000)
        moved = _main_thread_ms(session)
        if "opencom" in script and not page.evaluate(LAUNCHED):
            raise ValueError("The messenger isn't on the page.")
        result = {
            "main_thread": main_thread,
            "moved": moved,
            "requests": before - 1,
            "shift": float(page.evaluate("window.shifts")),
        }
        context.close()
        return result

    def profile(self, script: str) -> dict[str, float]:
        """Load the same page with the profiler on; return the ms of the main thread in the tag's own scripts and what they call."""
        context = self.browser.new_context()
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        session.send("Profiler.enable")
        session.send("Profiler.setSamplingInterval", {"interval": SAMPLE_MICROSECONDS})
        session.send("Profiler.start")
        page.goto(f"{self._shop()}/?{script}", wait_until="load")
        page.wait_for_timeout(QUIET_SECONDS * 1000)
        idle = _own_ms(session.send("Profiler.stop")["profile"])
        session.send("Profiler.start")
        page.mouse.move(200, 200)
        page.wait_for_timeout(QUIET_SECONDS * 1000)
        moved = _own_ms(session.send("Profiler.stop")["profile"])
        context.close()
        return {"idle": idle, "moved": idle + moved}

    def _shop(self) -> str:
        if self.shop is None:
            self.shop = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
            threading.Thread(target=self.shop.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.shop.server_port}"

    def close(self) -> None:
        """Close the browser."""
        self.browser.close()
        self._playwright.stop()


def _main_thread_ms(session: CDPSession) -> float:
    metrics = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"]) * 1000


def _own_ms(profile: Mapping[str, Any]) -> float:
    """Add up the samples below a frame of the messenger's."""
    nodes = {node["id"]: node for node in profile["nodes"]}
    callers = {child: node["id"] for node in profile["nodes"] for child in node.get("children", ())}

    def is_own(node: int | None) -> bool:
        while node is not None:
            if "/widget/" in nodes[node]["callFrame"]["url"]:
                return True
            node = callers.get(node)
        return False

    own = {node for node in nodes if is_own(node)}
    taken = zip(profile.get("samples", ()), profile.get("timeDeltas", ()), strict=True)
    return sum(microseconds for node, microseconds in taken if node in own) / 1000


class _Shop(BaseHTTPRequestHandler):
    """The customer's web server: one page, with the tag that its address carries."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        found = parts.path == "/"
        body = (SHOP % ("", unquote(parts.query))).encode() if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8" if found else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


if __name__ == "__main__":
    serve(InBrowser())
