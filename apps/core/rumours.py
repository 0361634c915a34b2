"""Rumours: what processes tell each other through Redis. Fast, unordered, and nobody depends on them.

One Redis channel for the whole installation. With Redis gone, spreading costs nothing and says so once; whoever listens finds out
from the database two seconds later.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import redis
import redis.asyncio
from django.conf import settings

logger = logging.getLogger(__name__)

CHANNEL = "opencom:rumours"
REST_SECONDS = 1.0
"""After a failure nobody tries again for this long, so that no request waits on a dead Redis more than once a second."""

Heard = list[tuple[int, str, str, int]]

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


class Spreader:
    """The sending side: one connection pool a process, and a rest after each failure."""

    def __init__(self) -> None:
        self._client: redis.Redis | None = None
        self._lock = threading.Lock()
        self._resting_until = 0.0

    def publish(self, message: bytes) -> bool:
        """Publish, or say that it wasn't possible. Never raises, never waits longer than 0.3 s."""
        if not settings.REDIS_URL or time.monotonic() < self._resting_until:
            return False
        try:
            self._connected().publish(CHANNEL, message)
        except redis.RedisError as error:
            self._resting_until = time.monotonic() + REST_SECONDS
            logger.warning("rumours are down: %s", type(error).__name__)
            return False
        return True

    def _connected(self) -> redis.Redis:
        with self._lock:
            if self._client is None:
                self._client = redis.Redis.from_url(
                    settings.REDIS_URL, socket_connect_timeout=0.3, socket_timeout=0.3, max_connections=1000, retry=None
                )
            return self._client


_spreader = Spreader()


def spread(moves: Sequence[tuple[int, str, str, int]]) -> bool:
    """Tell every socket process that these topics moved: (row id, topic, key, at) each."""
    return _spreader.publish(_encoder.encode({"moved": moves}))


def whisper(topic: str, news: dict[str, Any]) -> bool:
    """Tell every socket process something that is true for seconds only (typing, viewing). No row, no repair."""
    return _spreader.publish(_encoder.encode({"topic": topic, "news": news}))


async def listen(heard: Callable[[Heard], None], whispered: Callable[[str, dict[str, Any]], None]) -> None:
    """Call back for every rumour, for ever; after a lost connection start again with a growing pause."""
    pause = 0.1
    while True:
        client = redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, max_connections=4, retry=None)
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        try:
            await pubsub.subscribe(CHANNEL)
            pause = 0.1
            async for message in pubsub.listen():
                _deliver(message["data"], heard, whispered)
        except (redis.RedisError, OSError) as error:
            logger.warning("not hearing rumours: %s", type(error).__name__)
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]
            await client.aclose()
        await asyncio.sleep(pause)
        pause = min(pause * 2, 5.0)


def _deliver(data: bytes, heard: Callable[[Heard], None], whispered: Callable[[str, dict[str, Any]], None]) -> None:
    message = _decoder.decode(data)
    if "moved" in message:
        heard([tuple(move) for move in message["moved"]])
    else:
        whispered(message["topic"], message["news"])
