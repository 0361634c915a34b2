"""Files that people send: what they really are, how they are named and handed out.

The type comes from the content, never from a name or a header. Pictures are decoded and written anew, which leaves out everything that isn't
picture (positions, comments, appended programs). Nothing is ever served as a page.
"""

from __future__ import annotations

import io
import json
import unicodedata
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from PIL import Image, ImageOps, UnidentifiedImageError

from apps.core import limits

PICTURES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
INLINE = frozenset(PICTURES.values())
GIF_FRAMES = 500
TEXTS = {".txt": "text/plain", ".csv": "text/csv", ".json": "application/json"}


class NotAccepted(ValueError):
    """This isn't a file that can be sent. The message says why."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file as it will be kept."""

    content: bytes
    content_type: str
    width: int | None = None
    height: int | None = None


def inspect(content: bytes, name: str) -> Inspected:
    """Find out what a file is and return it as it will be kept. Raises NotAccepted."""
    if not content:
        raise NotAccepted("The file is empty.")
    if content.startswith(b"%PDF-"):
        return Inspected(content, "application/pdf")
    if content.startswith(b"PK\x03\x04") and _is_zip(content):
        return Inspected(content, "application/zip")
    picture = _picture(content)
    return picture or _text(content, name)


def _is_zip(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return bool(archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def _picture(content: bytes) -> Inspected | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=list(PICTURES)) as image:
                if image.width * image.height > limits.ATTACHMENT_PIXELS:
                    raise NotAccepted("The picture has too many pixels.")
                return _rewritten(image, content)
    except UnidentifiedImageError:
        return None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        if isinstance(error, NotAccepted):
            raise
        raise NotAccepted("The picture is damaged.") from error


def _rewritten(image: Image.Image, content: bytes) -> Inspected:
    kind = image.format or ""
    if kind == "GIF":
        if getattr(image, "n_frames", 1) > GIF_FRAMES:
            raise NotAccepted(f"An animation may have at most {GIF_FRAMES} pictures.")
        image.load()
        return Inspected(content, PICTURES[kind], image.width, image.height)
    upright = ImageOps.exif_transpose(image)
    kept = io.BytesIO()
    options: dict[str, Any] = {"quality": 88} if kind != "PNG" else {"optimize": False}
    if upright.info.get("icc_profile"):
        options["icc_profile"] = upright.info["icc_profile"]
    upright.info = {}
    upright.save(kept, kind, **options)
    return Inspected(kept.getvalue(), PICTURES[kind], upright.width, upright.height)


def _text(content: bytes, name: str) -> Inspected:
    suffix = PurePosixPath(name.lower()).suffix
    if suffix not in TEXTS:
        raise NotAccepted("Send a picture (PNG, JPEG, GIF, WebP), a PDF, a text, CSV, JSON or ZIP file.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotAccepted("The file isn't text in UTF-8.") from error
    if "\x00" in text or text.lstrip()[:1] == "<":
        raise NotAccepted("The file isn't plain text.")
    if suffix == ".json":
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            raise NotAccepted("The file isn't JSON.") from error
    return Inspected(content, TEXTS[suffix])


def clean_name(name: str) -> str:
    """Return the name to show for a file: the last part, without control or direction characters, at most 120 characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    visible = "".join(char for char in unicodedata.normalize("NFC", last) if unicodedata.category(char)[0] != "C")
    trimmed = visible.strip(" .")
    if len(trimmed) > 120:
        path = PurePosixPath(trimmed)
        trimmed = path.stem[: 120 - len(path.suffix)] + path.suffix[:20]
    return trimmed or "file"


def headers(name: str, content_type: str) -> dict[str, str]:
    """Return the headers a file is served with: never a page, never sniffed, no scripts, nothing loaded."""
    disposition = "inline" if content_type in INLINE else "attachment"
    fallback = "".join(char if char.isascii() and (char.isalnum() or char in "-_. ") else "_" for char in name)
    return {
        "Content-Disposition": f"{disposition}; filename=\"{fallback}\"; filename*=UTF-8''{quote(name)}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": f"private, max-age={limits.FILE_URL_SECONDS}",
    }
