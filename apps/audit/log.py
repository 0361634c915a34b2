"""The audit log as people read it: filtered, paged, each entry a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from apps.audit.models import AuditEntry
from apps.audit.shapes import EntryShape
from apps.core import events, limits
from apps.core.access import Actor
from apps.core.cursors import newest_first
from apps.workspaces.models import Member

ACTOR_KINDS = ("visitor", "key", "system")
NOBODY = "nobody"
GONE = "a former member"


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for. ``actor`` is a member's id or one of ``ACTOR_KINDS``; empty fields ask for everything."""

    action: str = ""
    actor: str = ""
    subject: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


def listed(reader: Actor, wanted: Filter) -> QuerySet[AuditEntry]:
    """Return the entries that the reader may see and asked for."""
    entries = AuditEntry.objects.visible_to(reader)
    if wanted.action:
        entries = entries.filter(action=wanted.action)
    if wanted.actor in ACTOR_KINDS:
        entries = entries.filter(actor_kind=wanted.actor)
    elif wanted.actor:
        entries = entries.filter(actor_id=wanted.actor)
    if wanted.subject:
        entries = entries.filter(subject_id=wanted.subject)
    if wanted.since:
        entries = entries.filter(created_at__gte=wanted.since)
    if wanted.until:
        entries = entries.filter(created_at__lt=wanted.until)
    return entries


def page_of(
    entries: QuerySet[AuditEntry], cursor: str = "", limit: int = limits.PAGE_SIZE
) -> tuple[list[AuditEntry], str | None]:
    """Return a page, newest first, and the cursor of the next. Raises BadCursor."""
    return newest_first(entries, "created_at", cursor, limit)


def action_names() -> list[str]:
    """Return the names of everything that is written down, in the order of the alphabet."""
    return sorted(name for name, event in events.registry.items() if event.audited or event.phrase)


def items(entries: Iterable[AuditEntry], reader: Actor) -> list[EntryShape]:
    """Return entries as readers see them. The members that they name cost one query."""
    shown = list(entries)
    members = Member.objects.visible_to(reader).select_related("user").filter(pk__in=_member_ids(shown))
    names = {str(member.pk): member.label for member in members}
    return [_item(entry, names) for entry in shown]


def _member_ids(entries: Iterable[AuditEntry]) -> set[UUID]:
    values = (value for entry in entries for value in entry.details.values())
    return {found for value in values if (found := _uuid(value)) is not None}


def _uuid(value: object) -> UUID | None:
    if not isinstance(value, str) or len(value) != 36:
        return None
    try:
        return UUID(value)
    except ValueError:
        return None


def _item(entry: AuditEntry, names: Mapping[str, str]) -> EntryShape:
    return {
        "id": entry.pk,
        "action": entry.action,
        "sentence": sentence(entry, names),
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_label},
        "subject": {"kind": entry.subject_kind, "id": entry.subject_id, "name": entry.subject_label},
        "details": entry.details,
        "created_at": entry.created_at,
    }


def sentence(entry: AuditEntry, names: Mapping[str, str]) -> str:
    """Say who did what. ``names`` are of members, by id."""
    event = events.registry.get(entry.action)
    words = {name: _word(value, names) for name, value in entry.details.items()}
    phrase = event.phrase if event is not None else entry.action
    said = phrase.format_map(_Words(words | {"subject": entry.subject_label or _gone(entry.subject_kind)}))
    return f"{entry.actor_label or _gone(entry.actor_kind)} {said}"


def _gone(kind: str) -> str:
    return "an erased visitor" if kind in ("visitor", "visitors.visitor") else GONE


class _Words(dict[str, str]):
    """What a phrase asks for and an entry of an older version doesn't have reads as a gap, not as an error."""

    def __missing__(self, name: str) -> str:
        return "…"


def _word(value: Any, names: Mapping[str, str]) -> str:
    if value is None:
        return NOBODY
    if isinstance(value, list):
        return ", ".join(str(one).replace("_", " ") for one in value)
    if _uuid(value) is not None:
        return names.get(value, GONE)
    return f"{value:,}" if isinstance(value, int) else str(value)
