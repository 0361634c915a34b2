"""What follows from what happened to conversations, written in the same transaction."""

from __future__ import annotations

from apps.conversations import actions, visitors
from apps.conversations.events import AttachmentStaged, StatusChanged
from apps.conversations.models import Conversation
from apps.core import effects
from apps.core.events import on, on_required
from apps.visitors.events import VisitorMerged, VisitorSeparated
from apps.workspaces.events import MemberRemoved


@on(StatusChanged)
def wake_up_later(event: StatusChanged) -> None:
    """Owe the end of a snooze."""
    conversation = event.conversation
    if conversation.snoozed_until is not None:
        effects.owe(
            "conversations.wake_up",
            key=f"wake:{conversation.pk}:{conversation.head}",
            payload={"conversation": str(conversation.pk), "until": conversation.snoozed_until.isoformat()},
            workspace_id=conversation.workspace_id,
            available_at=conversation.snoozed_until,
        )


@on(AttachmentStaged)
def discard_later(event: AttachmentStaged) -> None:
    """Owe the end of a staged file that no message takes."""
    attachment = event.attachment
    effects.owe(
        "conversations.discard_attachment",
        key=f"discard:{attachment.pk}",
        payload={"attachment": str(attachment.pk)},
        workspace_id=attachment.workspace_id,
        available_at=attachment.staged_until,
    )


@on(MemberRemoved)
def unassign(event: MemberRemoved) -> None:
    """Give back what the member would have answered, so that others see it among what is nobody's."""
    waiting = Conversation.objects.filter(assignee=event.member).exclude(status=Conversation.Status.CLOSED)
    for conversation in waiting.order_by("pk"):
        actions.assign(conversation, None, by=event.actor)


@on_required(VisitorMerged)
def show_merged(event: VisitorMerged) -> None:
    """Let everybody who has one of the conversations open see whose it is now."""
    visitors.changed_hands(event.moved, source=event.gone, canonical=event.visitor.pk)


@on_required(VisitorSeparated)
def show_separated(event: VisitorSeparated) -> None:
    """Give the source its conversations back whole, and let everybody see it."""
    visitors.wrote_since(event.source.pk, event.visitor.pk)
    visitors.changed_hands(event.moved, source=event.source.pk, canonical=event.visitor.pk)
