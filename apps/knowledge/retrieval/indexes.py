"""The embeddings of a workspace: which model makes them, and what is left to embed.

A workspace has one index that serves and, after a change of the model, one that is being built beside it. The effect embeds what either lacks, a
while at a time; when the one being built lacks nothing, it takes the other's place.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from apps.core import effects, envelope
from apps.core.access import Actor
from apps.core.events import emit
from apps.knowledge.embeddings.family import Access, Provider, Rejected, providers
from apps.knowledge.retrieval.events import EmbeddingsChosen
from apps.knowledge.retrieval.models import Chunk, Embedding, EmbeddingIndex

if TYPE_CHECKING:
    from apps.knowledge.embeddings.family import Vectors

State = EmbeddingIndex.State

TURN_SECONDS = 60.0
"""How long one effect embeds before it lets others of its lane have a turn: half its lease."""


class Unusable(ValueError):
    """These settings don't fit the provider. ``field`` says which of them."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of a workspace's passages an index has."""

    done: int
    of: int


def provider_of(index: EmbeddingIndex) -> Provider:
    """Return the kind that makes an index's embeddings. Raises UnknownKind where a plug-in was taken away."""
    return providers[index.provider]


def access_of(index: EmbeddingIndex) -> Access:
    """Return how an index's provider is reached."""
    return Access(index.model, index.url, envelope.reveal(index, "key") if index.key else "")


def serving(workspace_id: UUID) -> EmbeddingIndex | None:
    """Return the index that answers now."""
    return EmbeddingIndex.objects.filter(workspace_id=workspace_id, state=State.SERVING).first()


def progress(index: EmbeddingIndex) -> Progress:
    """Return how far an index is."""
    return Progress(
        Embedding.objects.filter(index=index).count(), Chunk.objects.filter(workspace_id=index.workspace_id).count()
    )


@transaction.atomic
def choose(workspace_id: UUID, provider: str, access: Access, *, by: Actor) -> EmbeddingIndex:
    """Have a workspace's passages embedded by another model. What there was serves until everything is embedded anew. Raises Unusable.

    Where only the key is another one, it is replaced and nothing is embedded again. An empty key keeps the one there is.
    """
    kind = providers.all().get(provider)
    if kind is None:
        raise Unusable("provider", "There is no such provider.")
    rows = {row.state: row for row in EmbeddingIndex.objects.select_for_update().filter(workspace_id=workspace_id)}
    row = next(
        (row for row in rows.values() if (row.provider, row.model, row.url) == (provider, access.model, access.url)),
        None,
    )
    _check(kind, access, row)
    if row is None:
        EmbeddingIndex.objects.filter(workspace_id=workspace_id, state=State.BUILDING).delete()
        row = EmbeddingIndex(
            workspace_id=workspace_id, provider=provider, model=access.model, url=access.url, state=State.BUILDING
        )
    elif row.state == State.SERVING:
        # Back to what serves still: what was being built is not wanted any more.
        EmbeddingIndex.objects.filter(workspace_id=workspace_id, state=State.BUILDING).delete()
    if access.key:
        envelope.seal(row, "key", access.key)
    row.problem = ""
    row.save()
    emit(EmbeddingsChosen(actor=by, index=row))
    _owe(row)
    return row


def _check(kind: Provider, access: Access, row: EmbeddingIndex | None) -> None:
    if not access.model or (kind.models and access.model not in kind.models):
        raise Unusable("model", "Choose one of its models." if kind.models else "Say which model.")
    if kind.needs_url != bool(access.url):
        raise Unusable("url", "Say where the server is." if kind.needs_url else "This provider has no address.")
    if access.key and not kind.takes_key:
        raise Unusable("key", "This provider takes no key.")
    if kind.needs_key and not access.key and not (row and row.key):
        raise Unusable("key", "This provider needs a key.")


def owe_embeddings(workspace_id: UUID) -> None:
    """Owe the embeddings that a workspace lacks, by each of its indexes; its first passages get the default one."""
    rows = list(EmbeddingIndex.objects.filter(workspace_id=workspace_id))
    if not rows:
        rows = [_default(workspace_id)]
    for row in rows:
        _owe(row)


def _default(workspace_id: UUID) -> EmbeddingIndex:
    kind = providers[settings.EMBEDDINGS]
    row, _ = EmbeddingIndex.objects.get_or_create(
        workspace_id=workspace_id,
        state=State.SERVING,
        defaults={"provider": settings.EMBEDDINGS, "model": kind.models[0]},
    )
    return row


def _owe(row: EmbeddingIndex) -> None:
    order = f"knowledge.embed:{row.pk}"
    with connection.cursor() as cursor:
        # However much a transaction changes, it owes this once. What others owe may be paid before they see what this one changes.
        cursor.execute(
            "SELECT 1 FROM core_effect WHERE order_key = %s AND state = 'ready' AND xmin = pg_current_xact_id()::xid",
            [order],
        )
        if cursor.fetchone():
            return
    effects.owe(
        "knowledge.embed",
        key=f"{order}:{uuid4()}",
        order_key=order,
        payload={"index": str(row.pk)},
        workspace_id=row.workspace_id,
    )


def embed(index_id: UUID, seconds: float = TURN_SECONDS) -> Progress | None:
    """Embed what an index lacks for a while, and let it serve when it lacks nothing. Owes the rest. Returns how far it is; None where it is gone.

    Raises Unavailable and Rejected, the latter with its reason kept for those who can change it.
    """
    until = time.monotonic() + seconds
    row = EmbeddingIndex.objects.filter(pk=index_id).first()
    if row is None:
        return None
    kind, access = provider_of(row), access_of(row)
    while missing := list(_missing(row)[: kind.batch]):
        if time.monotonic() >= until:
            with transaction.atomic():
                _owe(row)
            break
        try:
            _store(row, missing, kind.passages(access, [f"{chunk.heading}\n{chunk.text}" for chunk in missing]))
        except Rejected as error:
            EmbeddingIndex.objects.filter(pk=row.pk).update(problem=str(error)[:200])
            raise
    else:
        _serve(row)
    return progress(row)


def _missing(row: EmbeddingIndex) -> QuerySet[Chunk]:
    there = Embedding.objects.filter(index=row, chunk=OuterRef("pk"))
    chunks = Chunk.objects.filter(workspace_id=row.workspace_id).exclude(Exists(there))
    return chunks.only("id", "heading", "text", "digest").order_by("pk")


@transaction.atomic
def _store(row: EmbeddingIndex, chunks: Sequence[Chunk], vectors: Vectors) -> None:
    """Keep the vectors of the passages that are still there, reading as they did."""
    index = EmbeddingIndex.objects.select_for_update(no_key=True).filter(pk=row.pk).first()
    if index is None:
        return
    dimensions = int(vectors.shape[1])
    if index.dimensions not in (None, dimensions):
        raise Rejected("The server's vectors have another length than before: choose the model again.")
    there = set(
        Chunk.objects.select_for_update(no_key=True)
        .filter(pk__in=[chunk.pk for chunk in chunks])
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    Embedding.objects.bulk_create(
        [
            Embedding(
                workspace_id=row.workspace_id, index=row, chunk=chunk, dimensions=dimensions, vector=vector.tolist()
            )
            for chunk, vector in zip(chunks, vectors, strict=True)
            if chunk.pk in there
        ],
        ignore_conflicts=True,
    )
    index.dimensions, index.problem = dimensions, ""
    index.save(update_fields=["dimensions", "problem"])


@transaction.atomic
def _serve(row: EmbeddingIndex) -> None:
    """Note how large an index is that lacks nothing, and let it take the place of the one that served."""
    index = EmbeddingIndex.objects.select_for_update().filter(pk=row.pk).first()
    if index is None or _missing(index).exists():
        return
    if index.state == State.BUILDING:
        EmbeddingIndex.objects.filter(workspace_id=row.workspace_id, state=State.SERVING).delete()
        index.state = State.SERVING
    index.size = Embedding.objects.filter(index=index).count()
    index.save(update_fields=["state", "size"])


@transaction.atomic
def rebuild(workspace_id: UUID) -> EmbeddingIndex | None:
    """Have everything embedded anew by the same model, beside what serves. Returns the index; None where nothing was ever embedded."""
    old = EmbeddingIndex.objects.select_for_update().filter(workspace_id=workspace_id, state=State.SERVING).first()
    if old is None:
        return None
    EmbeddingIndex.objects.filter(workspace_id=workspace_id, state=State.BUILDING).delete()
    row = EmbeddingIndex(workspace_id=workspace_id, provider=old.provider, model=old.model, url=old.url)
    if old.key:
        envelope.seal(row, "key", envelope.reveal(old, "key"))
    row.save()
    _owe(row)
    return row
