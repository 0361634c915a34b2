"""A scan of our own: every page there is, as everybody sees it, by the rules a scanner would go by.

A new page is scanned by existing: the pages are those of the site map.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from apps.core.endpoints import endpoints
from tests.security.cases import case
from tests.security.scene import Scene

PAGES = sorted(
    {
        endpoint.name
        for endpoint in endpoints()
        if endpoint.verb == "GET" and not endpoint.name.startswith(("/api/", "/files/"))
    }
)
OTHERS = ["/admin/login/", "/api/docs/", "/nothing-here/"]
POLICY = ("default-src", "script-src", "style-src", "object-src", "base-uri", "form-action", "frame-ancestors")


class Page(HTMLParser):
    """What a scanner looks at: forms with their fields, addresses, and what runs inline."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.addresses: list[tuple[str, str]] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self._in = ""
        self._in_form = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        # Data in a script element is neither run nor loaded: what search engines read of an article is such data.
        self._in = "" if (tag, named.get("type")) == ("script", "application/ld+json") else tag
        self.elements.append((tag, named))
        if tag == "form":
            self.forms.append({**named, "fields": []})
            self._in_form = True
        elif tag in ("input", "select", "textarea", "button") and self._in_form:
            self.forms[-1]["fields"].append((tag, named))
        self.addresses += [
            (name, value) for name, value in attrs if name in ("src", "href", "action", "formaction") and value
        ]

    def handle_endtag(self, tag: str) -> None:
        self._in = ""
        self._in_form = self._in_form and tag != "form"

    def handle_data(self, data: str) -> None:
        if self._in in ("script", "style") and data.strip():
            self.inline.append(data.strip()[:80])


def shown(scene: Scene, name: str, path: str) -> Any:
    address = re.sub(r"<\w+:(\w+)>", lambda match: str(scene.ids[match.group(1)]), path)
    return scene.person(name).caller.client.get(address, headers={"Accept": "text/html"})


@case("S07", "S08")
@pytest.mark.parametrize("name", ["nobody", "owner", "viewer"])
@pytest.mark.parametrize("path", [*PAGES, *OTHERS])
def test_a_page_gives_a_scanner_nothing_to_report(cell: Scene, path: str, name: str) -> None:
    answer = shown(cell, name, path)
    assert answer.status_code < 500
    headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert not {"Server", "X-Powered-By", "X-AspNet-Version"} & set(headers)
    assert "Access-Control-Allow-Origin" not in headers
    for cookie in answer.cookies.values():
        assert cookie["samesite"] == "Lax"
        assert cookie["httponly"] or cookie.key == settings.CSRF_COOKIE_NAME
    if not headers.get("Content-Type", "").startswith("text/html") or 300 <= answer.status_code < 400:
        return
    policy = {
        part.split()[0]: part.split()[1:] for part in headers["Content-Security-Policy"].split(";") if part.strip()
    }
    assert set(POLICY) <= set(policy)
    assert not [
        word for words in policy.values() for word in words if "unsafe" in word or word in ("*", "http:", "https:")
    ]
    assert headers["X-Frame-Options"] in ("DENY", "SAMEORIGIN")
    page = Page(answer.content.decode())
    assert page.inline == []
    assert [
        tag for tag, named in page.elements if any(word.startswith("on") or word == "style" for word in named)
    ] == []
    assert_addresses(page)
    for form in page.forms:
        assert_form(form)


def assert_addresses(page: Page) -> None:
    for name, address in page.addresses:
        parts = urlsplit(address)
        assert parts.scheme in ("", "http", "https", "mailto", "data"), address
        assert parts.scheme != "data" or name == "src", address
        if name in ("src", "action", "formaction") and parts.netloc:
            assert f"{parts.scheme}://{parts.netloc}" in (
                settings.PUBLIC_URL,
                settings.FILES_URL,
                "http://testserver",
            ), address
    for tag, named in page.elements:
        if tag == "a" and named.get("target") == "_blank":
            assert "noopener" in (named.get("rel") or ""), named
        if tag == "input" and named.get("type") == "password":
            assert named.get("autocomplete") in ("current-password", "new-password"), named


def assert_form(form: dict[str, Any]) -> None:
    """A form that changes something carries the token against forged requests, and none carries secrets in its address."""
    method = (form.get("method") or "get").lower()
    names = [named.get("name") for _tag, named in form["fields"]]
    if method == "post":
        assert "csrfmiddlewaretoken" in names, form
    else:
        assert not [1 for _tag, named in form["fields"] if named.get("type") in ("password", "file")], form


def test_there_are_pages_to_scan() -> None:
    assert len(PAGES) > 10
