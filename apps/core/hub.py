"""The hub: one a socket process. It knows which sockets wait for which answers, hears what moved, reads once and writes to all.

Everything here runs on the event loop and touches no database; reads go to a few threads through ``Hub.work``.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import Error as DatabaseError
from django.db import close_old_connections

from apps.core import frames, limits, live, rumours, streams, whispers
from apps.core.access import Actor
from apps.core.feeds import Feed, Subscription
from apps.core.frames import Frame
from apps.core.isolation import scopes
from apps.core.live import LiveQuery, Log
from apps.core.slots import ask
from apps.core.whispers import Whisper
from apps.core.wires import Wire

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

LOOK_SECONDS = 2.0
READERS = 4
PRESENCE_TOUCH_SECONDS = 30


@dataclass(slots=True)
class Identity:
    """Who is behind a socket, for how many seconds, and how to find out whether they still are (None: no longer).

    Seconds and not a time: the database said how long, and no process's clock may say otherwise.
    """

    actor: Actor
    seconds: float
    renew: Callable[[], Identity | None]


class Socket:
    """One client: a wire, an identity once it said hello, and its subscriptions by the client's own ids."""

    __slots__ = (
        "address",
        "closed",
        "ends_at",
        "frames",
        "heard_at",
        "identity",
        "opened_at",
        "origin",
        "resumes",
        "resumes_since",
        "standing",
        "subscriptions",
        "window",
        "wire",
    )

    def __init__(self, wire: Wire, origin: str | None = None, address: str = "") -> None:
        self.wire = wire
        self.origin = origin
        self.address = address
        self.identity: Identity | None = None
        self.subscriptions: dict[str, Subscription] = {}
        self.standing: dict[str, Whisper] | None = None
        self.opened_at = self.heard_at = self.window = time.monotonic()
        self.frames = 0
        # None until there is one: a process keeps thousands of sockets, and few resume twice.
        self.resumes: dict[str, int] | None = None
        self.resumes_since = self.opened_at
        self.ends_at = 0.0
        self.closed = False

    def send(self, frame: Frame) -> None:
        """Write a frame, or close a client that reads too slowly: it comes back with its cursor."""
        if self.closed:
            return
        if self.wire.lag() > limits.SOCKET_BUFFER_BYTES:
            self.close(4008)
            return
        self.wire.write(frame)

    def close(self, code: int) -> None:
        if not self.closed:
            self.closed = True
            self.wire.close(code)


class Hub:
    """The sockets of this process and the feeds they share."""

    def __init__(self) -> None:
        self.sockets: set[Socket] = set()
        self.feeds: dict[tuple[str, ...], Feed] = {}
        self.by_topic: dict[str, set[Feed]] = defaultdict(set)
        self.guarded: dict[str, set[Socket]] = defaultdict(set)
        self.arrived: list[Actor] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="hub")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._seen: set[int] = set()
        self._loop = asyncio.get_running_loop()
        self._start(self._look_for_ever())
        self._start(self._sweep_for_ever())
        if settings.REDIS_URL:
            self._start(rumours.listen(self._on_moves, self._on_whisper))

    def _start(self, job: Any) -> asyncio.Task[Any]:
        task = self._loop.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a task of the hub died", exc_info=error)

    async def work(self, job: Callable[..., Result], *args: Any) -> Result:
        """Run a blocking job (a read of the database) in one of the hub's threads."""
        return await self._loop.run_in_executor(self._readers, _with_connection, job, args)

    # Sockets

    def enter(self, socket: Socket) -> None:
        """Take a socket in that hasn't said hello yet."""
        self.sockets.add(socket)

    def welcome(self, socket: Socket, identity: Identity) -> None:
        """Let an identified socket in; where its actor has too many, the oldest goes."""
        self._guard(socket, identity)
        actor = identity.actor
        most = limits.SOCKETS_PER_VISITOR if actor.kind == "visitor" else limits.SOCKETS_PER_MEMBER
        mine = self.guarded[next(iter(actor.topics()))]
        if len(mine) > most:
            min(mine, key=lambda other: other.opened_at).close(4409)
        self.arrived.append(actor)
        socket.send(frames.ready(live.epoch(), actor.kind, actor.pk))

    def _guard(self, socket: Socket, identity: Identity) -> None:
        self._unguard(socket)
        socket.identity = identity
        socket.ends_at = time.monotonic() + identity.seconds
        for topic in identity.actor.topics():
            self.guarded[topic].add(socket)

    def _unguard(self, socket: Socket) -> None:
        if socket.identity is not None:
            for topic in socket.identity.actor.topics():
                self.guarded[topic].discard(socket)
                if not self.guarded[topic]:
                    del self.guarded[topic]

    def leave(self, socket: Socket) -> None:
        """Forget a socket and all it waited for."""
        socket.closed = True
        for subscription in list(socket.subscriptions.values()):
            self.unsubscribe(subscription)
        for whisper in (socket.standing or {}).values():
            self._start(self.work(spread, Whisper(whisper.topic, whisper.who, None, 0)))
        self._unguard(socket)
        self.sockets.discard(socket)

    # Subscriptions

    def subscribe(self, socket: Socket, id_: str, query: LiveQuery, params: Any, since: str | None, html: bool) -> None:
        """Subscribe a socket under the client's own id; the answer comes as frames. The same id again replaces the old one."""
        assert socket.identity is not None
        if (old := socket.subscriptions.get(id_)) is not None:
            self.unsubscribe(old)
        actor = socket.identity.actor
        key = (query.name, live.encode(params).decode(), query.view(actor), "html" if html else "data")
        feed = self.feeds.get(key)
        if feed is None:
            feed = Feed(self, key, query, params, actor, html)
            self.feeds[key] = feed
            for topic in feed.topics:
                self.by_topic[topic].add(feed)
        subscription = Subscription(socket, id_, feed, since)
        socket.subscriptions[id_] = subscription
        feed.join(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; a feed that nobody waits for goes with it."""
        subscription.socket.subscriptions.pop(subscription.id, None)
        feed = subscription.feed
        feed.drop(subscription)
        if feed.idle() and self.feeds.get(feed.key) is feed:
            del self.feeds[feed.key]
            for topic in feed.topics:
                self.by_topic[topic].discard(feed)
                if not self.by_topic[topic]:
                    del self.by_topic[topic]

    # What moved

    def _on_moves(self, moves: rumours.Heard) -> None:
        for id_, topic, key, at in moves:
            if id_ in self._seen:
                continue
            self._seen.add(id_)
            for feed in sorted(self.by_topic.get(topic, ()), key=_urgency):
                feed.poke(key, at)
            for socket in list(self.guarded.get(topic, ())):
                self._start(self._renew(socket))

    def _on_whisper(self, topic: str, news: dict[str, Any]) -> None:
        if whispers.memory.hear(topic, news["who"], news["news"], news["seconds"]):
            self._poke_topic(topic)

    def whisper(self, whisper: Whisper) -> None:
        """Take in what a client of this process said; the others hear it as a rumour."""
        self._on_whisper(whisper.topic, {"who": whisper.who, "news": whisper.news, "seconds": whisper.seconds})
        self._start(self.work(spread, whisper))

    def _poke_topic(self, topic: str) -> None:
        for feed in self.by_topic.get(topic, ()):
            feed.poke("", 0)

    def poke_all(self) -> None:
        """Have every feed read anew: this process may have missed anything."""
        for feed in list(self.feeds.values()):
            feed.poke("", 0)
        for socket in list(self.sockets):
            if socket.identity is not None:
                self._start(self._renew(socket))

    async def _look_for_ever(self) -> None:
        fence: str | None = None
        life = 0
        looked_at = time.monotonic()
        while True:
            try:
                look = await self.work(streams.look, fence)
            except DatabaseError as error:
                logger.warning("can't look at what moved: %s", type(error).__name__)
                fence = None
            else:
                late = time.monotonic() - looked_at > streams.KEPT_SECONDS / 2
                blind = fence is None or look.overflown or look.life != life or late
                fence, life, looked_at = look.fence, look.life, time.monotonic()
                if blind:
                    self.poke_all()
                self._on_moves(look.moves)
                self._forget_seen()
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.8, 1.2))

    def _forget_seen(self) -> None:
        if len(self._seen) > 100_000:
            self._seen = set(sorted(self._seen)[-50_000:])

    async def _renew(self, socket: Socket) -> None:
        if socket.identity is None or socket.closed:
            return
        before = socket.identity.actor.view
        try:
            identity = await self.work(socket.identity.renew)
        except PermissionDenied:
            socket.close(4403)
            return
        except DatabaseError:
            # Nobody is let go because the database is away; the next look renews everyone.
            return
        if socket.closed:
            return
        if identity is None:
            socket.close(4401)
            return
        self._guard(socket, identity)
        if identity.actor.view != before:
            self._resubscribe(socket)

    def _resubscribe(self, socket: Socket) -> None:
        for id_, old in list(socket.subscriptions.items()):
            query, params, html = old.feed.query, old.feed.params, old.feed.html
            self.unsubscribe(old)
            socket.send(frames.resync(id_))
            self.subscribe(socket, id_, query, params, None, html)

    # The clock

    async def _sweep_for_ever(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(1)
            ticks += 1
            for topic in whispers.memory.forget_expired():
                self._poke_topic(topic)
            if ticks % 5 == 0:
                self._close_stale()
            actors = self._touchable(ticks)
            if actors:
                self._start(self.work(_touch, actors))

    def _close_stale(self) -> None:
        now = time.monotonic()
        for socket in list(self.sockets):
            if socket.identity is None:
                if now - socket.opened_at > limits.HELLO_SECONDS:
                    socket.close(4401)
            elif socket.ends_at < now:
                socket.close(4401)
            elif now - socket.heard_at > limits.IDLE_SECONDS:
                socket.close(4408)

    def _touchable(self, ticks: int) -> list[Actor]:
        arrived, self.arrived = self.arrived, []
        if ticks % PRESENCE_TOUCH_SECONDS:
            return arrived
        return [socket.identity.actor for socket in self.sockets if socket.identity is not None]


def _urgency(feed: Feed) -> int:
    """What people wait for goes first: the log, then what is shown beside it."""
    return 0 if isinstance(feed.query, Log) else 1


def _with_connection(job: Callable[..., Result], args: Iterable[Any]) -> Result:
    try:
        with scopes.closed():
            return job(*args)
    finally:
        close_old_connections()


def _touch(actors: list[Actor]) -> None:
    ask("live.present", actors)


def spread(whisper: Whisper) -> None:
    """Let the other processes hear a whisper."""
    rumours.whisper(whisper.topic, {"who": whisper.who, "news": whisper.news, "seconds": whisper.seconds})


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def current() -> Hub:
    """Return the hub of the running event loop; the first call starts it."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
