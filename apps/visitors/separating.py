"""Separating: a merge by hand is undone, and its source is back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from apps.core import limits
from apps.core.access import Actor
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.visitors.events import VisitorSeparated
from apps.visitors.merging import KEPT, MergeRefused, being_erased, lock, move, relations, snapshot
from apps.visitors.models import (
    Merge,
    Visitor,
)

OLD_MERGES = Exemption("what could undo merges", "the clock deletes what is too old in every workspace")


def undoable(merge: Merge) -> bool:
    """Say whether a merge can be undone: by hand, within a week, and not undone before."""
    return (
        Merge.objects.filter(
            pk=merge.pk, why=Merge.Why.HAND, undone_at=None, made_at__gt=Now() - timedelta(days=limits.MERGE_UNDO_DAYS)
        )
        .exclude(before={})
        .exists()
    )


@transaction.atomic
def undo(merge: Merge, *, by: Actor) -> Visitor:
    """Bring a merge's source back, with the rows that came from it and are still the canonical's. Raises MergeRefused.

    What was written since stays with the canonical. Sessions that the merge ended stay ended.
    """
    locked = lock({merge.canonical_id})
    row = Merge.objects.select_for_update().filter(pk=merge.pk).first()
    if row is None or not undoable(row) or row.canonical_id not in locked or being_erased(row.canonical_id):
        raise MergeRefused("This merge can't be undone any more.")
    canonical = locked[row.canonical_id]
    source = Visitor(**{name: _restored(name, value) for name, value in row.before["source"].items()})
    if source.email_proven_at and source.proven_at is None:
        # The proof goes back with them, unless somebody else has proven the address since.
        _give_back(canonical, row.before)
        same = Visitor.objects.filter(workspace_id=source.workspace_id, email__iexact=source.email, proven_at=None)
        if same.filter(email_proven_at__isnull=False).exists():
            source.email_proven_at = None
    source.save(force_insert=True)
    by_name = {relation.name: relation for relation in relations()}
    moved = {
        name: move(by_name[name], canonical.pk, source.pk, keys) for name, keys in row.moved.items() if name in by_name
    }
    _give_back(canonical, row.before)
    row.undone_at = Now()
    row.before, row.moved = {}, {}
    row.save(update_fields=["undone_at", "before", "moved"])
    emit(VisitorSeparated(actor=by, visitor=canonical, source=source, moved=moved))
    return source


def _restored(name: str, value: Any) -> Any:
    field_: Any = Visitor._meta.get_field(name)
    return value if isinstance(value, (list, dict)) else field_.to_python(value)


def _give_back(canonical: Visitor, before: Mapping[str, Mapping[str, Any]]) -> None:
    """Let the canonical have what it had, where nobody has changed it since."""
    was, after, now = before["canonical"], before["after"], snapshot(canonical)
    if was["id"] != str(canonical.pk):
        return
    for name in (*KEPT, "blocked"):
        if now[name] == after[name]:
            setattr(canonical, name, _restored(name, was[name]))
    gained = {name for name in after["attributes"] if name not in was["attributes"]}
    canonical.attributes = {
        name: value
        for name, value in canonical.attributes.items()
        if name not in gained or value != after["attributes"][name]
    }
    canonical.first_seen_at = _restored("first_seen_at", was["first_seen_at"])
    canonical.save(update_fields=[*KEPT, "blocked", "attributes", "first_seen_at"])


def forget_undoable() -> int:
    """Delete what was kept to undo merges that nobody can undo any more. Runs by the clock."""
    late = Merge.objects.filter(made_at__lte=Now() - timedelta(days=limits.MERGE_UNDO_DAYS)).exclude(
        moved={}, before={}
    )
    with scopes.every_workspace(OLD_MERGES):
        return late.update(moved={}, before={})
