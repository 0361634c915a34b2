"""What the audit log itself announces: what becomes of it is on record too."""

from __future__ import annotations

from dataclasses import dataclass

from apps.core.isolation.scopes import Exemption
from apps.workspaces.events import WorkspaceEvent

SEALING = Exemption(
    "sealing the audit log", "one process seals what waits, whosever it is, each entry in its workspace's chain"
)
VERIFYING = Exemption("audit verify", "the command asks which workspaces there are, then checks within each")


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
