"""Files that people attach, and the three ways in which they do."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image
from playwright.sync_api import Locator, Page

PNG = "image/png"


def picture(width: int = 48, height: int = 32) -> bytes:
    """Return a small PNG."""
    kept = io.BytesIO()
    Image.new("RGB", (width, height), "#2f6f4f").save(kept, "PNG")
    return kept.getvalue()


def file(name: str, content: bytes, type_: str = "text/plain") -> Any:
    """Return a file as file inputs take it."""
    return {"name": name, "mimeType": type_, "buffer": content}


def paste_picture(page: Page, field: Locator, content: bytes) -> None:
    """Copy a picture and press the keys that paste it."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async (text) => {
          const blob = new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], { type: "image/png" });
          await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }""",
        base64.b64encode(content).decode(),
    )
    field.press("Control+v")


def drop(page: Page, place: Locator, name: str, content: bytes, type_: str = "text/plain") -> None:
    """Hold a file over a place and let it go there."""
    carried = page.evaluate_handle(
        """({ name, type, text }) => {
          const carried = new DataTransfer();
          carried.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name, { type }));
          return carried;
        }""",
        {"name": name, "type": type_, "text": base64.b64encode(content).decode()},
    )
    for kind in ("dragenter", "dragover", "drop"):
        place.dispatch_event(kind, {"dataTransfer": carried})
