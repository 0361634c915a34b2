"""Redis, as something that may be gone at any time: one pool a process, short waits, and a rest after each failure."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

WAIT_SECONDS = 0.3
REST_SECONDS = 1.0
"""After a failure nobody tries again for this long, so that requests don't queue up behind a dead Redis."""


class Volatile:
    """The way to Redis for everything that can do without."""

    def __init__(self) -> None:
        self._client: redis.Redis | None = None
        self._lock = threading.Lock()
        self._resting_until = 0.0

    def call(self, job: Callable[[redis.Redis], Result]) -> Result | None:
        """Run a job with the client, or return None where Redis is gone or none is used. Never raises, hardly ever waits."""
        if not settings.REDIS_URL or time.monotonic() < self._resting_until:
            return None
        try:
            return job(self._connected())
        except redis.RedisError as error:
            self._resting_until = time.monotonic() + REST_SECONDS
            logger.warning("Redis is away: %s", type(error).__name__)
            return None

    def _connected(self) -> redis.Redis:
        with self._lock:
            if self._client is None:
                self._client = redis.Redis.from_url(
                    settings.REDIS_URL,
                    socket_connect_timeout=WAIT_SECONDS,
                    socket_timeout=WAIT_SECONDS,
                    max_connections=1000,
                    retry=None,
                )
            return self._client


volatile = Volatile()
