"""`websockets` and nothing else, without compression: the floor of fan-out, of memory a socket, and of accepting sockets."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve


async def run(port: int) -> None:
    """Send every text that a client sends to all clients."""
    clients: set[ServerConnection] = set()

    async def client(connection: ServerConnection) -> None:
        clients.add(connection)
        try:
            async for text in connection:
                broadcast(clients, text)
        finally:
            clients.discard(connection)

    async with serve(client, "127.0.0.1", port, compression=None, ping_interval=None, backlog=2048):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1])))
