"""Joins what was found by words with what was found by meaning.

Words are trusted as far as the question's words are there at all: a question in another language than the articles', or in other words, has few, and
then meaning decides alone. The weights are measured (docs/ai-quality.md says how, and on what).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from apps.knowledge.retrieval.lexical import Lexical
from apps.knowledge.retrieval.semantic import Near


@dataclass(frozen=True, slots=True)
class Ranked:
    """An article with its best passage, and why it stands where it does: ``words`` and ``meaning`` are None where it wasn't found that way."""

    article: UUID
    chunk: int
    score: float
    words: float | None
    meaning: float | None


WORDS = 110.0
"""What a question's words are worth beside its meaning, when a passage has all of them: so many times the spread of the cosines."""
TRUST = 0.5
"""How quickly that falls with the part of them that no passage has."""


def ranked(lexical: Lexical, near: Sequence[Near], spread: float) -> list[Ranked]:
    """Return the articles that either found, the best first."""
    if not near:
        return words_only(lexical)
    words = {hit.chunk: hit.score for hit in lexical.hits}
    weight = WORDS * spread * lexical.coverage**TRUST
    found = [
        Ranked(one.article, one.chunk, one.cosine + weight * words.get(one.chunk, 0), words.get(one.chunk), one.cosine)
        for one in near
    ]
    # What isn't embedded yet is taken to be as far as the farthest that is.
    known, farthest = {one.chunk for one in near}, min(one.cosine for one in near)
    found += [
        Ranked(hit.article, hit.chunk, farthest + weight * hit.score, hit.score, None)
        for hit in lexical.hits
        if hit.chunk not in known
    ]
    return _best(found)


def words_only(lexical: Lexical) -> list[Ranked]:
    """Return the articles found by words alone, the best first."""
    return _best([Ranked(hit.article, hit.chunk, hit.score, hit.score, None) for hit in lexical.hits])


def meaning_only(near: Sequence[Near]) -> list[Ranked]:
    """Return the articles found by meaning alone, the best first."""
    return _best([Ranked(one.article, one.chunk, one.cosine, None, one.cosine) for one in near])


def _best(passages: Sequence[Ranked]) -> list[Ranked]:
    best: dict[UUID, Ranked] = {}
    for passage in sorted(passages, key=lambda one: (-one.score, one.chunk)):
        best.setdefault(passage.article, passage)
    return list(best.values())


RELEVANT_WORDS = 0.02
"""How well an article's words fit at least if it has something to do with a question: nineteen in twenty right answers fit better."""


def is_relevant(one: Ranked, least: float) -> bool:
    """Say whether an article has something to do with the question: by its words, or because it is as near as ``least``."""
    return (one.words or 0.0) >= RELEVANT_WORDS or (one.meaning is not None and one.meaning >= least)
