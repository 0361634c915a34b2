"""Bare HTTP and WebSocket clients: they cost little, so that what is measured is the server."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import Callable, Mapping
from typing import cast

OnFrame = Callable[["Frames", bytes], None]


class Broken(Exception):
    """The other side closed the connection or said what we don't understand."""


class Http(asyncio.Protocol):
    """One connection that is kept open, one request on it at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._buffer = bytearray()
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._need = -1
        self._status = 0

    @classmethod
    async def open(cls, port: int) -> Http:
        """Connect to a server on this machine."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    async def request(self, request: bytes) -> tuple[int, bytes]:
        """Send a request as it is and return the answer's status and body. Raises Broken."""
        if self.transport.is_closing():
            raise Broken("the connection was closed")
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        try:
            return await self._waiting
        finally:
            self._waiting = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._need < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[:end]).lower()
            self._status = int(head[9:12])
            _, found, rest = head.partition(b"\r\ncontent-length:")
            if not found and self._status != 204:
                self._fail("an answer without a length")
                return
            self._need = int(rest.partition(b"\r\n")[0]) if found else 0
            del self._buffer[: end + 4]
        if len(self._buffer) >= self._need:
            body = bytes(self._buffer[: self._need])
            del self._buffer[: self._need]
            self._need = -1
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_result((self._status, body))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the connection was closed")

    def _fail(self, why: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Broken(why))

    def close(self) -> None:
        self.transport.abort()


def request(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Write a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Frames(asyncio.Protocol):
    """A WebSocket client that hands every text frame to a function."""

    __slots__ = ("_buffer", "_is_open", "_request", "closed_with", "on_frame", "opened", "tag", "transport")

    def __init__(self, head: bytes, on_frame: OnFrame) -> None:
        self.on_frame = on_frame
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed_with: int | None = None
        self.transport: asyncio.Transport
        self.tag: object = None
        """Whatever the caller knows this client by."""
        self._request = head
        self._buffer = b""
        self._is_open = False

    @classmethod
    async def open(cls, port: int, path: str, headers: Mapping[str, str], on_frame: OnFrame) -> Frames:
        """Connect and shake hands. Raises Broken where the server refuses."""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: cls(head, on_frame), "127.0.0.1", port)
        await client.opened
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)
        self._request = b""

    def send(self, text: bytes) -> None:
        """Send a text frame. Its mask is zero, which leaves the text as it is."""
        size = len(text)
        if size < 126:
            head = struct.pack("!BB", 0x81, 0x80 | size)
        elif size < 65536:
            head = struct.pack("!BBH", 0x81, 0xFE, size)
        else:
            head = struct.pack("!BBQ", 0x81, 0xFF, size)
        self.transport.write(head + b"\0\0\0\0" + text)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if not self._is_open:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = buffer
                return
            if not buffer.startswith(b"HTTP/1.1 101"):
                self._refused(buffer[:60].decode("latin-1"))
                return
            self._is_open = True
            buffer = buffer[end + 4 :]
            self.opened.set_result(None)
        self._buffer = self._read(buffer)

    def _read(self, buffer: bytes) -> bytes:
        """Hand out the whole frames in the buffer and return what is left of it."""
        at = 0
        while len(buffer) - at >= 2:
            kind, size, start = buffer[at] & 15, buffer[at + 1] & 127, at + 2
            if size == 126:
                if len(buffer) - at < 4:
                    break
                size, start = struct.unpack_from("!H", buffer, at + 2)[0], at + 4
            elif size == 127:
                if len(buffer) - at < 10:
                    break
                size, start = struct.unpack_from("!Q", buffer, at + 2)[0], at + 10
            if len(buffer) - start < size:
                break
            at = start + size
            if kind == 1:
                self.on_frame(self, buffer[start:at])
            elif kind == 9:
                # The server's own ping; whoever doesn't answer it is let go after twenty seconds.
                self.transport.write(struct.pack("!BB", 0x8A, 0x80 | size) + b"\0\0\0\0" + buffer[start:at])
            elif kind == 8:
                self.closed_with = struct.unpack_from("!H", buffer, start)[0] if size >= 2 else 1005
                self.transport.abort()
        return buffer[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        self._refused("the connection was closed")

    def _refused(self, why: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(Broken(why))
            self.transport.abort()

    def close(self) -> None:
        self.transport.abort()
