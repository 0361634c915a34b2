"""A service that outlived the run that started it: found by the number it left in a file, and ended before it is started anew."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def end(read_pid: Callable[[], int | None], program: str, number: signal.Signals, seconds: float) -> bool:
    """End the process whose number is read, if it is this program, and wait for it; tell whether none is left.

    It may be ending already: a service is told when its run is killed.
    """
    deadline = time.monotonic() + seconds
    told = False
    while (pid := read_pid()) is not None and runs(pid, program):
        if time.monotonic() > deadline:
            return False
        if not told:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            told = True
        time.sleep(0.02)
    return True


def runs(pid: int, program: str) -> bool:
    """Tell whether this process is alive and is this program: after a restart of the machine the number may be another's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        name, _, rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").partition("(")[2].rpartition(")")
    except FileNotFoundError:
        # Just gone, or a system without /proc, where the number has to be enough.
        return not Path("/proc/self").exists()
    # One that has ended and waits to be reaped doesn't count.
    return name == program[:15] and rest.split()[0] != "Z"


def pid_in(path: Path) -> int | None:
    """Return the number on the first line of a file, or None without such a line."""
    try:
        first = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except FileNotFoundError:
        return None
    return int(first) if first.isdigit() else None
