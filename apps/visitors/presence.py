"""Presence: who has a page open."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction

from apps.core import limits
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.visitors.events import VisitorChanged
from apps.visitors.models import Visitor

PRESENCE = Exemption("presence of visitors", "one statement notes everybody who has a page open on this live process")


def touch_visitors(ids: Iterable[UUID]) -> None:
    """Note that these visitors have a page open; who came back after a while is announced."""
    with scopes.every_workspace(PRESENCE), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH before AS (
              SELECT id, last_seen_at FROM visitors_visitor WHERE id = ANY(%s) AND last_seen_at < now() - interval '20 s' FOR UPDATE SKIP LOCKED
            )
            UPDATE visitors_visitor AS visitor SET last_seen_at = now() FROM before WHERE visitor.id = before.id
            RETURNING visitor.id, before.last_seen_at < now() - make_interval(secs => %s)
            """,
            [list(ids), limits.PRESENCE_SECONDS],
        )
        back = [row[0] for row in cursor.fetchall() if row[1]]
        for visitor in Visitor.objects.filter(pk__in=back):
            emit(VisitorChanged(actor=visitor, visitor=visitor))
