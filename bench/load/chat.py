"""Visitors who write and agents who wait for it: latency one message at a time, and as many as are accepted."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from typing import Any

import uvloop

from bench.load.visitors import Client, floor_message, message
from bench.remote import serve_async
from bench.rounds import percentile
from bench.wire import Broken, Frames, Http

THREADS_A_SOCKET = 50
FRAME_SECONDS = 10.0
TEXT = "Hello, my order has not arrived and it has been a week, can you tell me where it is now? Thank you. "
IMPATIENT_SECONDS = 10.0
PING_SECONDS = 20.0


class Chat:
    """Both sides' connections, and what is under way."""

    def __init__(self) -> None:
        self.people: list[dict[str, str]] = []
        self.turn: Iterator[dict[str, str]]
        self.http: dict[str, Http] = {}
        self.agents: list[Client] = []
        self.floor_agent: Frames
        self.ports: dict[str, int] = {}
        self.numbers = itertools.count(1)
        self.pinged_at = time.monotonic()
        self.marker = b""
        self.seen: asyncio.Future[float] | None = None
        self.crowded = False

    async def open(self, port: int, people: list[dict[str, str]], tickets: list[str], origin: str) -> None:
        """Connect a visitor, and as many agents as can have all the conversations open."""
        self.people, self.turn = people, itertools.cycle(people)
        self.ports["ours"] = port
        self.http["ours"] = await Http.open(port)
        for number, ticket in enumerate(tickets):
            watched = people[number * THREADS_A_SOCKET : (number + 1) * THREADS_A_SOCKET]
            subscriptions: list[dict[str, object]] = [
                {"id": f"t{place}", "query": "messages.list", "params": {"conversation": visitor["conversation"]}}
                for place, visitor in enumerate(watched)
            ]
            subscriptions.append({"id": "inbox", "query": "conversations.listForInbox", "params": {"status": "open"}})
            subscriptions.append({"id": "counts", "query": "conversations.counts"})
            agent = Client(self._hear_thread)
            await agent.open(port + 1, {"ticket": ticket}, subscriptions, origin, 0)
            self.agents.append(agent)

    async def open_floor(self, port: int) -> None:
        """Connect a visitor and an agent to the floor."""
        self.ports["floor"] = port
        self.http["floor"] = await Http.open(port)
        self.floor_agent = await Frames.open(port + 1, "/", {}, self._hear)

    def _hear_thread(self, socket: Frames, text: bytes) -> None:
        if text.startswith(b'{"type":"delta","id":"t'):
            self._hear(socket, text)

    def _hear(self, _: Frames, text: bytes) -> None:
        if self.seen is not None and self.marker in text and not self.seen.done():
            self.seen.set_result(time.perf_counter())

    async def send(self, side: str, count: int) -> list[float]:
        """Send messages one after the other; return for each the ms from its POST to the agent's frame."""
        taken = []
        for _ in range(count):
            self._ping_in_time()
            taken.append(await self._send_one(side))
        return taken

    def _ping_in_time(self) -> None:
        if time.monotonic() - self.pinged_at > PING_SECONDS:
            self.pinged_at = time.monotonic()
            for agent in self.agents:
                agent.ping()

    async def _send_one(self, side: str) -> float:
        number = next(self.numbers)
        body = f"{TEXT}#{number}#"
        data = message(next(self.turn), body, number) if side == "ours" else floor_message(number % 1000, body)
        self.marker = f"#{number}#".encode()
        self.seen = asyncio.get_running_loop().create_future()
        started = time.perf_counter()
        status, answer = await self.http[side].request(data)
        if status != 201:
            raise Broken(f"{side} answered with {status}: {answer[:200].decode()}")
        arrived = await asyncio.wait_for(self.seen, FRAME_SECONDS)
        return (arrived - started) * 1000

    async def flood(self, side: str, senders: int, seconds: float) -> dict[str, Any]:
        """Let so many send as fast as they are answered, and say how many messages were accepted and how long each took."""
        connections = [await Http.open(self.ports[side]) for _ in range(senders)]
        shares = [self.people[number::senders] for number in range(senders)]
        until = time.perf_counter() + seconds
        started = time.perf_counter()
        results = await asyncio.gather(
            *(
                self._flood(side, connection, share, until)
                for connection, share in zip(connections, shares, strict=True)
            )
        )
        took = time.perf_counter() - started
        for connection in connections:
            connection.close()
        latencies = [latency for accepted, _ in results for latency in accepted]
        return {
            "accepted": len(latencies),
            "refused": sum(refused for _, refused in results),
            "seconds": took,
            "p50": percentile(latencies, 0.5),
            "p99": percentile(latencies, 0.99),
        }

    async def _flood(
        self, side: str, connection: Http, share: list[dict[str, str]], until: float
    ) -> tuple[list[float], int]:
        accepted, refused = [], 0
        for visitor in itertools.cycle(share):
            started = time.perf_counter()
            if started >= until:
                break
            number = next(self.numbers)
            data = message(visitor, TEXT, number) if side == "ours" else floor_message(number % 1000, TEXT)
            status, _ = await connection.request(data)
            if status == 201:
                accepted.append((time.perf_counter() - started) * 1000)
            else:
                refused += 1
        return accepted, refused

    async def overload(self, rate: float, seconds: float, connections: int) -> dict[str, Any]:
        """Offer messages at a fixed rate whatever the answers, over so many connections.

        A message that finds no free connection waits for one; when the time is over, or after ten seconds, its sender gives up.
        """
        free: asyncio.Queue[Http] = asyncio.Queue()
        for _ in range(connections):
            free.put_nowait(await Http.open(self.ports["ours"]))
        tally: dict[str, int] = {}
        jobs: set[asyncio.Task[None]] = set()
        self.crowded = True
        started = time.perf_counter()
        offered = 0
        while (elapsed := time.perf_counter() - started) < seconds:
            for _ in range(int(elapsed * rate) - offered):
                offered += 1
                task = asyncio.create_task(self._offer(free, next(self.turn), tally))
                jobs.add(task)
                task.add_done_callback(jobs.discard)
            await asyncio.sleep(0.005)
        in_time = tally.get("accepted", 0)
        stopped, self.crowded = time.perf_counter(), False
        await asyncio.gather(*jobs)
        draining = time.perf_counter() - stopped
        while not free.empty():
            free.get_nowait().close()
        return {"offered": offered, "in_time": in_time, "seconds": seconds, "draining": draining, **tally}

    async def _offer(
        self,
        free: asyncio.Queue[Http],
        visitor: dict[str, str],
        tally: dict[str, int],
    ) -> None:
        started = time.perf_counter()
        connection = await free.get()
        outcome = "given_up"
        try:
            if self.crowded and time.perf_counter() - started < IMPATIENT_SECONDS:
                status, _ = await connection.request(message(visitor, TEXT, next(self.numbers)))
                outcome = "accepted" if status == 201 else f"status_{status}"
        except Broken:
            outcome = "broken"
            connection = await Http.open(self.ports["ours"])
        finally:
            free.put_nowait(connection)
        tally[outcome] = tally.get(outcome, 0) + 1

    def close(self) -> None:
        for agent in self.agents:
            agent.close()
        self.agents.clear()


if __name__ == "__main__":
    uvloop.run(serve_async(Chat()))
