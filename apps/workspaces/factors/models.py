"""What somebody has besides a password: an authenticator app, passkeys, recovery codes. They are a person's, whichever workspaces they work in."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from apps.core.envelope import EncryptedField
from apps.core.ids import uuid7


class Authenticator(models.Model):
    """An app that shows time-based codes (RFC 6238). It counts once a first code of it was entered; until then it is a draft."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey("workspaces.User", models.CASCADE, related_name="authenticators")
    secret = EncryptedField()
    last_step = models.BigIntegerField(
        default=0, help_text="The interval whose code was used last: none up to it is taken."
    )
    confirmed_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    user_id: UUID

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(confirmed_at=None), name="one_authenticator_draft"
            ),
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(confirmed_at__isnull=False), name="one_authenticator"
            ),
        ]

    def __str__(self) -> str:
        return f"Authenticator of {self.user_id}"


class Passkey(models.Model):
    """A credential of WebAuthn, of which we keep the public half."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey("workspaces.User", models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=60)
    credential_id = models.BinaryField(max_length=1023, unique=True)
    public_key = models.BinaryField(max_length=2000)
    sign_count = models.BigIntegerField(
        help_text="As the authenticator last counted: it never falls, or there is a copy."
    )
    backed_up = models.BooleanField(
        help_text="Whether it is kept by an account of its owner, and not in one device alone."
    )
    transports = models.JSONField(default=list)
    used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    user_id: UUID

    class Meta:
        indexes = [models.Index(fields=["user", "created_at"], name="passkeys_of_user")]
        constraints = [models.CheckConstraint(condition=~models.Q(name=""), name="passkey_has_a_name")]

    def __str__(self) -> str:
        return f"{self.name} of {self.user_id}"


class RecoveryCode(models.Model):
    """A code that stands in for a lost factor, once. All of a person's are made together and void together."""

    user = models.ForeignKey("workspaces.User", models.CASCADE, related_name="recovery_codes")
    hint = models.CharField(max_length=4, help_text="Its first characters, by which it is found.")
    digest = models.CharField(max_length=200)
    used_at = models.DateTimeField(null=True)

    user_id: UUID

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "hint"], name="recovery_code_is_found")]

    def __str__(self) -> str:
        return f"Recovery code of {self.user_id}"


class SignInStep(models.Model):
    """A sign-in by half: who it is has been proven by one means, and waits for a second. It opens nothing but that."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey("workspaces.User", models.CASCADE, related_name="+")
    token_hash = models.BinaryField(max_length=32, unique=True)
    method = models.CharField(max_length=10)
    seat = models.UUIDField(help_text="The seat that the session begins in.")
    auth_hash = models.CharField(
        max_length=128, help_text="Of the password that was valid then: a new one voids the step."
    )
    is_app = models.BooleanField(help_text="Whether it ends in an app's tokens, or in a browser's session.")
    expires_at = models.DateTimeField(db_index=True)

    user_id: UUID

    class Meta:
        indexes = [models.Index(fields=["user"], name="steps_of_user")]

    def __str__(self) -> str:
        return f"Sign-in of {self.user_id}"


class PasskeyChallenge(models.Model):
    """What a passkey is asked to sign: once, for one holder, within minutes."""

    digest = models.BinaryField(primary_key=True, max_length=32)
    holder = models.CharField(max_length=100, help_text="What it was asked for: a person's session, a step, a browser.")
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"Challenge of {self.holder}"
