"""Makes a workspace's passages and embeddings anew, while what there was goes on serving."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.db import transaction

from apps.core.isolation import scopes
from apps.knowledge.models import Article
from apps.knowledge.retrieval import indexes, indexing
from apps.knowledge.retrieval.events import REINDEXING
from apps.knowledge.retrieval.indexes import Progress
from apps.knowledge.retrieval.models import EmbeddingIndex
from apps.workspaces.models import Workspace

TURN_SECONDS = 5.0


def workspaces() -> list[UUID]:
    """Return every workspace that has articles."""
    with scopes.every_workspace(REINDEXING):
        return list(
            Workspace.objects.filter(articles__isnull=False).distinct().order_by("pk").values_list("pk", flat=True)
        )


def reindex(workspace_id: UUID) -> Iterator[Progress]:
    """Cut a workspace's articles anew, embed everything anew, and say how far that is. Raises Unavailable, Rejected; what is done stays."""
    with scopes.workspace(workspace_id):
        for id_ in Article.objects.filter(workspace_id=workspace_id).order_by("pk").values_list("pk", flat=True):
            with transaction.atomic():
                article = Article.objects.select_for_update(no_key=True).defer("search").filter(pk=id_).first()
                if article is not None:
                    indexing.index(article)
        index = indexes.rebuild(workspace_id)
        while index is not None and EmbeddingIndex.objects.filter(pk=index.pk).exists():
            progress = indexes.embed(index.pk, TURN_SECONDS)
            if progress is None:
                return
            yield progress
            if progress.done >= progress.of:
                return
