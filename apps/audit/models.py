from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from apps.core.access import Actor
from apps.core.ids import uuid7
from apps.workspaces.models import ApiKey, Member, Workspace


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def visible_to(self, actor: Actor) -> AuditQuerySet:
        """Members and keys see their workspace's entries; whether they may is the handler's to say."""
        match actor:
            case Member() | ApiKey():
                return self.filter(workspace_id=actor.workspace_id)
            case _:
                return self.none()


class AuditEntry(models.Model):
    """Who did what to what, and when. Append-only: the database refuses to change or delete a row.

    No foreign keys: an entry outlives what it is about.
    """

    append_only: ClassVar[bool] = True

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace_id = models.UUIDField()
    action = models.CharField(max_length=80)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=200)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.UUIDField(null=True)
    subject_label = models.CharField(max_length=200, default="", db_default="", help_text="Its name at the time.")
    details = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[AuditQuerySet] = AuditQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = [
            models.Index(fields=["workspace_id", "-created_at", "-id"], name="audit_recent"),
            models.Index(fields=["workspace_id", "action", "-created_at", "-id"], name="audit_by_action"),
            models.Index(fields=["workspace_id", "actor_id", "-created_at", "-id"], name="audit_by_actor"),
            models.Index(fields=["workspace_id", "subject_id", "-created_at", "-id"], name="audit_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action}"


class UnsealedEntry(models.Model):
    """An entry that isn't in its workspace's chain yet. Written by the database itself for every entry; gone within seconds."""

    entry_id = models.UUIDField(primary_key=True)
    workspace_id = models.UUIDField()

    def __str__(self) -> str:
        return str(self.entry_id)


class Seal(models.Model):
    """An entry's place in its workspace's chain. Its hash covers the entry and the seal before it: nothing can be changed, left out or put in unseen.

    Append-only like the entries. Names are covered by a salted hash of their own, so that a person can be forgotten and the chain still holds.
    """

    append_only: ClassVar[bool] = True

    entry_id = models.UUIDField(primary_key=True)
    workspace_id = models.UUIDField()
    number = models.BigIntegerField(help_text="1..n in its workspace.")
    names_salt = models.BinaryField(max_length=16)
    names_hash = models.BinaryField(max_length=32)
    previous = models.BinaryField(max_length=32, help_text="The hash of the seal before it.")
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace_id", "number"], name="seal_number_once")]

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.number}"


class Retention(models.Model):
    """How long a workspace keeps its audit log. Without a row: ``DAYS_DEFAULT``."""

    class Days(models.IntegerChoices):
        MONTH = 30, "30 days"
        QUARTER = 90, "90 days"
        YEAR = 365, "365 days"

    DAYS_DEFAULT = Days.QUARTER

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="audit_retention")
    days = models.PositiveSmallIntegerField(choices=Days)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(days__in=[30, 90, 365]), name="audit_retention_days")]

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.days}"
