"""Whether articles help: once a visitor, once a browser."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from django.db import transaction

from apps.core.access import System
from apps.core.events import emit
from apps.knowledge.events import FeedbackGiven
from apps.knowledge.models import Article, ArticleFeedback
from apps.visitors.models import Visitor

BROWSER = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Counted:
    """How often an article helped, and how often it didn't."""

    helpful: int
    unhelpful: int


def new_browser() -> str:
    """Return what a browser keeps once it has answered, so that it answers once."""
    return secrets.token_urlsafe(32)


@transaction.atomic
def answer(article: Article, *, helpful: bool, comment: str, who: Visitor | str) -> ArticleFeedback:
    """Keep what a visitor, or a browser (by what it keeps), says of an article. Said again it replaces what they said."""
    whose = {"visitor": who} if isinstance(who, Visitor) else {"browser_hash": hashlib.sha256(who.encode()).digest()}
    row, _ = ArticleFeedback.objects.update_or_create(
        article=article,
        **whose,
        defaults={"helpful": helpful, "comment": comment, "workspace_id": article.workspace_id},
    )
    by = who if isinstance(who, Visitor) else System("reader")
    emit(FeedbackGiven(actor=by, article=article, feedback=row))
    return row


def counted(article: Article) -> Counted:
    """Count what readers said of an article."""
    said = list(ArticleFeedback.objects.filter(article=article).values_list("helpful", flat=True))
    return Counted(sum(said), len(said) - sum(said))


def comments(article: Article, most: int = 10) -> list[ArticleFeedback]:
    """Return what readers wrote, the newest first."""
    return list(ArticleFeedback.objects.filter(article=article).exclude(comment="").order_by("-created_at")[:most])
