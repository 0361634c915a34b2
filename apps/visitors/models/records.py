"""What was done about visitors, and what is being done: merges, copies, erasures."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from apps.core.access import Actor
from apps.core.ids import uuid7
from apps.visitors.models.people import Visitor
from apps.workspaces.models import Member, Workspace


class MergeQuerySet(models.QuerySet["Merge"]):
    def visible_to(self, actor: Actor) -> MergeQuerySet:
        """Members see their workspace's."""
        match actor:
            case Member():
                return self.filter(workspace_id=actor.workspace_id)
            case _:
                return self.none()


class Merge(models.Model):
    """Two visitors became one. The source's row is gone; what pointed at it points at the canonical.

    A merge by hand keeps for a week what is needed to undo it.
    """

    class Why(models.TextChoices):
        PROOF = "proof"
        EMAIL = "email"
        HAND = "hand"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    source_id = models.UUIDField()
    canonical = models.ForeignKey(Visitor, models.CASCADE, related_name="merges")
    why = models.CharField(max_length=5, choices=Why)
    member = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    counts = models.JSONField(default=dict, help_text="Rows that moved, by table.")
    before = models.JSONField(default=dict, help_text="Both visitors as they were.")
    moved = models.JSONField(default=dict, help_text="Keys of the rows that moved, by relation.")
    made_at = models.DateTimeField(db_default=Now())
    undone_at = models.DateTimeField(null=True, blank=True)

    canonical_id: UUID
    objects: ClassVar[MergeQuerySet] = MergeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source_id"], condition=models.Q(undone_at=None), name="visitor_merged_once"
            ),
        ]
        indexes = [models.Index(fields=["made_at"], condition=~models.Q(moved={}), name="merge_undoable")]

    def __str__(self) -> str:
        return f"{self.source_id} into {self.canonical_id}"


class ExportLinkQuerySet(models.QuerySet["ExportLink"]):
    def visible_to(self, actor: Actor) -> ExportLinkQuerySet:
        """Members see what was asked for in their workspace."""
        match actor:
            case Member():
                return self.filter(workspace_id=actor.workspace_id)
            case _:
                return self.none()


class ExportLink(models.Model):
    """A link to everything that is kept about a visitor: good once, for a day.

    A small copy is made when the link is used. A large one is prepared: a file grows by one step at a time, and goes with the link.
    """

    class State(models.TextChoices):
        READY = "ready"
        PREPARING = "preparing"

    token_hash = models.BinaryField(primary_key=True, max_length=32)
    id = models.UUIDField(default=uuid7, editable=False, unique=True)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    visitor = models.ForeignKey(Visitor, models.CASCADE, related_name="+")
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    expires_at = models.DateTimeField(db_index=True)
    state = models.CharField(max_length=9, choices=State, default=State.READY, db_default=State.READY)
    file = models.CharField(max_length=100, blank=True, default="", db_default="")
    size = models.BigIntegerField(
        default=0, db_default=0, help_text="Bytes of the file that are good: what follows was cut off."
    )
    at = models.JSONField(default=dict, db_default={}, help_text="Where the next step goes on.")
    rows = models.PositiveIntegerField(default=0, db_default=0)
    files = models.PositiveIntegerField(default=0, db_default=0)
    expected = models.PositiveIntegerField(default=0, db_default=0)

    visitor_id: UUID
    workspace_id: UUID
    member_id: UUID
    objects: ClassVar[ExportLinkQuerySet] = ExportLinkQuerySet.as_manager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"Export of {self.visitor_id}"


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def visible_to(self, actor: Actor) -> ErasureQuerySet:
        """Members see their workspace's."""
        match actor:
            case Member():
                return self.filter(workspace_id=actor.workspace_id)
            case _:
                return self.none()


class Erasure(models.Model):
    """An erasure that was asked for: how far it is, and then its receipt. Says what and how much, never of whom but by id."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    visitor_id = models.UUIDField(unique=True)
    member = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=7, choices=State, default=State.RUNNING)
    counts = models.JSONField(default=dict, help_text="Rows that are gone, by table.")
    files = models.PositiveIntegerField(default=0)
    expected = models.PositiveIntegerField(default=0, help_text="Rows that there were when it was asked for.")
    step = models.PositiveIntegerField(default=0)
    asked_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    workspace_id: UUID
    member_id: UUID | None
    objects: ClassVar[ErasureQuerySet] = ErasureQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="running", finished_at=None)
                | models.Q(state="done", finished_at__isnull=False),
                name="erasure_ends_once",
            ),
        ]

    def __str__(self) -> str:
        return f"Erasure of {self.visitor_id}"

    @property
    def rows(self) -> int:
        return sum(self.counts.values())
