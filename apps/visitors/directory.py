"""The visitors' directory: who was here last, searched and paged."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from apps.core import limits
from apps.core.cursors import newest_first
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.search import prefix_query
from apps.visitors.models import Visitor
from apps.workspaces.models import Member

SEARCH = Exemption(
    "search",
    "Under row-level security Postgres uses no index of words or trigrams: their operators might tell of rows that aren't shown. "
    "The queries name the workspace, and what they find is read within it.",
)


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
        with scopes.every_workspace(SEARCH):
            return newest_first(visitors.filter(called(text)), "last_seen_at", cursor, limit)
    return newest_first(visitors, "last_seen_at", cursor, limit)


def called(text: str) -> Q:
    """Return the condition that a visitor's names hold every word of the text from its start, or the name or address the text as it is."""
    literally = Q(name__icontains=text) | Q(email__icontains=text)
    words = prefix_query(text)
    return literally | Q(search=SearchQuery(words, search_type="raw", config="simple")) if words else literally


CANDIDATES = 10


def candidates(visitor: Visitor, actor: Member) -> list[Visitor]:
    """Return who shares the address, the id or the name with a visitor, who was here last first."""
    alike = Q()
    if visitor.email:
        alike |= Q(email__iexact=visitor.email)
    if visitor.external_id:
        alike |= Q(external_id=visitor.external_id)
    if visitor.name:
        alike |= Q(name__iexact=visitor.name)
    if not alike:
        return []
    found = Visitor.objects.visible_to(actor).filter(alike).exclude(pk=visitor.pk)
    with scopes.every_workspace(SEARCH):
        return list(found.order_by("-last_seen_at", "-pk")[:CANDIDATES])
