"""Tracking: what visitors do on the customer's site, as its page tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.core import limits
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.visitors.models import TrackedEvent, Visitor

OLD_EVENTS = Exemption("what visitors did long ago", "the clock deletes it in every workspace")
PAGE_VIEW, SCREEN_VIEW, SESSION_START, SESSION_END = "page_view", "screen_view", "session_start", "session_end"
AUTOMATIC = (PAGE_VIEW, SCREEN_VIEW, SESSION_START, SESSION_END)
"""Names of the events that messengers and SDKs tell by themselves."""
SHOWN = 15


def track(visitor: Visitor, events: Sequence[Mapping[str, Any]]) -> int:
    """Store what a visitor did; an event sent twice is stored once. Returns how many were new."""
    rows = [
        TrackedEvent(
            workspace_id=visitor.workspace_id,
            visitor=visitor,
            client_id=event["id"],
            name=event["name"],
            properties=event.get("properties", {}),
            url=event.get("url", ""),
            occurred_at=event["at"],
        )
        for event in {event["id"]: event for event in events}.values()
    ]
    with transaction.atomic():
        before = set(
            TrackedEvent.objects.filter(visitor=visitor, client_id__in=[row.client_id for row in rows]).values_list(
                "client_id", flat=True
            )
        )
        TrackedEvent.objects.bulk_create(rows, ignore_conflicts=True)
        for row in rows:
            if row.name == SESSION_END and row.client_id in before:
                _prolong(row)
    return sum(row.client_id not in before for row in rows)


def _prolong(end: TrackedEvent) -> None:
    """Let a session end later than was said before: a page says at its own end that the session ends, and the next page says so again."""
    said = TrackedEvent.objects.filter(visitor=end.visitor, client_id=end.client_id, name=SESSION_END)
    said.filter(occurred_at__lt=end.occurred_at).update(
        occurred_at=end.occurred_at, properties=end.properties, url=end.url
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """An event as a page shows it."""

    title: str
    url: str
    at: datetime


def recent(visitor: Visitor) -> tuple[Sequence[Shown], Sequence[Shown]]:
    """Return the last pages and screens that a visitor looked at, and what else they did last."""
    ours = TrackedEvent.objects.filter(visitor=visitor).order_by("-occurred_at", "-pk")
    looked: QuerySet[TrackedEvent] = ours.filter(name__in=(PAGE_VIEW, SCREEN_VIEW))
    others = ours.exclude(name__in=(PAGE_VIEW, SCREEN_VIEW))
    return [_page(event) for event in looked[:SHOWN]], [
        Shown(event.name, event.url, event.occurred_at) for event in others[:SHOWN]
    ]


def _page(event: TrackedEvent) -> Shown:
    """Return a page or screen under the name it was given, else by its address."""
    named = event.properties.get("title") or event.properties.get("screen") or event.url
    return Shown(str(named)[:300] or event.name, event.url, event.occurred_at)


def forget_old_events() -> int:
    """Delete what visitors did longer ago than it is kept. Runs by the clock."""
    old = TrackedEvent.objects.filter(received_at__lt=Now() - timedelta(days=limits.EVENT_DAYS))
    with scopes.every_workspace(OLD_EVENTS):
        return old._raw_delete(old.db)
