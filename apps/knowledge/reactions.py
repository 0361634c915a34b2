"""What follows from others' facts: whom feedback is from when two visitors become one."""

from __future__ import annotations

from uuid import UUID

from apps.knowledge.models import ArticleFeedback
from apps.visitors.merging import collision


@collision("knowledge.articlefeedback.visitor")
def keep_the_canonicals_answer(source: UUID, canonical: UUID) -> None:
    """Where both have said whether an article helped, the one who stays is believed."""
    answered = ArticleFeedback.objects.filter(visitor_id=canonical).values("article_id")
    ArticleFeedback.objects.filter(visitor_id=source, article_id__in=answered).delete()
