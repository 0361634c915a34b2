"""Our side of uvicorn's WebSocket protocol: frames that are made once go to the transport as they are, and an idle socket keeps little.

Most sockets are idle most of the time, so what each holds is the size of a live process. The standard queue and event bring five deques of
600 bytes; the handshake leaves its request, its response and its headers behind.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from apps.core.frames import Frame
from apps.core.wires import EXTENSION

CLOSE_SECONDS = 5.0


class Mailbox:
    """What ``asyncio.Queue`` is to uvicorn's protocol: one reader, no bound."""

    __slots__ = ("_loop", "_mail", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._mail: list[Any] = []
        self._waiting: asyncio.Future[None] | None = None

    def put_nowait(self, message: Any) -> None:
        self._mail.append(message)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def get(self) -> Any:
        while not self._mail:
            self._waiting = self._loop.create_future()
            await self._waiting
        self._waiting = None
        return self._mail.pop(0)

    def empty(self) -> bool:
        return not self._mail


class Gate:
    """What ``asyncio.Event`` is to uvicorn's protocol: shut while the client is behind with reading."""

    __slots__ = ("_open", "_waiting")

    def __init__(self) -> None:
        self._open = True
        self._waiting: list[asyncio.Future[None]] = []

    def set(self) -> None:
        self._open = True
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    def clear(self) -> None:
        self._open = False

    async def wait(self) -> None:
        while not self._open:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting


class LiveProtocol(WebSocketsSansIOProtocol):
    """Offers itself to the endpoint as a Wire. Without compression all receivers of a frame get the same bytes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.queue = Mailbox(self.loop)  # type: ignore[assignment]
        self.writable = Gate()  # type: ignore[assignment]

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            self._forget_handshake()

    def _forget_handshake(self) -> None:
        """Let go of what only the handshake needed; the scope's headers are one list, whoever has copied the scope."""
        self.scope["headers"].clear()  # type: ignore[attr-defined]
        self.request = None  # type: ignore[assignment]
        self.response = None  # type: ignore[assignment]

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if (scope := getattr(self, "scope", None)) is not None:
            scope["extensions"][EXTENSION] = self

    def write(self, frame: Frame) -> None:
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(frame.wire)

    def lag(self) -> int:
        return self.transport.get_write_buffer_size()

    def close(self, code: int) -> None:
        """Say why, then let go of a client that doesn't answer in time, however much it hasn't read."""
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.send_close(code)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)
