from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models.functions import Now, Upper
from django.utils import timezone

from apps.core import limits
from apps.core.access import Access, Actor
from apps.core.ids import uuid7
from apps.workspaces.models import ApiKey, Member, Workspace


class VisitorQuerySet(models.QuerySet["Visitor"]):
    def visible_to(self, actor: Actor) -> VisitorQuerySet:
        """Members and keys see the visitors of their workspace, a visitor sees itself."""
        match actor:
            case Member() | ApiKey():
                return self.filter(workspace_id=actor.workspace_id)
            case Visitor():
                return self.filter(pk=actor.pk)
            case _:
                return self.none()


class Visitor(models.Model):
    """Somebody on a customer's site or app: the actor behind every request of a messenger."""

    kind: ClassVar[str] = "visitor"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="visitors")
    session_hash = models.BinaryField(
        max_length=32, null=True, help_text="SHA-256 of the secret its client made and kept."
    )
    readable_id = models.CharField(max_length=60)
    name = models.CharField(max_length=limits.NAME_CHARACTERS, blank=True)
    email = models.EmailField(blank=True, help_text="A claim: it opens nothing.")
    external_id = models.CharField(max_length=200, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    device = models.JSONField(default=dict, blank=True)
    page_url = models.CharField(max_length=2000, blank=True)
    page_title = models.CharField(max_length=300, blank=True)
    referrer = models.CharField(max_length=2000, blank=True)
    locale = models.CharField(max_length=20, blank=True)
    timezone = models.CharField(max_length=60, blank=True)
    blocked = models.BooleanField(default=False)
    first_seen_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    search = models.GeneratedField(
        expression=SearchVector("name", "email", "readable_id", "external_id", config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    workspace_id: UUID
    objects: ClassVar[VisitorQuerySet] = VisitorQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "session_hash"], name="visitor_session_once"),
            models.UniqueConstraint(fields=["workspace", "id"], name="visitor_in_workspace"),
        ]
        indexes = [
            models.Index(fields=["workspace", "-last_seen_at", "-id"], name="visitor_directory"),
            GinIndex(fields=["search"], name="visitor_search"),
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="visitor_name_like"),
            GinIndex(OpClass(Upper("email"), name="gin_trgm_ops"), name="visitor_email_like"),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """What people call them: the name, else the address, else the readable id."""
        return self.name or self.email or self.readable_id

    @property
    def online(self) -> bool:
        return timezone.now() - self.last_seen_at < timedelta(seconds=limits.PRESENCE_SECONDS)

    @property
    def view(self) -> str:
        return f"visitor:{self.pk}"

    def may(self, access: Access) -> bool:
        return access.visitor and not self.blocked

    def topics(self) -> Iterable[str]:
        return (f"visitor:{self.pk}:access",)


class VisitorSession(models.Model):
    """A visitor's token: possession of it is who they are. Only its hash is kept."""

    token_hash = models.BinaryField(primary_key=True, max_length=32)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    visitor = models.ForeignKey(Visitor, models.CASCADE, related_name="sessions")
    origin = models.CharField(max_length=255, blank=True)
    client = models.JSONField(default=dict, blank=True)
    expires_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(db_default=Now())

    remaining: timedelta = timedelta()
    """How long the token lives on, by the database's clock; set by whoever looked it up."""

    def __str__(self) -> str:
        return f"Session of {self.visitor_id}"


class TrackedEvent(models.Model):
    """Something a visitor did on the customer's site, as its page told us."""

    id = models.BigAutoField(primary_key=True)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    visitor = models.ForeignKey(Visitor, models.CASCADE, related_name="tracked_events")
    client_id = models.UUIDField()
    name = models.CharField(max_length=100)
    properties = models.JSONField(default=dict, blank=True)
    url = models.CharField(max_length=2000, blank=True)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["visitor", "client_id"], name="tracked_event_once")]
        indexes = [models.Index(fields=["visitor", "-occurred_at"], name="tracked_event_recent")]

    def __str__(self) -> str:
        return self.name
