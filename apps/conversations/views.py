"""The inbox's pages and their parts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.conversations import inbox
from apps.conversations.items import message_items, row_item
from apps.conversations.live import checked_assignee
from apps.conversations.models import Conversation, Draft, Message
from apps.core import limits, live
from apps.core.access import ANY, allow
from apps.core.cursors import BadCursor
from apps.core.limits import Limited
from apps.core.slots import fill
from apps.core.views import Page
from apps.visitors.models import Visitor
from apps.workspaces.models import Member

OLDER_PAGE = 50
Context = dict[str, Any]


@dataclass(frozen=True)
class View:
    """One list of the inbox, as its address and its tab name it."""

    name: str
    title: str
    status: str
    assignee: str = ""
    empty_title: str = ""
    empty_text: str = ""


VIEWS = {
    view.name: view
    for view in (
        View("open", "Open", "open", "", "All done", "Every conversation is answered, snoozed or closed."),
        View("mine", "Mine", "open", "me", "Nothing is yours", "What is assigned to you and open is here."),
        View(
            "unassigned",
            "Unassigned",
            "open",
            "none",
            "Nobody waits",
            "Open conversations that nobody has taken are here.",
        ),
        View(
            "snoozed",
            "Snoozed",
            "snoozed",
            "",
            "Nothing is snoozed",
            "What you snooze waits here until its time, or a reply.",
        ),
        View(
            "closed",
            "Closed",
            "closed",
            "",
            "Nothing is closed",
            "Closed conversations are kept here. A reply opens them again.",
        ),
        View("all", "All", "all", "", "No conversations", "What visitors write arrives here."),
    )
}
SHOWN = ("open", "mine", "unassigned")
FOLDED = ("snoozed", "closed", "all")


class Home(Page):
    """The dashboard's front door."""

    @allow(member=ANY)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Go where the work is."""
        return redirect("inbox")


class Inbox(Page):
    """The list, and the conversation that is open beside it. ``X-Fragment`` asks for one part only."""

    template = "conversations/inbox.html"
    actor: Member

    @allow(member="conversations.read")
    def get(self, request: HttpRequest, view: str = "open", conversation_id: UUID | None = None) -> HttpResponse:
        """Show the inbox, its list, more of its rows, or one conversation."""
        if view not in VIEWS:
            raise Http404
        shown = VIEWS[view]
        match request.headers.get("X-Fragment"):
            case "conversation":
                return self.render("conversation", **self._conversation(conversation_id))
            case "rows" | "list" as part:
                try:
                    return self.render(part, **self._list(request, shown))
                except Limited as limited:
                    return _wait(limited)
        return self.render(**self._list(request, shown), **self._conversation(conversation_id))

    def _list(self, request: HttpRequest, view: View) -> Context:
        q = request.GET.get("q", "")[: limits.QUERY_CHARACTERS].strip()
        if q:
            limits.spend(limits.SEARCHES, self.actor.pk)
        chosen = "" if view.assignee else request.GET.get("assignee", "")
        assignee = view.assignee or chosen
        listed = inbox.listed(self.actor, status=view.status, assignee=checked_assignee(self.actor, assignee), q=q)
        try:
            page, following = inbox.page_of(listed, request.GET.get("cursor", ""))
        except BadCursor as error:
            raise Http404 from error
        counts = live.snapshot(self.actor, "conversations.counts", {}).data
        members = _members(self.actor)
        asked = {name: value for name, value in (("q", q), ("assignee", chosen)) if value}
        address = reverse("inbox-view", args=[view.name])
        return {
            "view": view.name,
            "view_title": view.title,
            "empty_title": view.empty_title,
            "empty_text": view.empty_text,
            "is_new": not (counts["open"] or counts["snoozed"] or counts["closed"]),
            "shown_views": [(name, VIEWS[name].title) for name in SHOWN],
            "folded_views": [(name, VIEWS[name].title) for name in FOLDED],
            "folded_view": view.title if view.name in FOLDED else "",
            "counts": counts,
            "has_filter": not view.assignee,
            "q": q,
            "query": f"?{urlencode(asked)}" if asked else "",
            "assignee_name": _assignee_name(chosen, members),
            "params": json.dumps({"status": "all" if q else view.status, "assignee": "" if q else assignee}),
            "rows": [row_item(conversation) for conversation in page],
            "next": f"{address}?{urlencode({**asked, 'cursor': following})}" if following else "",
            "members": members,
        }

    def _conversation(self, id_: UUID | None) -> Context:
        if id_ is None:
            return {}
        conversation = live.snapshot(self.actor, "conversations.get", {"conversation": str(id_)}).data
        log = live.snapshot(self.actor, "messages.list", {"conversation": str(id_)})
        drafts = Draft.objects.filter(member=self.actor, conversation_id=id_)
        of_visitor = {"visitor": str(conversation["visitor"]["id"])}
        may_see_visitor = "users.read" in self.actor.held
        return {
            "conversation": conversation,
            "messages": log.items,
            "messages_version": log.version,
            "drafts": {draft.kind: draft.body for draft in drafts},
            "visitor": live.snapshot(self.actor, "visitors.get", of_visitor).data
            if may_see_visitor
            else conversation["visitor"],
            "earlier": live.snapshot(self.actor, "conversations.listByVisitor", of_visitor).items,
        }


class Messages(Page):
    """What came earlier in a conversation."""

    template = "conversations/inbox.html"

    @allow(member="conversations.read")
    def get(self, request: HttpRequest, conversation_id: UUID) -> HttpResponse:
        """Show the page of messages that ends before the one named by ``before``."""
        conversation = (
            Conversation.objects.visible_to(self.actor).select_related("visitor").filter(pk=conversation_id).first()
        )
        before = request.GET.get("before", "")
        if conversation is None or not (before.isascii() and before.isdigit() and len(before) < 19):
            raise Http404
        log = Message.objects.visible_to(self.actor).filter(conversation=conversation, seq__lt=int(before))
        page = log.prefetch_related("attachments").order_by("-seq")[:OLDER_PAGE]
        return self.render("messages", messages=message_items(reversed(page), self.actor, conversation.visitor.label))


class Assignees(Page):
    """Who can be given a conversation, and who of them is there."""

    template = "conversations/inbox.html"
    actor: Member

    @allow(member="conversations.assign")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the menu's choices."""
        return self.render("assignees", members=_members(self.actor))


def _members(actor: Member) -> list[Context]:
    if "users.read" not in actor.held:
        return [{"id": actor.pk, "name": actor.label, "role": actor.role, "online": True}]
    return [dict(member) for member in live.snapshot(actor, "workspaceMembers.list", {}).items]


def _assignee_name(assignee: str, members: list[Context]) -> str:
    if assignee == "none":
        return "Assigned to nobody"
    name = next((member["name"] for member in members if str(member["id"]) == assignee), "")
    return f"Assigned to {name}" if name else ""


def _wait(limited: Limited) -> HttpResponse:
    error = {"code": "rate_limited", "message": "Too many searches. Wait a moment."}
    return JsonResponse({"error": error}, status=429, headers={"Retry-After": str(limited.retry_after)})


@fill("visitor.page")
def conversations_of(visitor: Visitor, actor: Member) -> tuple[str, Context] | None:
    """Show a visitor's conversations on their page, to whoever may read them."""
    if "conversations.read" not in actor.held:
        return None
    rows = live.snapshot(actor, "conversations.listByVisitor", {"visitor": str(visitor.pk)}).items
    return "conversations/of_visitor.html", {"rows": rows, "visitor": visitor}
