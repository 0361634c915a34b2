"""What people searched for and didn't find. Kept without whom, and without what would say whom."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction

from apps.core import clock, limits
from apps.core.ids import uuid7
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.knowledge.retrieval.lexical import words_of
from apps.knowledge.retrieval.models import Gap

OLD_GAPS = Exemption("old searches without result", "the clock deletes those of every workspace")

_PERSONAL = re.compile(r"\S*@\S*|\+?\d(?:[\s./-]?\d){4,}|\b\S*\d{5,}\S*", re.UNICODE)
WHILE_TYPING = timedelta(seconds=60)


def words_kept(query: str) -> str:
    """Return the words of a query as they are kept: in lower case, without addresses and long numbers."""
    return " ".join(words_of(_PERSONAL.sub(" ", query).lower()))[: limits.QUERY_CHARACTERS].strip()


@transaction.atomic
def record(workspace_id: UUID, query: str) -> None:
    """Note that this was searched for and not found. What was typed on the way to it is forgotten."""
    words = words_kept(query)
    if len(words) < 3:
        return
    recent = Gap.objects.filter(workspace_id=workspace_id, last_at__gt=clock.now() - WHILE_TYPING, times=1)
    beginnings = [words[:end] for end in range(3, len(words))]
    recent.filter(words__in=beginnings).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO knowledge_gap (id, workspace_id, words, times, first_at, last_at)
            SELECT %(id)s, %(workspace)s, %(words)s::text, 1, now(), now()
            WHERE (SELECT count(*) FROM knowledge_gap WHERE workspace_id = %(workspace)s) < %(most)s
              OR EXISTS (SELECT 1 FROM knowledge_gap WHERE workspace_id = %(workspace)s AND words = %(words)s::text)
            ON CONFLICT (workspace_id, words) DO UPDATE SET times = knowledge_gap.times + 1, last_at = now()
            """,
            {"id": uuid7(), "workspace": workspace_id, "words": words, "most": limits.GAPS_MOST},
        )


def forget(gap: Gap) -> None:
    """Take a question off the list: somebody answered it, or nobody will."""
    gap.delete()


def forget_old() -> int:
    """Delete what nobody has searched for any more. Returns how many."""
    with scopes.every_workspace(OLD_GAPS):
        old = Gap.objects.filter(last_at__lt=clock.now() - timedelta(days=limits.GAP_DAYS))
        return old.delete()[0]
