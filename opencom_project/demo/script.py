"""The demo's conversations as `conversations.txt` writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

SOURCE = Path(__file__).with_name("conversations.txt")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
HEADER = re.compile(r"== (?P<person>\w+) \| (?P<status>\w+) \| (?P<assignee>\w?) ?\| (?P<ago>\d+[mhd]) \|(?P<flags>.*)")
SPOKEN = re.compile(r"(?P<by>[vabc])(?P<note>n?): (?P<body>.+)")
DONE = re.compile(r"!(?P<by>[abc]) (?P<verb>assign|snooze|close|open) ?(?P<what>\w*)")


class BadScript(ValueError):
    """A line that isn't one of the script's; the message says which."""


@dataclass(slots=True)
class Spoken:
    """A message or a note. ``by`` is ``v`` or a colleague's handle."""

    by: str
    note: bool
    body: str
    pictures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Done:
    """Something done to the conversation: assigned to somebody, snoozed (for a while or until the next reply), closed, opened."""

    by: str
    verb: str
    assignee: str = ""
    snooze: timedelta | None = None


@dataclass(slots=True)
class Scene:
    """One conversation. ``status`` and ``assignee`` are what it must end with."""

    person: str
    status: str
    assignee: str
    ago: timedelta
    unread: bool
    unseen: bool
    lines: list[Spoken | Done] = field(default_factory=list)


def scenes() -> list[Scene]:
    """Return the conversations, the latest first."""
    found: list[Scene] = []
    for line in SOURCE.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if header := HEADER.fullmatch(line.strip()):
            found.append(_scene(header))
        elif line.startswith("+picture ") and found and isinstance(last := found[-1].lines[-1], Spoken):
            last.pictures.append(line.removeprefix("+picture ").strip())
        elif spoken := SPOKEN.fullmatch(line):
            body = spoken["body"].replace("\\n", "\n")
            found[-1].lines.append(Spoken(spoken["by"], bool(spoken["note"]), body))
        elif done := DONE.fullmatch(line):
            found[-1].lines.append(_done(done))
        else:
            raise BadScript(line)
    return found


def _scene(header: re.Match[str]) -> Scene:
    flags = header["flags"].split()
    return Scene(
        person=header["person"],
        status=header["status"],
        assignee=header["assignee"],
        ago=_span(header["ago"]),
        unread="unread" in flags,
        unseen="unseen" in flags,
    )


def _done(done: re.Match[str]) -> Done:
    what = done["what"]
    if done["verb"] == "assign":
        return Done(done["by"], "assign", assignee=what)
    return Done(done["by"], done["verb"], snooze=_span(what) if what else None)


def _span(text: str) -> timedelta:
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})
