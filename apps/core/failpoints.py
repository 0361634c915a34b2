"""Failpoints: named places where a fault test makes this process die, raise or stall."""

from __future__ import annotations

import os
import signal
import time


class FailpointReached(RuntimeError):
    """Raised where a fault test asked for an error."""


def _parse(setting: str) -> dict[str, tuple[str, int]]:
    points = {}
    for part in filter(None, setting.split(",")):
        name, action, *nth = part.strip().split(":")
        points[name] = (action, int(nth[0]) if nth else 0)
    return points


_points = _parse(os.environ.get("OPENCOM_FAILPOINT", ""))
_reached: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Do what ``OPENCOM_FAILPOINT`` asks for here: ``name:kill``, ``name:raise`` or ``name:sleep=5``, each with ``:nth``.

    Without the variable, which only tests set, this is one dictionary look-up. With ``:nth`` only the nth passage counts.
    """
    if not _points or name not in _points:
        return
    action, nth = _points[name]
    _reached[name] = _reached.get(name, 0) + 1
    if nth and _reached[name] != nth:
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if action == "raise":
        raise FailpointReached(name)
    if action.startswith("sleep="):
        time.sleep(float(action.removeprefix("sleep=")))
