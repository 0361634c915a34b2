"""Finds passages by their words: each is looked for in its own language, a rare word counts more than a common one.

Postgres ranks without regard to how rare a word is. So each word is ranked by itself and weighed by its rarity among the workspace's passages,
as BM25 does; how often a word stands in a passage and how long that is are Postgres' own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

TERMS = 48
"""The words of a long question that say most: more of them cost time and find nothing else."""
TYPED_WORDS = 4
"""A query of so few words may end within one."""
WEIGHTS = "{0.5,0.5,0.5,1}"
"""A word in the headings counts twice one in the text."""
ALIKE = 0.4
"""How many trigrams a mistyped word shares with the one that was meant: pg_trgm's similarity. Two letters swapped in a short word leave fewer."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Term:
    """A word as Postgres looks for it, how often it was said, and how many passages have it."""

    query: str
    times: int
    passages: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and how well its words fit: the mean of their ranks, each weighed by how much the word counts."""

    chunk: int
    article: UUID
    score: float


@dataclass(frozen=True, slots=True)
class Lexical:
    """What was found by words. By the way words are stemmed: ``coverage``, the part of the question's weight that is in any passage at all, and
    ``queries``, what was looked for."""

    hits: Sequence[Hit]
    coverages: Mapping[str, float] = field(default_factory=dict)
    queries: Mapping[str, str] = field(default_factory=dict)

    @property
    def coverage(self) -> float:
        return max(self.coverages.values(), default=0.0)


@dataclass(frozen=True, slots=True)
class Scope:
    """The passages that may be found: SQL for the articles' ids, with its parameters."""

    workspace: UUID
    articles: str
    parameters: tuple[Any, ...]


def words_of(text: str) -> list[str]:
    """Return the words of a query."""
    return _WORD.findall(text)


def search(scope: Scope, query: str, limit: int) -> Lexical:
    """Return the passages that have the most of the query's words. Belongs within an exemption: Postgres uses no index of words otherwise."""
    counts = _passages(scope.workspace)
    found = [_in_language(scope, config, count, query, limit) for config, count in counts.items()]
    hits = sorted((hit for one in found for hit in one.hits), key=lambda hit: -hit.score)
    return Lexical(
        hits[:limit],
        {config: coverage for one in found for config, coverage in one.coverages.items()},
        {config: looked for one in found for config, looked in one.queries.items()},
    )


def _passages(workspace: UUID) -> dict[str, int]:
    """Return how many passages a workspace has by the way their words are stemmed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT config, count(*) FROM knowledge_chunk WHERE workspace_id = %s GROUP BY config", [workspace]
        )
        return dict(cursor.fetchall())


def _in_language(scope: Scope, config: str, count: int, query: str, limit: int) -> Lexical:
    terms = _terms(scope.workspace, config, query)
    weighed = sorted(((_weight(term, count), term) for term in terms), key=lambda one: -one[0])
    total = sum(weight for weight, _term in weighed)
    there = [(weight, term) for weight, term in weighed if term.passages][:TERMS]
    if not there:
        return Lexical([])
    any_of = " | ".join(term.query for _weight_, term in there)
    ranks = " + ".join("%s * ts_rank(%s::real[], search, %s::tsquery, 1)" for _ in there)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT id, article_id, {ranks} AS score FROM knowledge_chunk
            WHERE workspace_id = %s AND config = %s AND search @@ %s::tsquery AND article_id IN ({scope.articles})
            ORDER BY score DESC LIMIT %s
            """,
            [
                *(part for weight, term in there for part in (weight, WEIGHTS, term.query)),
                scope.workspace,
                config,
                any_of,
                *scope.parameters,
                limit,
            ],
        )
        hits = [Hit(chunk, article, float(score) / total) for chunk, article, score in cursor.fetchall()]
    return Lexical(hits, {config: sum(weight for weight, term in weighed if term.passages) / total}, {config: any_of})


def _weight(term: Term, of: int) -> float:
    """Return how much a word counts: BM25's, by how rare it is and how often it was said."""
    return term.times * math.log(1 + (of - term.passages + 0.5) / (term.passages + 0.5))


def _terms(workspace: UUID, config: str, query: str) -> list[Term]:
    """Return the query's words without those that say nothing, and how many passages have each; for a mistyped one the likeliest that was meant."""
    words = words_of(query)
    with connection.cursor() as cursor:
        queries = _lexemes(cursor, config, " ".join(words))
        if words and len(words) <= TYPED_WORDS and query[-1:].isalnum():
            queries = _with_prefix(cursor, config, words[-1], queries)
        terms = _counted(cursor, workspace, config, queries)
        if len(words) <= TYPED_WORDS:
            # What was typed still counts as missing: a word of another language also looks like one of ours.
            missing = [term for term in terms if not term.passages]
            terms += _counted(cursor, workspace, config, _meant(cursor, workspace, config, words, missing))
    return terms


def _lexemes(cursor: Any, config: str, text: str) -> dict[str, int]:
    """Return the words as they are looked for, each with how often it was said; without those that say nothing."""
    cursor.execute(
        "SELECT lexeme, cardinality(positions) FROM unnest(to_tsvector(%s::text::regconfig, %s))", [config, text]
    )
    return {_quoted(lexeme): times for lexeme, times in cursor.fetchall()}


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def _with_prefix(cursor: Any, config: str, word: str, queries: dict[str, int]) -> dict[str, int]:
    """Let the last word be the beginning of one."""
    whole = _lexemes(cursor, config, word)
    beginnings = [f"{_quoted(part.lower())}:*" for part in re.findall(r"[^\W_]+", word)]
    last = f"({' | '.join([*whole, *beginnings])})"
    return {query: times for query, times in queries.items() if query not in whole} | {last: 1}


def _counted(cursor: Any, workspace: UUID, config: str, queries: Mapping[str, int]) -> list[Term]:
    if not queries:
        return []
    cursor.execute(
        """
        SELECT wanted.query, count(chunk.id) FROM unnest(%s::text[]) AS wanted (query)
        LEFT JOIN knowledge_chunk AS chunk ON chunk.workspace_id = %s AND chunk.config = %s AND chunk.search @@ wanted.query::tsquery
        GROUP BY wanted.query
        """,
        [list(queries), workspace, config],
    )
    return [Term(query, queries[query], passages) for query, passages in cursor.fetchall()]


def _meant(cursor: Any, workspace: UUID, config: str, words: Sequence[str], missing: Sequence[Term]) -> dict[str, int]:
    """Return the words that are there and look most like those that aren't."""
    typed = [word.lower() for word in words if 4 <= len(word) <= 40]
    if not missing or not typed:
        return {}
    cursor.execute(
        """
        SELECT typed.word, known.word, similarity(known.word, typed.word) FROM unnest(%s::text[]) AS typed (word)
        JOIN knowledge_word AS known ON known.workspace_id = %s
          AND (similarity(known.word, typed.word) >= %s
            OR left(known.word, 1) = left(typed.word, 1) AND abs(length(known.word) - length(typed.word)) <= 1)
        WHERE NOT EXISTS (
          SELECT 1 FROM knowledge_word AS same WHERE same.workspace_id = known.workspace_id AND same.word = typed.word)
        """,
        [typed, workspace, ALIKE],
    )
    likeliest: dict[str, tuple[int, float, str]] = {}
    for word, known, alike in cursor.fetchall():
        slips = slips_between(word, known)
        if slips <= 1 or alike >= ALIKE:
            likeliest[word] = min(likeliest.get(word, (99, 0.0, "")), (slips, -alike, known))
    return _lexemes(cursor, config, " ".join(known for _slips, _alike, known in likeliest.values()))


def slips_between(typed: str, meant: str) -> int:
    """Return how many slips lie between two words: a letter too many, too few or another, or two swapped."""
    before: list[int] = []
    row = list(range(len(meant) + 1))
    for place, letter in enumerate(typed, 1):
        before, above, row = row, before, [place]
        for other, wanted in enumerate(meant, 1):
            least = min(before[other] + 1, row[other - 1] + 1, before[other - 1] + (letter != wanted))
            if place > 1 and other > 1 and letter == meant[other - 2] and typed[place - 2] == wanted:
                least = min(least, above[other - 2] + 1)
            row.append(least)
    return row[-1]
