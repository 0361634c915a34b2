"""The live process in a thread, clients for its sockets, and a count of the queries it makes."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any, Self

import uvicorn
from django.db import connection
from django.db.backends.signals import connection_created
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from apps.core import hub, whispers
from tests.callers import Booted, SignedIn

SECONDS = 5.0
"""How long a test waits for a frame that must come."""


class Server(uvicorn.Server):
    """Uvicorn, that ends when it is told and not at the next tick."""

    async def main_loop(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.ended = asyncio.Event()
        await self.ended.wait()

    async def shutdown(self, sockets: Any = None) -> None:
        for server in self.servers:
            server.close()
        for open_connection in list(self.server_state.connections):
            open_connection.shutdown()
        for task in list(self.server_state.tasks):
            task.cancel()

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.ended.set)


class LiveThread:
    """The same application and protocol that production runs, on a free port, beside the test."""

    def __init__(self) -> None:
        config = uvicorn.Config(
            "opencom_project.asgi:application",
            port=0,
            ws="opencom_project.live_protocol:LiveProtocol",
            lifespan="off",
            log_config=None,
            access_log=False,
            log_level="warning",
        )
        self.server = Server(config)
        self.thread = threading.Thread(target=self.server.run, name="live", daemon=True)
        self.open: list[LiveSocket] = []

    def __enter__(self) -> Self:
        whispers.memory.__init__()  # type: ignore[misc]
        self.thread.start()
        wait_until(lambda: self.server.started, "the live thread listens")
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        for socket in self.open:
            socket.close()
        centres = [found for loop, found in hub._hubs.items() if loop is self.server.loop]
        self.server.end()
        self.thread.join(10)
        assert not self.thread.is_alive()
        for centre in centres:
            # What it was still writing must not appear in the next test.
            centre._readers.shutdown(wait=True)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/"

    @property
    def poll_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/live/poll"

    @property
    def hub(self) -> hub.Hub:
        """The hub of the thread's event loop."""
        return next(found for loop, found in hub._hubs.items() if loop is self.server.loop)

    def connect(self, origin: str | None = None, path: str = "", max_queue: int | None = None) -> LiveSocket:
        """Open a socket that hasn't said anything yet; with ``max_queue`` it stops reading when so many frames wait."""
        socket = LiveSocket(self.url + path, origin, max_queue=max_queue)
        self.open.append(socket)
        return socket

    def socket_of(self, caller: Booted | SignedIn) -> LiveSocket:
        """Open a socket and say who it is."""
        return greeted(self.connect(caller.headers["Origin"]), caller)


class LiveSocket:
    """One client's socket."""

    def __init__(
        self, url: str, origin: str | None, headers: dict[str, str] | None = None, max_queue: int | None = None
    ) -> None:
        opened = connect(
            url,
            origin=Origin(origin) if origin is not None else None,
            additional_headers=headers or {},
            compression=None,
            proxy=None,
            max_size=2**24,
            max_queue=max_queue,
            close_timeout=1,
        )
        self._open = ExitStack()
        self.connection: ClientConnection = self._open.enter_context(opened)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._open.close()

    def send(self, **frame: Any) -> None:
        self.connection.send(json.dumps(frame, default=str))

    def receive(self, seconds: float = SECONDS) -> dict[str, Any]:
        """Return the next frame."""
        frame: dict[str, Any] = json.loads(self.connection.recv(timeout=seconds))
        return frame

    def wait_for(self, kind: str, id_: str | None = None, seconds: float = SECONDS) -> dict[str, Any]:
        """Return the next frame of this type (and subscription); others that come first are passed over."""
        until = time.monotonic() + seconds
        while True:
            frame = self.receive(until - time.monotonic())
            if frame["type"] == kind and (id_ is None or frame.get("id") == id_):
                return frame

    def rest(self, seconds: float) -> list[dict[str, Any]]:
        """Return everything that comes within this time."""
        found, until = [], time.monotonic() + seconds
        while True:
            try:
                found.append(self.receive(max(0, until - time.monotonic())))
            except TimeoutError:
                return found

    def subscribe(
        self, id_: str, query: str, since: str | None = None, form: str | None = None, **params: Any
    ) -> dict[str, Any]:
        """Subscribe and return the first frame that answers."""
        self.sub(id_, query, since, form, **params)
        while True:
            frame = self.receive()
            if frame.get("id") == id_:
                return frame

    def sub(self, id_: str, query: str, since: str | None = None, form: str | None = None, **params: Any) -> None:
        optional = {name: value for name, value in (("from", since), ("as", form)) if value is not None}
        self.send(type="sub", id=id_, query=query, params=params, **optional)

    def tell(self, what: str, **params: Any) -> None:
        self.send(type="tell", what=what, params=params)

    def settle(self) -> list[dict[str, Any]]:
        """Return everything that was under way, up to the answer to a ping sent now."""
        self.send(type="ping")
        found: list[dict[str, Any]] = []
        while True:
            frame = self.receive()
            if frame["type"] == "pong":
                return found
            found.append(frame)

    def closed(self, seconds: float = SECONDS) -> int:
        """Return the code with which the other side closes."""
        until = time.monotonic() + seconds
        with suppress(ConnectionClosed):
            while True:
                self.connection.recv(timeout=max(0, until - time.monotonic()))
        code = self.connection.close_code
        assert code is not None
        return code


def credential_of(caller: Booted | SignedIn) -> dict[str, str]:
    """Return what a socket's hello must carry for this caller."""
    if isinstance(caller, Booted):
        return {"token": caller.token}
    return {"ticket": caller.post("/live/tickets").json()["ticket"]}


def greeted(socket: LiveSocket, caller: Booted | SignedIn) -> LiveSocket:
    socket.send(type="hello", **credential_of(caller))
    assert socket.wait_for("ready")["actor"]["kind"] == ("visitor" if isinstance(caller, Booted) else "member")
    return socket


def wait_until(true: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """Return the first true answer. Fails after this time."""
    until = time.monotonic() + seconds
    while not (answer := true()):
        assert time.monotonic() < until, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return answer


@contextmanager
def queries() -> Iterator[list[str]]:
    """Collect the statements that every thread of this process sends to the database."""
    sent: list[str] = []
    counting = True

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if counting:
            sent.append(sql)
        return execute(sql, params, many, context)

    def watch(connection: Any, **_: Any) -> None:
        if note not in connection.execute_wrappers:
            connection.execute_wrappers.append(note)

    connection_created.connect(watch)
    connection.execute_wrappers.append(note)
    try:
        yield sent
    finally:
        counting = False
        connection_created.disconnect(watch)
        connection.execute_wrappers.remove(note)
