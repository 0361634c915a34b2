"""Conversations and messages as clients see them: one shape for REST, live data and the pages' partials."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import prefetch_related_objects

from apps.conversations import files
from apps.conversations.models import Attachment, Conversation, Message
from apps.conversations.shapes import (
    AttachmentShape,
    DetailShape,
    MessageShape,
    OwnDetailShape,
    OwnRowShape,
    RowShape,
)
from apps.core.access import Actor


def row_item(conversation: Conversation) -> RowShape:
    """Return a conversation as a row of the inbox. Wants ``visitor`` and ``assignee__user`` selected."""
    visitor, assignee = conversation.visitor, conversation.assignee
    return {
        "key": str(conversation.pk),
        "id": conversation.pk,
        "version": conversation.version,
        "sort": conversation.sort,
        "status": conversation.status,
        "snoozed_until": conversation.snoozed_until,
        "channel": conversation.channel,
        "subject": conversation.subject,
        "visitor": {
            "id": visitor.pk,
            "label": visitor.label,
            "name": visitor.name,
            "email": visitor.email,
            "readable_id": visitor.readable_id,
            "online": visitor.online,
        },
        "assignee": {"id": assignee.pk, "name": assignee.label} if assignee else None,
        "last_message": {
            "preview": conversation.last_preview,
            "kind": conversation.last_kind,
            "author_kind": conversation.last_author_kind,
            "author_name": visitor.label
            if conversation.last_author_kind == "visitor"
            else conversation.last_author_name,
            "at": conversation.last_at,
        },
        "unread": conversation.unread_by_agents,
        "created_at": conversation.created_at,
    }


def detail_item(conversation: Conversation) -> DetailShape:
    """Return a conversation as its page shows it."""
    return {
        **row_item(conversation),
        "head": conversation.head,
        "seen_by_visitor": conversation.seen_by_visitor,
        "seen_by_agents": conversation.seen_by_agents,
        "first_response_at": conversation.first_response_at,
        "closed_at": conversation.closed_at,
    }


def own_row_item(conversation: Conversation) -> OwnRowShape:
    """Return a conversation as its visitor sees it: nothing that betrays a note, an assignment or the agents' numbering."""
    return {
        "key": str(conversation.pk),
        "id": conversation.pk,
        "version": conversation.public_version,
        "sort": conversation.public_sort,
        "status": "closed" if conversation.status == Conversation.Status.CLOSED else "open",
        "last_message": {
            "preview": conversation.public_last_preview,
            "author_kind": conversation.public_last_author_kind,
            "author_name": conversation.public_last_author_name,
            "avatar_url": None,
            "at": conversation.public_last_at,
        },
        "unread": conversation.unread_by_visitor,
        "created_at": conversation.created_at,
    }


def own_detail_item(conversation: Conversation) -> OwnDetailShape:
    """Return a conversation as its visitor's messenger opens it, in the visitor's own numbering."""
    return {
        **own_row_item(conversation),
        "head": conversation.public_head,
        "seen_by_visitor": conversation.seen_by_visitor_public,
        "seen_by_agents": conversation.seen_by_agents_public,
    }


def message_items(messages: Iterable[Message], actor: Actor, visitor_label: str = "") -> list[MessageShape]:
    """Return messages as the actor sees them; their attachments, if any have some, cost one query."""
    listed = list(messages)
    prefetch_related_objects([message for message in listed if message.files], "attachments")
    return [message_item(message, actor, visitor_label) for message in listed]


def message_item(message: Message, actor: Actor, visitor_label: str = "") -> MessageShape:
    """Return one message as the actor sees it: to a visitor ``seq`` is its own numbering."""
    for_visitor = actor.kind == "visitor"
    item: MessageShape = {
        "key": str(message.pk),
        "id": message.pk,
        "seq": (message.public_seq or 0) if for_visitor else message.seq,
        "kind": message.kind,
        "author": {
            "kind": message.author_kind,
            "id": message.member_id or message.visitor_id or message.key_id,
            "name": visitor_label if message.author_kind == Message.Author.VISITOR else message.author_name,
            "avatar_url": None,
        },
        "body": message.body,
        "data": {} if for_visitor else message.data,
        "attachments": [attachment_item(attachment) for attachment in message.attachments.all()]
        if message.files
        else [],
        "created_at": message.created_at,
    }
    if message.author_kind == actor.kind or not for_visitor:
        item["client_id"] = message.client_id
    return item


def attachment_item(attachment: Attachment) -> AttachmentShape:
    """Return an attachment with an address that opens it for five minutes."""
    return {
        "id": attachment.pk,
        "name": attachment.name,
        "content_type": attachment.content_type,
        "size": attachment.size,
        "width": attachment.width,
        "height": attachment.height,
        "url": files.signed_url(attachment),
    }
