"""Markup and scripts wherever people's words are shown: nothing of them runs, in either browser.

The crowd fails every test in which a dialog opens, a script fails, or a page asks a stranger for anything.
"""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e import files
from tests.e2e.crowd import Crowd

EVIL = "https://evil.example"
PAYLOADS = (
    f'<img src="{EVIL}/a.png" onerror="alert(1)">',
    f'<script src="{EVIL}/a.js"></script><script>alert(2)</script>',
    f'"><svg onload="fetch(\'{EVIL}\')"><animate onbegin="alert(3)" attributeName="x" dur="1s"></svg>',
    f"[press](javascript:alert(4)) [data](data:text/html,<script>alert(5)</script>) ![picture]({EVIL}/b.png)",
    f'<iframe srcdoc="<script>parent.alert(6)</script>"></iframe><link rel="stylesheet" href="{EVIL}/c.css">',
    f'<https://shop.example/" onmouseover="alert(7)> `<b onclick=alert(8)>` [x]({EVIL}/"onmouseover=alert(9)//)',
    f'<form action="{EVIL}"><input autofocus onfocus="alert(10)"></form><base href="{EVIL}/"><meta http-equiv="refresh" content="0;url={EVIL}">',
    "{{ 7 * 7 }} {% csrf_token %} ${alert(11)} <!--><img src=x onerror=alert(12)>-->",
)
ELEMENTS = (
    "img[src*='evil'], img[onerror], script[src*='evil'], svg[onload], iframe[srcdoc], form[action*='evil'], base, "
    "[onmouseover], [onfocus], [onclick]"
)


def test_what_a_visitor_writes_and_is_called_runs_nowhere(crowd: Crowd) -> None:
    name = f'Marta <img src="{EVIL}/name.png" onerror="alert(0)">'
    title = f"<script>alert('title')</script><img src={EVIL}/title.png onerror=alert(0)>"
    settings = {
        "name": name,
        "email": "marta@example.net",
        "attributes": {"<b onclick=alert(0)>plan": f"<img src={EVIL}/plan.png onerror=alert(0)>"},
    }
    visitor = crowd.visitor()
    visitor.page.add_init_script(
        f"window.opencomSettings = {_json(settings)};"
        f"addEventListener('DOMContentLoaded', () => {{ document.title = {_json(title)}; }});"
    )
    messenger = visitor.visit(crowd.shop())
    messenger.start()
    for payload in PAYLOADS:
        messenger.send(payload)
    evil_name = "<img src=x onerror=alert(0)>.png"
    messenger.panel.locator('input[type="file"]').set_input_files(files.file(evil_name, files.picture(), files.PNG))
    messenger.field.press("Enter")
    expect(messenger.panel.locator(".talk a.image img")).to_be_visible()
    messenger.expect_delivered()

    agent = crowd.agent()
    page, desk = agent.page, agent.visit()
    expect(desk.rows).to_contain_text([name])
    desk.rows.first.locator(".row__link").click()
    expect(desk.title).to_have_text(name)
    expect(desk.messages).to_have_count(len(PAYLOADS))
    expect(page.locator("message-list .picture img")).to_have_attribute("alt", evil_name)
    panel = page.get_by_role("complementary", name="Visitor")
    expect(panel.get_by_role("link", name=title)).to_be_visible()
    expect(panel).to_contain_text("<b onclick=alert(0)>plan")
    _assert_inert(page)
    page.locator("message-list .picture").click()
    expect(page.get_by_role("dialog", name="Picture")).to_contain_text(evil_name)
    _assert_inert(page)
    page.keyboard.press("Escape")
    page.goto("/visitors/")
    expect(page.locator("table")).to_contain_text(name)
    expect(page.locator("table")).to_contain_text(title)
    _assert_inert(page)
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name).first).to_be_visible()
    _assert_inert(page)
    # Back on their own side, after a reload
    visitor.page.reload()
    expect(messenger.panel.locator(".talk a.image img")).to_be_visible()
    _assert_inert(visitor.page)


def test_what_a_member_writes_and_is_called_runs_nowhere(crowd: Crowd) -> None:
    visitor, messenger, agent, desk = crowd.talking("Tell me something")
    user = agent.caller.member.user
    user.name = f"Ada <img src={EVIL}/ada.png onerror=alert(0)>"
    user.save()
    for payload in PAYLOADS:
        desk.reply(payload)
    desk.note(PAYLOADS[0])
    desk.composer.locator('input[type="file"]').set_input_files(files.file("<img src=x onerror=alert(0)>.txt", b"text"))
    expect(desk.composer.locator(".upload__name")).to_have_text("<img src=x onerror=alert(0)>.txt")
    expect(desk.composer.locator(".upload progress")).to_have_count(0)
    desk.reply("With a file")
    expect(messenger.bubbles).to_have_count(len(PAYLOADS) + 2)
    expect(messenger.panel.locator(".talk a.file")).to_contain_text("<img src=x onerror=alert(0)>.txt")
    expect(messenger.panel.locator(".head h2")).to_contain_text("onerror")
    _assert_inert(visitor.page)
    _assert_inert(agent.page)
    messenger.launcher.click()
    desk.reply(PAYLOADS[0])
    expect(messenger.preview).to_contain_text("<img src=")
    _assert_inert(visitor.page)
    # A draft is text too.
    with agent.page.expect_response(
        lambda response: response.url.endswith("/draft") and response.request.method == "PUT"
    ):
        desk.write("Reply", PAYLOADS[2])
    agent.page.reload()
    expect(desk.field).to_have_value(PAYLOADS[2])
    _assert_inert(agent.page)


def test_what_is_searched_for_is_shown_as_text(crowd: Crowd) -> None:
    agent = crowd.agent()
    for path in ("/inbox/open/", "/visitors/"):
        agent.page.goto(path + '?q="><img src=x onerror=alert(1)><script>alert(2)</script>')
        expect(agent.page.get_by_text("<script>alert(2)</script>", exact=False).first).to_be_visible()
        _assert_inert(agent.page)
    agent.page.goto("/sign-in/?next=javascript:alert(1)")
    _assert_inert(agent.page)


def _json(value: Any) -> str:
    """Return a value as a script may hold it."""
    return json.dumps(value).replace("</", "<\\/")


def _assert_inert(page: Page) -> None:
    """No element that a payload names has come to be, and no link leads to a script."""
    expect(page.locator(ELEMENTS)).to_have_count(0)
    hrefs = page.locator("a[href]").evaluate_all("(links) => links.map((link) => link.protocol)")
    assert set(hrefs) <= {"http:", "https:", "mailto:"}, hrefs
