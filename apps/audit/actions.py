"""Everything that changes the audit log, other than what is written into it."""

from __future__ import annotations

from uuid import UUID

from django.db import connection, transaction

from apps.audit.events import LogExported, LogPruned, RetentionChanged
from apps.audit.models import Retention, Seal
from apps.core.access import Actor, System
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.workspaces.models import Member, Workspace

RETENTION = Exemption(
    "retention of the audit log", "the clock asks which workspaces there are, then prunes within each"
)


def retention_days(workspace_id: UUID) -> int:
    """Return for how many days a workspace keeps its audit log."""
    days = Retention.objects.filter(workspace_id=workspace_id).values_list("days", flat=True).first()
    return Retention.DAYS_DEFAULT if days is None else days


@transaction.atomic
def change_retention(workspace: Workspace, days: int, *, by: Actor) -> int:
    """Keep a workspace's audit log for 30, 90 or 365 days. Returns what holds now. Raises IntegrityError for another number."""
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    before = retention_days(workspace.pk)
    if days != before:
        Retention.objects.update_or_create(workspace=workspace, defaults={"days": days})
        emit(RetentionChanged(actor=by, workspace=workspace, changed={"before": before, "after": days}))
    return days


@transaction.atomic
def record_export(by: Member, *, entries: int, form: str) -> None:
    """Put on record that somebody takes a copy of the audit log."""
    emit(LogExported(actor=by, workspace=by.workspace, changed={"entries": entries, "format": form}))


def prune() -> int:
    """Delete what is older than each workspace keeps. Returns how many entries. Runs by the clock."""
    with scopes.every_workspace(RETENTION):
        workspaces = list(Workspace.objects.order_by("pk"))
    pruned = 0
    for workspace in workspaces:
        with scopes.workspace(workspace.pk):
            pruned += _prune(workspace)
    return pruned


@transaction.atomic
def _prune(workspace: Workspace) -> int:
    """Delete a workspace's oldest entries with their seals, after putting on record where the chain goes on."""
    days = retention_days(workspace.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT max(made.number), count(*) FROM audit_seal AS made JOIN audit_auditentry AS entry ON entry.id = made.entry_id
            WHERE made.workspace_id = %(workspace)s AND entry.created_at < now() - make_interval(days => %(days)s)
              AND made.number < coalesce((
                SELECT min(kept.number) FROM audit_seal AS kept JOIN audit_auditentry AS young ON young.id = kept.entry_id
                WHERE kept.workspace_id = %(workspace)s AND young.created_at >= now() - make_interval(days => %(days)s)
              ), 9223372036854775807)
            """,
            {"workspace": workspace.pk, "days": days},
        )
        through, entries = cursor.fetchone()
        if not entries:
            return 0
        last = Seal.objects.get(workspace_id=workspace.pk, number=through)
        said = {"through": through, "hash": bytes(last.hash).hex(), "entries": entries, "days": days}
        emit(LogPruned(actor=System("retention"), workspace=workspace, changed=said))
        cursor.execute("SELECT audit_prune(%s, %s)", [workspace.pk, through])
    return int(entries)
