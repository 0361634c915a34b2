"""Erasure: a visitor and everything that is kept about them is deleted for good; and what a visitor who withdraws consent takes with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from apps.core.access import Actor
from apps.core.events import emit
from apps.core.slots import ask
from apps.visitors.events import ConsentWithdrawn, VisitorErased
from apps.visitors.merging import lock, relations
from apps.visitors.models import Browser, TrackedEvent, Visitor, VisitorSession


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased: rows by table, and how many files."""

    visitor_id: UUID
    counts: Mapping[str, int]
    files: int

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


@transaction.atomic
def erase(visitor: Visitor, *, by: Actor) -> Receipt | None:
    """Delete a visitor with everything that is kept about them, files included. None where they were gone already.

    What other apps must do before the rows go (files, open lists), they offer in the slot ``visitor.erasing``: how many files will be deleted.
    The audit log keeps what was done and forgets the name.
    """
    row = lock({visitor.pk}).get(visitor.pk)
    if row is None:
        return None
    files = sum(ask("visitor.erasing", row))
    id_ = row.pk
    _, deleted = row.delete()
    counts = {label.lower(): count for label, count in sorted(deleted.items()) if count}
    nameless = Visitor(id=id_, workspace_id=row.workspace_id, readable_id=row.readable_id)
    emit(VisitorErased(actor=by, visitor=nameless, counts=counts, files=files))
    return Receipt(id_, counts, files)


@transaction.atomic
def withdraw_consent(visitor: Visitor) -> None:
    """Forget what was noted about a visitor and end their sessions: where they were, on what, what they did and what their page told.

    What they wrote to the workspace is correspondence and stays, under the name that they gave or that their server signed. Where
    there is nothing of the kind, nothing is left of them.
    """
    row = lock({visitor.pk}).get(visitor.pk)
    if row is None:
        return
    VisitorSession.objects.filter(visitor=row).delete()
    Browser.objects.filter(visitor=row).delete()
    TrackedEvent.objects.filter(visitor=row).delete()
    emit(ConsentWithdrawn(actor=row, visitor=row))
    if not _has_written(row):
        row.delete()
        return
    row.attributes, row.device = {}, {}
    row.page_url = row.page_title = row.referrer = row.locale = row.timezone = ""
    row.proven = [name for name in row.proven if not name.startswith("attributes.")]
    row.save(
        update_fields=["attributes", "device", "page_url", "page_title", "referrer", "locale", "timezone", "proven"]
    )


def _has_written(visitor: Visitor) -> bool:
    """Whether another app keeps something of this visitor."""
    return any(
        relation.model._base_manager.filter(**{relation.field.attname: visitor.pk}).exists()
        for relation in relations()
        if relation.model._meta.app_label != Visitor._meta.app_label
    )
