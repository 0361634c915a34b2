from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from apps.core import limits
from apps.core.envelope import EncryptedField
from apps.core.ids import uuid7
from apps.workspaces.models import Member, User, Workspace


class JoinRole(models.TextChoices):
    """What somebody new becomes who comes by single sign-on: never more than an agent."""

    NOBODY = "", "Nobody: they need an invitation"
    VIEWER = Member.Role.VIEWER.value, "Whoever has an address of these domains, as viewer"
    AGENT = Member.Role.AGENT.value, "Whoever has an address of these domains, as agent"


class SsoConnection(models.Model):
    """A workspace's own provider. Whom it vouches for is them in this workspace, and nowhere else."""

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="sso_connection")
    issuer = models.CharField(max_length=limits.SSO_ISSUER_CHARACTERS)
    client_id = models.CharField(max_length=limits.SSO_CLIENT_CHARACTERS)
    client_secret = EncryptedField()
    label = models.CharField(max_length=40, help_text="What the button says after “Continue with”.")
    domains = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    joins_as = models.CharField(max_length=6, choices=JoinRole, blank=True)

    workspace_id: UUID

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(joins_as__in=JoinRole.values), name="sso_makes_nobody_powerful"),
            models.CheckConstraint(
                condition=models.Q(joins_as="") | models.Q(domains__len__gte=1), name="sso_joins_by_domain"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} of {self.workspace_id}"


class LinkedIdentity(models.Model):
    """Somebody's account at a provider, linked to theirs here. Known by issuer and subject, never by an address."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user: models.ForeignKey[Any, Any] = models.ForeignKey(User, models.CASCADE, related_name="linked_identities")
    issuer = models.CharField(max_length=limits.SSO_ISSUER_CHARACTERS)
    subject = models.CharField(max_length=limits.SSO_SUBJECT_CHARACTERS)
    created_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True)

    user_id: UUID

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="one_account_an_identity")]
        indexes = [models.Index(fields=["user", "issuer"], name="identities_of_user")]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.issuer}"
