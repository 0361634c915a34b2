"""What can be owed, and how it is paid."""

from __future__ import annotations

from apps.core import effects
from apps.core.reference.pages import first_line, page, table

HEADS = ("effect", "is paid by", "lane", "tries again after", "may take")


@page("effects.md")
def effects_page() -> str:
    rows = (_row(kind, policy) for kind, policy in sorted(effects.registry.items()))
    return f"""# Effects

An effect is something owed to the outside or to later: a row, written in the action's transaction, then a Celery task. After the last try
it is dead: `manage.py effects` counts, `manage.py effects list --state dead` shows and `manage.py effects retry` owes again. One of
the kind `reaction` is paid by nothing: it records a reaction that failed.

{table(HEADS, rows)}"""


def _row(kind: str, policy: effects.Policy) -> tuple[object, ...]:
    pauses = ", ".join(_time(seconds) for seconds in policy.pauses)
    return kind, first_line(policy.handler), policy.lane, pauses, _time(effects.LEASE_SECONDS[policy.lane])


def _time(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"
