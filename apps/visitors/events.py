"""What visitors' doings announce. Each event names who may hear of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from apps.core.events import Event
from apps.core.streams import Move
from apps.visitors.models import Erasure, IdentitySecret, Visitor
from apps.workspaces.events import WorkspaceEvent


def identity_topic(workspace_id: object) -> str:
    """Who was proven last in a workspace."""
    return f"identity:{workspace_id}"


def erasure_topic(erasure_id: object) -> str:
    """How far an erasure is."""
    return f"erasure:{erasure_id}"


def access_topic(visitor_id: object) -> str:
    """What a visitor's token opens."""
    return f"visitor:{visitor_id}:access"


@dataclass(frozen=True, kw_only=True)
class VisitorArrived(Event):
    """A messenger booted for somebody who wasn't here before."""

    name = "visitor.arrived"
    visitor: Visitor

    def moves(self) -> Iterable[Move]:
        yield Move(f"visitors:{self.visitor.workspace_id}", str(self.visitor.pk))


@dataclass(frozen=True, kw_only=True)
class VisitorChanged(Event):
    """What is known of a visitor changed: a name, an address, attributes, the page they are on."""

    name = "visitor.changed"
    visitor: Visitor

    def moves(self) -> Iterable[Move]:
        yield Move(f"visitor:{self.visitor.pk}")


@dataclass(frozen=True, kw_only=True)
class VisitorSignedOut(Event):
    """A visitor's token was revoked; its sockets close."""

    name = "visitor.signed_out"
    visitor: Visitor

    def moves(self) -> Iterable[Move]:
        yield Move(access_topic(self.visitor.pk))


@dataclass(frozen=True, kw_only=True)
class IdentityProven(Event):
    """A messenger booted with proof of who its visitor is."""

    name = "visitor.proven"
    visitor: Visitor

    def moves(self) -> Iterable[Move]:
        yield Move(identity_topic(self.visitor.workspace_id))


@dataclass(frozen=True, kw_only=True)
class EmailProven(Event):
    """A visitor typed the code that was mailed to an address: it is theirs."""

    name = "visitor.email_proven"
    visitor: Visitor

    def moves(self) -> Iterable[Move]:
        yield Move(f"visitor:{self.visitor.pk}")


@dataclass(frozen=True, kw_only=True)
class VisitorEvent(Event):
    """What every event about a visitor shares that is put on record."""

    audited = True
    visitor: Visitor

    def subject(self) -> Visitor:
        return self.visitor

    def moves(self) -> Iterable[Move]:
        yield Move(f"visitor:{self.visitor.pk}")
        yield Move(access_topic(self.visitor.pk))


@dataclass(frozen=True, kw_only=True)
class VisitorBlocked(VisitorEvent):
    """A visitor may not write or read any more; their sockets close."""

    name = "visitor.blocked"
    phrase = "blocked {subject}"


@dataclass(frozen=True, kw_only=True)
class VisitorUnblocked(VisitorEvent):
    """A visitor may write and read again."""

    name = "visitor.unblocked"
    phrase = "let {subject} write again"


@dataclass(frozen=True, kw_only=True)
class VisitorMerged(VisitorEvent):
    """Two visitors became one. The source is gone; ``gone`` is its id, ``moved`` names by relation the rows that point at the visitor now."""

    name = "visitor.merged"
    phrase = "merged another visitor into {subject}"
    gone: UUID
    why: str
    counts: Mapping[str, int]
    moved: Mapping[str, Sequence[str]] = field(repr=False)

    def details(self) -> dict[str, Any]:
        return {"source": str(self.gone), "target": str(self.visitor.pk), "why": self.why, "counts": self.counts}

    def moves(self) -> Iterable[Move]:
        yield from super().moves()
        yield Move(f"visitor:{self.gone}")
        yield Move(access_topic(self.gone))


@dataclass(frozen=True, kw_only=True)
class VisitorSeparated(VisitorEvent):
    """A merge by hand was undone: the source is back, with the rows that came from it."""

    name = "visitor.separated"
    phrase = "undid the merge of another visitor into {subject}"
    source: Visitor
    moved: Mapping[str, Sequence[str]] = field(repr=False)

    def details(self) -> dict[str, Any]:
        return {"source": str(self.source.pk), "target": str(self.visitor.pk)}

    def moves(self) -> Iterable[Move]:
        yield from super().moves()
        yield Move(f"visitor:{self.source.pk}")
        yield Move(access_topic(self.source.pk))


@dataclass(frozen=True, kw_only=True)
class ErasureRequested(VisitorEvent):
    """A member asked for the erasure of somebody about whom much is kept: it has begun, and nobody is let in as them any more."""

    name = "visitor.erasure_requested"
    phrase = "asked for the erasure of {subject}"


@dataclass(frozen=True, kw_only=True)
class ErasureAdvanced(Event):
    """An erasure came further, or to its end."""

    name = "visitor.erasure_advanced"
    erasure: Erasure

    def moves(self) -> Iterable[Move]:
        yield Move(erasure_topic(self.erasure.pk))


@dataclass(frozen=True, kw_only=True)
class VisitorErased(VisitorEvent):
    """Everything that was kept about a visitor is deleted. Its entry is the receipt: what, how much, never whose name."""

    name = "visitor.erased"
    phrase = "erased {subject}: {rows} rows, {files} files"
    counts: Mapping[str, int]
    files: int

    def details(self) -> dict[str, Any]:
        return {"rows": sum(self.counts.values()), "files": self.files, "counts": self.counts}


@dataclass(frozen=True, kw_only=True)
class ConsentWithdrawn(Event):
    """A visitor took back that they may be remembered: what was noted about them is deleted, what they wrote stays."""

    name = "visitor.consent_withdrawn"
    visitor: Visitor

    def moves(self) -> Iterable[Move]:
        yield Move(f"visitor:{self.visitor.pk}")
        yield Move(access_topic(self.visitor.pk))


@dataclass(frozen=True, kw_only=True)
class ExportRequested(VisitorEvent):
    """A member made a link to all that is kept about a visitor."""

    name = "visitor.export_requested"
    phrase = "asked for a copy of everything about {subject}"

    def moves(self) -> Iterable[Move]:
        return ()


@dataclass(frozen=True, kw_only=True)
class ExportTaken(VisitorEvent):
    """The copy was downloaded."""

    name = "visitor.exported"
    phrase = "downloaded everything about {subject}: {rows} rows, {files} files"
    rows: int
    files: int

    def details(self) -> dict[str, Any]:
        return {"rows": self.rows, "files": self.files}

    def moves(self) -> Iterable[Move]:
        return ()


# Identity verification


@dataclass(frozen=True, kw_only=True)
class IdentityModeChanged(WorkspaceEvent):
    """A workspace wants its users' ids proven, or no longer does."""

    name = "identity.mode_changed"
    phrase = "changed identity verification from {before} to {after}"


@dataclass(frozen=True, kw_only=True)
class MailedCodesChanged(WorkspaceEvent):
    """A workspace that wants ids proven takes mailed codes as proof of an address beside, or no longer does."""

    name = "identity.mailed_codes_changed"
    phrase = "changed whether mailed codes prove an address beside signatures, from {before} to {after}"


@dataclass(frozen=True, kw_only=True)
class ProofRefused(WorkspaceEvent):
    """A wrong proof was refused, the first in an hour."""

    name = "identity.refused"
    phrase = "refused a proof of identity: {why}"


@dataclass(frozen=True, kw_only=True)
class IdentityRefusalsRose(WorkspaceEvent):
    """So many proofs were refused within an hour that somebody may be trying."""

    name = "identity.refusals_rose"
    phrase = "refused {refused} proofs of identity within an hour"


@dataclass(frozen=True, kw_only=True)
class IdentitySecretEvent(Event):
    """What every event about a secret or key shares. Never the secret."""

    audited = True
    secret: IdentitySecret

    def subject(self) -> IdentitySecret:
        return self.secret

    def details(self) -> dict[str, Any]:
        return {"kind": self.secret.get_kind_display().lower(), "hint": self.secret.hint}

    def moves(self) -> Iterable[Move]:
        yield Move(identity_topic(self.secret.workspace_id))


@dataclass(frozen=True, kw_only=True)
class IdentitySecretCreated(IdentitySecretEvent):
    """A workspace has another secret or key to prove ids with."""

    name = "identity.secret_created"
    phrase = "added a {kind} for identity verification, …{hint}"
    grace_days: int

    def details(self) -> dict[str, Any]:
        return {**super().details(), "grace_days": self.grace_days}


@dataclass(frozen=True, kw_only=True)
class IdentitySecretShown(IdentitySecretEvent):
    """Somebody looked at a secret."""

    name = "identity.secret_shown"
    phrase = "looked at the {kind} …{hint} for identity verification"

    def moves(self) -> Iterable[Move]:
        return ()


@dataclass(frozen=True, kw_only=True)
class IdentitySecretRevoked(IdentitySecretEvent):
    """A secret or key proves nobody any more; the sessions that it opened have ended."""

    name = "identity.secret_revoked"
    phrase = "revoked the {kind} …{hint} for identity verification and ended {sessions} sessions"
    sessions: int

    def details(self) -> dict[str, Any]:
        return {**super().details(), "sessions": self.sessions}
