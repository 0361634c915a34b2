"""The messenger's files, from its build: the loader for minutes, everything with a hash in its name for ever."""

from __future__ import annotations

import gzip
import mimetypes
import re
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

NAME = re.compile(r"(opencom\.js|manifest\.json|a/[A-Za-z0-9_.-]+)", re.ASCII)
LOADER_SECONDS = 300


@require_safe
def serve(request: HttpRequest, name: str) -> HttpResponse:
    """Serve one file, compressed where the browser takes it."""
    path = settings.WIDGET_DIST / name
    if not NAME.fullmatch(name) or not path.is_file():
        raise Http404
    plain, packed = _content(path, path.stat().st_mtime_ns)
    zipped = "gzip" in request.headers.get("Accept-Encoding", "")
    response = HttpResponse(
        packed if zipped else plain, content_type=mimetypes.guess_type(name)[0] or "application/octet-stream"
    )
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    immutable = name.startswith("a/")
    response.headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if immutable else f"public, max-age={LOADER_SECONDS}"
    )
    response.headers["Vary"] = "Accept-Encoding"
    return response


@cache
def _content(path: Path, _changed: int) -> tuple[bytes, bytes]:
    plain = path.read_bytes()
    return plain, gzip.compress(plain, 9, mtime=0)
