"""Pages as a person's browser asks for them."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from tests.callers import Caller


def page(caller: Caller, path: str, fragment: str = "", **params: Any) -> Any:
    """Ask for a page, or one fragment of it."""
    headers = {**caller.headers, **({"X-Fragment": fragment} if fragment else {})}
    return caller.client.get(path, params, headers=headers)


def submit(caller: Caller, path: str, **fields: Any) -> Any:
    """Send a form."""
    return caller.client.post(path, fields, headers=caller.headers)


def text_of(response: Any) -> str:
    """Return what a reader sees of a page, in one line."""
    shown = re.sub(r"<(template|script|title)\b.*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", shown)).split())


def keys_of(response: Any, what: str = "row") -> list[str]:
    """Return the keys of the page's rows, in their order."""
    return re.findall(rf'<li class="{what}[^"]*" data-key="([^"]+)"', response.content.decode())
