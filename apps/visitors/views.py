"""The visitors' directory and each visitor's page."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.core import limits
from apps.core.access import allow
from apps.core.cursors import BadCursor
from apps.core.limits import Limited
from apps.core.views import Page
from apps.visitors import tracking
from apps.visitors.directory import directory
from apps.visitors.items import merge_item
from apps.visitors.live import visitor_item
from apps.visitors.models import Merge, Visitor
from apps.workspaces.models import Member

MERGES_SHOWN = 10
PRESENCES = ("all", "online", "offline")


class Directory(Page):
    """Everyone who was ever there, who was there last first. ``X-Fragment: found`` asks for the table only."""

    template = "visitors/directory.html"
    actor: Member

    @allow(member="users.read")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show a page of the directory."""
        q = request.GET.get("q", "")[: limits.QUERY_CHARACTERS].strip()
        presence = request.GET.get("presence", "all")
        if presence not in PRESENCES:
            raise Http404
        try:
            if q:
                limits.spend(limits.SEARCHES, self.actor.pk)
            found, following = directory(self.actor, q=q, presence=presence, cursor=request.GET.get("cursor", ""))
        except BadCursor as error:
            raise Http404 from error
        except Limited as limited:
            error_ = {"code": "rate_limited", "message": "Too many searches. Wait a moment."}
            return JsonResponse({"error": error_}, status=429, headers={"Retry-After": str(limited.retry_after)})
        asked = {"q": q, "presence": "" if presence == "all" else presence, "cursor": following or ""}
        following_page = urlencode({name: value for name, value in asked.items() if value})
        return self.render(
            "found" if request.headers.get("X-Fragment") == "found" else "",
            visitors=[visitor_item(visitor) for visitor in found],
            q=q,
            presence=presence,
            next=f"{reverse('visitors')}?{following_page}" if following else "",
        )


class VisitorPage(Page):
    """One visitor: who they are, where they are, and what other apps know of them."""

    template = "visitors/visitor.html"
    actor: Member

    @allow(member="users.read")
    def get(self, request: HttpRequest, visitor_id: UUID) -> HttpResponse:
        """Show the visitor."""
        visitor = Visitor.objects.visible_to(self.actor).filter(pk=visitor_id).first()
        if visitor is None:
            return self._elsewhere(visitor_id)
        merges = Merge.objects.visible_to(self.actor).filter(canonical=visitor, undone_at=None).order_by("-made_at")
        pages, events = tracking.recent(visitor)
        return self.render(
            row=visitor,
            pages=pages,
            events=events,
            visitor=visitor_item(visitor),
            merges=[merge_item(merge) for merge in merges[:MERGES_SHOWN]],
            merged="merged" in request.GET,
            separated="separated" in request.GET,
        )

    def _elsewhere(self, visitor_id: UUID) -> HttpResponse:
        """Go on to whom a visitor was merged into. Raises Http404."""
        merges = Merge.objects.visible_to(self.actor).filter(source_id=visitor_id, undone_at=None)
        if (merge := merges.first()) is None:
            raise Http404
        return redirect("visitor", merge.canonical_id)
