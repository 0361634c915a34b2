"""Streams: which topics moved, told twice. Once as a row in the same transaction, once as a rumour after it.

The rumour (Redis) is fast and may get lost. The row cannot: every socket process reads, every two seconds, the rows written since it
last looked, and so repairs whatever the rumour missed. Rows are fenced by transaction id and not by a serial: a transaction that was still
running at the last look is found at the next one, however late it commits.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from django.db import connection, transaction

from apps.core import rumours
from apps.core.failpoints import failpoint

logger = logging.getLogger(__name__)

KEPT_SECONDS = 120
"""How long rows are kept. A process that hasn't looked for half of it re-reads everything instead."""


@dataclass(frozen=True, slots=True)
class Move:
    """Topic ``topic`` moved: its row ``key`` changed, its log is at ``at``."""

    topic: str
    key: str = ""
    at: int = 0


def record(moves: Iterable[Move]) -> None:
    """Write down what moved, and spread the rumour once the transaction is committed."""
    moved = list(moves)
    if not moved:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_move (topic, key, at) SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[]) RETURNING id",
            [[m.topic for m in moved], [m.key for m in moved], [m.at for m in moved]],
        )
        ids = [row[0] for row in cursor.fetchall()]
    transaction.on_commit(partial(_spread, moved, ids), robust=True)


def _spread(moves: Sequence[Move], ids: Sequence[int]) -> None:
    failpoint("after_commit_before_hint")
    rumours.spread([(id_, move.topic, move.key, move.at) for id_, move in zip(ids, moves, strict=True)])
    failpoint("after_hint_before_ack")


LOOK_MOST = 20_000
"""More rows than this at one look and the process reads everything instead of each."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the rows found: (row id, topic, key, at) each, and where the next look starts."""

    fence: str
    moves: list[tuple[int, str, str, int]]
    overflown: bool
    life: int
    """Which life of the rows this is: a crash of the database ends one, and what was written in it and not looked at is gone."""


def look(fence: str | None) -> Look:
    """Return what moved since ``fence``; some of it may have been returned before (same row id).

    One query, an index range on the transaction id. Without a fence nothing is returned but the fence to start from.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH now AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS fence)
            SELECT now.fence::text, life.number, moved.id, moved.topic, moved.key, moved.at
            FROM now, (SELECT CASE WHEN is_called THEN last_value END AS number FROM core_move_life) AS life LEFT JOIN (
              SELECT id, topic, key, at FROM core_move WHERE xid >= %s::text::xid8 ORDER BY xid LIMIT %s
            ) AS moved ON true
            """,
            [fence, LOOK_MOST],
        )
        rows = cursor.fetchall()
        life = rows[0][1]
        if life is None:
            life = secrets.randbits(62) + 1
            cursor.execute("SELECT setval('core_move_life', %s)", [life])
    moves = [row[2:] for row in rows if row[2] is not None]
    return Look(fence=rows[0][0], moves=moves, overflown=len(moves) == LOOK_MOST, life=life)


def forget_old() -> int:
    """Delete the rows that every process has looked at long ago. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM core_move WHERE made_at < now() - make_interval(secs => %s)", [KEPT_SECONDS])
        return int(cursor.rowcount)
