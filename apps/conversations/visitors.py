"""What becomes of conversations when their visitor does: merged into another, brought back, erased."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from apps.conversations.events import counts_topic, inbox_topic, own_topic, public_topic, topic
from apps.conversations.models import Attachment, Conversation, Message
from apps.core import effects, streams
from apps.core.slots import fill
from apps.core.streams import Move
from apps.visitors.merging import renumbered, rules
from apps.visitors.models import Visitor

rules["conversations.conversation.visitor"] = renumbered(Conversation, "client_id")
rules["conversations.message.visitor"] = renumbered(Message, "client_id", within=("conversation_id",))

OF_CONVERSATIONS = "conversations.conversation.visitor"
FILES_PER_EFFECT = 500


def changed_hands(moved: Mapping[str, Sequence[str]], *, source: UUID, canonical: UUID) -> None:
    """Let every open list and messenger see that conversations have another visitor now."""
    ids = [UUID(key) for key in moved.get(OF_CONVERSATIONS, ())]
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE conversations_conversation SET version = version + 1, public_version = public_version + 1
            WHERE id = ANY(%s) RETURNING id, workspace_id
            """,
            [ids],
        )
        rows = cursor.fetchall()
    streams.record(
        Move(name, key)
        for id_, workspace_id in rows
        for name, key in (
            (topic(id_), "row"),
            (public_topic(id_), "row"),
            (inbox_topic(workspace_id), str(id_)),
            (own_topic(source), str(id_)),
            (own_topic(canonical), str(id_)),
        )
    )


def wrote_since(source: UUID, canonical: UUID) -> None:
    """Give what the canonical wrote into the source's conversations, while they were one, to the source: its conversations are whole again."""
    Message.objects.filter(conversation__visitor=source, visitor=canonical).update(visitor=source)


@fill("visitor.erasing")
def erasing(visitor: Visitor) -> int:
    """Owe the deletion of a visitor's files and tell the open lists. Returns how many files there are."""
    names = [str(name) for name in _files(visitor).values_list("file", flat=True)]
    for start in range(0, len(names), FILES_PER_EFFECT):
        some = names[start : start + FILES_PER_EFFECT]
        digest = hashlib.sha256("\n".join(some).encode()).hexdigest()[:16]
        effects.owe(
            "conversations.delete_files",
            key=f"erased files:{visitor.pk}:{digest}",
            payload={"files": some},
            workspace_id=visitor.workspace_id,
        )
    streams.record(_farewells(visitor))
    return len(names)


def _files(visitor: Visitor) -> Any:
    return Attachment.objects.filter(visitor=visitor) | Attachment.objects.filter(
        message__conversation__visitor=visitor
    )


def _farewells(visitor: Visitor) -> list[Move]:
    ids = list(Conversation.objects.filter(visitor=visitor).values_list("pk", flat=True))
    workspace_id = visitor.workspace_id
    moves = [Move(inbox_topic(workspace_id), str(id_)) for id_ in ids]
    moves += [Move(topic(id_), "row") for id_ in ids]
    return [*moves, Move(counts_topic(workspace_id)), Move(own_topic(visitor.pk))] if ids else []
