"""What the audit log itself announces: what becomes of it is on record too."""

from __future__ import annotations

from dataclasses import dataclass

from apps.workspaces.events import WorkspaceEvent


@dataclass(frozen=True, kw_only=True)
class RetentionChanged(WorkspaceEvent):
    """A workspace keeps its audit log for another number of days."""

    name = "audit.retention_changed"
    phrase = "changed how long the audit log is kept from {before} to {after} days"


@dataclass(frozen=True, kw_only=True)
class LogExported(WorkspaceEvent):
    """Somebody took a copy of a workspace's audit log."""

    name = "audit.exported"
    phrase = "exported {entries} entries of the audit log as {format}"


@dataclass(frozen=True, kw_only=True)
class LogPruned(WorkspaceEvent):
    """The oldest entries of a workspace's audit log were deleted, as its retention says. The chain goes on from what this names."""

    name = "audit.pruned"
    phrase = "deleted {entries} entries that were older than {days} days"
