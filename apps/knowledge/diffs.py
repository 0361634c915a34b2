"""What differs between two texts, line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from apps.knowledge.actions import Text

CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a comparison. ``kind`` is same, gone, new, or gap for lines that are left out."""

    kind: str
    text: str = ""


def compared(old: Text, new: Text) -> list[Line]:
    """Return what became of the old text, with a few unchanged lines around each change. Nothing where they are alike."""
    before, after = _lines(old), _lines(new)
    if before == after:
        return []
    return list(_changes(before, after))


def _lines(text: Text) -> list[str]:
    return [f"# {text.title}", *([f"> {text.summary}"] if text.summary else []), "", *text.body.splitlines()]


def _changes(before: list[str], after: list[str]) -> Iterator[Line]:
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    end = 0
    for group in matcher.get_grouped_opcodes(CONTEXT):
        if group[0][1] > end:
            yield Line("gap")
        for what, start, stop, new_start, new_stop in group:
            if what == "equal":
                yield from (Line("same", line) for line in before[start:stop])
                continue
            yield from (Line("gone", line) for line in before[start:stop])
            yield from (Line("new", line) for line in after[new_start:new_stop])
        end = group[-1][2]
    if end < len(before):
        yield Line("gap")
