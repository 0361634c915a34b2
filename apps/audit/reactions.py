"""The audit log listens to every audited event, inside its transaction: without the entry, no action."""

from __future__ import annotations

from django.db import connection

from apps.audit.models import AuditEntry
from apps.core.events import Event, on_required
from apps.visitors.events import VisitorErased


@on_required(Event)
def record(event: Event) -> None:
    """Write down an audited event, and whatever else a key has done: nobody was there to see it."""
    if not event.audited and not (event.actor.kind == "key" and event.phrase):
        return
    subject = event.subject()
    if subject is None:
        raise TypeError(f"{event.name} is audited but names no subject.")
    AuditEntry.objects.create(
        workspace_id=getattr(subject, "workspace_id", subject.pk),
        action=event.name,
        actor_kind=event.actor.kind,
        actor_id=event.actor.pk,
        actor_label=event.actor.label[:200],
        subject_kind=subject._meta.label_lower,
        subject_id=subject.pk,
        subject_label=str(getattr(subject, "label", ""))[:200],
        details=event.details(),
    )


@on_required(VisitorErased)
def forget_name(event: VisitorErased) -> None:
    """Forget the name of whoever was erased. What they did and what was done to them stays on record, by id."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_forget(%s, %s)", [event.visitor.workspace_id, event.visitor.pk])
