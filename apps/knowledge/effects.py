"""How the effects that the knowledge base owes are paid. Each bears being paid twice."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.core.access import System
from apps.core.effects import Hopeless, Postponed, effect
from apps.core.kinds import UnknownKind
from apps.core.models import Effect
from apps.knowledge import actions
from apps.knowledge.embeddings.family import Rejected, Unavailable
from apps.knowledge.models import Article, Asset
from apps.knowledge.retrieval import indexes


@effect("knowledge.publish")
@transaction.atomic
def publish(owed: Effect) -> None:
    """Publish an article whose time has come, unless it was published, taken back or scheduled anew meanwhile."""
    at = datetime.fromisoformat(owed.payload["at"])
    due = Article.objects.select_for_update(no_key=True).filter(
        pk=owed.payload["article"], status=Article.Status.SCHEDULED, publish_at=at
    )
    if (article := due.defer("search").first()) is not None:
        actions.publish(article, by=System("schedule"))


@effect("knowledge.delete_file", lane=Effect.Lane.BULK)
def delete_file(owed: Effect) -> None:
    """Delete the file of an asset, once its row is gone."""
    if not Asset.objects.filter(file=owed.payload["file"]).exists():
        Asset._meta.get_field("file").storage.delete(owed.payload["file"])


@effect("knowledge.embed", lane=Effect.Lane.BULK)
def embed(owed: Effect) -> None:
    """Embed what an index of embeddings lacks, for a while; the rest is owed anew."""
    try:
        indexes.embed(UUID(owed.payload["index"]))
    except Unavailable as error:
        raise Postponed(str(error)) from error
    except (Rejected, UnknownKind) as error:
        raise Hopeless(str(error)) from error
