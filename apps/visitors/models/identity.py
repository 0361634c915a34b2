"""What a workspace proves its users' ids with."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from apps.core.access import Actor
from apps.core.envelope import EncryptedField
from apps.core.ids import uuid7
from apps.workspaces.models import Member, Workspace


class IdentityPolicy(models.Model):
    """Whether a workspace wants its users' ids proven. Without a row: off."""

    class Mode(models.TextChoices):
        OFF = "off"
        OPTIONAL = "optional"
        REQUIRED = "required"

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="identity_policy")
    mode = models.CharField(max_length=8, choices=Mode, default=Mode.OFF)
    mailed_codes = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whether visitors may prove an address by a mailed code where ids must be proven by signature.",
    )

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
