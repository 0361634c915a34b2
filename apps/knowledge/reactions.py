"""What follows from others' facts: whom feedback is from when two visitors become one."""

from __future__ import annotations

from uuid import UUID

from apps.core.events import on_required
from apps.knowledge.events import ArticleChanged, ArticlePublished, ArticleUnpublished
from apps.knowledge.models import ArticleFeedback
from apps.knowledge.retrieval import indexing
from apps.visitors.merging import collision


@collision("knowledge.articlefeedback.visitor")
def keep_the_canonicals_answer(source: UUID, canonical: UUID) -> None:
    """Where both have said whether an article helped, the one who stays is believed."""
    answered = ArticleFeedback.objects.filter(visitor_id=canonical).values("article_id")
    ArticleFeedback.objects.filter(visitor_id=source, article_id__in=answered).delete()


@on_required(ArticlePublished)
def find_what_readers_see(event: ArticlePublished) -> None:
    """What is found is what readers see, from the same moment."""
    indexing.index(event.article)


@on_required(ArticleUnpublished)
def find_it_no_longer(event: ArticleUnpublished) -> None:
    """What readers see no longer isn't found any more."""
    indexing.index(event.article)


@on_required(ArticleChanged)
def stem_in_its_language(event: ArticleChanged) -> None:
    """Words are stemmed as the article's language does."""
    if "language" in event.changed:
        indexing.index(event.article)
