"""What processes use: CPU time and memory of whole trees, children and children that have ended included."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and everything below it."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_ms(pids: Iterable[int]) -> float:
    """Return the CPU time of these trees so far. A child that has ended is counted through its parent."""
    total = 0.0
    for process in _all(pids):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total * 1000


def private_kb(pids: Iterable[int]) -> float:
    """Return the memory that only these trees hold."""
    return sum(_smaps(process.pid, ("Private_Clean", "Private_Dirty", "Private_Hugetlb")) for process in _all(pids))


def proportional_kb(pids: Iterable[int]) -> float:
    """Return the memory of these trees with each shared page divided among those that share it (PSS)."""
    return sum(_smaps(process.pid, ("Pss",)) for process in _all(pids))


def _all(pids: Iterable[int]) -> Iterator[psutil.Process]:
    seen: set[int] = set()
    for pid in pids:
        for process in tree(pid):
            if process.pid not in seen:
                seen.add(process.pid)
                yield process


def _smaps(pid: int, names: tuple[str, ...]) -> float:
    total = 0
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            name, _, rest = line.partition(":")
            if name in names:
                total += int(rest.split()[0])
    return float(total)
