"""Wires: how bytes leave towards one client, whatever server runs us."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from apps.core.frames import Frame

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

EXTENSION = "opencom.wire"
"""The key in an ASGI scope's extensions under which our own server protocol offers a Wire."""


class Wire(Protocol):
    """One client's outgoing side. Neither call waits."""

    def write(self, frame: Frame) -> None: ...

    def lag(self) -> int:
        """Return how many bytes wait for this client."""

    def close(self, code: int) -> None: ...


class PlainWire:
    """A wire over ASGI's ``send``: one task while something waits, none while nothing does."""

    __slots__ = ("_closing", "_lag", "_pump", "_send", "_waiting")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: deque[Frame] = deque()
        self._lag = 0
        self._closing: int | None = None
        self._pump: asyncio.Task[None] | None = None

    def write(self, frame: Frame) -> None:
        if self._closing is None:
            self._waiting.append(frame)
            self._lag += len(frame.text)
            self._start()

    def lag(self) -> int:
        return self._lag

    def close(self, code: int) -> None:
        if self._closing is None:
            self._closing = code
            self._start()

    def _start(self) -> None:
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._waiting:
                frame = self._waiting.popleft()
                await self._send({"type": "websocket.send", "text": frame.text.decode()})
                self._lag -= len(frame.text)
            if self._closing is not None:
                await self._send({"type": "websocket.close", "code": self._closing})
        except (OSError, RuntimeError):
            # The client is gone; its endpoint hears of it and leaves the hub.
            self._waiting.clear()
        finally:
            self._pump = None
