from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from apps.core.access import Actor
from apps.core.ids import uuid7
from apps.workspaces.models import Member


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def visible_to(self, actor: Actor) -> AuditQuerySet:
        """Members see their workspace's entries; whether they may is the handler's to say."""
        match actor:
            case Member():
                return self.filter(workspace_id=actor.workspace_id)
            case _:
                return self.none()


class AuditEntry(models.Model):
    """Who did what to what, and when. Append-only: the database refuses to change or delete a row.

    No foreign keys: an entry outlives what it is about.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace_id = models.UUIDField()
    action = models.CharField(max_length=80)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=200)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.UUIDField(null=True)
    details = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[AuditQuerySet] = AuditQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes = [models.Index(fields=["workspace_id", "-created_at", "-id"], name="audit_recent")]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action}"
