"""What holds for every page: nothing inline, everything labelled, nothing kept by a cache, little to load."""

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from apps.core import live
from apps.workspaces.models import Workspace
from tests import factories
from tests.callers import nobody, signed_in
from tests.pages.browsing import page, submit, text_of

pytestmark = pytest.mark.django_db

STATIC = Path(settings.STATICFILES_DIRS[0])
FIRST_VIEW_BYTES = 150_000
MODULE_LINES = 170
PATHS = [
    "/sign-in/",
    "/inbox/",
    "/inbox/open/{conversation}/",
    "/visitors/",
    "/visitors/{visitor}/",
    "/settings/messenger/",
    "/settings/messenger/preview/",
    "/settings/members/",
    "/settings/password/",
    "/sign-up/",
    "/reset/",
    "/settings/security/",
    "/settings/installation/",
]


class Elements(HTMLParser):
    """Collects every element with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[tuple[str, dict[str, str | None]]] = []
        self.inline = 0
        self._tag = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))
        self._tag = tag

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag in ("script", "style") and data.strip():
            self.inline += 1


@pytest.fixture(params=PATHS)
def response(request: pytest.FixtureRequest, workspace: Workspace) -> Any:
    visitor = factories.make_visitor(workspace, name="Maya", attributes={"plan": "Pro"})
    conversation = factories.start(visitor, "Hello")
    path = request.param.format(conversation=conversation.pk, visitor=visitor.pk)
    caller = nobody() if path in ("/sign-in/", "/sign-up/", "/reset/") else signed_in(workspace, "owner")
    return page(caller, path)


def test_a_page_has_nothing_inline_so_that_its_policy_can_forbid_it(response: Any) -> None:
    elements = Elements(response.content.decode())
    assert elements.inline == 0
    for tag, attributes in elements.all:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
    policy = response["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_a_page_of_the_dashboard_is_never_kept(response: Any) -> None:
    assert response["Cache-Control"] == "no-store"


def test_every_control_has_a_name(response: Any) -> None:
    html = response.content.decode()
    elements = Elements(html).all
    labelled = {attributes.get("for") for tag, attributes in elements if tag == "label"}
    for tag, attributes in elements:
        if tag in ("input", "textarea", "select") and attributes.get("type") not in ("hidden", "checkbox", "radio"):
            assert attributes.get("aria-label") or attributes.get("id") in labelled, attributes
    for button in re.findall(
        r"<button\b.*?</button>", re.sub(r"<template\b.*?</template>", "", html, flags=re.DOTALL), re.DOTALL
    ):
        text = re.sub(r"<[^>]+>", "", button).strip()
        hidden_until_filled = "hidden" in button.split(">", 1)[0]
        assert text or "aria-label" in button or hidden_until_filled, button


def test_ids_are_unique(response: Any) -> None:
    ids = [attributes["id"] for _, attributes in Elements(response.content.decode()).all if "id" in attributes]
    assert len(ids) == len(set(ids))


def modules_of(entry: Path) -> set[Path]:
    """Return a module with everything it imports."""
    found: set[Path] = set()
    waiting = [entry]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += [
                module.parent / name for name in re.findall(r'(?:from|import) "\./([^"]+)"', module.read_text())
            ]
    return found


def test_the_first_view_of_the_inbox_is_light(workspace: Workspace) -> None:
    conversation = factories.start(factories.make_visitor(workspace))
    shown = page(signed_in(workspace), f"/inbox/open/{conversation.pk}/").content
    linked = re.findall(rf'(?:href|src)="{settings.STATIC_URL}([^"#]+)', shown.decode())
    files = {STATIC / re.sub(r"\.[0-9a-f]{12}\.", ".", name) for name in linked}
    for entry in [file for file in files if file.suffix == ".js"]:
        files |= modules_of(entry)
    total = len(gzip.compress(shown)) + sum(len(gzip.compress(file.read_bytes())) for file in files)
    assert total < FIRST_VIEW_BYTES


def test_every_module_is_small_and_says_what_it_is_for() -> None:
    for module in (STATIC / "js").glob("*.js"):
        text = module.read_text()
        assert text.startswith("// "), module.name
        assert len(text.splitlines()) < MODULE_LINES, module.name


def test_every_icon_that_is_asked_for_is_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons" / "sprite.svg").read_text()))
    templates = STATIC.parent / "templates"
    asked = {
        name for file in templates.rglob("*.html") for name in re.findall(r'{% icon "([^"]+)" %}', file.read_text())
    }
    assert asked <= drawn


@pytest.mark.parametrize(
    ("path", "role", "status", "words"),
    [
        ("/no/such/page/", "owner", 404, "This page doesn't exist"),
        ("/settings/security/", "viewer", 403, "Your role doesn't include this"),
    ],
)
def test_a_refusal_is_a_page_that_leads_on(workspace: Workspace, path: str, role: str, status: int, words: str) -> None:
    refused = page(signed_in(workspace, role), path)
    assert refused.status_code == status
    assert words in text_of(refused)
    assert 'href="/"' in refused.content.decode()


def test_a_form_from_a_stale_page_is_refused_in_words(workspace: Workspace) -> None:
    caller = signed_in(workspace)
    caller.client.handler.enforce_csrf_checks = True
    refused = submit(caller, "/sign-out/")
    assert refused.status_code == 403
    assert "too old to send" in text_of(refused)
    assert page(caller, "/inbox/").status_code == 200


def test_a_page_shows_what_the_socket_would_send(workspace: Workspace) -> None:
    caller = signed_in(workspace)
    conversation = factories.start(factories.make_visitor(workspace, name="Maya"), "Is **this** the same?")
    shown = page(caller, f"/inbox/open/{conversation.pk}/").content.decode()
    about = {"conversation": str(conversation.pk)}
    of_visitor = {"visitor": str(conversation.visitor_id)}
    for name, params in {
        "conversations.listForInbox": {"status": "open"},
        "messages.list": about,
        "conversations.get": about,
        "visitors.get": of_visitor,
        "conversations.listByVisitor": of_visitor,
    }.items():
        query, _ = live.find(caller.member, name, params)
        data = live.snapshot(caller.member, name, params).data
        for item in data.get("items", [data]):
            assert query.render(item, caller.member) in shown, name
