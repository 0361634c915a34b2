"""Blocking: a visitor who may neither write nor read any more."""

from __future__ import annotations

from django.db import transaction

from apps.core.access import Actor
from apps.core.events import emit
from apps.visitors.events import VisitorBlocked, VisitorUnblocked
from apps.visitors.merging import lock
from apps.visitors.models import Visitor


@transaction.atomic
def block(visitor: Visitor, *, by: Actor) -> Visitor:
    """Let a visitor neither write nor read any more; their sockets close. A second time says nothing."""
    return _set_blocked(visitor, VisitorBlocked, blocked=True, by=by)


@transaction.atomic
def unblock(visitor: Visitor, *, by: Actor) -> Visitor:
    """Let a blocked visitor write and read again. A second time says nothing."""
    return _set_blocked(visitor, VisitorUnblocked, blocked=False, by=by)


def _set_blocked(
    visitor: Visitor, event: type[VisitorBlocked] | type[VisitorUnblocked], *, blocked: bool, by: Actor
) -> Visitor:
    row = lock({visitor.pk}).get(visitor.pk)
    if row is None:
        raise Visitor.DoesNotExist
    if row.blocked != blocked:
        row.blocked = blocked
        row.save(update_fields=["blocked"])
        emit(event(actor=by, visitor=row))
    return row
