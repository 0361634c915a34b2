"""The audit log's page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from apps.audit import actions, log
from apps.audit.log import Filter
from apps.audit.models import Retention
from apps.audit.shapes import EntryShape
from apps.core.access import Actor, allow
from apps.core.cursors import BadCursor
from apps.core.slots import fill
from apps.core.views import Page
from apps.workspaces.models import Member

PAGES_OF: dict[str, tuple[str, Callable[[Any], str]]] = {
    "conversations.conversation": ("conversation", lambda id_: reverse("inbox-conversation", args=["all", id_])),
    "visitors.visitor": ("visitor", lambda id_: reverse("visitor", args=[id_])),
}
"""Which kinds of object have a page of their own: what it shows, and its address."""


class FilterForm(forms.Form):
    """What to look for in the log."""

    subject = forms.UUIDField(required=False)
    since = forms.DateField(required=False)
    until = forms.DateField(required=False)

    def __init__(self, data: Any, *, reader: Member) -> None:
        super().__init__(data)
        named = [(name, name.replace("_", " ").replace(".", ": ", 1).capitalize()) for name in log.action_names()]
        members = Member.objects.visible_to(reader).select_related("user").order_by("user__name", "pk")
        people = [(str(member.pk), member.label) for member in members]
        others = [("visitor", "Visitors"), ("key", "API keys"), ("system", "Opencom itself")]
        self.fields["action"] = forms.ChoiceField(choices=[("", "Every action"), *named], required=False)
        self.fields["actor"] = forms.ChoiceField(choices=[("", "Everybody"), *people, *others], required=False)

    def filter(self) -> Filter:
        """Return what was asked for; days are whole days in UTC. Raises Http404 for what can't be asked."""
        if not self.is_valid():
            raise Http404
        asked = self.cleaned_data
        return Filter(
            action=asked["action"],
            actor=asked["actor"],
            subject=asked["subject"],
            since=datetime.combine(asked["since"], time(), UTC) if asked["since"] else None,
            until=datetime.combine(asked["until"] + timedelta(days=1), time(), UTC) if asked["until"] else None,
        )


class Log(Page):
    """Who did what, with filters. ``X-Fragment: found`` asks for the table only."""

    template = "audit/log.html"
    actor: Member

    @allow(member="audit.read")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show a page of the log."""
        form = FilterForm(request.GET, reader=self.actor)
        entries = log.listed(self.actor, form.filter())
        try:
            page, following = log.page_of(entries, request.GET.get("cursor", ""))
        except BadCursor as error:
            raise Http404 from error
        asked = {name: value for name, value in request.GET.items() if value and name in form.fields}
        next_page = urlencode({**asked, "cursor": following}) if following else ""
        return self.render(
            "found" if request.headers.get("X-Fragment") == "found" else "",
            form=form,
            filtered=bool(asked),
            entries=[_shown(item) for item in log.items(page, self.actor)],
            next=f"{reverse('settings-audit')}?{next_page}" if next_page else "",
            days=actions.retention_days(self.actor.workspace_id),
            choices=Retention.Days.choices,
        )


def _shown(item: EntryShape) -> dict[str, Any]:
    """Return an entry with its sentence parted into who and what, and where its object can be looked at."""
    subject = item["subject"]
    what, address_of = PAGES_OF.get(subject["kind"], ("", lambda _: ""))
    did = item["sentence"].removeprefix(item["actor"]["name"]).strip()
    return {**item, "did": did, "link": what, "url": address_of(subject["id"])}


@fill("settings.links")
def link(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Offer the way to the log to whoever may read it."""
    return ("audit/link.html", {}) if isinstance(actor, Member) and "audit.read" in actor.held else None
