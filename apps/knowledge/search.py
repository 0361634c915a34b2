"""Search in articles: words from their start, the best first, with what was found marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from apps.core.access import Actor
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.search import prefix_query
from apps.knowledge.markup import plain
from apps.knowledge.models import Article, ArticleQuerySet

FINDING = Exemption(
    "search of the help centre",
    "Under row-level security Postgres uses no index of words. The query names the workspace, and what it finds is read within it.",
)
AROUND = 80
_WORD = re.compile(r"[^\W_]+", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Found:
    """An article that answers a search, with its title and a passage in which the words are marked."""

    article: Article
    title: SafeString
    passage: SafeString


def find(actor: Actor | None, query: str, limit: int, among: ArticleQuerySet | None = None) -> list[Found]:
    """Return the published articles that this actor may read and that hold every word of the query, or else some, the best first.

    ``among`` narrows them: for nobody in particular it says of which workspace.
    """
    articles = Article.objects.visible_to(actor).published() if among is None else among
    words = _WORD.findall(query)[:10]
    if not words:
        return []
    every = prefix_query(query)
    with scopes.every_workspace(FINDING):
        found = _ranked(articles, every, limit) or _ranked(articles, every.replace(" & ", " | "), limit)
    return [Found(one, marked(one.title, words), marked(_passage(one, words), words)) for one in found]


def _ranked(articles: ArticleQuerySet, words: str, limit: int) -> Sequence[Article]:
    query = SearchQuery(words, search_type="raw", config="simple")
    ranked = articles.filter(search=query).annotate(rank=SearchRank(F("search"), query, normalization=2))
    return list(ranked.defer("search").order_by("-rank", "-published_at", "pk")[:limit])


def _passage(article: Article, words: Sequence[str]) -> str:
    """Return the summary, or what stands around the first word that was found in the text."""
    text = plain(article.body)
    match = _pattern(words).search(text)
    if match is None:
        return article.summary or text[: 2 * AROUND]
    start, end = max(0, match.start() - AROUND), match.end() + AROUND
    cut = text[start:end]
    if start:
        cut = "…" + cut.partition(" ")[2]
    return cut if end >= len(text) else cut.rpartition(" ")[0] + "…"


def marked(text: str, words: Sequence[str]) -> SafeString:
    """Return a text as HTML in which words that begin like these are marked."""
    parts, position = [], 0
    for match in _pattern(words).finditer(text):
        parts += [escape(text[position : match.start()]), f"<mark>{escape(match.group())}</mark>"]
        position = match.end()
    return mark_safe("".join([*parts, escape(text[position:])]))  # noqa: S308 - every part is escaped


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    # The words are letters and digits alone: nothing of them is a pattern.
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\w*", re.IGNORECASE)
