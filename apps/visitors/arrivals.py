"""Arrivals: how many new browsers a workspace's messengers may bring in an hour.

Ten times what came in the mean hour of the last day, 600 at least. The hours are counted in Redis; without it, each process holds to the 600.
"""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import UUID

import redis

from apps.core import limits
from apps.core.volatile import volatile

HOURS = 24
TIMES_THE_MEAN = 10


def admit(workspace_id: UUID) -> None:
    """Count a new browser. Raises Limited where a workspace's messengers bring far more of them than they use to."""
    most = max(limits.BOOTS_BY_WORKSPACE.amount, TIMES_THE_MEAN * _counted(workspace_id) // HOURS)
    limits.spend(replace(limits.BOOTS_BY_WORKSPACE, amount=most, burst=most), workspace_id)
    volatile.call(lambda client: _count(client, _key(workspace_id, _hour())))


def _count(client: redis.Redis, key: str) -> None:
    pipeline = client.pipeline()
    pipeline.incr(key)
    pipeline.expire(key, (HOURS + 1) * 3600)
    pipeline.execute()


def _counted(workspace_id: UUID) -> int:
    """Return how many came in the last whole hours."""
    keys = [_key(workspace_id, _hour() - past) for past in range(1, HOURS + 1)]
    found = volatile.call(lambda client: client.mget(keys))
    return sum(int(count) for count in found or () if count)


def _key(workspace_id: UUID, hour: int) -> str:
    return f"arrivals:{workspace_id}:{hour}"


def _hour() -> int:
    return int(time.time()) // 3600
