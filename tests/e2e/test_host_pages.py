"""The messenger on pages that don't make it easy, and what it does to them: nothing."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e import files
from tests.e2e.crowd import Crowd
from tests.e2e.people import Messenger

LOADED = "() => document.querySelector('opencom-widget') !== null"
IDLE = "() => new Promise((done) => requestIdleCallback(done))"

BROKEN_LIBRARIES = """<script>
  for (const name of ["map", "filter", "forEach", "push", "find", "some", "every", "includes", "concat", "slice", "splice", "join", "sort"])
    Array.prototype[name] = function () { throw new Error("this page has its own " + name); };
  Array.prototype.toJSON = Object.prototype.toJSON = function () { return "from an old library"; };
  Array.prototype.each = Object.prototype.extra = function () {};
  JSON.parse = JSON.stringify = () => { throw new Error("this page has its own JSON"); };
  const { fetch: before, setTimeout: later } = window;
  window.fetch = (...given) => before(...given).then((answer) => answer);
  window.setTimeout = (work, ...rest) => later(() => work(), ...rest);
</script>"""

LATER_RUIN = """<script>
  addEventListener("load", () => {
    const no = () => { throw new Error("this page took it away"); };
    for (const name of ["map", "filter", "forEach", "push", "find", "some", "slice", "splice", "join", "sort"]) Array.prototype[name] = no;
    JSON.parse = JSON.stringify = window.fetch = window.setTimeout = window.setInterval = window.clearTimeout = no;
    window.Promise = window.WebSocket = class { constructor() { no(); } };
    document.createElement = document.createElementNS = document.createTextNode = no;
    for (const name of ["setAttribute", "addEventListener", "attachShadow"]) Element.prototype[name] = no;
    for (const name of ["appendChild", "insertBefore", "removeChild"]) Node.prototype[name] = no;
    window.ruined = true;
  });
</script>"""

SETTERS = """<script>
  const no = { configurable: true, get() { return ""; }, set() { throw new Error("not on this page"); } };
  for (const name of ["innerHTML", "outerHTML"]) Object.defineProperty(Element.prototype, name, no);
  Object.defineProperty(document, "cookie", no);
  Storage.prototype.setItem = function () { throw new Error("storage is full"); };
</script>"""

CLOBBERING = """<form name="fetch"><input name="parentNode"><input name="submit"></form><form name="createElement"></form>
<form name="title"></form><form name="setTimeout"></form><img name="createTextNode" alt=""><form id="JSON"></form><form id="OpencomWidget"></form>"""

RUDE_STYLES = """<style>
  * { all: unset !important; display: block !important; color: transparent !important; visibility: hidden !important; }
  opencom-widget { display: none !important; opacity: 0 !important; transform: translateX(-5000px) !important; }
  button, textarea { pointer-events: none !important; font-size: 1px !important; }
</style>"""

COVER = '<div style="position: fixed; inset: 0; z-index: 2147483647">In front of everything</div>'


@pytest.fixture
def visitor(crowd: Crowd) -> Any:
    return crowd.visitor()


def _converse(crowd: Crowd, messenger: Messenger) -> None:
    """A whole conversation, with a file, on whatever page this is."""
    messenger.start()
    messenger.send("Does this page let you through?")
    messenger.expect_delivered()
    desk = crowd.agent().visit()
    desk.open("Does this page let you through?")
    desk.reply("It does, with a **picture** https://shop.example")
    messenger.expect_said("Does this page let you through?", "It does, with a picture https://shop.example")
    messenger.panel.locator('input[type="file"]').set_input_files(
        files.file("frame.png", files.picture(640, 400), files.PNG)
    )
    messenger.send("And here is mine.")
    messenger.expect_delivered()
    expect(messenger.panel.locator(".talk a.image img")).to_be_visible()
    expect(desk.page.locator("message-list .picture img")).to_have_js_property("naturalWidth", 640)
    messenger.launcher.click()
    desk.reply("Got it.")
    expect(messenger.badge).to_have_text("1")
    messenger.preview.get_by_role("button", name="Got it.").click()
    expect(messenger.bubbles.last).to_have_text("Got it.")


def test_a_page_with_the_strictest_policy_has_a_whole_conversation_and_an_empty_console(
    crowd: Crowd, visitor: Any
) -> None:
    ours, live = crowd.servers.origin, crowd.servers.live_origin
    policy = (
        f"default-src 'none'; script-src {ours}; connect-src {ours} ws{live.removeprefix('http')}; img-src {ours} data:; "
        "style-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    messenger = visitor.visit(crowd.shop(headers={"Content-Security-Policy": policy}))
    _converse(crowd, messenger)
    messenger.panel.locator(".talk a.image").scroll_into_view_if_needed()
    expect(messenger.panel.locator(".talk a.image img")).to_have_js_property("naturalWidth", 640)
    expect(messenger.panel).to_have_css("width", "380px")
    expect(messenger.launcher).to_have_css("width", "56px")


@pytest.mark.parametrize(
    "page",
    [
        {"before": BROKEN_LIBRARIES},
        {"before": LATER_RUIN},
        {"body": CLOBBERING},
        {"before": SETTERS},
        {"before": RUDE_STYLES, "body": COVER},
    ],
    ids=[
        "broken libraries",
        "functions taken away later",
        "forms named like functions",
        "setters that throw",
        "rude styles",
    ],
)
def test_a_hostile_page_has_a_whole_conversation(crowd: Crowd, visitor: Any, page: dict[str, str]) -> None:
    _converse(crowd, visitor.visit(crowd.shop(**page)))


def test_nothing_is_fetched_and_no_socket_is_opened_before_the_page_is_idle(crowd: Crowd, visitor: Any) -> None:
    waiting = "<script>window.idle = requestIdleCallback; window.requestIdleCallback = (work) => { window.work = work; };</script>"
    messenger = visitor.visit(crowd.shop(before=waiting))
    visitor.page.wait_for_function("() => window.work")
    visitor.page.evaluate("() => new Promise((done) => window.idle(done))")
    ours = [url for url in visitor.requests if url.startswith((crowd.servers.origin, crowd.servers.live_origin, "ws"))]
    assert ours == [f"{crowd.servers.origin}/widget/opencom.js"]
    assert visitor.page.evaluate("() => document.querySelector('opencom-widget') === null && localStorage.length === 0")
    visitor.page.evaluate("() => window.work()")
    expect(messenger.launcher).to_be_visible()
    assert not visitor.sockets


def test_the_page_does_not_move_while_the_messenger_comes_opens_and_is_used(crowd: Crowd, visitor: Any) -> None:
    watch = """<script>
      window.moved = [];
      new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries()) moved.push({ value, page: sources.some(({ node }) => node) });
      }).observe({ type: "layout-shift", buffered: true });
    </script>"""
    messenger = visitor.visit(crowd.shop(before=watch, body="<h1>Acme Bikes</h1>" + "<p>Bikes.</p>" * 60))
    messenger.start()
    messenger.send("Does anything move?")
    messenger.expect_delivered()
    desk = crowd.agent().visit()
    desk.open("Does anything move?")
    assert visitor.page.evaluate("() => moved") == []
    desk.reply("Nothing.")
    messenger.expect_said("Does anything move?", "Nothing.")
    visitor.page.evaluate(IDLE)
    # In an open conversation what was said makes room for what is new; that is the messenger's own.
    assert not any(each["page"] for each in visitor.page.evaluate("() => moved.splice(0)"))
    messenger.launcher.click()
    desk.reply("Not even now.")
    expect(messenger.preview).to_be_visible()
    visitor.page.evaluate(IDLE)
    assert visitor.page.evaluate("() => moved") == []


def test_the_messenger_adds_one_name_to_the_page_and_changes_nothing_else(crowd: Crowd, visitor: Any) -> None:
    look = """() => [
      Object.getOwnPropertyNames(window), getComputedStyle(document.body).cssText, document.body.innerHTML, document.title, location.href,
    ]"""
    before = f"<script>addEventListener('DOMContentLoaded', () => {{ window.first = ({look})(); }}); window.first = null;</script>"
    messenger = visitor.visit(crowd.shop(before=before))
    messenger.start()
    messenger.send("Hello")
    messenger.expect_delivered()
    first, now = visitor.page.evaluate("() => window.first"), visitor.page.evaluate(look)
    assert set(now[0]) - set(first[0]) <= {"OpencomWidget"}
    assert now[1:] == first[1:]


def test_a_single_page_site_keeps_the_messenger_and_the_agent_sees_where_the_visitor_goes(
    crowd: Crowd, visitor: Any
) -> None:
    messenger = visitor.visit(crowd.shop())
    messenger.start()
    messenger.send("Going places")
    messenger.expect_delivered()
    agent = crowd.agent()
    agent.visit().open("Going places")
    panel = agent.page.get_by_role("complementary", name="Visitor")
    expect(panel.get_by_role("link", name="Acme Bikes")).to_be_visible()
    visitor.page.evaluate("() => { document.title = 'The Tourer'; history.pushState(null, '', 'bikes/tourer'); }")
    expect(panel.get_by_role("link", name="The Tourer")).to_have_attribute("href", f"{visitor.page.url}")
    visitor.page.evaluate("() => document.body.replaceWith(document.createElement('body'))")
    messenger.send("Still here")
    visitor.page.evaluate(
        "() => document.documentElement.replaceChildren(document.createElement('head'), document.createElement('body'))"
    )
    expect(messenger.field).to_be_visible()
    messenger.send("And here")
    messenger.expect_said("Going places", "Still here", "And here")
    agent.desk.expect_said("Going places", "Still here", "And here")


def test_what_is_typed_in_the_messenger_is_not_the_pages_to_hear_or_to_take(crowd: Crowd, visitor: Any) -> None:
    eager = """<form id="order"><input id="trap" name="q"><button>Order</button></form><script>
      window.heard = [];
      for (const type of ["keydown", "keypress", "keyup", "focusin", "paste"]) document.addEventListener(type, () => heard.push(type));
      document.addEventListener("focusin", (event) => { if (!order.contains(event.target)) trap.focus(); });
      order.addEventListener("submit", (event) => { heard.push("submit"); event.preventDefault(); });
    </script>"""
    messenger = visitor.visit(crowd.shop(body=eager))
    visitor.page.locator("#trap").focus()
    messenger.start()
    visitor.page.evaluate("() => { window.heard.length = 0; }")
    messenger.field.press_sequentially("Not yours")
    messenger.field.press("Enter")
    messenger.expect_said("Not yours")
    assert visitor.page.evaluate("() => window.heard") == []


def test_a_page_of_an_origin_that_is_not_allowed_shows_nothing_and_keeps_nothing(crowd: Crowd, visitor: Any) -> None:
    visitor.may_complain = True
    address = crowd.shop().replace(crowd.site.origin, crowd.site.elsewhere)
    with visitor.page.expect_event("requestfailed", lambda request: request.url.endswith("/widget/boot")):
        visitor.visit(address)
    visitor.page.wait_for_function("() => localStorage.length === 0")
    kept = visitor.page.evaluate(
        "async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length, document.cookie]"
    )
    assert kept == [0, 0, 0, ""]
    expect(visitor.messenger.host).to_have_count(0)
    assert not visitor.sockets
    # The same page where it is allowed
    expect(visitor.visit(address.replace(crowd.site.elsewhere, crowd.site.origin)).launcher).to_be_visible()
