"""A client of the live socket, written from its documentation: holds its subscriptions over any number of connections."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Origin

from opencom_project.demo.caller import Unanswered
from opencom_project.demo.history import History, digest

READY_SECONDS = 10.0
LONGEST_PAUSE = 5.0

Frame = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pass:
    """How to open a socket now: the address, the credential's name and value, and headers."""

    url: str
    credential: dict[str, str]
    origin: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class View:
    """What a client holds of one live query."""

    id: str
    query: str
    params: dict[str, Any]
    version: str | None = None
    asked: int = 0
    answered: bool = False
    """Whether this connection has answered it."""

    def snapshot(self, data: dict[str, Any]) -> None:
        """Take in the whole."""

    def delta(self, items: list[dict[str, Any]]) -> bool:
        """Take in what is new; False where something must be missing before it."""
        return True

    def frame(self) -> Frame:
        """Return the frame that asks for it, from what is held."""
        since = {"from": self.version} if self.version else {}
        return {"type": "sub", "id": self.id, "query": self.query, "params": self.params, **since}


@dataclass
class LogView(View):
    """A conversation's log, up to ``at``. Every entry that comes is recorded."""

    client: str = ""
    log: str = ""
    history: History = field(default_factory=History)
    at: int = 0
    on_item: Callable[[dict[str, Any]], None] = lambda _: None
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def conversation(self) -> str:
        return str(self.params["conversation"])

    def snapshot(self, data: dict[str, Any]) -> None:
        items = data["items"]
        head = items[-1]["seq"] if items else 0
        kept = [[item["seq"], item["id"], digest(item["body"])] for item in items]
        self.history.record(
            "snap", client=self.client, log=self.log, conv=self.conversation, head=head, asked=self.asked, items=kept
        )
        for item in items:
            if item["seq"] > self.at:
                self.on_item(item)
        self.at = head
        self._moved.set()

    def delta(self, items: list[dict[str, Any]]) -> bool:
        for item in items:
            if item["seq"] > self.at + 1:
                return False
            self.history.record(
                "see",
                client=self.client,
                log=self.log,
                conv=self.conversation,
                seq=item["seq"],
                id=item["id"],
                h=digest(item["body"]),
            )
            if item["seq"] == self.at + 1:
                self.at += 1
                self.on_item(item)
        self._moved.set()
        return True

    async def reach(self, at: int) -> None:
        """Return when so many entries are there."""
        while self.at < at:
            self._moved.clear()
            await self._moved.wait()


@dataclass
class RowsView(View):
    """A list: its rows by key, each in its highest version."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    on_row: Callable[[dict[str, Any]], None] = lambda _: None

    def snapshot(self, data: dict[str, Any]) -> None:
        self.rows = {}
        self.delta(data["items"])

    def delta(self, items: list[dict[str, Any]]) -> bool:
        for row in items:
            held = self.rows.get(row["key"])
            if held is not None and held["version"] > row["version"]:
                continue
            self.rows[row["key"]] = row
            if not row.get("removed"):
                self.on_row(row)
        return True

    def listed(self) -> dict[str, int]:
        """Return the rows that are in the list, with their versions."""
        return {key: row["version"] for key, row in self.rows.items() if not row.get("removed")}


@dataclass
class ValueView(View):
    """A value."""

    value: dict[str, Any] | None = None

    def snapshot(self, data: dict[str, Any]) -> None:
        self.value = data


@dataclass
class LiveClient:
    """One tab's socket: connects, subscribes, notices when it is deaf, comes back with its cursors.

    ``counts`` says what happened to it: connects, closes by code, resyncs, holes.
    """

    open_pass: Callable[[], Awaitable[Pass]]
    on_refused: Callable[[], Awaitable[None]] | None = None
    ping_seconds: float = 25.0
    pong_seconds: float = 10.0
    """How long the answer to a ping may take before the connection counts as dead."""
    receive_bytes: int = 0
    """The size of the socket's buffer; 0 leaves it to the system."""
    views: dict[str, View] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    online: asyncio.Event = field(default_factory=asyncio.Event)
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    _socket: ClientConnection | None = None
    _task: asyncio.Task[None] | None = None
    _ended: bool = False
    _pong: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self) -> None:
        """Connect, and stay connected."""
        self.reading.set()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Close for good."""
        self._ended = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def cut(self) -> None:
        """Break the connection off, as a network does."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def subscribe(self, view: View) -> None:
        """Hold this view from now on, over every connection."""
        self.views[view.id] = view
        await self._send_sub(view)

    async def unsubscribe(self, id_: str) -> None:
        """Let a view go."""
        if self.views.pop(id_, None) is not None:
            await self._send({"type": "unsub", "id": id_})

    async def resubscribe(self, view: View) -> None:
        """Ask once more, from what is held."""
        await self._send({"type": "unsub", "id": view.id})
        await self._send_sub(view)

    async def _send_sub(self, view: View) -> None:
        view.asked, view.answered = time.monotonic_ns(), False
        await self._send(view.frame())

    async def _send(self, frame: Frame) -> None:
        if self._socket is not None and self.online.is_set():
            try:
                await self._socket.send(json.dumps(frame))
            except ConnectionClosed:
                # The reader notices too, and every view is asked for again on the next connection.
                return

    async def _run(self) -> None:
        attempt = 0
        while not self._ended:
            try:
                await self._connect_once()
            except (OSError, TimeoutError, WebSocketException, Unanswered) as error:
                self.counts[_name(error)] += 1
                if _code(error) in (4401, 4403) and self.on_refused is not None:
                    await self.on_refused()
            attempt = 0 if self.online.is_set() else attempt + 1
            self.online.clear()
            self._socket = None
            await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.5 * 2 ** min(attempt, 10))))

    async def _connect_once(self) -> None:
        way = await self.open_pass()
        options: dict[str, Any] = {"sock": await self._narrow_socket(way.url)} if self.receive_bytes else {}
        async with connect(
            way.url,
            origin=Origin(way.origin),
            additional_headers=way.headers,
            compression=None,
            proxy=None,
            ping_interval=None,
            open_timeout=READY_SECONDS,
            close_timeout=0.5,
            max_size=None,
            **options,
        ) as connection:
            await connection.send(json.dumps({"type": "hello", **way.credential}))
            async with asyncio.timeout(READY_SECONDS):
                ready = json.loads(await connection.recv())
            if ready["type"] != "ready":
                raise OSError(f"greeted with {ready['type']}")
            self._socket = connection
            self.online.set()
            self.counts["connects"] += 1
            for view in list(self.views.values()):
                await self._send_sub(view)
            pinging = asyncio.get_running_loop().create_task(self._ping_for_ever(connection))
            try:
                await self._read_for_ever(connection)
            finally:
                pinging.cancel()

    async def _narrow_socket(self, url: str) -> socket.socket:
        parts = urlsplit(url)
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_bytes)
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, (parts.hostname, parts.port))
        return made

    async def _read_for_ever(self, connection: ClientConnection) -> None:
        while True:
            await self.reading.wait()
            await self._hear(json.loads(await connection.recv()))

    async def _ping_for_ever(self, connection: ClientConnection) -> None:
        while True:
            await asyncio.sleep(self.ping_seconds * random.uniform(0.8, 1))
            self._pong.clear()
            await self._send({"type": "ping"})
            try:
                async with asyncio.timeout(self.pong_seconds):
                    await self._pong.wait()
            except TimeoutError:
                if self.reading.is_set():
                    self.counts["deaf"] += 1
                    connection.transport.abort()
                    return

    async def _hear(self, frame: Frame) -> None:
        view = self.views.get(frame.get("id", ""))
        match frame["type"]:
            case "snapshot" if view is not None:
                view.snapshot(frame["data"])
                view.version, view.answered = frame["version"], True
            case "delta" if view is not None:
                if view.delta(frame["items"]):
                    view.version, view.answered = frame["version"] or view.version, True
                else:
                    self.counts["holes"] += 1
                    await self.resubscribe(view)
            case "resync" if view is not None:
                self.counts["resyncs"] += 1
                view.version = None
            case "pong":
                self._pong.set()
                await self._compare(frame["heads"])
            case "error":
                self.counts[f"error {frame['code']}"] += 1

    async def _compare(self, heads: dict[str, str]) -> None:
        """Frames come in order, so whoever holds less than the heartbeat says has missed a frame."""
        for id_, version in heads.items():
            view = self.views.get(id_)
            if isinstance(view, LogView) and view.answered and view.version != version:
                self.counts["missed"] += 1
                await self.resubscribe(view)


def _code(error: BaseException) -> int:
    return error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd is not None else 0


def _name(error: BaseException) -> str:
    if isinstance(error, ConnectionClosed):
        return f"closed {_code(error) or 'abruptly'}"
    return type(error).__name__
