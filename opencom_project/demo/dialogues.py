"""Real support dialogues, in the two forms in which they are published."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Turn = tuple[Literal["visitor", "member", "note"], str]

SPEAKERS: dict[str, Literal["visitor", "member", "note"]] = {
    # DSTC11, track 5: a user and the system.
    "U": "visitor",
    "S": "member",
    # ABCD: what the agent did beside talking is said to colleagues only.
    "customer": "visitor",
    "agent": "member",
    "action": "note",
}


class UnknownForm(ValueError):
    """The file isn't in a form we know; the message says which are."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Who said what, in order."""

    number: int
    turns: tuple[Turn, ...]


def load(path: Path, limit: int | None = None) -> list[Dialogue]:
    """Read the first dialogues of a file. Raises UnknownForm."""
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, list):
        raise UnknownForm("A list of dialogues is expected: DSTC11's logs, or ABCD's conversations.")
    turns = [_turns(one) for one in found[:limit]]
    return [Dialogue(number, spoken) for number, spoken in enumerate(turns, start=1) if spoken]


def _turns(found: Any) -> tuple[Turn, ...]:
    try:
        said = found["original"] if isinstance(found, dict) else [(turn["speaker"], turn["text"]) for turn in found]
        turns = [(SPEAKERS[speaker], text) for speaker, text in said if text.strip()]
    except (KeyError, TypeError, ValueError) as error:
        raise UnknownForm(f"Neither a DSTC11 log nor an ABCD conversation: {error!r} in {str(found)[:80]}") from None
    # A note needs a conversation to be in.
    first = next((index for index, (who, _) in enumerate(turns) if who != "note"), len(turns))
    return tuple(turns[first:])
