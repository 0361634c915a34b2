"""When the demo's conversations happened. The one place that writes times which no clock gave: the demo is data, not behaviour."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection

from apps.conversations.models import Conversation
from apps.visitors.models import Visitor


def moments(end: datetime, entries: int, chance: random.Random) -> list[datetime]:
    """Return a moment for each entry of a log, minutes apart, the last one at ``end``."""
    at, found = end, []
    for _ in range(entries):
        found.append(at)
        at -= timedelta(seconds=chance.choice((40, 70, 95, 180, 320, 700)))
    return found[::-1]


def date_conversation(conversation: Conversation, at: Sequence[datetime]) -> None:
    """Move a conversation's log to these moments, and what its row says about times with it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE conversations_message AS m SET created_at = dated.at "
            "FROM unnest(%s::timestamptz[]) WITH ORDINALITY AS dated (at, seq) "
            "WHERE m.conversation_id = %s AND m.seq = dated.seq",
            [list(at), conversation.pk],
        )
        cursor.execute(_DATE_ROW, {"id": conversation.pk})


_DATE_ROW = """
UPDATE conversations_conversation AS c SET
  created_at = log.first_at, last_at = log.spoken_at, public_last_at = log.public_at,
  first_response_at = CASE WHEN c.first_response_at IS NOT NULL THEN log.answered_at END,
  closed_at = CASE WHEN c.closed_at IS NOT NULL THEN log.ended_at END
FROM (
  SELECT min(created_at) AS first_at, max(created_at) AS ended_at,
    max(created_at) FILTER (WHERE kind <> 'event') AS spoken_at,
    max(created_at) FILTER (WHERE public_seq IS NOT NULL) AS public_at,
    min(created_at) FILTER (WHERE public_seq IS NOT NULL AND author_kind = 'member') AS answered_at
  FROM conversations_message WHERE conversation_id = %(id)s
) AS log
WHERE c.id = %(id)s
"""


def date_visitor(visitor: Visitor, now: datetime, lately: timedelta) -> None:
    """Let a visitor have come when they first wrote and left when they last did; who wrote lately is still there."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE visitors_visitor AS v SET
              first_seen_at = coalesce(said.first_at, %(now)s - interval '3 hours') - interval '4 minutes',
              last_seen_at = CASE WHEN said.last_at > %(lately)s THEN %(now)s
                ELSE coalesce(said.last_at, %(now)s - interval '2 hours') + interval '1 minute' END
            FROM (
              SELECT min(created_at) AS first_at, max(created_at) AS last_at
              FROM conversations_message WHERE visitor_id = %(id)s
            ) AS said
            WHERE v.id = %(id)s
            """,
            {"id": visitor.pk, "now": now, "lately": now - lately},
        )
