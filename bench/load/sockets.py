"""Many sockets at once: idle, broadcast to, or all coming back together."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

import uvloop

from bench.load.visitors import ORIGIN, Client, Turnstile, boot, message
from bench.remote import serve_async
from bench.wire import Broken, Frames, Http

AT_ONCE = 100
"""How many handshakes are under way together: more only wait in the server's backlog, and ours counts them alike."""
ALL_SECONDS = 120.0


class Sockets:
    """The sockets of one measurement."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.bare: list[Frames] = []
        self.all_there: asyncio.Future[float] | None = None
        self.received = 0
        self.sent = 0

    async def boots(self, port: int, workspace: str, count: int) -> list[str]:
        """Boot so many messengers, each of a visitor of its own, and return their tokens."""
        connections = [await Http.open(port) for _ in range(4)]
        tokens: list[str] = []
        numbers = iter(range(count))

        async def go_on(connection: Http) -> None:
            for number in numbers:
                tokens.append(await boot(connection, workspace, secrets.token_urlsafe(24), number))

        await asyncio.gather(*(go_on(connection) for connection in connections))
        for connection in connections:
            connection.close()
        return tokens

    async def open_visitors(self, port: int, tokens: list[str]) -> float:
        """Open a socket for each token and subscribe as an idle messenger does; return the seconds it took."""
        started = time.perf_counter()
        subscriptions = [{"id": "s1", "query": "conversations.getTotalUnreadForVisitor", "params": {}}]

        async def one(number: int, token: str) -> Client:
            client = Client()
            await client.open(port, {"token": token}, subscriptions, ORIGIN, number)
            client.socket.send(
                b'{"type":"tell","what":"page","params":{"url":"https://shop.example/bikes/","title":"Bikes"}}'
            )
            return client

        self.clients += await Turnstile(AT_ONCE).all([one(number, token) for number, token in enumerate(tokens)])  # type: ignore[arg-type]
        return time.perf_counter() - started

    async def open_agents(self, port: int, tickets: list[str], origin: str) -> float:
        """Open an agent's socket for each ticket, with the inbox open; return the seconds it took."""
        started = time.perf_counter()
        subscriptions = [{"id": "inbox", "query": "conversations.listForInbox", "params": {"status": "open"}}]

        async def one(number: int, ticket: str) -> Client:
            client = Client()
            await client.open(port, {"ticket": ticket}, subscriptions, origin, number)
            client.on_frame = self._count
            return client

        self.clients += await Turnstile(AT_ONCE).all([one(number, ticket) for number, ticket in enumerate(tickets)])  # type: ignore[arg-type]
        return time.perf_counter() - started

    async def open_bare(self, port: int, count: int) -> float:
        """Open so many sockets of the floor's; return the seconds it took."""
        started = time.perf_counter()
        self.bare += await Turnstile(AT_ONCE).all(  # type: ignore[arg-type]
            [Frames.open(port, "/", {}, self._count) for _ in range(count)]
        )
        return time.perf_counter() - started

    def _count(self, socket: object, text: bytes) -> None:
        self.received += 1
        if self.received == len(self.clients or self.bare) and self.all_there is not None and not self.all_there.done():
            self.all_there.set_result(time.perf_counter())

    async def spread(self, port: int, people: list[dict[str, str]], count: int) -> dict[str, Any]:
        """Let visitors send, one after the other, and wait each time until every agent has the frame."""
        connection = await Http.open(port)
        taken, frames = [], 0
        for _ in range(count):
            self.sent += 1
            number = self.sent
            self._expect_all()
            started = time.perf_counter()
            status, answer = await connection.request(
                message(people[number % len(people)], f"Hello number {number}", number)
            )
            if status != 201:
                raise Broken(f"{status}: {answer[:200].decode()}")
            taken.append((await self._all()) - started)
            frames += self.received
        connection.close()
        return {"frames": frames, "seconds": taken}

    async def spread_bare(self, count: int, size: int) -> dict[str, Any]:
        """Let the first client of the floor send a frame of this size, and wait each time until every client has it."""
        taken, frames = [], 0
        for _ in range(count):
            self._expect_all()
            started = time.perf_counter()
            self.bare[0].send(b"x" * size)
            taken.append((await self._all()) - started)
            frames += self.received
        return {"frames": frames, "seconds": taken}

    def _expect_all(self) -> None:
        self.received = 0
        self.all_there = asyncio.get_running_loop().create_future()

    async def _all(self) -> float:
        assert self.all_there is not None
        return await asyncio.wait_for(self.all_there, ALL_SECONDS)

    async def follow(self, port: int, people: list[dict[str, str]]) -> None:
        """Open a socket for each visitor with their conversation open, and keep what version each holds."""
        self.clients = await Turnstile(AT_ONCE).all(
            [self._follow(port, visitor, None, n) for n, visitor in enumerate(people)]
        )  # type: ignore[assignment]

    async def _follow(self, port: int, visitor: dict[str, str], since: str | None, number: int) -> Client:
        client = Client()
        subscription: dict[str, object] = {
            "id": "s2",
            "query": "messages.list",
            "params": {"conversation": visitor["conversation"]},
        }
        if since is not None:
            subscription["from"] = since
        unread: dict[str, object] = {"id": "s1", "query": "conversations.getTotalUnreadForVisitor", "params": {}}
        await client.open(port, {"token": visitor["token"]}, [unread, subscription], ORIGIN, number)
        return client

    async def resume(self, port: int, people: list[dict[str, str]]) -> dict[str, Any]:
        """Come back with the versions held, all at once; return the seconds until each has what it missed, and who hasn't."""
        held = [client.versions["s2"] for client in self.clients]
        started = time.perf_counter()
        jobs = [self._follow(port, visitor, held[n], n) for n, visitor in enumerate(people)]
        self.clients = await Turnstile(AT_ONCE).all(jobs)  # type: ignore[assignment]
        took = time.perf_counter() - started
        behind = sum(client.versions["s2"] == before for client, before in zip(self.clients, held, strict=True))
        return {"seconds": took, "behind": behind}

    async def drop(self) -> int:
        """Let go of every socket; return how many the server had closed before."""
        closed = sum(client.socket.transport.is_closing() for client in self.clients)
        for client in self.clients:
            client.close()
        for socket in self.bare:
            socket.close()
        self.bare.clear()
        await asyncio.sleep(0.2)
        return closed

    async def forget(self) -> int:
        """Let go of every socket and of what each held."""
        closed = await self.drop()
        self.clients.clear()
        return closed


if __name__ == "__main__":
    uvloop.run(serve_async(Sockets()))
