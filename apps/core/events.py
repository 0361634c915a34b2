"""Events: the one way an app tells the rest of the system what happened.

``emit()`` runs inside the action's transaction. What must follow (``@on``) runs there too, each reaction in a savepoint of its own:
one that fails becomes a dead effect that people can see, and never costs the message. What may not be missing (``@on_required``:
the audit row) runs without that net: where it fails, the action fails.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

from django.db import Error as DatabaseError
from django.db import models, transaction

from apps.core import effects, streams
from apps.core.access import Actor
from apps.core.streams import Move

logger = logging.getLogger(__name__)

registry: dict[str, type[Event]] = {}
reactions: dict[type[Event], list[Callable[[Any], None]]] = defaultdict(list)
required_reactions: dict[type[Event], list[Callable[[Any], None]]] = defaultdict(list)

Kind = TypeVar("Kind", bound="Event")


@dataclass(frozen=True, kw_only=True)
class Event:
    """A fact about the past, announced by an action inside its transaction. What only events share has no name of its own."""

    name: ClassVar[str] = ""
    audited: ClassVar[bool] = False
    phrase: ClassVar[str] = ""
    """For the audit log: what was done, to be read after the actor's name. ``{subject}`` and the details stand by name."""

    actor: Actor

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            return
        if cls.name in registry:
            raise TypeError(f"Two events are called {cls.name!r}")
        registry[cls.name] = cls

    def moves(self) -> Iterable[Move]:
        """Name the topics that moved: who may hear of this event."""
        return ()

    def subject(self) -> models.Model | None:
        """Return what the event is about, for the audit log."""
        return None

    def details(self) -> dict[str, Any]:
        """Return the before and after worth keeping in the audit log: no content, no secrets."""
        return {}

    def ids(self) -> dict[str, str]:
        """Return the event as primary keys, fit for an effect or a log."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {f"{name}_id": str(value.pk) for name, value in named.items() if getattr(value, "pk", None) is not None}


def emit(event: Event) -> None:
    """Announce ``event``: to the reactions now, to the open sockets once it is committed.

    Raises TransactionManagementError outside a transaction: nobody can announce what might not happen.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("emit() belongs inside an action's transaction.")
    for reaction in _of(required_reactions, event):
        reaction(event)
    for reaction in _of(reactions, event):
        try:
            with transaction.atomic():
                reaction(event)
        except (
            DatabaseError,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
            RuntimeError,
        ) as error:
            _bury(reaction, event, error)
    streams.record(event.moves())


def on(event: type[Kind]) -> Callable[[Callable[[Kind], None]], Callable[[Kind], None]]:
    """Register a reaction. It writes rows or owes effects; it fails alone."""

    def register(function: Callable[[Kind], None]) -> Callable[[Kind], None]:
        reactions[event].append(function)
        return function

    return register


def on_required(event: type[Kind]) -> Callable[[Callable[[Kind], None]], Callable[[Kind], None]]:
    """Register a reaction without which the action must not happen."""

    def register(function: Callable[[Kind], None]) -> Callable[[Kind], None]:
        required_reactions[event].append(function)
        return function

    return register


def _of(table: dict[type[Event], list[Callable[[Any], None]]], event: Event) -> Iterable[Callable[[Any], None]]:
    for kind in type(event).__mro__:
        yield from table.get(kind, ())


def _bury(reaction: Callable[[Any], None], event: Event, error: Exception) -> None:
    name = f"{reaction.__module__}.{reaction.__qualname__}"
    logger.error("reaction %s failed on %s: %s", name, event.name, type(error).__name__)
    effects.bury("reaction", payload={"reaction": name, "event": event.name, **event.ids()}, error=type(error).__name__)
