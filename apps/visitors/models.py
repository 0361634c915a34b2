from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex, OpClass
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models.functions import Now, Upper
from django.utils import timezone

from apps.core import limits
from apps.core.access import Access, Actor
from apps.core.envelope import EncryptedField
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
    readable_id = models.CharField(max_length=60)
    name = models.CharField(max_length=limits.NAME_CHARACTERS, blank=True)
    email = models.EmailField(blank=True, help_text="A claim, unless it is among what was proven. It opens nothing.")
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
        return bool(self.email) and "email" in self.proven

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


class IdentityPolicy(models.Model):
    """Whether a workspace wants its users' ids proven. Without a row: off."""

    class Mode(models.TextChoices):
        OFF = "off"
        OPTIONAL = "optional"
        REQUIRED = "required"

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="identity_policy")
    mode = models.CharField(max_length=8, choices=Mode, default=Mode.OFF)

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.mode}"


class IdentitySecretQuerySet(models.QuerySet["IdentitySecret"]):
    def visible_to(self, actor: Actor) -> IdentitySecretQuerySet:
        """Members see their workspace's; whether they may is the handler's to say."""
        match actor:
            case Member():
                return self.filter(workspace_id=actor.workspace_id)
            case _:
                return self.none()

    def active(self) -> IdentitySecretQuerySet:
        """Those that still prove something."""
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=Now()))


class IdentitySecret(models.Model):
    """What a customer's server proves its users' ids with: a secret it shares with us, or the public half of a key it keeps. Two of each at most."""

    class Kind(models.TextChoices):
        SHARED = "shared", "secret"
        PUBLIC_KEY = "public_key", "public key"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="identity_secrets")
    kind = models.CharField(max_length=10, choices=Kind)
    slot = models.PositiveSmallIntegerField(help_text="1 or 2: there is no third.")
    secret = EncryptedField(null=True)
    public_key = models.TextField(blank=True)
    hint = models.CharField(max_length=16, help_text="Its last four characters, or its fingerprint.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Replaced, and good until then.")
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    workspace_id: UUID
    objects: ClassVar[IdentitySecretQuerySet] = IdentitySecretQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "kind", "slot"], name="two_identity_secrets"),
            models.UniqueConstraint(fields=["workspace", "id"], name="identity_secret_in_workspace"),
            models.CheckConstraint(condition=models.Q(slot__in=[1, 2]), name="identity_secret_slot"),
            models.CheckConstraint(
                condition=models.Q(kind="shared", secret__isnull=False, public_key="")
                | models.Q(kind="public_key", secret=None) & ~models.Q(public_key=""),
                name="identity_secret_is_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} …{self.hint}"


class IdentityHour(models.Model):
    """How many boots of an hour named a user, by what came of it."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    hour = models.DateTimeField()
    proven = models.PositiveIntegerField(default=0)
    claimed = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "hour"], name="identity_hour_once")]

    def __str__(self) -> str:
        return f"{self.workspace_id} {self.hour}"


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
            # Rows come in the order of their arrival and go in it: an index of a few pages finds those that are due.
            BrinIndex(fields=["received_at"], name="tracked_event_age"),
        ]

    def __str__(self) -> str:
        return self.name


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


class ExportLink(models.Model):
    """A link to everything that is kept about a visitor: good once, for a day."""

    token_hash = models.BinaryField(primary_key=True, max_length=32)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    visitor = models.ForeignKey(Visitor, models.CASCADE, related_name="+")
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"Export of {self.visitor_id}"
