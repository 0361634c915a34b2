"""How the effects that conversations owe are paid. Each bears being paid twice."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from apps.conversations import actions
from apps.conversations.models import Attachment, Conversation
from apps.core.access import System
from apps.core.effects import effect
from apps.core.models import Effect


@effect("conversations.wake_up", lane=Effect.Lane.INTERACTIVE)
@transaction.atomic
def wake_up(owed: Effect) -> None:
    """Open a conversation whose snooze is over, unless it was opened, closed or snoozed anew meanwhile."""
    until = datetime.fromisoformat(owed.payload["until"])
    snoozed = Conversation.objects.select_for_update().filter(
        pk=owed.payload["conversation"], status=Conversation.Status.SNOOZED, snoozed_until=until
    )
    if (conversation := snoozed.first()) is not None:
        actions.change_status(conversation, Conversation.Status.OPEN, by=System("snooze"))


@effect("conversations.discard_attachment", lane=Effect.Lane.BULK)
def discard_attachment(owed: Effect) -> None:
    """Delete a staged file that no message took: the row first, so that no row is ever without its file for readers."""
    attachment = Attachment.objects.filter(pk=owed.payload["attachment"]).first()
    if attachment is None:
        return
    with transaction.atomic():
        deleted, _ = Attachment.objects.filter(pk=attachment.pk, message=None).delete()
    if deleted:
        attachment.file.storage.delete(str(attachment.file))


@effect("conversations.delete_files", lane=Effect.Lane.BULK)
def delete_files(owed: Effect) -> None:
    """Delete the files of a visitor who was erased, once their rows are gone."""
    storage = Attachment._meta.get_field("file").storage
    for name in owed.payload["files"]:
        if not Attachment.objects.filter(file=name).exists():
            storage.delete(name)
