"""Rumours: what processes tell each other through Redis. Fast, unordered, and nobody depends on them.

One Redis channel for the whole installation. With Redis gone, spreading costs nothing and says so once; whoever listens finds out
from the database two seconds later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import redis
import redis.asyncio
from django.conf import settings

from apps.core.volatile import volatile

logger = logging.getLogger(__name__)

CHANNEL = "opencom:rumours"
Heard = list[tuple[int, str, str, int]]

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def spread(moves: Sequence[tuple[int, str, str, int]]) -> bool:
    """Tell every socket process that these topics moved: (row id, topic, key, at) each."""
    return _publish({"moved": moves})


def whisper(topic: str, news: dict[str, Any]) -> bool:
    """Tell every socket process something that is true for seconds only (typing, viewing). No row, no repair."""
    return _publish({"topic": topic, "news": news})


def _publish(rumour: dict[str, Any]) -> bool:
    """Publish, or say that it wasn't possible."""
    return volatile.call(lambda client: client.publish(CHANNEL, _encoder.encode(rumour))) is not None


async def listen(heard: Callable[[Heard], None], whispered: Callable[[str, dict[str, Any]], None]) -> None:
    """Call back for every rumour, for ever; after a lost connection start again with a growing pause."""
    pause = 0.1
    while True:
        client = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=1, max_connections=4, retry=None
        )
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
