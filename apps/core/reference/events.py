"""What apps announce, who must hear it, and who may."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import Field, fields
from typing import Any

from apps.core import events
from apps.core.events import Event
from apps.core.reference.pages import first_line, page, table

HEADS = ("event", "says", "audited", "reactions", "topics that move")


class StandIn:
    """Stands for a row, so that an event can be asked for its topics without one: its id reads as ``{its name}``."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> StandIn:
        if name.startswith("__"):
            raise AttributeError(name)
        return self if name in ("pk", "id") else StandIn(name.removesuffix("_id"))

    def __str__(self) -> str:
        return f"{{{self._name}}}"


def events_table() -> str:
    """Return every event with what it says, who reacts, and which topics it moves."""
    return table(HEADS, (_row(event) for _name, event in sorted(events.registry.items())))


def undocumented() -> list[str]:
    """Return the names of the events that don't say what happened."""
    return [name for name, event in events.registry.items() if not event.__dict__.get("__doc__")]


def _row(event: type[Event]) -> tuple[object, ...]:
    return event.name, first_line(event), event.audited, ", ".join(_reactions(event)), ", ".join(topics(event))


def topics(event: type[Event]) -> list[str]:
    """Return the topics that an event moves, in any of its forms."""
    moved = (move.topic for form in _forms(event) for move in form.moves())
    return list(dict.fromkeys(moved))


def _forms(event: type[Event]) -> Iterator[Event]:
    """Make the event once for each way it can be: with and without what is optional, true and false."""
    names = [field.name for field in fields(event)]
    for values in itertools.product(*(_values(field) for field in fields(event))):
        yield event(**dict(zip(names, values, strict=True)))


def _values(field: Field[Any]) -> tuple[Any, ...]:
    if field.type == "bool":
        return True, False
    return (StandIn(field.name), None) if "None" in str(field.type) else (StandIn(field.name),)


def _reactions(event: type[Event]) -> Iterator[str]:
    for kind in event.__mro__:
        if kind is not Event:
            yield from (f"{_called(function)} (required)" for function in events.required_reactions.get(kind, ()))
            yield from (_called(function) for function in events.reactions.get(kind, ()))


def _called(function: Callable[..., Any]) -> str:
    return f"{function.__module__.removeprefix('apps.').removesuffix('.reactions')}.{function.__name__}"


@page("events.md")
def events_page() -> str:
    everyone = [_called(function) for function in events.required_reactions.get(Event, ())]
    hears = (
        f"Every event is heard by {', '.join(everyone)}, which is required: it writes down what is audited."
        if everyone
        else ""
    )
    return f"""# Events

`manage.py events` prints this table. An event is a fact, announced by an action inside its transaction. Its reactions are written in the
same transaction, each in a savepoint; a required one fails the action. The topics that move tell which [live queries](live-queries.md)
answer anew.

{hears}

{events_table()}"""
