"""Visitors' and agents' requests and frames, as bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from uuid import uuid4

import msgspec

from bench.wire import Frames, Http, OnFrame, request

ORIGIN = "https://shop.example"
API = "/api/v1"
READY_SECONDS = 30.0


def address(number: int) -> str:
    """Return the address that a visitor seems to come from."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def message(visitor: Mapping[str, str], body: str, number: int = 1) -> bytes:
    """Write the request by which a visitor's messenger sends a message."""
    headers = {
        "Authorization": f"Bearer {visitor['token']}",
        "Content-Type": "application/json",
        "Origin": ORIGIN,
        "X-Forwarded-For": address(number),
    }
    data = msgspec.json.encode({"client_id": str(uuid4()), "body": body})
    return request("POST", f"{API}/conversations/{visitor['conversation']}/messages", headers, data)


def floor_message(number: int, body: str) -> bytes:
    """Write the request by which a visitor of the floor sends a message."""
    data = msgspec.json.encode({"conversation": number, "body": body})
    return request("POST", "/", {"Content-Type": "application/json"}, data)


async def boot(connection: Http, workspace: str, session: str, number: int) -> str:
    """Boot a messenger as its page does, and return the visitor's token."""
    headers = {"Content-Type": "application/json", "Origin": ORIGIN, "X-Forwarded-For": address(number)}
    body = {
        "workspace": workspace,
        "session_id": session,
        "device": {"browser": "Chrome", "browser_version": "140", "os": "Linux", "type": "desktop"},
        "page": {"url": f"{ORIGIN}/bikes/{number}", "title": "Bikes"},
        "referrer": "",
        "locale": "en-GB",
        "timezone": "Europe/London",
        "client": {"type": "web_widget", "version": "1.0.0"},
    }
    status, answer = await connection.request(request("POST", f"{API}/widget/boot", headers, msgspec.json.encode(body)))
    if status != 200:
        raise ValueError(f"boot was answered with {status}: {answer[:200].decode()}")
    return str(msgspec.json.decode(answer)["token"])


class Client:
    """One live socket past its greeting, with what it has been sent."""

    __slots__ = ("_answered", "_expected", "frames", "on_frame", "socket", "versions")

    def __init__(self, on_frame: OnFrame | None = None) -> None:
        self.socket: Frames
        self.on_frame = on_frame
        self.frames = 0
        self.versions: dict[str, str] = {}
        self._answered: asyncio.Future[None] | None = None
        self._expected = 0

    async def open(
        self,
        port: int,
        hello: Mapping[str, str],
        subscriptions: Sequence[Mapping[str, object]],
        origin: str,
        number: int,
    ) -> None:
        """Connect, say hello, subscribe, and return when every subscription has been answered."""
        headers = {"Origin": origin, "X-Forwarded-For": address(number)}
        self.socket = await Frames.open(port, "/ws/", headers, self._hear)
        self._expect(1)
        self.socket.send(msgspec.json.encode({"type": "hello", **hello}))
        await self._answers()
        if subscriptions:
            self._expect(len(subscriptions))
            for subscription in subscriptions:
                self.socket.send(msgspec.json.encode({"type": "sub", **subscription}))
            await self._answers()

    def ping(self) -> None:
        """Say that this client is still there."""
        self.socket.send(b'{"type":"ping"}')

    def _expect(self, count: int) -> None:
        self._expected = count
        self._answered = asyncio.get_running_loop().create_future()

    async def _answers(self) -> None:
        assert self._answered is not None
        await asyncio.wait_for(self._answered, READY_SECONDS)
        self._answered = None

    def _hear(self, socket: Frames, text: bytes) -> None:
        self.frames += 1
        if self._answered is not None:
            self._take(text)
        if self.on_frame is not None:
            self.on_frame(socket, text)

    def _take(self, text: bytes) -> None:
        assert self._answered is not None
        frame = msgspec.json.decode(text)
        if frame["type"] == "error":
            if not self._answered.done():
                self._answered.set_exception(ValueError(text.decode()))
        elif frame["type"] in ("ready", "snapshot", "delta"):
            if "id" in frame:
                self.versions[frame["id"]] = frame["version"]
            self._expected -= 1
            if self._expected == 0 and not self._answered.done():
                self._answered.set_result(None)

    def close(self) -> None:
        self.socket.close()


class Turnstile:
    """Lets so many coroutines of a crowd go on at once."""

    def __init__(self, width: int) -> None:
        self._room = asyncio.Semaphore(width)

    async def all(self, jobs: Sequence[object]) -> list[object]:
        """Run every job and return their results."""

        async def one(job: object) -> object:
            async with self._room:
                return await job  # type: ignore[misc]

        return list(await asyncio.gather(*(one(job) for job in jobs)))
