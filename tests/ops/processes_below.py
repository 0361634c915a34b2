"""What still runs of something a test started."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil


def mentioning(text: str) -> list[psutil.Process]:
    """Return the live processes whose command line has this text in it."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(text in word for word in command):
            found.append(process)
    return found


def using(folder: Path) -> list[psutil.Process]:
    """Return the live processes whose command line names a file of this folder."""
    return mentioning(str(folder))


def eventually(holds: Callable[[], bool], seconds: float = 15.0) -> bool:
    """Wait until something holds; tell whether it did."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return holds()
