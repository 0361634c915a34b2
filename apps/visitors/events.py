"""What visitors' doings announce. Each event names who may hear of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from apps.core.events import Event
from apps.core.streams import Move
from apps.visitors.models import Visitor


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
        yield Move(f"visitor:{self.visitor.pk}:access")
