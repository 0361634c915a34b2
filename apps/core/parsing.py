"""Bodies: strict JSON in, plain JSON out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from rest_framework import exceptions
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from apps.core import limits
from apps.core.errors import TooLarge


class StrictJSONParser(JSONParser):
    """JSON within the limits of ``limits``: size, depth, nodes; no NUL, no lone surrogates, no NaN."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        _refuse_other_encodings((parser_context or {}).get("request"))
        body = stream.read(limits.BODY_BYTES + 1)
        if len(body) > limits.BODY_BYTES:
            raise TooLarge()
        return strictly(body) if body else {}


def strictly(body: bytes) -> Any:
    """Return what a body says, within the limits of ``limits``. Raises ParseError."""
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise exceptions.ParseError("This isn't valid JSON.") from error
    _check_shape(data)
    return data


def _refuse_other_encodings(request: Request | None) -> None:
    """Raise UnsupportedMediaType for what would have to be unpacked, or read as another charset than JSON's own."""
    if request is None:
        return
    packed = request.headers.get("Content-Encoding", "identity").lower() != "identity"
    charset = (request._request.content_params or {}).get("charset", "utf-8")
    if packed or charset.strip('"').lower() not in ("utf-8", "utf8"):
        raise exceptions.UnsupportedMediaType(request.content_type)


def _check_shape(data: object) -> None:
    nodes = 0
    level: list[object] = [data]
    for _depth in range(limits.JSON_DEPTH + 1):
        following: list[object] = []
        for node in level:
            nodes += 1
            if isinstance(node, str):
                _check_text(node)
            elif isinstance(node, dict):
                following.extend(node.keys())
                following.extend(node.values())
            elif isinstance(node, list):
                following.extend(node)
            elif isinstance(node, int) and abs(node) > limits.JSON_NUMBER:
                raise exceptions.ParseError("A number is larger than every reader of JSON can tell exactly.", "invalid")
        if nodes > limits.JSON_NODES:
            break
        if not following:
            return
        level = following
    raise exceptions.ParseError("This JSON is nested too deeply or has too many values.")


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise exceptions.ParseError("Text must not contain NUL.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise exceptions.ParseError("Text must be valid Unicode.") from error


class Renderer(BaseRenderer):
    """JSON by msgspec: times as ISO 8601, UUIDs as text."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else msgspec.json.encode(data, enc_hook=str)
