"""A visitor's message in by HTTP, one row committed in Postgres, one word through Redis, one frame out to the agents.

The least that durable delivery costs with these services: no rules, no framework, one table. `GET /` is a page that shows each
frame, the floor of what a browser adds.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import cast

import msgspec
import redis.asyncio
import uvloop
from psycopg_pool import AsyncConnectionPool
from websockets.asyncio.server import ServerConnection, broadcast, serve

CHANNEL = "bench:durable"
STORE = "INSERT INTO message (conversation, body) VALUES (%s, %s) RETURNING id"
PAGE = b"""<!doctype html><meta charset="utf-8"><title>Floor</title><main></main><script>
const socket = new WebSocket('ws://127.0.0.1:%d/');
socket.onopen = () => document.body.dataset.ready = '1';
socket.onmessage = ({ data }) => {
  const line = document.createElement('p');
  line.textContent = JSON.parse(data).body;
  document.querySelector('main').append(line);
};
</script>"""


class Message(msgspec.Struct):
    """What a visitor sends."""

    conversation: int
    body: str


class Visitor(asyncio.Protocol):
    """One visitor's connection; one request on it at a time."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.transport: asyncio.Transport
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(rest) < size:
            return
        self.buffer = rest[size:]
        if head.startswith(b"POST"):
            self.floor.start(self.store(rest[:size]))
        else:
            self.answer(200, self.floor.page, b"text/html")

    async def store(self, body: bytes) -> None:
        message = _decoder.decode(body)
        async with self.floor.pool.connection() as connection:
            cursor = await connection.execute(STORE, (message.conversation, message.body))
            row = await cursor.fetchone()
        await self.floor.redis.publish(CHANNEL, body)
        self.answer(201, msgspec.json.encode({"id": row[0]}) if row else b"{}", b"application/json")

    def answer(self, status: int, body: bytes, kind: bytes) -> None:
        head = b"HTTP/1.1 %d OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (status, kind, len(body))
        self.transport.write(head + body)


class Floor:
    """The services and who listens."""

    def __init__(self, live_port: int) -> None:
        self.page = PAGE % live_port
        self.redis = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"])
        self.pool = AsyncConnectionPool(
            os.environ["FLOOR_DATABASE_URL"],
            min_size=4,
            max_size=4,
            open=False,
            kwargs={"autocommit": True, "prepare_threshold": 1},
        )
        self.agents: set[ServerConnection] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self, job: object) -> None:
        task = asyncio.ensure_future(job)  # type: ignore[arg-type]
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def agent(self, connection: ServerConnection) -> None:
        self.agents.add(connection)
        try:
            await connection.wait_closed()
        finally:
            self.agents.discard(connection)

    async def hear(self) -> None:
        pubsub = self.redis.pubsub(ignore_subscribe_messages=True)
        await pubsub.subscribe(CHANNEL)
        async for word in pubsub.listen():
            broadcast(self.agents, word["data"].decode())


async def run(port: int) -> None:
    """Serve visitors on this port and agents on the next."""
    floor = Floor(port + 1)
    await floor.pool.open()
    floor.start(floor.hear())
    async with serve(floor.agent, "127.0.0.1", port + 1, compression=None, ping_interval=None):
        server = await asyncio.get_running_loop().create_server(lambda: Visitor(floor), "127.0.0.1", port)
        await server.serve_forever()


_decoder = msgspec.json.Decoder(Message)

if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1])))
