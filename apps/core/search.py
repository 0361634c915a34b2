"""Search words as people type them, as Postgres' full-text search wants them."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+", re.UNICODE)


def prefix_query(text: str) -> str:
    """Return a raw tsquery that matches every word of ``text`` from its start, or ``""`` where there is none.

    Only letters and digits reach the query, so nobody can write operators.
    """
    return " & ".join(f"{word}:*" for word in _WORD.findall(text)[:10])
