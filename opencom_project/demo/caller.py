"""An HTTP client for one of many people at once: keeps connections, and tells an answer from silence."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

API = "/api/v1"
SECONDS = 15.0
UNSETTLED = frozenset({425, 429, 500, 502, 503, 504})
"""Answers that don't settle whether the request had an effect, or say to come again: try once more with the same client id."""


class Unanswered(Exception):
    """Nobody knows whether the request had an effect: the connection broke, or no answer came in time."""


class Refused(Exception):
    """The server said no, for good."""

    def __init__(self, reply: Reply) -> None:
        error = reply.data.get("error", {}) if isinstance(reply.data, dict) else {}
        self.reply = reply
        self.status = reply.status
        self.code = str(error.get("code", ""))
        super().__init__(f"{reply.status} {self.code}: {error.get('message', '')} {error.get('fields', '')}")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. ``data`` is its JSON, or None."""

    status: int
    headers: Mapping[str, str]
    data: Any


@dataclass(frozen=True, slots=True)
class Form:
    """A request's body that isn't JSON."""

    type: str
    content: bytes


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@dataclass
class Caller:
    """One client's way to the REST API, with its cookies and headers.

    ``answers`` counts what came back: statuses, and silence by its reason.
    """

    web: str
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = SECONDS
    cookies: dict[str, str] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    closed: bool = False
    _idle: list[_Connection] = field(default_factory=list)

    async def call(self, method: str, path: str, body: object | None = None) -> Reply:
        """Make one request. Raises Unanswered."""
        try:
            async with asyncio.timeout(self.seconds):
                reply = await self._exchange(method, path, body)
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            self.answers[f"silence ({type(error).__name__})"] += 1
            raise Unanswered(f"{method} {path}: {type(error).__name__} {error}") from None
        self.answers[str(reply.status)] += 1
        return reply

    async def upload(self, path: str, name: str, content: bytes) -> Reply:
        """Send one file as a form does. Raises Unanswered."""
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        form = Form(
            f"multipart/form-data; boundary={boundary}", head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        )
        return await self.call("POST", path, form)

    async def insist(self, method: str, path: str, body: object | None = None) -> Reply:
        """Repeat a request until its answer settles it. Only for what may come twice. Raises Refused."""
        pause = 0.2
        while True:
            wait = random.uniform(0, pause)
            try:
                reply = await self.call(method, path, body)
            except Unanswered:
                if self.closed:
                    raise
            else:
                if reply.status not in UNSETTLED:
                    if reply.status >= 400:
                        raise Refused(reply)
                    return reply
                wait += float(reply.headers.get("retry-after", 0) or 0)
            await asyncio.sleep(wait)
            pause = min(pause * 2, 2.0)

    def close(self) -> None:
        """Drop the connections; whoever still insists stops."""
        self.closed = True
        while self._idle:
            self._idle.pop().writer.close()

    async def _exchange(self, method: str, path: str, body: object | None) -> Reply:
        connection = self._idle.pop() if self._idle else await self._connect()
        kept = False
        try:
            connection.writer.write(self._request(method, path, body))
            await connection.writer.drain()
            reply = await _read_reply(connection.reader, method)
            kept = reply.headers.get("connection", "").lower() != "close"
        finally:
            if kept and not self.closed:
                self._idle.append(connection)
            else:
                connection.writer.close()
        self._keep_cookies(reply)
        return reply

    async def _connect(self) -> _Connection:
        parts = urlsplit(self.web)
        secure = ssl.create_default_context() if parts.scheme == "https" else None
        port = parts.port or (443 if secure else 80)
        return _Connection(*await asyncio.open_connection(parts.hostname, port, ssl=secure, limit=2**20))

    def _request(self, method: str, path: str, body: object | None) -> bytes:
        form = (
            body
            if isinstance(body, Form)
            else Form("application/json", b"" if body is None else json.dumps(body).encode())
        )
        headers = {
            "Host": urlsplit(self.web).netloc,
            "Accept": "application/json",
            "Content-Length": str(len(form.content)),
            **({"Content-Type": form.type} if body is not None else {}),
            **(
                {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
            ),
            **self.headers,
        }
        lines = [f"{method} {API}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode("latin-1") + form.content

    def _keep_cookies(self, reply: Reply) -> None:
        for cookie in reply.headers.get("set-cookie", "").split("\n"):
            name, found, rest = cookie.partition("=")
            if found:
                self.cookies[name.strip()] = rest.partition(";")[0]


async def _read_reply(reader: asyncio.StreamReader, method: str) -> Reply:
    """Read one answer. Raises EOFError where the connection ends before it does."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ", 2)[1])
    headers: dict[str, str] = {}
    for line in head[1:]:
        name, found, value = line.partition(":")
        if found:
            key = name.strip().lower()
            # Cookies are the one header that comes several times and can't be joined by a comma.
            headers[key] = f"{headers[key]}\n{value.strip()}" if key in headers else value.strip()
    content = b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        content = await _read_chunks(reader)
    elif method != "HEAD" and status not in (204, 304):
        content = await reader.readexactly(int(headers.get("content-length", 0)))
    is_json = "json" in headers.get("content-type", "")
    return Reply(status, headers, json.loads(content) if content and is_json else None)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    content = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        content += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return content
