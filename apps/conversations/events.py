"""What conversations announce. Each event names who may hear of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from apps.conversations.models import Attachment, Conversation, Message
from apps.core.events import Event
from apps.core.streams import Move
from apps.workspaces.models import Member


def topic(conversation_id: object) -> str:
    """The agents' log of a conversation, and its row."""
    return f"conversation:{conversation_id}"


def public_topic(conversation_id: object) -> str:
    """What the visitor sees of a conversation, and its row."""
    return f"conversation:{conversation_id}:public"


def inbox_topic(workspace_id: object) -> str:
    return f"inbox:{workspace_id}"


def counts_topic(workspace_id: object) -> str:
    return f"counts:{workspace_id}"


def own_topic(visitor_id: object) -> str:
    """A visitor's list of conversations, for itself and for members who look at it."""
    return f"visitor:{visitor_id}:conversations"


ROW = "row"
"""The key of a move that concerns a conversation's row and not its log."""


@dataclass(frozen=True, kw_only=True)
class ConversationEvent(Event):
    """What every event about a conversation shares."""

    conversation: Conversation
    entry: Message | None = None

    def subject(self) -> Conversation:
        return self.conversation

    def moves(self) -> Iterable[Move]:
        conversation = self.conversation
        yield Move(topic(conversation.pk), at=self.entry.seq) if self.entry else Move(topic(conversation.pk), ROW)
        yield Move(inbox_topic(conversation.workspace_id), str(conversation.pk))
        yield Move(counts_topic(conversation.workspace_id))


@dataclass(frozen=True, kw_only=True)
class MessageSent(ConversationEvent):
    """Somebody added a message or a note to a conversation."""

    name = "conversation.message_sent"
    phrase = "wrote in a conversation"
    message: Message
    counted: bool

    def moves(self) -> Iterable[Move]:
        conversation, message = self.conversation, self.message
        yield Move(topic(conversation.pk), at=message.seq)
        yield Move(inbox_topic(conversation.workspace_id), str(conversation.pk))
        if message.public_seq is not None:
            yield Move(public_topic(conversation.pk), at=message.public_seq)
            yield Move(own_topic(conversation.visitor_id), str(conversation.pk))
        if self.counted:
            yield Move(counts_topic(conversation.workspace_id))


@dataclass(frozen=True, kw_only=True)
class ConversationStarted(ConversationEvent):
    """A conversation began, with its first message."""

    name = "conversation.started"
    phrase = "started a conversation"


@dataclass(frozen=True, kw_only=True)
class StatusChanged(ConversationEvent):
    """A conversation was opened, snoozed or closed."""

    name = "conversation.status_changed"
    phrase = "changed a conversation from {before} to {after}"
    audited = True
    before: str

    def details(self) -> dict[str, Any]:
        return {"before": self.before, "after": self.conversation.status}

    def moves(self) -> Iterable[Move]:
        yield from super().moves()
        yield Move(public_topic(self.conversation.pk), ROW)
        yield Move(own_topic(self.conversation.visitor_id), str(self.conversation.pk))


@dataclass(frozen=True, kw_only=True)
class Assigned(ConversationEvent):
    """A conversation was given to a member, or to nobody."""

    name = "conversation.assigned"
    phrase = "assigned a conversation to {after}"
    audited = True
    before: Member | None
    after: Member | None

    def details(self) -> dict[str, Any]:
        return {
            "before": str(self.before.pk) if self.before else None,
            "after": str(self.after.pk) if self.after else None,
        }


@dataclass(frozen=True, kw_only=True)
class Seen(ConversationEvent):
    """One side has read up to here."""

    name = "conversation.seen"
    by_visitor: bool

    def moves(self) -> Iterable[Move]:
        conversation = self.conversation
        yield Move(topic(conversation.pk), ROW)
        yield Move(public_topic(conversation.pk), ROW)
        if self.by_visitor:
            yield Move(own_topic(conversation.visitor_id), str(conversation.pk))
        else:
            yield Move(inbox_topic(conversation.workspace_id), str(conversation.pk))
            yield Move(counts_topic(conversation.workspace_id))


@dataclass(frozen=True, kw_only=True)
class AttachmentStaged(Event):
    """A file was uploaded and waits for its message."""

    name = "attachment.staged"
    attachment: Attachment
