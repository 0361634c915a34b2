"""What the API and the live queries answer about conversations."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NotRequired, TypedDict
from uuid import UUID

from apps.core.shapes import Named


class RowVisitor(TypedDict):
    """The visitor of a row."""

    id: UUID
    label: str
    name: str
    email: str
    readable_id: str
    online: bool


class LastMessage(TypedDict):
    """The last thing said, shortened."""

    preview: str
    kind: str
    author_kind: str
    author_name: str
    at: datetime


class RowShape(TypedDict):
    """A conversation as a row of the inbox. ``sort`` orders rows, descending; the higher ``version`` is the newer."""

    key: str
    id: UUID
    version: int
    sort: str
    status: str
    snoozed_until: datetime | None
    channel: str
    subject: str
    visitor: RowVisitor
    assignee: Named | None
    last_message: LastMessage
    unread: int
    created_at: datetime


class DetailShape(RowShape):
    """A conversation as its page shows it; numbers are the agents'."""

    head: int
    seen_by_visitor: int
    seen_by_agents: int
    first_response_at: datetime | None
    closed_at: datetime | None


class OwnLastMessage(TypedDict):
    """The last thing said that the visitor can see, shortened."""

    preview: str
    author_kind: str
    author_name: str
    avatar_url: str | None
    at: datetime


class OwnRowShape(TypedDict):
    """A conversation as its visitor sees it."""

    key: str
    id: UUID
    version: int
    sort: str
    status: str
    last_message: OwnLastMessage
    unread: int
    created_at: datetime


class OwnDetailShape(OwnRowShape):
    """A conversation as its visitor's messenger opens it; numbers are the visitor's."""

    head: int
    seen_by_visitor: int
    seen_by_agents: int


class AuthorShape(TypedDict):
    """Who wrote: a visitor, a member, a bot or the system."""

    kind: str
    id: UUID | None
    name: str
    avatar_url: str | None


class AttachmentShape(TypedDict):
    """A file; ``url`` opens it for five minutes."""

    id: UUID
    name: str
    content_type: str
    size: int
    width: int | None
    height: int | None
    url: str


class StagedShape(AttachmentShape):
    """An uploaded file that waits for its message until ``expires_at``."""

    expires_at: datetime


class MessageShape(TypedDict):
    """An entry of a conversation's log. ``seq`` is contiguous in the caller's numbering; ``body`` is Markdown as it was typed."""

    key: str
    id: UUID
    seq: int
    kind: str
    author: AuthorShape
    body: str
    data: dict[str, Any]
    attachments: list[AttachmentShape]
    created_at: datetime
    client_id: NotRequired[UUID]


class MessagesShape(TypedDict):
    """A page of a log, ascending; ``head`` is the log's last number."""

    items: list[MessageShape]
    head: int
    more: bool


class RowsShape(TypedDict):
    """A page of the inbox, the newest first."""

    items: list[RowShape]
    next_cursor: str | None


class OwnRowsShape(TypedDict):
    """A page of a visitor's own conversations, the newest first."""

    items: list[OwnRowShape]
    next_cursor: str | None


class StartedShape(TypedDict):
    """A conversation with its first message, as members see it."""

    conversation: RowShape
    message: MessageShape


class OwnStartedShape(TypedDict):
    """A conversation with its first message, as its visitor sees it."""

    conversation: OwnRowShape
    message: MessageShape


class CountsShape(TypedDict):
    """How many conversations are in each list; ``mine``: open and the caller's."""

    open: int
    unassigned: int
    mine: int
    snoozed: int
    closed: int
    unread: int
    mine_unread: int


class DraftShape(TypedDict):
    """What a member has written and not sent."""

    kind: str
    body: str
    updated_at: datetime


class DraftsShape(TypedDict):
    """A member's drafts in one conversation."""

    drafts: list[DraftShape]


class ChangedShape(TypedDict):
    """How many conversations a change was for."""

    changed: int
