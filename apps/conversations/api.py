"""REST for conversations: one endpoint for members and visitors, each seeing what is theirs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.conversations import actions, inbox
from apps.conversations.actions import AttachmentGone, ClientIdReused, NewerReply, NotAMember
from apps.conversations.items import (
    detail_item,
    message_item,
    message_items,
    own_detail_item,
    own_row_item,
    row_item,
)
from apps.conversations.live import checked_assignee
from apps.conversations.models import Conversation, Draft, Message
from apps.conversations.shapes import (
    ChangedShape,
    CountsShape,
    DetailShape,
    DraftShape,
    DraftsShape,
    MessageShape,
    MessagesShape,
    OwnDetailShape,
    OwnRowShape,
    OwnRowsShape,
    OwnStartedShape,
    RowShape,
    RowsShape,
    StartedShape,
)
from apps.core import access, limits
from apps.core.access import Actor, allow
from apps.core.api import APIView, Input, PageInput
from apps.core.errors import Conflict
from apps.core.limits import Charge
from apps.core.live import NotVisible
from apps.core.shapes import answer
from apps.knowledge.snippets import variables
from apps.visitors.models import Visitor
from apps.workspaces.models import Member

STATUSES = Conversation.Status.choices


class ConversationScoped(APIView):
    """Loads the conversation the address names, if the caller can see it."""

    conversation: Conversation

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        for found in self.rows().filter(pk=kwargs["conversation_id"]):
            self.conversation = found
            return
        raise NotVisible

    def rows(self) -> QuerySet[Conversation]:
        """Return the conversations among which the named one must be, with what this view needs of them."""
        return Conversation.objects.visible_to(self.actor).select_related("visitor", "assignee__user")

    def row(self, conversation: Conversation) -> RowShape | OwnRowShape:
        return own_row_item(conversation) if self.actor.kind == "visitor" else row_item(conversation)


class AttachmentIds(serializers.ListField):
    child = serializers.UUIDField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=limits.MESSAGE_ATTACHMENTS, required=False, **kwargs)


class MessageInput(Input):
    client_id = serializers.UUIDField()
    body = serializers.CharField(max_length=limits.MESSAGE_CHARACTERS, allow_blank=True, trim_whitespace=False)
    kind = serializers.ChoiceField([Message.Kind.MESSAGE, Message.Kind.NOTE], default=Message.Kind.MESSAGE)
    attachments = AttachmentIds()
    seen_seq = serializers.IntegerField(min_value=0, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _with_content(attrs)


class StartInput(Input):
    client_id = serializers.UUIDField()
    body = serializers.CharField(max_length=limits.MESSAGE_CHARACTERS, allow_blank=True, trim_whitespace=False)
    attachments = AttachmentIds()
    visitor = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _with_content(attrs)


def _with_content(attrs: dict[str, Any]) -> dict[str, Any]:
    attrs["attachments"] = list(dict.fromkeys(attrs.get("attachments", [])))
    if not attrs["body"].strip() and not attrs["attachments"]:
        raise serializers.ValidationError({"body": ["Write something, or attach a file."]})
    return attrs


class ListInput(PageInput):
    status = serializers.ChoiceField([*STATUSES, ("all", "all")], default="open")
    assignee = serializers.CharField(max_length=40, required=False, default="")
    channel = serializers.ChoiceField(Conversation.Channel.choices, required=False)
    q = serializers.CharField(max_length=limits.QUERY_CHARACTERS, required=False, allow_blank=True, default="")


def _spend_on_message(actor: Actor, conversation_id: object) -> None:
    by_visitor = (limits.VISITOR_MESSAGES, limits.VISITOR_MESSAGES_DAILY)
    by_actor = by_visitor if actor.kind == "visitor" else (limits.MEMBER_MESSAGES,)
    charges = [Charge(limit, actor.pk) for limit in by_actor]
    limits.spend_all(*charges, Charge(limits.CONVERSATION_MESSAGES, conversation_id))


def _must_be_filled_in(actor: Actor, body: str) -> None:
    """Refuse a team's message in which a snippet's variable still stands. Visitors may write what they like."""
    if actor.kind != "visitor" and (left := variables.unresolved(body)):
        raise serializers.ValidationError({"body": [f"Nothing is known for {left[0]}. Write something in its place."]})


def _answer_sent(item: StartedShape | OwnStartedShape | MessageShape, *, replayed: bool) -> Response:
    if replayed:
        return Response(item, status=200, headers={"Idempotent-Replay": "true"})
    return Response(item, status=201)


class Conversations(APIView):
    """The conversations the caller can see."""

    @extend_schema(operation_id="conversations_list", parameters=[ListInput], responses=answer(RowsShape, OwnRowsShape))
    @allow(member="conversations.read", visitor=True, key="conversations.read")
    def get(self, request: Request) -> Response:
        """List conversations, the newest first."""
        asked = self.asked(ListInput)
        if isinstance(self.actor, Visitor):
            page, following = inbox.own_page(self.actor, self.actor, asked.get("cursor", ""), asked["limit"])
            return Response({"items": [own_row_item(row) for row in page], "next_cursor": following})
        if asked["q"]:
            limits.spend(limits.SEARCHES, self.actor.pk)
        listed = inbox.listed(
            self.actor,
            status=asked["status"],
            assignee=checked_assignee(self.actor, asked["assignee"]),
            channel=asked.get("channel", ""),
            q=asked["q"],
        )
        page, following = inbox.page_of(listed, asked.get("cursor", ""), asked["limit"])
        return Response({"items": [row_item(row) for row in page], "next_cursor": following})

    @extend_schema(
        request=StartInput,
        responses={201: answer(StartedShape, OwnStartedShape), 200: answer(StartedShape, OwnStartedShape)},
    )
    @allow(member="conversations.reply", visitor=True, key="conversations.reply")
    def post(self, request: Request) -> Response:
        """Start a conversation with its first message. Sent twice with one client_id it is started once."""
        data = self.checked(StartInput)
        visitor = self._visitor(data.pop("visitor", None))
        _must_be_filled_in(self.actor, data["body"])
        if self.actor.kind == "visitor" and not visitor.conversations.filter(client_id=data["client_id"]).exists():
            for limit in (limits.NEW_CONVERSATIONS_DAILY, limits.NEW_CONVERSATIONS):
                limits.spend_once(limit, self.actor.pk, data["client_id"])
        _spend_on_message(self.actor, data["client_id"])
        try:
            started = actions.start_conversation(visitor, by=self.actor, **data)
        except (ClientIdReused, AttachmentGone) as error:
            raise _refused(error) from error
        message = message_item(started.sent.message, self.actor, visitor.label)
        item: StartedShape | OwnStartedShape
        if self.actor.kind == "visitor":
            item = {"conversation": own_row_item(started.conversation), "message": message}
        else:
            item = {"conversation": row_item(started.conversation), "message": message}
        return _answer_sent(item, replayed=started.sent.replayed)

    def _visitor(self, named: UUID | None) -> Visitor:
        if isinstance(self.actor, Visitor):
            if named is not None:
                raise serializers.ValidationError({"visitor": ["There is no such field."]})
            return self.actor
        if named is None:
            raise serializers.ValidationError({"visitor": ["Name the visitor to write to."]})
        visitor = Visitor.objects.visible_to(self.actor).filter(pk=named).first()
        if visitor is None:
            raise NotVisible
        return visitor


def _refused(error: Exception) -> Exception:
    """Return how the API says what an action refused."""
    match error:
        case ClientIdReused():
            return Conflict(
                "This client_id belongs to another message. Make a new one for new content.", "client_id_reused"
            )
        case NewerReply():
            return Conflict(
                "Somebody has written meanwhile. Send without seen_seq to insist.", "newer_reply", newer=error.newer
            )
        case AttachmentGone():
            return serializers.ValidationError({"attachments": ["A file isn't there any more. Upload it again."]})
        case NotAMember():
            return serializers.ValidationError({"member": ["Choose a member of this workspace who may reply."]})
    return error


class Counts(APIView):
    """How many conversations are in each list of the inbox."""

    actor: Member

    @extend_schema(responses=answer(CountsShape))
    @allow(member="conversations.read")
    def get(self, request: Request) -> Response:
        """Return the counters, exactly."""
        return Response(inbox.counts(self.actor))


class ConversationView(ConversationScoped):
    """One conversation."""

    @extend_schema(responses=answer(DetailShape, OwnDetailShape))
    @allow(member="conversations.read", visitor=True, key="conversations.read")
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """Return the conversation's row and who has seen what."""
        detail = own_detail_item if self.actor.kind == "visitor" else detail_item
        return Response(detail(self.conversation))


class LogInput(Input):
    after = serializers.IntegerField(min_value=0, required=False)
    before = serializers.IntegerField(min_value=0, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=limits.PAGE_SIZE_MAX, default=limits.PAGE_SIZE)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "after" in attrs and "before" in attrs:
            raise serializers.ValidationError({"before": ["Give either after or before."]})
        return attrs


class Messages(ConversationScoped):
    """A conversation's log."""

    def rows(self) -> QuerySet[Conversation]:
        rows = Conversation.objects.visible_to(self.actor).only("workspace_id", "visitor_id", "head", "public_head")
        if self.request.method == "POST":
            return rows
        label = ("visitor__name", "visitor__email", "visitor__readable_id")
        return rows.select_related("visitor").only("workspace_id", "head", "public_head", *label)

    @extend_schema(parameters=[LogInput], responses=answer(MessagesShape))
    @allow(member="conversations.read", visitor=True, key="conversations.read")
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """Return entries in ascending order: after a number, before one, or the newest."""
        asked = self.asked(LogInput)
        number = "public_seq" if self.actor.kind == "visitor" else "seq"
        entries = Message.objects.visible_to(self.actor).filter(conversation=self.conversation).defer("search")
        if "after" in asked:
            entries = entries.filter(**{f"{number}__gt": asked["after"]}).order_by(number)
        else:
            entries = entries.filter(**{f"{number}__lt": asked["before"]} if "before" in asked else {}).order_by(
                f"-{number}"
            )
        page = list(entries[: asked["limit"] + 1])
        kept = page[: asked["limit"]]
        if "after" not in asked:
            kept.reverse()
        head = self.conversation.public_head if self.actor.kind == "visitor" else self.conversation.head
        items = message_items(kept, self.actor, self.conversation.visitor.label)
        return Response({"items": items, "head": head, "more": len(page) > asked["limit"]})

    @extend_schema(request=MessageInput, responses={201: answer(MessageShape), 200: answer(MessageShape)})
    @allow(member="conversations.reply", visitor=True, key="conversations.reply")
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """Send a message, or among members a note. Sent twice with one client_id it is stored once."""
        data = self.checked(MessageInput)
        if self.actor.kind == "visitor" and (data["kind"] != Message.Kind.MESSAGE or "seen_seq" in data):
            raise serializers.ValidationError({"kind": ["There is no such field."]})
        if data["kind"] == Message.Kind.MESSAGE:
            _must_be_filled_in(self.actor, data["body"])
        _spend_on_message(self.actor, self.conversation.pk)
        try:
            sent = actions.send_message(self.conversation, by=self.actor, **data)
        except (ClientIdReused, NewerReply, AttachmentGone) as error:
            raise _refused(error) from error
        item = message_item(sent.message, self.actor, self.actor.label)
        return _answer_sent(item, replayed=sent.replayed)


class StatusInput(Input):
    status = serializers.ChoiceField(STATUSES)
    until = serializers.DateTimeField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("until") and attrs.get("status") != Conversation.Status.SNOOZED:
            raise serializers.ValidationError({"until": ["Only a snooze has an end."]})
        return attrs


class StatusView(ConversationScoped):
    """Whether a conversation is open, snoozed or closed."""

    @extend_schema(request=StatusInput, responses=answer(RowShape))
    @allow(member="conversations.close", key="conversations.close")
    def put(self, request: Request, conversation_id: UUID) -> Response:
        """Open, snooze (until a time, or the next reply) or close."""
        data = self.checked(StatusInput)
        changed = actions.change_status(self.conversation, data["status"], by=self.actor, until=data.get("until"))
        return Response(row_item(changed))


class AssigneeInput(Input):
    member = serializers.UUIDField(allow_null=True)


def _member(actor: Actor, id_: UUID | None) -> Member | None:
    """Return the named member, None for nobody. Raises ValidationError for anybody else's member."""
    if id_ is None:
        return None
    member = Member.objects.visible_to(actor).select_related("user").filter(pk=id_).first()
    if member is None:
        raise _refused(NotAMember())
    return member


class AssigneeView(ConversationScoped):
    """Whose conversation this is."""

    @extend_schema(request=AssigneeInput, responses=answer(RowShape))
    @allow(member="conversations.assign", key="conversations.assign")
    def put(self, request: Request, conversation_id: UUID) -> Response:
        """Assign to a member, or to nobody."""
        member = _member(self.actor, self.checked(AssigneeInput)["member"])
        try:
            changed = actions.assign(self.conversation, member, by=self.actor)
        except NotAMember as error:
            raise _refused(error) from error
        return Response(row_item(changed))


class SeenInput(Input):
    seq = serializers.IntegerField(min_value=0, max_value=2**53)


class SeenView(ConversationScoped):
    """How far one side has read."""

    @extend_schema(request=SeenInput, responses={204: None})
    @allow(member="conversations.reply", visitor=True)
    def put(self, request: Request, conversation_id: UUID) -> Response:
        """Say that the caller's side has read up to here. Never goes back."""
        actions.mark_seen(self.conversation, self.checked(SeenInput)["seq"], by=self.actor)
        return Response(status=204)


class DraftInput(Input):
    kind = serializers.ChoiceField(["message", "note"])
    body = serializers.CharField(max_length=limits.MESSAGE_CHARACTERS, trim_whitespace=False)


class DraftKindInput(Input):
    kind = serializers.ChoiceField(["message", "note"], required=False)


def draft_item(draft: Draft) -> DraftShape:
    return {"kind": draft.kind, "body": draft.body, "updated_at": draft.updated_at}


class DraftView(ConversationScoped):
    """What the member has written in this conversation and not sent."""

    actor: Member

    @extend_schema(responses=answer(DraftsShape))
    @allow(member="conversations.reply")
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """Return the member's drafts."""
        drafts = Draft.objects.filter(member=self.actor, conversation=self.conversation)
        return Response({"drafts": [draft_item(draft) for draft in drafts]})

    @extend_schema(request=DraftInput, responses=answer(DraftShape))
    @allow(member="conversations.reply")
    def put(self, request: Request, conversation_id: UUID) -> Response:
        """Keep a draft; the last one saved counts."""
        return Response(draft_item(actions.save_draft(self.conversation, by=self.actor, **self.checked(DraftInput))))

    @extend_schema(parameters=[DraftKindInput], responses={204: None})
    @allow(member="conversations.reply")
    def delete(self, request: Request, conversation_id: UUID) -> Response:
        """Forget a draft, or both."""
        actions.discard_draft(self.conversation, by=self.actor, kind=self.asked(DraftKindInput).get("kind"))
        return Response(status=204)


class ChangeInput(Input):
    status = serializers.ChoiceField(STATUSES, required=False)
    until = serializers.DateTimeField(required=False, allow_null=True)
    assignee = serializers.UUIDField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "status" not in attrs and "assignee" not in attrs:
            raise serializers.ValidationError("Change the status, the assignee, or both.")
        if attrs.get("until") and attrs.get("status") != Conversation.Status.SNOOZED:
            raise serializers.ValidationError({"until": ["Only a snooze has an end."]})
        return attrs


class BulkInput(Input):
    conversations = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=limits.BULK_MAX)
    change = ChangeInput()


class Bulk(APIView):
    """The same change to many conversations."""

    @extend_schema(request=BulkInput, responses=answer(ChangedShape))
    @allow(member="conversations.close")
    def post(self, request: Request) -> Response:
        """Change all the named conversations, or none where one isn't visible. To assign needs conversations.assign too."""
        data = self.checked(BulkInput)
        ids, change = set(data["conversations"]), data["change"]
        if "assignee" in change:
            access.check(AssigneeView.put, self.actor)
        rows = list(Conversation.objects.visible_to(self.actor).filter(pk__in=ids))
        if len(rows) != len(ids):
            raise NotVisible
        try:
            changed = actions.change_many(
                rows,
                by=self.actor,
                status=change.get("status"),
                until=change.get("until"),
                assignee=_member(self.actor, change.get("assignee")),
                reassign="assignee" in change,
            )
        except NotAMember as error:
            raise _refused(error) from error
        return Response({"changed": changed})
