"""Visitors, how they are known again, and what is noted about them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex, OpClass
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models.functions import Lower, Now, Upper
from django.utils import timezone

from apps.core import limits
from apps.core.access import Access, Actor
from apps.core.envelope import EncryptedField
from apps.core.ids import uuid7
from apps.visitors.models.identity import IdentitySecret
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
    readable_id = models.CharField(max_length=60)
    name = models.CharField(max_length=limits.NAME_CHARACTERS, blank=True)
    email = models.EmailField(blank=True, help_text="A claim, unless it was proven. A claim opens nothing.")
    email_proven_at = models.DateTimeField(
        null=True, blank=True, help_text="When the visitor showed with a mailed code that they read this address."
    )
    external_id = models.CharField(max_length=200, blank=True, help_text="A claim, until it was proven.")
    proven_at = models.DateTimeField(null=True, blank=True, help_text="When the external id was first proven.")
    proven = ArrayField(
        models.CharField(max_length=120),
        default=list,
        db_default=[],
        blank=True,
        help_text="What else the customer's server has signed: name, email, attributes.plan, …",
    )
    attributes = models.JSONField(default=dict, blank=True)
    device = models.JSONField(default=dict, blank=True)
    location = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="Country, region and city that the last request's address is said to be in. Never from the client.",
    )
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
            models.UniqueConstraint(
                fields=["workspace", "external_id"],
                condition=models.Q(proven_at__isnull=False),
                name="visitor_proven_once",
            ),
            models.CheckConstraint(
                condition=models.Q(proven_at=None, proven=[])
                | models.Q(proven_at__isnull=False) & ~models.Q(external_id=""),
                name="visitor_proven_by_id",
            ),
            models.UniqueConstraint(
                "workspace",
                Lower("email"),
                condition=models.Q(email_proven_at__isnull=False, proven_at=None),
                name="visitor_email_proven_once",
            ),
            models.CheckConstraint(
                condition=models.Q(email_proven_at=None) | ~models.Q(email=""), name="visitor_proven_email_is_there"
            ),
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
    def email_proven(self) -> bool:
        """Whether the customer's server has signed the address, or its owner typed the code that was mailed to it."""
        return bool(self.email) and ("email" in self.proven or self.email_proven_at is not None)

    @property
    def is_proven(self) -> bool:
        """Whether this is known to be somebody: by the customer's server, or by an address that they read."""
        return self.proven_at is not None or self.email_proven_at is not None

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


class Browser(models.Model):
    """A browser or app in which a messenger made a secret. The secret brings back whom it was made for, unless that is somebody proven."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    visitor = models.ForeignKey(Visitor, models.CASCADE, related_name="browsers")
    session_hash = models.BinaryField(max_length=32, help_text="SHA-256 of the secret its client made and kept.")
    created_at = models.DateTimeField(db_default=Now())

    visitor_id: UUID

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "session_hash"], name="browser_once"),
            models.UniqueConstraint(fields=["workspace", "id"], name="browser_in_workspace"),
        ]

    def __str__(self) -> str:
        return f"Browser of {self.visitor_id}"


class VisitorSession(models.Model):
    """A visitor's token: possession of it is who they are. Only its hash is kept."""

    class Proof(models.TextChoices):
        HASH = "hash"
        TOKEN = "token"

    token_hash = models.BinaryField(primary_key=True, max_length=32)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    visitor = models.ForeignKey(Visitor, models.CASCADE, related_name="sessions")
    browser_id: UUID | None
    secret_id: UUID | None

    browser = models.ForeignKey(Browser, models.CASCADE, null=True, related_name="sessions")
    proof = models.CharField(max_length=5, choices=Proof, blank=True, default="", db_default="")
    secret = models.ForeignKey(IdentitySecret, models.SET_NULL, null=True, related_name="sessions")
    origin = models.CharField(max_length=255, blank=True)
    client = models.JSONField(default=dict, blank=True)
    expires_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(db_default=Now())

    remaining: timedelta = timedelta()
    """How long the token lives on, by the database's clock; set by whoever looked it up."""

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at"], condition=~models.Q(proof=""), name="session_signed"),
        ]

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
        indexes = [
            models.Index(fields=["visitor", "-occurred_at"], name="tracked_event_recent"),
            models.Index(fields=["workspace", "visitor", "name", "-occurred_at"], name="tracked_event_rules"),
            # Rows come in the order of their arrival and go in it: an index of a few pages finds those that are due.
            BrinIndex(fields=["received_at"], name="tracked_event_age"),
        ]

    def __str__(self) -> str:
        return self.name


class EmailCode(models.Model):
    """A code that was mailed to an address, for the visitor who says it is theirs. A former one dies with it."""

    visitor = models.OneToOneField(Visitor, models.CASCADE, primary_key=True, related_name="+")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    issue = models.UUIDField(unique=True)
    email = models.EmailField()
    salt = models.BinaryField(
        max_length=32, null=True, help_text="What the code follows from, until its mail has left."
    )
    digest = models.CharField(max_length=200, help_text="The code's slow, keyed hash.")
    tries = models.PositiveSmallIntegerField(default=0)
    expires_at = models.DateTimeField(db_index=True)

    visitor_id: UUID
    workspace_id: UUID

    def __str__(self) -> str:
        return f"Code for {self.visitor_id}"


class PendingLocation(models.Model):
    """The address of a visitor's last request, sealed, until a provider has said where it is; an hour at most."""

    visitor = models.OneToOneField(Visitor, models.CASCADE, primary_key=True, related_name="+")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    address = EncryptedField()
    asked_at = models.DateTimeField(db_default=Now(), db_index=True)

    visitor_id: UUID

    def __str__(self) -> str:
        return f"Where {self.visitor_id} is"
