"""What is announced about factors, in each workspace that their owner works in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from apps.core.streams import Move
from apps.workspaces.events import MemberEvent, WorkspaceEvent


@dataclass(frozen=True, kw_only=True)
class FactorEvent(MemberEvent):
    """What every event about somebody's factors shares. The list of members shows who has one."""

    def moves(self) -> Iterable[Move]:
        yield Move(f"members:{self.member.workspace_id}")
        yield Move(f"member:{self.member.pk}")


@dataclass(frozen=True, kw_only=True)
class FactorAdded(FactorEvent):
    """A member set up an authenticator app, or a passkey."""

    name = "member.factor_added"
    phrase = "set up a second factor: {factor}"
    factor: str

    def details(self) -> dict[str, Any]:
        return {"factor": self.factor}


@dataclass(frozen=True, kw_only=True)
class FactorRemoved(FactorEvent):
    """A member removed an authenticator app, or a passkey."""

    name = "member.factor_removed"
    phrase = "removed a second factor: {factor}"
    factor: str

    def details(self) -> dict[str, Any]:
        return {"factor": self.factor}


@dataclass(frozen=True, kw_only=True)
class FactorsReset(FactorEvent):
    """Somebody's factors were all removed by an owner or an operator, because they are locked out. Their sessions end."""

    name = "member.factors_reset"
    phrase = "removed every second factor of {subject}"


@dataclass(frozen=True, kw_only=True)
class RecoveryCodesMade(MemberEvent):
    """A member made new recovery codes; those before are void."""

    name = "member.recovery_codes_made"
    phrase = "made new recovery codes"


@dataclass(frozen=True, kw_only=True)
class RecoveryCodeUsed(MemberEvent):
    """A member signed in by a recovery code."""

    name = "member.recovery_code_used"
    phrase = "used a recovery code ({left} left)"
    left: int

    def details(self) -> dict[str, Any]:
        return {"left": self.left}


@dataclass(frozen=True, kw_only=True)
class FactorRequirementChanged(WorkspaceEvent):
    """A workspace asks everybody for a second factor, or no longer does."""

    name = "workspace.second_factor_changed"
    phrase = "turned the second factor for everyone {required}"
    required: str

    def details(self) -> dict[str, Any]:
        return {"required": self.required}
