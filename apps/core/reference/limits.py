"""Every limit, with its reason."""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Iterator, Mapping

from apps.core import limits
from apps.core.limits import Gone, Limit
from apps.core.reference.pages import page, table

RATE_HEADS = ("limit", "at most", "at once", "without Redis", "because")
GONE = {Gone.OPEN: "each process counts for itself", Gone.CLOSED: "counted in Postgres"}


@page("limits.md")
def limits_page() -> str:
    return f"""# Limits

All of them are in `apps/core/limits.py`.

## Rates

Over a rate the answer is 429 `rate_limited` with `Retry-After`. Names say who is counted: a visitor, a member, a conversation, a client
address, an account.

{table(RATE_HEADS, _rates())}

## Sizes, counts and times

{table(("limit", "is", "because"), _constants())}"""


def _rates() -> Iterator[tuple[object, ...]]:
    reasons = _reasons()
    for name, value in vars(limits).items():
        if isinstance(value, Limit):
            amount = f"{value.amount} in {_span(value.seconds)}"
            yield value.name, amount, value.burst, GONE[value.gone], reasons.get(name, "")


def _constants() -> Iterator[tuple[object, ...]]:
    reasons = _reasons()
    for name, value in vars(limits).items():
        if name.isupper() and isinstance(value, int):
            yield name, f"{value:,}", reasons.get(name, "")


def _reasons() -> Mapping[str, str]:
    """Return what is written under each constant."""
    statements = ast.parse(inspect.getsource(limits)).body
    reasons = {}
    for statement, following in itertools.pairwise(statements):
        match statement, following:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                reasons[name] = text
    return reasons


def _span(seconds: int) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
