"""Retrieves the passages for a question: by words and by meaning, among the articles that may be read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from apps.core import limits
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.kinds import UnknownKind
from apps.knowledge.embeddings.family import Rejected, Scale, Unavailable
from apps.knowledge.models import ArticleQuerySet
from apps.knowledge.retrieval import indexes, lexical, ranking, semantic
from apps.knowledge.retrieval.languages import config_of
from apps.knowledge.retrieval.lexical import Lexical, Scope
from apps.knowledge.retrieval.models import EmbeddingIndex
from apps.knowledge.retrieval.ranking import Ranked
from apps.knowledge.retrieval.semantic import Near

if TYPE_CHECKING:
    from apps.knowledge.embeddings.family import Vectors

logger = logging.getLogger(__name__)

SEARCHING = Exemption(
    "search by words and by meaning",
    "Under row-level security Postgres uses no index of words, trigrams or vectors. "
    "Each statement names the workspace, and the articles that may be read.",
)
WORDS_ALONE = Scale(relevant=0.0, spread=0.0)
CANDIDATES = 60
"""How many passages each way finds: an article's second-best passage must not push another article out."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What each way found, before they are joined."""

    lexical: Lexical
    near: Sequence[Near]
    scale: Scale = WORDS_ALONE

    def ranked(self) -> list[Ranked]:
        """Return the articles, the best first."""
        return ranking.ranked(self.lexical, self.near, self.scale.spread)

    def relevant(self) -> list[Ranked]:
        """Return those of them that have something to do with the question."""
        return [one for one in self.ranked() if ranking.is_relevant(one, self.scale.relevant)]


def retrieve(workspace_id: UUID, articles: ArticleQuerySet, query: str) -> Retrieved:
    """Look for a question among these articles of a workspace. What the embeddings' provider doesn't answer in time is done without."""
    text = query.strip()[: limits.SEARCH_CHARACTERS]
    statement, parameters = articles.order_by().values("pk").query.sql_with_params()
    scope = Scope(workspace_id, statement, tuple(parameters))
    index = indexes.serving(workspace_id)
    with scopes.every_workspace(SEARCHING):
        found = lexical.search(scope, text, CANDIDATES)
    vector = _embedded(index, text, found) if index is not None and index.dimensions and text else None
    if index is None or vector is None:
        return Retrieved(found, [])
    with scopes.every_workspace(SEARCHING):
        near = semantic.search(scope, index, vector, CANDIDATES, also=[hit.chunk for hit in found.hits])
    return Retrieved(found, near, indexes.provider_of(index).scale(indexes.access_of(index)))


def _embedded(index: EmbeddingIndex, text: str, found: Lexical) -> Vectors | None:
    try:
        return indexes.provider_of(index).query(
            indexes.access_of(index), text, found.coverages.get(config_of("en"), 0.0)
        )
    except (Unavailable, Rejected, UnknownKind) as error:
        logger.warning("a question can't be embedded by %s: %s", index.provider, type(error).__name__)
        return None
