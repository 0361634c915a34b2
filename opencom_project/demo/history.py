"""What every client did and saw, event by event: what the checker judges a run by.

Each event is a plain dictionary with ``t`` (``time.monotonic_ns()``; all clients run on one machine) and ``k``:

- ``invoke`` cid conv log h: a client starts to send a message of its own, under this client id; ``conv`` is empty for a first one;
- ``ok`` cid conv log seq id: the server answered that it is stored, in the numbering of this client's log;
- ``fail`` cid status: the server refused it for good: it must have no effect;
- ``see`` client log conv seq id h: a client was sent an entry by its socket, and applied it;
- ``snap`` client log conv head asked items: a client loaded the newest page, having asked at ``asked``;
- ``hold`` client query key value: what a client holds of something that isn't a log, when all is quiet.

``log`` is ``all`` for members and ``public`` for a visitor: a conversation has these two numberings.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]


class History:
    """The events of a run, in the order in which they were recorded."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, kind: str, /, **fields: Any) -> None:
        """Note an event as happening now."""
        self.events.append({"t": time.monotonic_ns(), "k": kind, **fields})

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def save(self, path: Path) -> None:
        """Write one event a line, as JSON."""
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(event, separators=(",", ":")) + "\n" for event in self.events)


def digest(body: str) -> str:
    """Return what stands for a message's text in a history."""
    return hashlib.sha256(body.encode()).hexdigest()[:24]
