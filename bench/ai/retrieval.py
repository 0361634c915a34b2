"""Whether the right documents are found: each set is a workspace with its articles, searched as a visitor's question is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.knowledge.models import Article
from apps.knowledge.retrieval import indexes, indexing, ranking
from apps.knowledge.retrieval.evidence import Retrieved, retrieve
from apps.knowledge.retrieval.ranking import Ranked
from apps.workspaces.models import Workspace
from bench.ai.sets import Question, Questions

WAYS = {
    "full text": lambda found: ranking.words_only(found.lexical),
    "vectors": lambda found: ranking.meaning_only(found.near),
    "both": lambda found: found.ranked(),
}


@dataclass(frozen=True)
class Answered:
    """A question, and what was found for it."""

    question: Question
    found: Retrieved
    names: dict[UUID, str]
    """The set's own ids of the articles."""


@dataclass(frozen=True)
class Figures:
    """How well one way does on a set."""

    recall: float
    mrr: float


def fill(data: Questions) -> tuple[Workspace, dict[UUID, str]]:
    """Make a workspace whose articles are a set's documents, indexed and embedded as in production."""
    workspace = Workspace.objects.create(name=data.name)
    names = {}
    with transaction.atomic():
        for number, document in enumerate(data.documents):
            article = Article.objects.create(
                workspace=workspace,
                slug=f"{number}",
                title=document.title[:200] or document.body[:40],
                body=document.body,
                language=data.language,
                status=Article.Status.PUBLISHED,
                head=1,
                numbered=1,
                published_number=1,
            )
            indexing.index(article)
            names[article.pk] = document.id
    index = indexes.serving(workspace.pk)
    assert index is not None
    progress = indexes.embed(index.pk, seconds=24 * 3600)
    assert progress is not None
    assert progress.done == progress.of
    return workspace, names


def ask(data: Questions, workspace: Workspace, names: dict[UUID, str]) -> Iterator[Answered]:
    """Ask every question of a set."""
    articles = Article.objects.filter(workspace=workspace).published()
    for question in data.questions:
        yield Answered(question, retrieve(workspace.pk, articles, question.text), names)


def figures(answered: Sequence[Answered], way: Any, at: int = 5) -> Figures:
    """Return recall among the first ``at`` and the mean of one divided by the first right one's place."""
    recalls, places = [], []
    for one in answered:
        ranked: list[Ranked] = way(one.found)
        found = [one.names[row.article] for row in ranked]
        recalls.append(len(one.question.answers & set(found[:at])) / len(one.question.answers))
        places.append(next((1 / (place + 1) for place, name in enumerate(found) if name in one.question.answers), 0.0))
    return Figures(mean(recalls), mean(places))
