"""What can be subscribed to, and what can be told."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec

from apps.core import live, whispers
from apps.core.access import ANY, Access
from apps.core.live import LiveQuery, Log, Params, Rows
from apps.core.reference.pages import first_line, page, table

HEADS = ("query", "answers", "kind", "parameters", "who", "as HTML", "at most every")
TYPES = {UUID: "id", str: "text", bool: "true or false", int: "number"}


@page("live-queries.md")
def live_queries_page() -> str:
    return f"""# Live queries

How to subscribe and what the frames are: [live.md](live.md). Items have the shapes that REST answers with (`/api/docs/`). A visitor's are
its own: `visitor` is for members.

{table(HEADS, _queries())}

## What clients may tell

True for seconds and answered by nothing. Typing and viewing are never stored: others see them in `conversations.activity`.

{table(("what", "says", "parameters", "who"), _tells())}"""


def _queries() -> Iterator[tuple[object, ...]]:
    for name, query in sorted(live.registry.items()):
        pause = f"{query.pause:g} s" if query.pause else ""
        yield (
            name,
            first_line(type(query)),
            _kind(query),
            _parameters(query.Params),
            _who(type(query)),
            bool(query.template),
            pause,
        )


def _tells() -> Iterator[tuple[object, ...]]:
    for what, known in sorted(whispers.registry.items()):
        yield what, first_line(known.teller), _parameters(known.params), _who(known.teller)


def _kind(query: LiveQuery) -> str:
    if isinstance(query, Log):
        return "log"
    return "rows" if isinstance(query, Rows) else "value"


def _who(handler: object) -> str:
    access: Access = getattr(handler, "access", Access())
    member = {None: "", ANY: "members"}.get(access.member, f"members with {access.member}")
    return ", ".join(filter(None, [member, "visitors" if access.visitor else ""]))


def _parameters(params: type[Params]) -> str:
    hints = get_type_hints(params)
    return ", ".join(_parameter(field, hints[field.name]) for field in msgspec.structs.fields(params))


def _parameter(field: msgspec.structs.FieldInfo, hint: Any) -> str:
    if field.required:
        return f"{field.name} ({_type(hint)})"
    given = "" if field.default in (None, "") else f" = {msgspec.json.encode(field.default).decode()}"
    return f"{field.name}? ({_type(hint)}{given})"


def _type(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_type(part) for part in get_args(hint) if part is not NoneType)
    return TYPES.get(hint, "value")
