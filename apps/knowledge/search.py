"""Search in articles, one for everybody: by words and by meaning, the best first, with what was found marked."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from apps.core.access import Actor
from apps.core.isolation import scopes
from apps.knowledge.models import Article, ArticleQuerySet
from apps.knowledge.retrieval import evidence
from apps.knowledge.retrieval.languages import config_of
from apps.knowledge.retrieval.lexical import words_of
from apps.knowledge.retrieval.ranking import Ranked

_START, _END = "\x02", "\x03"
"""Postgres puts these around what was found: no text has them, and what stands between them can be escaped."""
_WHOLE = f"StartSel={_START}, StopSel={_END}, HighlightAll=true"
_PART = f"StartSel={_START}, StopSel={_END}, MaxWords=35, MinWords=15, ShortWord=2"


@dataclass(frozen=True, slots=True)
class Found:
    """An article that answers a search, with its title and a passage in which the words are marked."""

    article: Article
    title: SafeString
    passage: SafeString


def find(
    actor: Actor | None, query: str, limit: int, among: ArticleQuerySet | None = None, language: str | None = None
) -> list[Found]:
    """Return the published articles that this actor may read and that answer the query, the best first.

    ``among`` narrows them. Nobody in particular searches the workspace that was entered. Of the translations of one article the one in
    ``language`` is found, and without one the best.
    """
    workspace = getattr(actor, "workspace_id", None) or scopes.current_workspace()
    if workspace is None or not words_of(query):
        return []
    articles = (
        (Article.objects.visible_to(actor) if among is None else among).published().filter(workspace_id=workspace)
    )
    retrieved = evidence.retrieve(workspace, articles, query)
    ranked = retrieved.relevant()[: 2 * limit]
    rows = {row.pk: row for row in articles.defer("search", "body").filter(pk__in=[one.article for one in ranked])}
    chosen = _in_language([one for one in ranked if one.article in rows], rows, language)[:limit]
    return _marked(chosen, rows, retrieved.lexical.queries)


def _in_language(ranked: Sequence[Ranked], rows: dict[UUID, Article], language: str | None) -> list[Ranked]:
    """Keep one translation of each article, where the best of them stands."""
    if language is None:
        return list(ranked)
    best: dict[UUID, Ranked] = {}
    for one in ranked:
        row = rows[one.article]
        if row.translations not in best or (
            row.language == language and rows[best[row.translations].article].language != language
        ):
            best[row.translations] = one
    return list(best.values())


def _marked(ranked: Sequence[Ranked], rows: Mapping[UUID, Article], queries: Mapping[str, str]) -> list[Found]:
    """Have Postgres mark the words, whatever their endings. It would leave out what looks like a tag, so it gets none."""
    if not ranked:
        return []
    configs = [config_of(rows[one.article].language) for one in ranked]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT wanted.nth, ts_headline(wanted.config::regconfig, wanted.title, wanted.query::tsquery, %s),
              ts_headline(wanted.config::regconfig, replace(replace(chunk.text, '&', '&amp;'), '<', '&lt;'), wanted.query::tsquery, %s)
            FROM unnest(%s::int[], %s::bigint[], %s::text[], %s::text[], %s::text[]) AS wanted (nth, chunk, config, query, title)
            JOIN knowledge_chunk AS chunk ON chunk.id = wanted.chunk
            """,
            [
                _WHOLE,
                _PART,
                list(range(len(ranked))),
                [one.chunk for one in ranked],
                configs,
                [queries.get(config, "") for config in configs],
                [html.escape(rows[one.article].title, quote=False) for one in ranked],
            ],
        )
        texts = {nth: (title, passage) for nth, title, passage in cursor.fetchall()}
    return [
        Found(rows[one.article], _html(texts[nth][0]), _html(texts[nth][1]))
        for nth, one in enumerate(ranked)
        if nth in texts
    ]


def _html(text: str) -> SafeString:
    marked = re.sub(f"{_START}([^{_END}]*){_END}", r"<mark>\1</mark>", str(escape(html.unescape(text))))
    return mark_safe(marked.replace(_START, "").replace(_END, ""))  # noqa: S308 - escaped before it was marked
