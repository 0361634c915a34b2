from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models.functions import Cast, Now
from pgvector.django import HalfVectorField, HnswIndex

from apps.core import limits
from apps.core.access import Actor
from apps.core.envelope import EncryptedField
from apps.core.ids import uuid7
from apps.workspaces.models import ApiKey, Member, Workspace

DIMENSIONS = (384, 768, 1024, 1536, 3072)
"""Vectors of these lengths get an index, used where a workspace has too many passages to compare with each. Others are compared with each."""


class Chunk(models.Model):
    """A passage of what readers see of an article. It is there while the article is published."""

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    article = models.ForeignKey("knowledge.Article", models.CASCADE, related_name="chunks")
    position = models.PositiveIntegerField()
    config = models.CharField(max_length=20, help_text="How Postgres stems its words.")
    heading = models.TextField(help_text="The article's title and the headings above it.")
    text = models.TextField()
    digest = models.BinaryField(max_length=32, help_text="SHA-256 of heading and text.")
    search = SearchVectorField()

    workspace_id: UUID
    article_id: UUID

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "id"], name="chunk_in_workspace")]
        indexes = [
            models.Index(fields=["workspace", "config"], name="chunks_of_a_language"),
            models.Index(fields=["article", "position"], name="chunks_in_order"),
            GinIndex(fields=["workspace", "search"], name="chunk_search"),
        ]

    def __str__(self) -> str:
        return f"{self.article_id} {self.position}"


class Word(models.Model):
    """A word that some passage of a workspace has: what a mistyped one is compared with."""

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    word = models.CharField(max_length=40)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "word"], name="word_once")]

    def __str__(self) -> str:
        return self.word


class EmbeddingIndexQuerySet(models.QuerySet["EmbeddingIndex"]):
    def visible_to(self, actor: Actor | None) -> EmbeddingIndexQuerySet:
        """Members and keys see those of their workspace."""
        match actor:
            case Member() | ApiKey():
                return self.filter(workspace_id=actor.workspace_id)
            case _:
                return self.none()


class EmbeddingIndex(models.Model):
    """The embeddings of a workspace's passages by one model. While another is being built the one before it serves."""

    class State(models.TextChoices):
        BUILDING = "building", "Being built"
        SERVING = "serving", "In use"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="embedding_indexes")
    provider = models.CharField(max_length=30)
    model = models.CharField(max_length=100)
    url = models.CharField(max_length=limits.URL_CHARACTERS, blank=True)
    key = EncryptedField(null=True)
    state = models.CharField(max_length=8, choices=State, default=State.BUILDING)
    dimensions = models.PositiveIntegerField(null=True, help_text="Known once something was embedded.")
    size = models.PositiveIntegerField(default=0, help_text="How many passages it has.")
    problem = models.CharField(max_length=200, blank=True, help_text="Why nothing more can be embedded.")
    created_at = models.DateTimeField(db_default=Now())

    workspace_id: UUID
    objects: ClassVar[EmbeddingIndexQuerySet] = EmbeddingIndexQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="embedding_index_in_workspace"),
            models.UniqueConstraint(fields=["workspace", "state"], name="embedding_index_once_a_state"),
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.model}"


class Embedding(models.Model):
    """Where a passage lies in a model's space."""

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    index = models.ForeignKey(EmbeddingIndex, models.CASCADE, related_name="embeddings")
    chunk = models.ForeignKey(Chunk, models.CASCADE, related_name="embeddings")
    dimensions = models.PositiveSmallIntegerField()
    vector = HalfVectorField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chunk", "index"], name="embedding_once")]
        indexes = [
            models.Index(fields=["workspace", "index"], name="embeddings_of_an_index"),
            *(
                HnswIndex(
                    OpClass(
                        Cast("vector", HalfVectorField(dimensions=dimensions)),
                        name="halfvec_cosine_ops",
                    ),
                    name=f"embedding_near_{dimensions}",
                    m=16,
                    ef_construction=64,
                    condition=models.Q(dimensions=dimensions),
                )
                for dimensions in DIMENSIONS
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chunk_id} in {self.index_id}"


class GapQuerySet(models.QuerySet["Gap"]):
    def visible_to(self, actor: Actor | None) -> GapQuerySet:
        """Members and keys see those of their workspace."""
        match actor:
            case Member() | ApiKey():
                return self.filter(workspace_id=actor.workspace_id)
            case _:
                return self.none()


class Gap(models.Model):
    """What was searched for and not found, and how often: nothing of by whom."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    words = models.CharField(max_length=limits.QUERY_CHARACTERS)
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    workspace_id: UUID
    objects: ClassVar[GapQuerySet] = GapQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "words"], name="gap_once")]
        indexes = [models.Index(fields=["workspace", "-times", "-last_at"], name="gaps_most_asked_first")]

    def __str__(self) -> str:
        return self.words
