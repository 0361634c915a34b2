"""Vector search at size: whether a workspace gets its own nearest passages, all of them, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import quantiles
from typing import Any

import numpy
from django.db import connection, transaction

from apps.core.isolation.roles import as_owner
from apps.knowledge.models import Article
from apps.knowledge.retrieval import lexical, semantic
from apps.knowledge.retrieval.chunks import chunks
from apps.knowledge.retrieval.lexical import Scope
from apps.knowledge.retrieval.models import EmbeddingIndex
from apps.workspaces.models import Workspace
from bench.ai.sets import mtrag_un

DIMENSIONS = 768
TOPICS = 400
"""Passages lie around so many points, as texts lie around topics: evenly spread vectors would all be equally far away."""
PASSAGES_AN_ARTICLE = 5
GOAL_MS = 25.0


def measure(passages: int, workspaces: int, questions: int) -> int:
    """Print recall@10 and time for even workspaces, and for large ones beside them. Ends with 1 where a goal isn't reached."""
    random = numpy.random.default_rng(7)
    topics = random.standard_normal((TOPICS, DIMENSIONS)).astype(numpy.float32)
    texts = [passage.embedded for one in mtrag_un().documents for passage in chunks(one.title, one.body)]
    most = min(semantic.EXACT_MOST, passages)
    with _unindexed():
        even = [_fill(random, topics, texts, passages // workspaces) for _ in range(workspaces)]
        # At this size the way changes; twice that is on the other side.
        largest, large = _fill(random, topics, texts, most), _fill(random, topics, texts, 2 * most)
    print(
        f"{'passages':>9} {'workspaces':>10} {'recall@10':>9} {'vectors p50':>11} {'p95 ms':>7} {'words p50':>10} {'p95 ms':>7}"
    )
    fine = _report(random, topics, even, questions, least=1.0)
    fine &= _report(random, topics, [largest], questions, least=1.0, goal_ms=None)
    fine &= _report(random, topics, [large], questions, least=0.99, goal_ms=None)
    return 0 if fine else 1


@contextmanager
def _unindexed() -> Iterator[None]:
    """Fill without the index of vectors, and make it afterwards: row by row it would take ten times as long."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [f"embedding_near_{DIMENSIONS}"])
        definition = cursor.fetchone()[0]
        cursor.execute(f"DROP INDEX embedding_near_{DIMENSIONS}")
    yield
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(definition)
        cursor.execute("VACUUM ANALYZE knowledge_chunk, knowledge_embedding, knowledge_article")


def _fill(random: Any, topics: Any, texts: Sequence[str], size: int) -> EmbeddingIndex:
    """Make a workspace with so many passages of real text, and vectors of our own making."""
    workspace = Workspace.objects.create(name=f"{size} passages")
    index = EmbeddingIndex.objects.create(
        workspace=workspace, provider="local", model="minilm", state="serving", dimensions=DIMENSIONS, size=size
    )
    published = {"status": Article.Status.PUBLISHED, "head": 1, "numbered": 1, "published_number": 1}
    articles = [
        Article(workspace=workspace, slug=str(number), title=str(number), **published)
        for number in range(-(-size // PASSAGES_AN_ARTICLE))
    ]
    Article.objects.bulk_create(articles, batch_size=5000)
    vectors = _around(random, topics, size)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("CREATE TEMP TABLE filled (article uuid, nth int, text text, vector halfvec) ON COMMIT DROP")
        with cursor.copy("COPY filled FROM STDIN") as copy:
            for number in range(size):
                article = articles[number // PASSAGES_AN_ARTICLE].pk
                copy.write_row((article, number, texts[int(random.integers(len(texts)))], _written(vectors[number])))
        cursor.execute(
            """
            WITH chunks AS (
              INSERT INTO knowledge_chunk (workspace_id, article_id, position, config, heading, text, digest, search)
              SELECT %(workspace)s, article, nth, 'english', '', text, '', to_tsvector('english', text) FROM filled
              RETURNING id, article_id, position)
            INSERT INTO knowledge_embedding (workspace_id, index_id, chunk_id, dimensions, vector)
            SELECT %(workspace)s, %(index)s, chunks.id, %(dimensions)s, filled.vector
            FROM chunks JOIN filled ON filled.article = chunks.article_id AND filled.nth = chunks.position
            """,
            {"workspace": workspace.pk, "index": index.pk, "dimensions": DIMENSIONS},
        )
    return index


def _written(vector: Any) -> str:
    return "[" + ",".join(f"{number:.5g}" for number in vector.tolist()) + "]"


def _around(random: Any, topics: Any, count: int) -> Any:
    places = topics[random.integers(0, len(topics), count)]
    vectors = places + 0.7 * random.standard_normal(places.shape).astype(numpy.float32)
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


def _report(
    random: Any, topics: Any, rows: list[EmbeddingIndex], questions: int, least: float, goal_ms: float | None = GOAL_MS
) -> bool:
    recalls, times, by_words = [], [], []
    asked = [question.text for question in mtrag_un().questions]
    # The first few plan, and read what nobody has read yet.
    for number in range(-2 * len(rows), questions):
        index = rows[number % len(rows)]
        vector, scope = _around(random, topics, 1), _scope(index)
        began = time.perf_counter()
        found = semantic.search(scope, index, vector, 10)
        between = time.perf_counter()
        lexical.search(scope, asked[number % len(asked)], 60)
        ended = time.perf_counter()
        if number >= 0:
            times.append((between - began) * 1000)
            by_words.append((ended - between) * 1000)
            exact = _exact(index, vector)
            recalls.append(len({near.chunk for near in found} & exact) / len(exact))
    recall, ms, words = sum(recalls) / len(recalls), quantiles(times, n=20), quantiles(by_words, n=20)
    print(
        f"{sum(row.size for row in rows):>9,} {len(rows):>10} {recall:>9.4f} {ms[9]:>11.1f} {ms[18]:>7.1f} {words[9]:>10.1f} {words[18]:>7.1f}",
        flush=True,
    )
    return recall >= least and (goal_ms is None or ms[18] <= goal_ms)


def _scope(index: EmbeddingIndex) -> Scope:
    articles = Article.objects.published().filter(workspace_id=index.workspace_id)
    statement, parameters = articles.order_by().values("pk").query.sql_with_params()
    return Scope(index.workspace_id, statement, tuple(parameters))


def _exact(index: EmbeddingIndex, vector: Any) -> set[int]:
    """Return the ten nearest by comparing each, whatever index there is."""
    text = _written(vector[0])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT chunk_id FROM knowledge_embedding WHERE index_id = %s ORDER BY (vector <=> %s::halfvec) + 0 LIMIT 10",
            [index.pk, text],
        )
        return {row[0] for row in cursor.fetchall()}
