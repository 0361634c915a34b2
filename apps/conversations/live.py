"""Live queries about conversations, and what people tell while they write and read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from apps.conversations import inbox
from apps.conversations.events import counts_topic, inbox_topic, own_topic, public_topic, topic
from apps.conversations.items import detail_item, message_items, own_detail_item, own_row_item, row_item
from apps.conversations.models import Conversation, Message
from apps.core import limits, whispers
from apps.core.access import Actor, allow
from apps.core.joined import Joined
from apps.core.live import Answer, Item, Log, NotVisible, Params, Rows, Value, live
from apps.core.whispers import Whisper, tell
from apps.visitors.models import Visitor
from apps.workspaces.models import Member
from apps.workspaces.public import public_name

LOG_PAGE = 50
CATCH_UP_PAGE = 200
ERASED = 2**53 - 1
"""The version of a row that is gone for good: the highest that a browser can count to."""


class ConversationParams(Params, frozen=True):
    conversation: UUID


@live("messages.list")
@allow(member="conversations.read", visitor=True)
class MessagesList(Log):
    """A conversation's log: all of it for members, what is public for its visitor, each in its own contiguous numbering."""

    Params = ConversationParams
    template = "conversations/inbox.html#message"
    context_name = "message"

    def topics(self, actor: Actor, params: ConversationParams) -> Iterable[str]:
        return (public_topic(params.conversation) if actor.kind == "visitor" else topic(params.conversation),)

    def head(self, actor: Actor, params: ConversationParams) -> int:
        number = "public_head" if actor.kind == "visitor" else "head"
        for head in (
            Conversation.objects.visible_to(actor).filter(pk=params.conversation).values_list(number, flat=True)
        ):
            return int(head)
        raise NotVisible

    def last(self, actor: Actor, params: ConversationParams) -> Answer:
        conversation = _conversation(actor, params.conversation)
        number = _number(actor)
        page = list(self._log(actor, params).order_by(f"-{number}")[: LOG_PAGE + 1])
        items = message_items(page[:LOG_PAGE][::-1], actor, conversation.visitor.label)
        return Answer(data={"items": items, "more": len(page) > LOG_PAGE}, at=items[-1]["seq"] if items else 0)

    def after(self, actor: Actor, params: ConversationParams, seq: int) -> Answer:
        number = _number(actor)
        page = list(self._log(actor, params).filter(**{f"{number}__gt": seq}).order_by(number)[:CATCH_UP_PAGE])
        if not page:
            return Answer(at=self.head(actor, params))
        items = message_items(page, actor, self._visitor_label(actor, params))
        last = items[-1]["seq"]
        return Answer(items=items, at=self.head(actor, params) if len(items) == CATCH_UP_PAGE else last)

    def _log(self, actor: Actor, params: ConversationParams) -> QuerySet[Message]:
        return Message.objects.visible_to(actor).filter(conversation_id=params.conversation).defer("search")

    def _visitor_label(self, actor: Actor, params: ConversationParams) -> str:
        if actor.kind == "visitor":
            return actor.label
        found = _WITH_VISITOR.first([params.conversation])
        return found.visitor.label if found is not None else ""


_WITH_VISITOR = Joined(
    Conversation, "visitor", where="base.id = %s", only={"": (), "visitor": ("name", "email", "readable_id")}
)


def _number(actor: Actor) -> str:
    return "public_seq" if actor.kind == "visitor" else "seq"


def _conversation(actor: Actor, id_: UUID) -> Conversation:
    conversation = (
        Conversation.objects.visible_to(actor).select_related("visitor", "assignee__user").filter(pk=id_).first()
    )
    if conversation is None:
        raise NotVisible
    return conversation


@live("conversations.get")
@allow(member="conversations.read", visitor=True)
class ConversationGet(Value):
    """One conversation's row: status, assignee, who has seen what."""

    Params = ConversationParams
    template = "conversations/inbox.html#conversation_header"
    context_name = "conversation"
    pause = 0.02

    def topics(self, actor: Actor, params: ConversationParams) -> Iterable[str]:
        return (public_topic(params.conversation) if actor.kind == "visitor" else topic(params.conversation),)

    def get(self, actor: Actor, params: ConversationParams) -> Item:
        conversation = _conversation(actor, params.conversation)
        return own_detail_item(conversation) if actor.kind == "visitor" else detail_item(conversation)


class InboxParams(Params, frozen=True):
    status: Literal["open", "snoozed", "closed", "all"] = "open"
    assignee: str = ""
    channel: str = ""


@live("conversations.listForInbox")
@allow(member="conversations.read")
class InboxList(Rows):
    """A list of the inbox: its first page, kept up to date."""

    Params = InboxParams
    template = "conversations/inbox.html#row"
    context_name = "row"
    pause = 0.02

    def topics(self, actor: Actor, params: InboxParams) -> Iterable[str]:
        return (inbox_topic(getattr(actor, "workspace_id", None)),)

    def resolve(self, actor: Actor, params: InboxParams) -> InboxParams:
        return msgspec.structs.replace(params, assignee=checked_assignee(actor, params.assignee))

    def page(self, actor: Actor, params: InboxParams) -> Answer:
        page, following = inbox.page_of(self._listed(actor, params))
        return Answer(data={"items": [row_item(row) for row in page], "more": following is not None})

    def changed(self, actor: Actor, params: InboxParams, keys: Sequence[str]) -> Answer:
        rows = {str(row.pk): row_item(row) for row in self._listed(actor, params).filter(pk__in=keys)}
        gone = [key for key in keys if key not in rows]
        versions = Conversation.objects.visible_to(actor).filter(pk__in=gone).values_list("pk", "version")
        left = {str(pk): version for pk, version in versions}
        # What was erased has no version any more, and never comes back.
        removed = [{"key": key, "version": left.get(key, ERASED), "removed": True} for key in gone]
        return Answer(items=[*rows.values(), *removed])

    def _listed(self, actor: Actor, params: InboxParams) -> Any:
        return inbox.listed(actor, status=params.status, assignee=params.assignee, channel=params.channel)


def checked_assignee(actor: Actor, assignee: str) -> str:
    """Return a list's assignee with "me" as the actor's id; what is neither an id nor ``none`` matches nobody."""
    if assignee in ("", "none"):
        return assignee
    if assignee == "me":
        return str(actor.pk)
    try:
        return str(UUID(assignee))
    except ValueError:
        return str(UUID(int=0))


class OwnParams(Params, frozen=True):
    visitor: UUID | None = None


@live("conversations.listByVisitor")
@allow(member="conversations.read", visitor=True)
class ListByVisitor(Rows):
    """A visitor's conversations: to itself as its messenger lists them, to members as rows of the inbox."""

    Params = OwnParams
    template = "visitors/panel.html#conversation"
    context_name = "row"

    def topics(self, actor: Actor, params: OwnParams) -> Iterable[str]:
        return (own_topic(self._visitor_id(actor, params)),)

    def page(self, actor: Actor, params: OwnParams) -> Answer:
        visitor = Visitor.objects.visible_to(actor).filter(pk=self._visitor_id(actor, params)).first()
        if visitor is None:
            raise NotVisible
        page, following = inbox.own_page(visitor, actor)
        return Answer(data={"items": [self._item(row, actor) for row in page], "more": following is not None})

    def changed(self, actor: Actor, params: OwnParams, keys: Sequence[str]) -> Answer:
        rows = Conversation.objects.visible_to(actor).filter(visitor=self._visitor_id(actor, params), pk__in=keys)
        return Answer(items=[self._item(row, actor) for row in rows.select_related("visitor", "assignee__user")])

    def _item(self, row: Conversation, actor: Actor) -> Item:
        return own_row_item(row) if actor.kind == "visitor" else row_item(row)

    def _visitor_id(self, actor: Actor, params: OwnParams) -> Any:
        return actor.pk if actor.kind == "visitor" else params.visitor


@live("conversations.getTotalUnreadForVisitor")
@allow(visitor=True)
class TotalUnread(Value):
    """How many messages wait for the visitor, and the last of them."""

    def topics(self, actor: Actor, params: Params) -> Iterable[str]:
        return (own_topic(actor.pk),)

    def get(self, actor: Actor, params: Params) -> Item:
        return unread_item(actor)


def unread_item(actor: Actor) -> Item:
    """Return how many messages wait for a visitor, and where the last of them is."""
    waiting = Conversation.objects.visible_to(actor).filter(unread_by_visitor__gt=0).order_by("-public_last_at")
    rows = list(
        waiting.only(
            "id", "unread_by_visitor", "public_last_preview", "public_last_author_name", "public_last_author_kind"
        )
    )
    last = next((row for row in rows if row.public_last_author_kind != Message.Author.VISITOR), None)
    return {
        "unread": sum(row.unread_by_visitor for row in rows),
        "last_unread": {
            "conversation": last.pk,
            "preview": last.public_last_preview,
            "author_name": last.public_last_author_name,
        }
        if last
        else None,
    }


@live("conversations.counts")
@allow(member="conversations.read")
class Counts(Value):
    """How many conversations are in each list of the inbox."""

    template = "conversations/inbox.html#counts"
    context_name = "counts"
    pause = 0.25

    def topics(self, actor: Actor, params: Params) -> Iterable[str]:
        return (counts_topic(getattr(actor, "workspace_id", None)),)

    def view(self, actor: Actor) -> str:
        return f"member:{actor.pk}"

    def get(self, actor: Actor, params: Params) -> Item:
        assert isinstance(actor, Member)
        return inbox.counts(actor)


# What people tell


def _activity_topic(conversation_id: object) -> str:
    return f"conversation:{conversation_id}:activity"


@live("conversations.activity")
@allow(member="conversations.read", visitor=True)
class Activity(Value):
    """Who is writing and who is looking. A visitor hears only of members who write to them."""

    Params = ConversationParams
    template = "conversations/inbox.html#activity"
    context_name = "activity"
    ephemeral = True

    def topics(self, actor: Actor, params: ConversationParams) -> Iterable[str]:
        return (_activity_topic(params.conversation),)

    def get(self, actor: Actor, params: ConversationParams) -> Item:
        _conversation(actor, params.conversation)
        said = whispers.memory.current(_activity_topic(params.conversation)).values()
        typing = [news["by"] for news in said if news["does"] == "typing"]
        if actor.kind == "visitor":
            heard = [by for by in typing if by["kind"] == "member" and not by["note"]]
            return {
                "typing": [
                    {"kind": "member", "id": by["id"], "name": by["public_name"], "note": False} for by in heard
                ],
                "viewing": [],
            }
        viewing = [news["by"] for news in said if news["does"] == "viewing"]
        return {"typing": [_shown(by) for by in typing], "viewing": [_shown(by) for by in viewing]}


def _shown(by: Item) -> Item:
    return {name: by[name] for name in ("kind", "id", "name", "note")}


class TypingParams(Params, frozen=True):
    conversation: UUID
    active: bool = True
    kind: Literal["message", "note"] = "message"


@tell("typing", TypingParams)
@allow(member="conversations.reply", visitor=True)
def typing(actor: Actor, params: TypingParams) -> Whisper | None:
    """Somebody is writing in a conversation, or stopped."""
    limits.spend(limits.TELLS, actor.pk)
    _conversation(actor, params.conversation)
    news = {"does": "typing", "by": _by(actor, note=params.kind == "note")} if params.active else None
    return Whisper(_activity_topic(params.conversation), f"typing:{actor.pk}", news, limits.TYPING_SECONDS)


class ViewingParams(Params, frozen=True):
    conversation: UUID | None = None
    previous: UUID | None = None


VIEWING_SECONDS = 40
"""A little more than one ping and its answer: a closed tab is gone by then."""


@tell("viewing", ViewingParams)
@allow(member="conversations.read")
def viewing(actor: Actor, params: ViewingParams) -> Whisper | None:
    """A member has a conversation open; None takes it back from the one named as previous."""
    about = params.conversation or params.previous
    if about is None:
        return None
    _conversation(actor, about)
    news = {"does": "viewing", "by": _by(actor, note=False)} if params.conversation else None
    return Whisper(_activity_topic(about), f"viewing:{actor.pk}", news, VIEWING_SECONDS, standing=True)


def _by(actor: Actor, *, note: bool) -> Item:
    shown = public_name(actor) if isinstance(actor, Member) else ""
    return {"kind": actor.kind, "id": str(actor.pk), "name": actor.label, "public_name": shown, "note": note}
