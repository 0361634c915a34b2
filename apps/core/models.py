from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now


class Installation(models.Model):
    """This installation. One row: its epoch changes with every restore from a backup, so that old cursors are refused."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    epoch = models.UUIDField(default=uuid.uuid4)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_installation")]

    def __str__(self) -> str:
        return str(self.epoch)


class Effect(models.Model):
    """Something owed to the outside or to later. The row is the debt; a Celery task is only the reminder."""

    class State(models.TextChoices):
        READY = "ready"
        DONE = "done"
        DEAD = "dead"

    class Lane(models.TextChoices):
        INTERACTIVE = "interactive"
        NORMAL = "normal"
        BULK = "bulk"

    id = models.BigAutoField(primary_key=True)
    workspace_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=80)
    key = models.CharField(
        max_length=200, unique=True, help_text="What makes this debt one debt: owed once, paid once."
    )
    order_key = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="Effects that share it are paid one after the other.",
    )
    lane = models.CharField(max_length=12, choices=Lane)
    payload = models.JSONField(default=dict, help_text="Ids and times, never content.")
    state = models.CharField(max_length=5, choices=State, default=State.READY, db_default=State.READY)
    available_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    last_error = models.CharField(max_length=500, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["available_at"], condition=models.Q(state="ready"), name="effect_due"),
            models.Index(
                fields=["order_key", "id"],
                condition=models.Q(state="ready") & ~models.Q(order_key=""),
                name="effect_order",
            ),
            models.Index(fields=["finished_at"], condition=models.Q(state="done"), name="effect_done"),
            models.Index(fields=["created_at"], condition=models.Q(state="dead"), name="effect_dead"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Bucket(models.Model):
    """A token bucket kept in the database, for the limits that stay closed when Redis is gone."""

    key = models.CharField(primary_key=True, max_length=120)
    tokens = models.FloatField()
    filled_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["filled_at"], name="bucket_filled")]

    def __str__(self) -> str:
        return self.key


class WebhookReceipt(models.Model):
    """A webhook's message that was taken, so that the same one has no second effect."""

    receiver = models.CharField(max_length=60)
    message_id = models.CharField(max_length=200)
    received_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["receiver", "message_id"], name="webhook_taken_once")]

    def __str__(self) -> str:
        return f"{self.receiver} {self.message_id}"


class Job(models.Model):
    """When a job of the clock last ran, so that two clocks don't run it twice and a broken one is noticed."""

    name = models.CharField(primary_key=True, max_length=60)
    ran_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class KeptAnswer(models.Model):
    """What a write with an ``Idempotency-Key`` was answered: asked again within a day, it is answered the same and not done twice."""

    id = models.BigAutoField(primary_key=True)
    workspace_id = models.UUIDField()
    actor_id = models.UUIDField()
    key = models.CharField(max_length=255)
    request_hash = models.BinaryField(max_length=32, help_text="SHA-256 of method, address and body.")
    status = models.PositiveSmallIntegerField(default=0, help_text="0 while the request is being answered.")
    body = models.BinaryField(default=bytes)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["actor_id", "key"], name="answer_kept_once")]
        indexes = [models.Index(fields=["created_at"], name="answer_kept_since")]

    def __str__(self) -> str:
        return f"{self.actor_id} {self.key}"
