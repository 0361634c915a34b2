"""Feeds: one live query, with its arguments, as seen by everyone who sees it alike. It reads once for all its subscribers."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.db import Error as DatabaseError

from apps.core import access, frames, live
from apps.core.access import Actor
from apps.core.isolation import scopes
from apps.core.live import Item, LiveQuery, Log, NotVisible, Rows

if TYPE_CHECKING:
    from apps.core.hub import Hub, Socket

logger = logging.getLogger(__name__)

CATCH_UP_MOST = 500
"""Behind by more than this, a client gets a resync and the newest page: reading it all would be slower for everyone."""
NUMBER_DIGITS = 18
"""The longest number a log can reach; nobody makes us convert more."""
RETRY_SECONDS = 0.5
RETRY_SECONDS_MOST = 5.0


class Subscription:
    """One client's wish for one feed. ``at`` is the last number of the log that it was sent."""

    __slots__ = ("at", "feed", "id", "since", "socket")

    def __init__(self, socket: Socket, id_: str, feed: Feed, since: str | None) -> None:
        self.socket = socket
        self.id = id_
        self.feed = feed
        self.since = since
        self.at = 0


class Feed:
    """Who waits (not answered yet), who is in (kept up to date), and one runner that serves both, one read at a time.

    Because joins and changes are read by the same runner in turn, whatever moves during a read is read right after it.
    """

    __slots__ = (
        "_body",
        "_changed",
        "_dirty",
        "_ran_at",
        "_runner",
        "_version",
        "actor",
        "head",
        "html",
        "hub",
        "key",
        "members",
        "params",
        "query",
        "topics",
        "waiting",
    )

    def __init__(self, hub: Hub, key: tuple[str, ...], query: LiveQuery, params: Any, actor: Actor, html: bool) -> None:
        self.hub = hub
        self.key = key
        self.query = query
        self.params = params
        self.actor = actor
        self.html = html
        self.topics = tuple(query.topics(actor, params))
        self.waiting: list[Subscription] = []
        self.members: set[Subscription] = set()
        self.head = 0
        self._dirty = False
        self._changed: set[str] = set()
        self._body: bytes | None = None
        self._version = ""
        self._ran_at = 0.0
        self._runner: asyncio.Task[None] | None = None

    def join(self, subscription: Subscription) -> None:
        """Take in a subscription; its first answer follows."""
        self.waiting.append(subscription)
        self._wake()

    def drop(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        self.members.discard(subscription)
        if subscription in self.waiting:
            self.waiting.remove(subscription)

    def idle(self) -> bool:
        return not self.members and not self.waiting

    def poke(self, key: str, at: int) -> None:
        """Say that what this feed depends on moved: its row ``key``, or its log to ``at``, or (neither) anything."""
        if isinstance(self.query, Log) and (key or at):
            self.head = max(self.head, at)
            if key or (all(member.at >= at for member in self.members) and not self.waiting):
                return
        self._dirty = True
        self._changed.add(key)
        self._wake()

    def _wake(self) -> None:
        if self._runner is None:
            self._runner = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        pause = RETRY_SECONDS
        try:
            while self.waiting or (self._dirty and self.members):
                try:
                    await (self._admit() if self.waiting else self._refresh())
                    pause = RETRY_SECONDS
                except DataError:
                    raise
                except DatabaseError as error:
                    logger.warning("live query %s can't be read: %s", self.query.name, type(error).__name__)
                    self._dirty = True
                    self._changed.add("")
                    await asyncio.sleep(pause * random.uniform(0.5, 1))
                    pause = min(pause * 2, RETRY_SECONDS_MOST)
        except (NotVisible, PermissionDenied, DataError):
            # Arguments that the database can't even compare name nothing that exists.
            self._refuse("not_found", "This doesn't exist, or not for you.")
        except Exception as error:
            # Whatever a query or its template raises is a fault of ours: who waits must be told, and so must the log.
            logger.error("live query %s failed", self.query.name, exc_info=error)
            self._refuse("internal", "Something went wrong on our side.")
        finally:
            self._runner = None

    def _refuse(self, code: str, message: str) -> None:
        for subscription in [*self.waiting, *self.members]:
            subscription.socket.send(frames.error(code, message, subscription.id))
            self.hub.unsubscribe(subscription)

    async def _read(self, job: Callable[..., Any], *args: Any) -> Any:
        return await self.hub.work(self._checked, self._reader(), job, args)

    def _reader(self) -> Actor:
        """Return an actor to read as: somebody who is in now, whose rights were renewed last."""
        for subscription in self.waiting or self.members:
            if subscription.socket.identity is not None:
                return subscription.socket.identity.actor
        return self.actor

    def _checked(self, actor: Actor, job: Callable[..., Any], args: Sequence[Any]) -> Any:
        access.check(type(self.query), actor)
        with scopes.workspace(actor.workspace_id):
            return job(actor, *args)

    # Joining

    async def _admit(self) -> None:
        if isinstance(self.query, Log):
            await self._admit_to_log(self.query)
            return
        batch = list(self.waiting)
        body, version = self._body, self._version
        if body is None or self._dirty or not self.members:
            alone = not self.members
            if alone:
                self._dirty = False
                self._changed.clear()
            body = await self._read(self._snapshot)
            version = live.digest(body)
            self._ran_at = time.monotonic()
            # Kept is only what every member holds: those who were here before still wait for what has changed.
            self._body, self._version = (body, version) if alone else (None, self._version)
        for subscription in batch:
            if subscription not in self.waiting:
                continue
            same = subscription.since == version
            subscription.socket.send(
                frames.delta(subscription.id, version, ()) if same else frames.snapshot(subscription.id, version, body)
            )
            self._let_in(subscription, 0)

    def _let_in(self, subscription: Subscription, at: int) -> None:
        subscription.at = at
        if subscription in self.waiting:
            self.waiting.remove(subscription)
            self.members.add(subscription)

    def _snapshot(self, actor: Actor) -> bytes:
        answer = live.run(self.query, actor, self.params)
        assert answer.data is not None
        return self._encoded(answer.data, actor)

    def _encoded(self, data: Item, actor: Actor) -> bytes:
        if not self.html:
            return live.encode(data)
        if not isinstance(self.query, (Log, Rows)):
            return live.encode({"html": self.query.render(data, actor)})
        return b'{"items":[%b],"more":%b}' % (
            b",".join(self._encoded_items(data["items"], actor)),
            live.encode(data["more"]),
        )

    def _encoded_items(self, items: Iterable[Item], actor: Actor) -> list[bytes]:
        return [live.encode(self._as_html(item, actor) if self.html else item) for item in items]

    def _as_html(self, item: Item, actor: Actor) -> Item:
        kept: Item = {name: item[name] for name in ("key", "seq", "version", "sort", "removed") if name in item}
        return kept if item.get("removed") else {**kept, "html": self.query.render(item, actor)}

    async def _admit_to_log(self, query: Log) -> None:
        subscription = self.waiting[0]
        since = self._since(subscription)
        if since is not None:
            encoded, head = await self._read(self._after, query, since)
            if since <= head and head - since <= CATCH_UP_MOST:
                at = since + len(encoded)
                subscription.socket.send(frames.delta(subscription.id, f"{live.epoch()}.{at}", encoded))
                self._let_in(subscription, at)
                self._note(head)
                return
        if subscription.since:
            subscription.socket.send(frames.resync(subscription.id))
        body, at = await self._read(self._newest, query)
        subscription.socket.send(frames.snapshot(subscription.id, f"{live.epoch()}.{at}", body))
        self._let_in(subscription, at)

    def _since(self, subscription: Subscription) -> int | None:
        """Return the number a client resumes from, or None where it has none, or one of another epoch."""
        epoch, _, number = (subscription.since or "").partition(".")
        known = epoch == live.epoch() and number.isascii() and number.isdecimal() and len(number) <= NUMBER_DIGITS
        return int(number) if known else None

    def _note(self, head: int) -> None:
        self.head = max(self.head, head)
        if any(member.at < self.head for member in self.members):
            self._dirty = True

    def _after(self, actor: Actor, query: Log, seq: int) -> tuple[list[bytes], int]:
        answer = query.after(actor, self.params, seq)
        return self._encoded_items(answer.items, actor), answer.at

    def _newest(self, actor: Actor, query: Log) -> tuple[bytes, int]:
        answer = query.last(actor, self.params)
        assert answer.data is not None
        return self._encoded(answer.data, actor), answer.at

    # Changes

    async def _refresh(self) -> None:
        if self.query.pause and (rest := self._ran_at + self.query.pause - time.monotonic()) > 0:
            await asyncio.sleep(rest)
        self._dirty = False
        changed, self._changed = self._changed, set()
        self._ran_at = time.monotonic()
        if isinstance(self.query, Log):
            await self._refresh_log(self.query)
        elif isinstance(self.query, Rows) and "" not in changed:
            await self._refresh_rows(self.query, sorted(changed))
        else:
            await self._refresh_whole()

    async def _refresh_log(self, query: Log) -> None:
        members = list(self.members)
        start = min(member.at for member in members)
        encoded, head = await self._read(self._after, query, start)
        by_at: dict[tuple[int, str], frames.Frame] = {}
        reached = start + len(encoded)
        version = f"{live.epoch()}.{reached}"
        for member in members:
            if member not in self.members or member.at >= reached:
                continue
            frame = by_at.get((member.at, member.id))
            if frame is None:
                frame = by_at[member.at, member.id] = frames.delta(member.id, version, encoded[member.at - start :])
            member.at = reached
            member.socket.send(frame)
        self.head = max(self.head, head)
        if reached < self.head and encoded:
            self._dirty = True

    async def _refresh_rows(self, query: Rows, keys: Sequence[str]) -> None:
        encoded = await self._read(self._rows, query, keys)
        if encoded:
            self._body = None
            self._write(lambda id_: frames.delta(id_, "", encoded))

    def _rows(self, actor: Actor, query: Rows, keys: Sequence[str]) -> list[bytes]:
        return self._encoded_items(query.changed(actor, self.params, keys).items, actor)

    async def _refresh_whole(self) -> None:
        body = await self._read(self._snapshot)
        version = live.digest(body)
        if version == self._version and self._body is not None:
            return
        self._body, self._version = body, version
        self._write(lambda id_: frames.snapshot(id_, version, body))

    def _write(self, make: Callable[[str], frames.Frame]) -> None:
        made: dict[str, frames.Frame] = {}
        for member in list(self.members):
            frame = made.get(member.id)
            if frame is None:
                frame = made[member.id] = make(member.id)
            member.socket.send(frame)

    def version_for(self, subscription: Subscription) -> str:
        """Return what this subscriber should hold by now, for the heartbeat."""
        if isinstance(self.query, Log):
            return f"{live.epoch()}.{subscription.at}"
        return self._version if self._body is not None else ""
