"""A TCP proxy that misbehaves on request: what a network, a phone or a dying machine does to connections."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

CHUNK = 65536

Address = tuple[str, int] | Path
"""A port on a host, or a Unix socket."""


@dataclass(eq=False)
class Link:
    """One connection through the proxy."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    swallowing: bool = False
    """Whether what the server says is thrown away: the client waits until the link is reset."""


@dataclass
class Proxy:
    """Listens at one address and passes on to others in turn, skipping those that refuse.

    Faults apply to all links: ``delay`` seconds for each chunk and direction, ``bytes_a_second`` for each link (0: no limit), ``blackhole``
    (nothing passes, nothing closes), ``drop_share`` of the answers are swallowed and the link reset. ``done`` counts what was really done.
    """

    listen: Address
    upstreams: Sequence[Address]
    delay: float = 0.0
    bytes_a_second: int = 0
    drop_share: float = 0.0
    buffer_bytes: int = 0
    """What the system may buffer for each end of a new link; 0 leaves it to the system, which takes megabytes."""
    done: Counter[str] = field(default_factory=Counter)
    links: set[Link] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _turn: itertools.count[int] = field(default_factory=itertools.count)
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        """Listen."""
        self._open.set()
        if isinstance(self.listen, Path):
            self._server = await asyncio.start_unix_server(self._serve, self.listen)
            self.listen.chmod(0o777)
        else:
            self._server = await asyncio.start_server(self._serve, *self.listen)
            if not self.listen[1]:
                self.listen = self._server.sockets[0].getsockname()[:2]

    async def stop(self) -> None:
        """Close the door and every link."""
        self._open.set()
        if self._server is not None:
            self._server.close()
        self.reset()
        await asyncio.sleep(0)

    @property
    def port(self) -> int:
        assert not isinstance(self.listen, Path)
        return self.listen[1]

    # Faults

    def reset(self, share: float = 1.0) -> int:
        """Reset a share of the links, chosen at random, at both ends at once. Returns how many."""
        chosen = [link for link in self.links if random.random() < share]
        for link in chosen:
            _reset(link)
        self.done["reset"] += len(chosen)
        return len(chosen)

    def blackhole(self, share: float = 1.0) -> int:
        """Let a share of the links go silent: open, and nothing passes any more. Returns how many."""
        chosen = [link for link in self.links if not link.swallowing and random.random() < share]
        for link in chosen:
            link.swallowing = True
            # What the client sends is no longer read either.
            link.client.transport.pause_reading()  # type: ignore[attr-defined]
            link.server.transport.pause_reading()  # type: ignore[attr-defined]
        self.done["blackhole"] += len(chosen)
        return len(chosen)

    def stall(self) -> None:
        """Stop passing anything on, for all links and new ones, until ``flow``."""
        self._open.clear()
        self.done["stall"] += 1

    def flow(self) -> None:
        """Pass on again."""
        self._open.set()

    # Passing on

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.done["connections"] += 1
        try:
            upstream_reader, upstream_writer = await self._connect()
        except OSError:
            self.done["no upstream"] += 1
            writer.transport.abort()
            return
        link = Link(writer, upstream_writer)
        if self.buffer_bytes:
            _narrow(link, self.buffer_bytes)
        self.links.add(link)
        try:
            await asyncio.gather(
                self._pass_on(link, reader, upstream_writer, answers=False),
                self._pass_on(link, upstream_reader, writer, answers=True),
            )
        except (OSError, EOFError):
            # One direction is broken; the other has nobody to pass on to.
            _reset(link)
        finally:
            self.links.discard(link)
            for end in (writer, upstream_writer):
                end.transport.abort() if end.is_closing() else end.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        first = next(self._turn)
        refused: OSError = ConnectionRefusedError("no upstream")
        for offset in range(len(self.upstreams)):
            address = self.upstreams[(first + offset) % len(self.upstreams)]
            try:
                if isinstance(address, Path):
                    return await asyncio.open_unix_connection(address)
                return await asyncio.open_connection(*address)
            except OSError as error:
                refused = error
        raise refused

    async def _pass_on(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        while chunk := await reader.read(CHUNK):
            if link.swallowing:
                continue
            if self.delay:
                self.done["delayed"] += 1
                await asyncio.sleep(self.delay)
            if self.bytes_a_second:
                self.done["throttled"] += 1
                await asyncio.sleep(len(chunk) / self.bytes_a_second)
            await self._open.wait()
            if answers and self.drop_share and random.random() < self.drop_share:
                # The server has answered, so it has done what was asked; its client will never hear.
                self.done["dropped response"] += 1
                raise ConnectionResetError
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof() and not writer.is_closing():
            writer.write_eof()


def _narrow(link: Link, size: int) -> None:
    for end in (link.client, link.server):
        raw = end.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def _reset(link: Link) -> None:
    for end in (link.client, link.server):
        raw = end.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0 and raw.family in (socket.AF_INET, socket.AF_INET6):
            # Lingering for no time makes the close a reset.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.transport.abort()
