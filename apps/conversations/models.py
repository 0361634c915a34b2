from __future__ import annotations

from datetime import UTC
from typing import ClassVar
from uuid import UUID

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models.functions import Now

from apps.core import limits
from apps.core.access import Actor
from apps.core.ids import uuid7
from apps.visitors.models import Visitor
from apps.workspaces.models import ApiKey, Member, Workspace


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def visible_to(self, actor: Actor) -> ConversationQuerySet:
        """Members and keys see their workspace's conversations, a visitor its own once there is something in it for them."""
        match actor:
            case Member() | ApiKey():
                return self.filter(workspace_id=actor.workspace_id)
            case Visitor():
                return self.filter(visitor_id=actor.pk, public_head__gt=0)
            case _:
                return self.none()


class Conversation(models.Model):
    """What one visitor and a workspace say to each other. The row is also the inbox's row: nothing has to be looked up to list it.

    Two numberings: ``head`` counts everything (the agents' log), ``public_head`` what the visitor may see.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        SNOOZED = "snoozed"
        CLOSED = "closed"

    class Channel(models.TextChoices):
        CHAT = "chat"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="conversations")
    visitor = models.ForeignKey(Visitor, models.CASCADE, related_name="conversations")
    client_id = models.UUIDField(help_text="Made once by whoever started it: a start sent twice is one conversation.")
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.CHAT)
    subject = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=7, choices=Status, default=Status.OPEN)
    snoozed_until = models.DateTimeField(
        null=True, blank=True, help_text="Snoozed without a time: until the next reply."
    )
    assignee = models.ForeignKey(Member, models.SET_NULL, null=True, blank=True, related_name="assigned")
    version = models.BigIntegerField(default=0, help_text="Counts every change of this row.")
    public_version = models.BigIntegerField(default=0, help_text="Counts the changes that the visitor can see.")
    head = models.BigIntegerField(default=0)
    public_head = models.BigIntegerField(default=0)
    unread_by_agents = models.IntegerField(default=0)
    unread_by_visitor = models.IntegerField(default=0)
    seen_by_agents = models.BigIntegerField(default=0)
    seen_by_agents_public = models.BigIntegerField(default=0)
    seen_by_visitor = models.BigIntegerField(default=0)
    seen_by_visitor_public = models.BigIntegerField(default=0)
    last_at = models.DateTimeField(db_default=Now())
    last_kind = models.CharField(max_length=7, blank=True)
    last_preview = models.CharField(max_length=140, blank=True)
    last_author_kind = models.CharField(max_length=7, blank=True)
    last_author_name = models.CharField(max_length=limits.NAME_CHARACTERS, blank=True)
    public_last_at = models.DateTimeField(db_default=Now())
    public_last_preview = models.CharField(max_length=140, blank=True)
    public_last_author_kind = models.CharField(max_length=7, blank=True)
    public_last_author_name = models.CharField(max_length=limits.NAME_CHARACTERS, blank=True)
    first_response_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    workspace_id: UUID
    visitor_id: UUID
    assignee_id: UUID | None
    objects: ClassVar[ConversationQuerySet] = ConversationQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["visitor", "client_id"], name="conversation_started_once"),
            models.UniqueConstraint(fields=["workspace", "id"], name="conversation_in_workspace"),
            models.CheckConstraint(
                condition=models.Q(snoozed_until=None) | models.Q(status="snoozed"), name="only_the_snoozed_wake"
            ),
            models.CheckConstraint(
                condition=models.Q(head__gte=models.F("public_head"), public_head__gte=0),
                name="public_head_within_head",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "status", "-last_at", "-id"], name="inbox_by_status"),
            # In two parts, because Postgres doesn't take the order from an index in which a column before it is only known to be null.
            models.Index(
                fields=["workspace", "assignee", "status", "-last_at", "-id"],
                condition=models.Q(assignee__isnull=False),
                name="inbox_by_assignee",
            ),
            models.Index(
                fields=["workspace", "status", "-last_at", "-id"],
                condition=models.Q(assignee=None),
                name="inbox_unassigned",
            ),
            models.Index(fields=["workspace", "-last_at", "-id"], name="inbox_all"),
            models.Index(fields=["visitor", "-public_last_at", "-id"], name="conversations_of_visitor"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def sort(self) -> str:
        """The inbox's order as a text that sorts the same way, descending."""
        return f"{self.last_at.astimezone(UTC):%Y%m%d%H%M%S.%f}-{self.pk}"

    @property
    def public_sort(self) -> str:
        return f"{self.public_last_at.astimezone(UTC):%Y%m%d%H%M%S.%f}-{self.pk}"


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to(self, actor: Actor) -> MessageQuerySet:
        """Members and keys see everything of their workspace, a visitor what is public in its own conversations."""
        match actor:
            case Member() | ApiKey():
                return self.filter(workspace_id=actor.workspace_id)
            case Visitor():
                return self.filter(conversation__visitor_id=actor.pk, public_seq__isnull=False)
            case _:
                return self.none()


class Message(models.Model):
    """One entry of a conversation's log: a message, a note among agents, or what was done to the conversation."""

    class Kind(models.TextChoices):
        MESSAGE = "message"
        NOTE = "note"
        EVENT = "event"

    class Author(models.TextChoices):
        VISITOR = "visitor"
        MEMBER = "member"
        BOT = "bot"
        SYSTEM = "system"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_index=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages", db_index=False)
    seq = models.BigIntegerField(help_text="Place in the agents' log: 1..n without a gap.")
    public_seq = models.BigIntegerField(null=True, help_text="Place in what the visitor sees: 1..n without a gap.")
    kind = models.CharField(max_length=7, choices=Kind)
    author_kind = models.CharField(max_length=7, choices=Author)
    author_name = models.CharField(max_length=limits.NAME_CHARACTERS, blank=True)
    member = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    visitor = models.ForeignKey(Visitor, models.CASCADE, null=True, related_name="+")
    key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+", db_index=False)
    client_id = models.UUIDField()
    body = models.TextField(blank=True)
    data = models.JSONField(default=dict)
    files = models.PositiveSmallIntegerField(
        default=0, help_text="How many attachments it has: mostly none, then none are looked up."
    )
    created_at = models.DateTimeField()
    search = models.GeneratedField(
        expression=SearchVector("body", config="simple"), output_field=SearchVectorField(), db_persist=True
    )

    workspace_id: UUID
    conversation_id: UUID
    member_id: UUID | None
    visitor_id: UUID | None
    key_id: UUID | None
    objects: ClassVar[MessageQuerySet] = MessageQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "seq"], name="message_seq_once"),
            models.UniqueConstraint(fields=["conversation", "public_seq"], name="message_public_seq_once"),
            models.UniqueConstraint(fields=["conversation", "visitor", "client_id"], name="visitor_message_once"),
            models.UniqueConstraint(fields=["conversation", "member", "client_id"], name="member_message_once"),
            models.UniqueConstraint(fields=["workspace", "id"], name="message_in_workspace"),
            models.UniqueConstraint(
                fields=["conversation", "key", "client_id"],
                condition=models.Q(key__isnull=False),
                name="key_message_once",
            ),
            models.CheckConstraint(
                condition=models.Q(visitor=None) | models.Q(member=None), name="message_has_one_author"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="message", public_seq__isnull=False)
                | ~models.Q(kind="message") & models.Q(public_seq=None),
                name="only_messages_are_public",
            ),
        ]
        indexes = [
            GinIndex(fields=["workspace", "search"], name="message_search"),
            models.Index(fields=["workspace", "-created_at"], name="message_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.seq}"


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    def visible_to(self, actor: Actor) -> AttachmentQuerySet:
        """What is sent is visible with its message; what is staged only to whoever uploaded it."""
        sent = models.Q(message__isnull=False)
        match actor:
            case Member():
                return self.filter(sent | models.Q(member=actor), workspace_id=actor.workspace_id)
            case ApiKey():
                return self.filter(sent | models.Q(key=actor), workspace_id=actor.workspace_id)
            case Visitor():
                sent &= models.Q(message__conversation__visitor_id=actor.pk, message__public_seq__isnull=False)
                return self.filter(sent | models.Q(visitor=actor), workspace_id=actor.workspace_id)
            case _:
                return self.none()


class Attachment(models.Model):
    """A file: staged by its uploader for an hour, then part of one message for good."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    member = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    visitor = models.ForeignKey(Visitor, models.CASCADE, null=True, related_name="+")
    key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+", db_index=False)
    message = models.ForeignKey(Message, models.CASCADE, null=True, related_name="attachments")
    file = models.FileField(upload_to="attachments", max_length=200)
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    staged_until = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[AttachmentQuerySet] = AttachmentQuerySet.as_manager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(self.pk)


class Draft(models.Model):
    """What a member has written but not sent. One a conversation and kind."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="drafts")
    kind = models.CharField(max_length=7, choices=[("message", "message"), ("note", "note")])
    body = models.TextField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["member", "conversation", "kind"], name="one_draft_each")]

    def __str__(self) -> str:
        return f"Draft of {self.member_id}"
