"""Keeps the passages of an article as readers see it, in the transaction that shows it to them, and owes their embeddings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection

from apps.knowledge.models import Article
from apps.knowledge.retrieval import indexes
from apps.knowledge.retrieval.chunks import Chunk as Passage
from apps.knowledge.retrieval.chunks import chunks
from apps.knowledge.retrieval.languages import config_of
from apps.knowledge.retrieval.models import Chunk

_WORD = re.compile(r"[^\W\d_]{4,40}", re.UNICODE)


def index(article: Article) -> None:
    """Make an article's passages what it says now; none unless it is published. Those that read as before keep their embeddings."""
    wanted = chunks(article.title, _text(article)) if article.is_published else []
    kept = _keep(article, wanted)
    new = [(position, passage) for position, passage in enumerate(wanted) if position not in kept]
    if new:
        _write(article, new)
        _learn(article.workspace_id, (passage.embedded for _position, passage in new))
        indexes.owe_embeddings(article.workspace_id)


def _text(article: Article) -> str:
    return f"{article.summary}\n\n{article.body}" if article.summary else article.body


def _keep(article: Article, wanted: Sequence[Passage]) -> set[int]:
    """Move the passages that read as before to where they stand now, delete the others, and return the positions that are taken."""
    config = config_of(article.language)
    places: dict[bytes, list[int]] = {}
    for position, passage in enumerate(wanted):
        places.setdefault(passage.digest, []).append(position)
    moved, gone, kept = [], [], set()
    for row in Chunk.objects.filter(article=article).only("id", "position", "digest", "config").order_by("position"):
        free = places.get(bytes(row.digest))
        if not free or row.config != config:
            gone.append(row.pk)
            continue
        position = free.pop(0)
        kept.add(position)
        if row.position != position:
            row.position = position
            moved.append(row)
    if gone:
        Chunk.objects.filter(pk__in=gone).delete()
    Chunk.objects.bulk_update(moved, ["position"])
    return kept


def _write(article: Article, passages: Sequence[tuple[int, Passage]]) -> None:
    config = config_of(article.language)
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO knowledge_chunk (workspace_id, article_id, position, config, heading, text, digest, search)
            VALUES (%(workspace)s, %(article)s, %(position)s, %(config)s::text, %(heading)s::text, %(text)s::text, %(digest)s,
              setweight(to_tsvector(%(config)s::text::regconfig, %(heading)s::text), 'A') || to_tsvector(%(config)s::text::regconfig, %(text)s::text))
            """,
            [
                {
                    "workspace": article.workspace_id,
                    "article": article.pk,
                    "position": position,
                    "config": config,
                    "heading": passage.heading,
                    "text": passage.text,
                    "digest": passage.digest,
                }
                for position, passage in passages
            ],
        )


def _learn(workspace_id: UUID, texts: Iterable[str]) -> None:
    """Keep the words that there are, for those who mistype them."""
    words = sorted({word for text in texts for word in _WORD.findall(text.lower())})
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO knowledge_word (workspace_id, word) SELECT %s, unnest(%s::text[]) ON CONFLICT DO NOTHING",
            [workspace_id, words],
        )
