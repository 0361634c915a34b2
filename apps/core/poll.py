"""Long polling: the same live queries, one frame a request, for clients whose network blocks WebSockets.

``GET /live/poll?query=…&params=…&from=…&wait=25`` with ``Authorization: Bearer wst_…`` answers with the first frame that says something new, or 204.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qs

import msgspec
from django.core.exceptions import PermissionDenied
from django.db import Error as DatabaseError

from apps.core import hub, limits, live
from apps.core.frames import Frame
from apps.core.hub import Identity, Socket
from apps.core.live import BadParams, UnknownQuery
from apps.core.slots import ask
from apps.core.socket import Receive, Scope
from apps.core.wires import Send

WAIT_SECONDS_MOST = 25.0
FORBIDDEN = 403
"""The one answer that a page of a refused origin may not read; every other it must understand."""
NOTHING_NEW = b'"items":[]}'


STATUSES = {"not_found": 404, "internal": 500}
"""How an error frame is answered, by its code; a frame without one is an answer."""


class Refusal(msgspec.Struct):
    """As much of a frame as says whether it refuses."""

    code: str = ""


class OneFrame:
    """A wire that keeps the first frame worth answering with."""

    def __init__(self) -> None:
        self.frame: asyncio.Future[Frame | None] = asyncio.get_running_loop().create_future()

    def write(self, frame: Frame) -> None:
        worth = (
            b'"type":"ready"' not in frame.text[:40]
            and not frame.text.endswith(NOTHING_NEW)
            and b'"resync"' not in frame.text[:40]
        )
        if worth and not self.frame.done():
            self.frame.set_result(frame)

    def lag(self) -> int:
        return 0

    def close(self, code: int) -> None:
        if not self.frame.done():
            self.frame.set_result(None)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one long poll."""
    if scope["method"] == "OPTIONS":
        await _answer(send, 204, b"", _cors(scope))
        return
    status, body = await _poll(scope) if scope["method"] == "GET" else _error(405, "method_not_allowed", "Use GET.")
    await _answer(send, status, body, _cors(scope) if status != FORBIDDEN else _cors(scope)[:1])


async def _poll(scope: Scope) -> tuple[int, bytes]:
    headers = dict(scope["headers"])
    asked = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme != "Bearer":
        return _error(401, "not_authenticated", "Send the session token as Authorization: Bearer wst_…")
    centre = hub.current()
    origin = headers[b"origin"].decode("latin-1") if b"origin" in headers else None
    try:
        identity = await centre.work(_identify, token, origin)
        if identity is None:
            return _error(401, "session_expired", "Boot again.")
        query, params = live.find(
            identity.actor, asked.get("query", ""), msgspec.json.decode(asked.get("params", "{}"))
        )
        wait = _wait(asked.get("wait", ""))
    except (PermissionDenied, UnknownQuery):
        return _error(403, "forbidden", "You may not read this.")
    except (BadParams, msgspec.DecodeError, ValueError) as error:
        return _error(400, "invalid", str(error))
    except limits.Limited:
        return _error(429, "rate_limited", "Slow down.")
    except DatabaseError:
        return _error(503, "unavailable", "Try again in a moment.")
    wire = OneFrame()
    socket = Socket(wire)
    centre.enter(socket)
    try:
        centre.welcome(socket, identity)
        centre.subscribe(socket, "poll", query, params, asked.get("from"), html=False)
        frame = await asyncio.wait_for(asyncio.shield(wire.frame), wait)
    except TimeoutError:
        return 204, b""
    finally:
        centre.leave(socket)
    if frame is None:
        return _error(401, "session_expired", "Boot again.")
    return STATUSES.get(msgspec.json.decode(frame.text, type=Refusal).code, 200), frame.text


def _wait(asked: str) -> float:
    """Return for how many seconds to wait. Raises ValueError for what isn't a number of seconds."""
    seconds = float(asked or WAIT_SECONDS_MOST)
    if not seconds >= 0:  # also true of NaN
        raise ValueError("wait is a number of seconds.")
    return min(seconds, WAIT_SECONDS_MOST)


def _identify(token: str, origin: str | None) -> Identity | None:
    live.epoch()
    identities: list[Identity] = ask("live.token", token, origin)
    return identities[0] if identities else None


def _cors(scope: Scope) -> list[tuple[bytes, bytes]]:
    origin = dict(scope["headers"]).get(b"origin")
    if origin is None:
        return [(b"vary", b"Origin")]
    return [
        (b"vary", b"Origin"),
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-headers", b"authorization"),
        (b"access-control-max-age", b"86400"),
    ]


def _error(status: int, code: str, message: str) -> tuple[int, bytes]:
    return status, live.encode({"error": {"code": code, "message": message, "request_id": uuid.uuid4().hex[:16]}})


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    start: MutableMapping[str, Any] = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", b"application/json"),
            (b"cache-control", b"no-store"),
            (b"content-length", str(len(body)).encode()),
            *headers,
        ],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})
