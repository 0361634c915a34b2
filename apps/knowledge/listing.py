"""The list of articles that members see: filtered, searched, paged."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db.models import Q

from apps.core import limits
from apps.core.access import Actor
from apps.core.cursors import newest_first
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.search import prefix_query
from apps.knowledge.models import Article

LISTING = Exemption(
    "search of articles",
    "Under row-level security Postgres uses no index of words. The queries name the workspace, and what they find is read within it.",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which articles a list shows. Empty: all; without a status those that aren't archived."""

    q: str = ""
    status: str = ""
    audience: str = ""
    language: str = ""
    tag: str = ""
    collections: tuple[UUID, ...] = ()


def listed(
    actor: Actor, wanted: Wanted, *, cursor: str = "", limit: int = limits.PAGE_SIZE
) -> tuple[list[Article], str | None]:
    """Return a page of articles, changed last first, and the cursor of the next page."""
    articles = Article.objects.visible_to(actor).defer("search", "body")
    articles = articles.filter(status=wanted.status) if wanted.status else articles.exclude(status="archived")
    if wanted.audience:
        articles = articles.filter(audience=wanted.audience)
    if wanted.language:
        articles = articles.filter(language=wanted.language)
    if wanted.tag:
        articles = articles.filter(tags__contains=[wanted.tag])
    if wanted.collections:
        articles = articles.filter(collection_id__in=wanted.collections)
    text = wanted.q.strip()
    if not text:
        return newest_first(articles, "updated_at", cursor, limit)
    words = prefix_query(text)
    found = Q(title__icontains=text) | Q(slug=text.lower()) | Q(tags__contains=[text])
    if words:
        found |= Q(search=SearchQuery(words, search_type="raw", config="simple"))
    with scopes.every_workspace(LISTING):
        return newest_first(articles.filter(found), "updated_at", cursor, limit)
