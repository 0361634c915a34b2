"""Finds passages by what they mean: the nearest to the question in a model's space.

A small workspace's passages are compared one by one, which is exact. A large one's are found by the index of the whole table, which is asked for more
until it has found enough of this workspace's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection

from apps.knowledge.retrieval.lexical import Scope
from apps.knowledge.retrieval.models import DIMENSIONS, EmbeddingIndex

if TYPE_CHECKING:
    from apps.knowledge.embeddings.family import Vectors

EXACT_MOST = 20_000
"""Up to so many passages comparing each is quick enough, and right."""


@dataclass(frozen=True, slots=True)
class Near:
    """A passage and how near it is: the inner product with the question, the cosine of their angle where both are of length 1."""

    chunk: int
    article: UUID
    cosine: float


def search(scope: Scope, index: EmbeddingIndex, vector: Vectors, limit: int, also: Sequence[int] = ()) -> list[Near]:
    """Return the passages nearest to a question, and how near those of ``also`` are. Belongs within an exemption: Postgres uses no index
    of vectors under row-level security."""
    if index.dimensions != vector.shape[1]:
        return []
    length = int(vector.shape[1])
    exact = index.size <= EXACT_MOST or length not in DIMENSIONS
    # With a sum Postgres can't use the index of vectors, whatever it thinks of it.
    column = "vector" if exact else f"vector::halfvec({length})"
    distance = f"({column} <=> %s::halfvec)" + (" + 0" if exact else "")
    near = f"""
        SELECT chunk_id, article_id, -(near.vector <#> %s::halfvec) FROM (
          SELECT e.chunk_id, c.article_id, e.vector FROM knowledge_embedding AS e JOIN knowledge_chunk AS c ON c.id = e.chunk_id
          WHERE e.workspace_id = %s AND e.index_id = %s AND e.dimensions = {length} AND c.article_id IN ({scope.articles})
          ORDER BY {distance.replace("vector", "e.vector", 1)} LIMIT %s) AS near
    """
    rest = f"""
        SELECT e.chunk_id, c.article_id, -(e.vector <#> %s::halfvec)
        FROM knowledge_embedding AS e JOIN knowledge_chunk AS c ON c.id = e.chunk_id
        WHERE e.workspace_id = %s AND e.index_id = %s AND e.chunk_id = ANY(%s) AND c.article_id IN ({scope.articles})
    """
    text = "[" + ",".join(f"{number:.6g}" for number in vector[0].tolist()) + "]"
    with connection.cursor() as cursor:
        cursor.execute(
            f"({near}) UNION ({rest})",
            [
                *(text, scope.workspace, index.pk, *scope.parameters, text, limit),
                *(text, scope.workspace, index.pk, list(also), *scope.parameters),
            ],
        )
        return [Near(chunk, article, float(cosine)) for chunk, article, cosine in cursor.fetchall()]
