"""A conversation's log: how an entry gets its place.

One statement takes the conversation's row lock, gives the next number, stores the entry and brings the inbox row up to date. The lock is held
until the commit, so numbers are given in commit order, without gap or reuse: the committed log is always 1..n.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from apps.conversations.models import Message
from apps.core.access import Actor
from apps.core.ids import uuid7
from apps.visitors.models import Visitor
from apps.workspaces.models import ApiKey, Member
from apps.workspaces.public import public_name

PREVIEW_CHARACTERS = 140


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be appended."""

    kind: Message.Kind
    by: Actor
    body: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    client_id: UUID = field(default_factory=uuid4)
    files: int = 0
    preview: str = ""


@dataclass(frozen=True, slots=True)
class Appended:
    """The stored entry, and what its conversation was before."""

    message: Message
    status_before: str
    unread_before: int


def append(conversation_id: UUID, entry: Entry) -> Appended | None:
    """Append an entry. Belongs inside a transaction. Returns None where there is no such conversation.

    Raises IntegrityError (visitor_message_once, member_message_once, key_message_once) where this author has used the client id before.
    """
    author = _author_kind(entry.by)
    public = entry.kind == Message.Kind.MESSAGE
    values: dict[str, Any] = {
        "conversation": conversation_id,
        "id": uuid7(),
        "kind": entry.kind,
        "public": public,
        "spoken": entry.kind != Message.Kind.EVENT,
        "author_kind": author,
        "author_name": _author_name(entry.by),
        "preview_name": entry.by.label,
        "member": entry.by.pk if isinstance(entry.by, Member) else None,
        "visitor": entry.by.pk if isinstance(entry.by, Visitor) else None,
        "key": entry.by.pk if isinstance(entry.by, ApiKey) else None,
        "client_id": entry.client_id,
        "body": entry.body,
        "files": entry.files,
        "data": json.dumps(entry.data),
        "preview": " ".join((entry.preview or entry.body).split())[:PREVIEW_CHARACTERS],
        "by_visitor": author == Message.Author.VISITOR and public,
        "to_visitor": author != Message.Author.VISITOR and public,
        "response": author == Message.Author.MEMBER and public,
    }
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, values)
        row = cursor.fetchone()
    if row is None:
        return None
    seq, public_seq, created_at, workspace_id, status_before, unread_before = row
    return Appended(_message(values, seq, public_seq, created_at, workspace_id, entry), status_before, unread_before)


_APPEND = """
WITH before AS MATERIALIZED (
  SELECT id AS locked_id, status AS status_before, unread_by_agents AS unread_before
  FROM conversations_conversation WHERE id = %(conversation)s FOR UPDATE
), placed AS (
  UPDATE conversations_conversation AS c SET
    head = head + 1,
    version = version + 1,
    public_version = public_version + %(public)s::int,
    public_head = public_head + %(public)s::int,
    last_at = CASE WHEN %(spoken)s THEN greatest(clock_timestamp(), last_at) ELSE last_at END,
    last_kind = CASE WHEN %(spoken)s THEN %(kind)s ELSE last_kind END,
    last_preview = CASE WHEN %(spoken)s THEN %(preview)s ELSE last_preview END,
    last_author_kind = CASE WHEN %(spoken)s THEN %(author_kind)s ELSE last_author_kind END,
    last_author_name = CASE WHEN %(spoken)s THEN %(preview_name)s ELSE last_author_name END,
    public_last_at = CASE WHEN %(public)s THEN greatest(clock_timestamp(), last_at) ELSE public_last_at END,
    public_last_preview = CASE WHEN %(public)s THEN %(preview)s ELSE public_last_preview END,
    public_last_author_kind = CASE WHEN %(public)s THEN %(author_kind)s ELSE public_last_author_kind END,
    public_last_author_name = CASE WHEN %(public)s THEN %(author_name)s ELSE public_last_author_name END,
    unread_by_agents = unread_by_agents + %(by_visitor)s::int,
    unread_by_visitor = unread_by_visitor + %(to_visitor)s::int,
    status = CASE WHEN %(by_visitor)s THEN 'open' ELSE status END,
    snoozed_until = CASE WHEN %(by_visitor)s THEN NULL ELSE snoozed_until END,
    closed_at = CASE WHEN %(by_visitor)s THEN NULL ELSE closed_at END,
    first_response_at = CASE WHEN %(response)s THEN coalesce(first_response_at, clock_timestamp()) ELSE first_response_at END
  FROM before WHERE c.id = locked_id
  RETURNING c.id, c.workspace_id, c.head, c.public_head, c.last_at, status_before, unread_before
), stored AS (
  INSERT INTO conversations_message
    (id, workspace_id, conversation_id, seq, public_seq, kind, author_kind, author_name,
     member_id, visitor_id, key_id, client_id, body, data, files, created_at)
  SELECT %(id)s, workspace_id, id, head, CASE WHEN %(public)s THEN public_head END, %(kind)s, %(author_kind)s, %(author_name)s,
    %(member)s, %(visitor)s, %(key)s, %(client_id)s, %(body)s, %(data)s::jsonb, %(files)s,
    CASE WHEN %(spoken)s THEN last_at ELSE greatest(clock_timestamp(), last_at) END
  FROM placed
  RETURNING seq, public_seq, created_at
)
SELECT stored.seq, stored.public_seq, stored.created_at, placed.workspace_id, placed.status_before, placed.unread_before
FROM stored, placed
"""


def _message(
    values: dict[str, Any], seq: int, public_seq: int | None, created_at: datetime, workspace_id: UUID, entry: Entry
) -> Message:
    return Message(
        id=values["id"],
        workspace_id=workspace_id,
        conversation_id=values["conversation"],
        seq=seq,
        public_seq=public_seq,
        kind=entry.kind,
        author_kind=values["author_kind"],
        author_name=values["author_name"],
        member_id=values["member"],
        visitor_id=values["visitor"],
        key_id=values["key"],
        client_id=values["client_id"],
        body=entry.body,
        data=entry.data,
        files=entry.files,
        created_at=created_at,
    )


def _author_kind(actor: Actor) -> str:
    if isinstance(actor, ApiKey):
        return Message.Author.BOT
    return actor.kind if actor.kind in Message.Author.values else Message.Author.SYSTEM


def _author_name(actor: Actor) -> str:
    """Return the name an entry keeps: for members the one visitors may see; a visitor's own is looked up, it may change."""
    if isinstance(actor, ApiKey):
        return actor.name
    return public_name(actor) if isinstance(actor, Member) else ""
