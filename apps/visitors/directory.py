"""The visitors' directory: who was here last, searched and paged."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from apps.core import limits
from apps.core.cursors import Cursor
from apps.core.search import prefix_query
from apps.visitors.models import Visitor
from apps.workspaces.models import Member


def directory(
    actor: Member, *, q: str = "", presence: str = "all", cursor: str = "", limit: int = limits.PAGE_SIZE
) -> tuple[list[Visitor], str | None]:
    """Return a page of visitors, who was here last first, and the cursor of the next page."""
    visitors: QuerySet[Visitor] = Visitor.objects.visible_to(actor)
    since = Now() - timedelta(seconds=limits.PRESENCE_SECONDS)
    if presence != "all":
        visitors = (
            visitors.filter(last_seen_at__gt=since)
            if presence == "online"
            else visitors.filter(last_seen_at__lte=since)
        )
    if text := q.strip():
        visitors = visitors.filter(called(text))
    if cursor:
        seen, id_ = Cursor.decode(cursor, datetime, UUID)
        # The index starts at the bound; the rest only parts those of the same moment.
        visitors = visitors.filter(Q(last_seen_at__lt=seen) | Q(pk__lt=id_), last_seen_at__lte=seen)
    page = list(visitors.order_by("-last_seen_at", "-pk")[: limit + 1])
    following = Cursor.encode(page[limit - 1].last_seen_at, page[limit - 1].pk) if len(page) > limit else None
    return page[:limit], following


def called(text: str) -> Q:
    """Return the condition that a visitor's names hold every word of the text from its start, or the name or address the text as it is."""
    literally = Q(name__icontains=text) | Q(email__icontains=text)
    words = prefix_query(text)
    return literally | Q(search=SearchQuery(words, search_type="raw", config="simple")) if words else literally
