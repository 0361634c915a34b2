"""Everything that changes a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from apps.conversations import log
from apps.conversations.events import Assigned, AttachmentStaged, ConversationStarted, MessageSent, Seen, StatusChanged
from apps.conversations.log import Entry
from apps.conversations.models import Attachment, Conversation, Draft, Message
from apps.core import clock
from apps.core.access import Actor
from apps.core.events import emit
from apps.core.failpoints import failpoint
from apps.visitors.models import Visitor
from apps.workspaces.models import ApiKey, Member

ONCE = ("visitor_message_once", "member_message_once", "key_message_once")


class ClientIdReused(ValueError):
    """This client id belongs to a message with other content."""


class NewerReply(ValueError):
    """Somebody answered meanwhile. ``newer`` says how many entries the sender hasn't seen."""

    def __init__(self, newer: int) -> None:
        super().__init__(newer)
        self.newer = newer


class AttachmentGone(ValueError):
    """An attachment isn't there any more, isn't this sender's, or belongs to another message."""


class NotAMember(ValueError):
    """Only a member who may answer can be assigned."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, and whether it had been stored before (the same request came twice)."""

    message: Message
    replayed: bool


def send_message(
    conversation: Conversation,
    *,
    by: Actor,
    body: str,
    client_id: UUID,
    kind: Message.Kind = Message.Kind.MESSAGE,
    attachments: Sequence[UUID] = (),
    seen_seq: int | None = None,
) -> Sent:
    """Add a message or a note. A visitor's message reopens the conversation.

    Sent twice with one ``client_id`` it is stored once, whoever died in between. Raises ClientIdReused where that id carries other content,
    NewerReply where ``seen_seq`` is given and somebody else has written since, AttachmentGone; nothing is stored then.
    """
    try:
        with transaction.atomic():
            message = _append(conversation, Entry(kind, by, body, client_id=client_id), attachments, seen_seq)
            failpoint("before_commit")
        return Sent(message, replayed=False)
    except IntegrityError as error:
        if _violated(error) not in ONCE:
            raise
    return Sent(_stored(conversation, by, client_id, body, kind, attachments), replayed=True)


def _append(conversation: Conversation, entry: Entry, attachments: Sequence[UUID], seen_seq: int | None) -> Message:
    if seen_seq is not None:
        _refuse_unseen(conversation, entry, seen_seq)
    if attachments:
        preview = entry.body or _attachments_preview(len(attachments))
        entry = replace(entry, files=len(set(attachments)), preview=preview)
    appended = log.append(conversation.pk, entry)
    if appended is None:
        raise Conversation.DoesNotExist
    message = appended.message
    if attachments:
        _bind(attachments, message, entry.by)
    by_visitor = message.author_kind == Message.Author.VISITOR
    counted = by_visitor and (appended.status_before != Conversation.Status.OPEN or appended.unread_before == 0)
    emit(MessageSent(actor=entry.by, conversation=conversation, message=message, entry=message, counted=counted))
    return message


def _attachments_preview(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _refuse_unseen(conversation: Conversation, entry: Entry, seen_seq: int) -> None:
    """Raise NewerReply where somebody else of the team wrote after what the sender has seen, unless this was stored before."""
    Conversation.objects.select_for_update().only("pk").get(pk=conversation.pk)
    newer = Message.objects.filter(conversation=conversation, seq__gt=seen_seq).exclude(kind=Message.Kind.EVENT)
    own = _author(entry.by)
    if Message.objects.filter(conversation=conversation, client_id=entry.client_id, **own).exists():
        return
    if count := newer.exclude(**own).count():
        raise NewerReply(count)


def _stored(
    conversation: Conversation,
    by: Actor,
    client_id: UUID,
    body: str,
    kind: Message.Kind,
    attachments: Sequence[UUID],
) -> Message:
    message = Message.objects.prefetch_related("attachments").get(
        conversation=conversation, client_id=client_id, **_author(by)
    )
    same = (message.body, message.kind, {a.pk for a in message.attachments.all()}) == (body, kind, set(attachments))
    if not same:
        raise ClientIdReused
    return message


def _author(by: Actor) -> dict[str, Any]:
    """Return by which column a message knows its author."""
    column = "visitor_id" if isinstance(by, Visitor) else "key_id" if isinstance(by, ApiKey) else "member_id"
    return {column: by.pk}


def _bind(ids: Sequence[UUID], message: Message, by: Actor) -> None:
    match by:
        case ApiKey():
            uploader = {"key_id": by.pk}
        case Visitor():
            uploader = {"visitor_id": by.pk}
        case _:
            uploader = {"member_id": by.pk}
    bound = Attachment.objects.filter(
        pk__in=ids, workspace_id=message.workspace_id, message=None, staged_until__gt=clock.now(), **uploader
    ).update(message=message)
    if bound != len(set(ids)):
        raise AttachmentGone


def _violated(error: IntegrityError) -> str:
    diagnostic = getattr(error.__cause__, "diag", None)
    return getattr(diagnostic, "constraint_name", None) or ""


@dataclass(frozen=True, slots=True)
class Started:
    """A conversation and its first message."""

    conversation: Conversation
    sent: Sent


@transaction.atomic
def start_conversation(
    visitor: Visitor, *, by: Actor, body: str, client_id: UUID, attachments: Sequence[UUID] = ()
) -> Started:
    """Start a conversation with its first message: there is none without one. Twice with one ``client_id`` is once.

    Raises ClientIdReused, AttachmentGone; nothing is stored then.
    """
    made = Conversation(workspace_id=visitor.workspace_id, visitor=visitor, client_id=client_id)
    Conversation.objects.bulk_create([made], ignore_conflicts=True)
    conversation = Conversation.objects.get(visitor=visitor, client_id=client_id)
    sent = send_message(conversation, by=by, body=body, client_id=client_id, attachments=attachments)
    if not sent.replayed:
        emit(ConversationStarted(actor=by, conversation=conversation, entry=sent.message))
    conversation.refresh_from_db()
    return Started(conversation, sent)


@transaction.atomic
def change_status(conversation: Conversation, status: str, *, by: Actor, until: datetime | None = None) -> Conversation:
    """Open, snooze or close a conversation. Snoozed without ``until`` it waits for the next reply. No change says nothing."""
    row = _locked(conversation)
    if (row.status, row.snoozed_until) == (status, until):
        return row
    before = row.status
    row.status, row.snoozed_until = status, until
    row.closed_at = clock.now() if status == Conversation.Status.CLOSED else None
    row.public_version += 1
    row.save(update_fields=["status", "snoozed_until", "closed_at", "public_version"])
    data: dict[str, Any] = {"event": status, "until": until.isoformat() if until else None}
    entry = _append_event(row, by, data)
    emit(StatusChanged(actor=by, conversation=row, entry=entry, before=before))
    return row


@transaction.atomic
def assign(conversation: Conversation, member: Member | None, *, by: Actor) -> Conversation:
    """Give a conversation to a member of its workspace, or to nobody. No change says nothing. Raises NotAMember."""
    row = _locked(conversation)
    if row.assignee_id == (member.pk if member else None):
        return row
    if member is not None and (member.workspace_id != row.workspace_id or "conversations.reply" not in member.held):
        raise NotAMember
    before = row.assignee
    row.assignee = member
    row.save(update_fields=["assignee"])
    name = {"id": str(member.pk), "name": member.label} if member else None
    entry = _append_event(row, by, {"event": "assigned" if member else "unassigned", "member": name})
    emit(Assigned(actor=by, conversation=row, entry=entry, before=before, after=member))
    return row


@transaction.atomic
def change_many(
    conversations: Sequence[Conversation],
    *,
    by: Actor,
    status: str | None,
    until: datetime | None,
    assignee: Member | None,
    reassign: bool,
) -> int:
    """Do the same to many conversations, all or none. Returns how many there were."""
    for conversation in sorted(conversations, key=lambda row: row.pk):
        if reassign:
            assign(conversation, assignee, by=by)
        if status is not None:
            change_status(conversation, status, by=by, until=until)
    return len(conversations)


def _locked(conversation: Conversation) -> Conversation:
    return (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("assignee__user", "visitor")
        .get(pk=conversation.pk)
    )


def _append_event(row: Conversation, by: Actor, data: dict[str, Any]) -> Message:
    appended = log.append(row.pk, Entry(Message.Kind.EVENT, by, data=data))
    assert appended is not None
    row.head, row.version = appended.message.seq, row.version + 1
    return appended.message


@transaction.atomic
def mark_seen(conversation: Conversation, seq: int, *, by: Actor) -> None:
    """Note that one side has read up to ``seq`` of its own numbering. Never goes back; no change says nothing."""
    by_visitor = isinstance(by, Visitor)
    with connection.cursor() as cursor:
        # First the lock, then the counting: a statement counts what was there when it began, not when it came to its turn.
        cursor.execute("SELECT FROM conversations_conversation WHERE id = %s FOR UPDATE", [conversation.pk])
        cursor.execute(
            _MARK_SEEN_BY_VISITOR if by_visitor else _MARK_SEEN_BY_AGENTS, {"id": conversation.pk, "seq": seq}
        )
        if not cursor.rowcount:
            return
    emit(Seen(actor=by, conversation=conversation, by_visitor=by_visitor))


_MARK_SEEN_BY_VISITOR = """
WITH read AS (
  SELECT seq, public_seq FROM conversations_message
  WHERE conversation_id = %(id)s AND public_seq <= %(seq)s ORDER BY public_seq DESC LIMIT 1
)
UPDATE conversations_conversation AS c SET
  version = version + 1, public_version = public_version + 1, seen_by_visitor = read.seq, seen_by_visitor_public = read.public_seq,
  unread_by_visitor = (
    SELECT count(*) FROM conversations_message AS m
    WHERE m.conversation_id = c.id AND m.public_seq > read.public_seq AND m.author_kind <> 'visitor')
FROM read WHERE c.id = %(id)s AND read.public_seq > c.seen_by_visitor_public
"""

_MARK_SEEN_BY_AGENTS = """
WITH read AS (
  SELECT max(seq) AS seq, max(public_seq) AS public_seq FROM conversations_message
  WHERE conversation_id = %(id)s AND seq <= %(seq)s
)
UPDATE conversations_conversation AS c SET
  version = version + 1, public_version = public_version + 1, seen_by_agents = read.seq,
  seen_by_agents_public = greatest(coalesce(read.public_seq, 0), c.seen_by_agents_public),
  unread_by_agents = (
    SELECT count(*) FROM conversations_message AS m
    WHERE m.conversation_id = c.id AND m.seq > read.seq AND m.author_kind = 'visitor')
FROM read WHERE c.id = %(id)s AND read.seq > c.seen_by_agents
"""


def save_draft(conversation: Conversation, *, by: Member, kind: str, body: str) -> Draft:
    """Keep what a member has written so far; the last save counts."""
    draft, _ = Draft.objects.update_or_create(
        workspace_id=by.workspace_id, member=by, conversation=conversation, kind=kind, defaults={"body": body}
    )
    return draft


def discard_draft(conversation: Conversation, *, by: Member, kind: str | None = None) -> None:
    """Forget a member's draft, or both."""
    drafts = Draft.objects.filter(member=by, conversation=conversation)
    (drafts.filter(kind=kind) if kind else drafts).delete()


@transaction.atomic
def stage_attachment(attachment: Attachment, *, by: Actor) -> Attachment:
    """Keep an uploaded file for an hour, until its message comes."""
    attachment.save(force_insert=True)
    emit(AttachmentStaged(actor=by, attachment=attachment))
    return attachment
