"""The rows of a report: what was measured, beside its floor and its goal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.rounds import Comparison


@dataclass(frozen=True)
class Goal:
    """What a row should reach: a bound on the ratio to the floor, on the figure itself, or on both."""

    ratio_most: float | None = None
    ratio_least: float | None = None
    most: float | None = None
    least: float | None = None

    def text(self, unit: str) -> str:
        """Say the goal as people do."""
        parts = []
        if self.ratio_most is not None:
            parts.append(f"≤ {self.ratio_most:g}×")
        if self.ratio_least is not None:
            parts.append(f"≥ {self.ratio_least:g}×")
        if self.most is not None:
            parts.append(f"≤ {self.most:g} {unit}")
        if self.least is not None:
            parts.append(f"≥ {self.least:g} {unit}")
        return " and ".join(parts)

    def met(self, ours: float, ratio: float | None) -> bool:
        """Tell whether the figures reach it."""
        held = []
        if self.ratio_most is not None:
            held.append(ratio is not None and ratio <= self.ratio_most)
        if self.ratio_least is not None:
            held.append(ratio is not None and ratio >= self.ratio_least)
        if self.most is not None:
            held.append(ours <= self.most)
        if self.least is not None:
            held.append(ours >= self.least)
        return all(held)


@dataclass(frozen=True)
class Row:
    """One figure. Without a floor there is no ratio, without a goal nothing to meet, and without ``ours`` the note says why."""

    metric: str
    ours: float | None
    floor: float | None
    ratio: float | None
    goal: str
    met: bool | None
    unit: str
    ratio_min: float | None = None
    ratio_max: float | None = None
    rounds: int = 1
    ours_cpu_ms: float | None = None
    floor_cpu_ms: float | None = None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compared(metric: str, unit: str, comparison: Comparison, goal: Goal | None = None, note: str = "") -> Row:
    """Make the row of figures that were taken in turn with the floor's."""
    return Row(
        metric=metric,
        ours=comparison.ours,
        floor=comparison.floor,
        ratio=comparison.ratio,
        goal=goal.text(unit) if goal else "",
        met=goal.met(comparison.ours, comparison.ratio) if goal else None,
        unit=unit,
        ratio_min=comparison.ratio_min,
        ratio_max=comparison.ratio_max,
        rounds=comparison.rounds,
        ours_cpu_ms=comparison.ours_cpu,
        floor_cpu_ms=comparison.floor_cpu,
        note=note,
    )


def single(
    metric: str, unit: str, ours: float, goal: Goal | None = None, *, floor: float | None = None, note: str = ""
) -> Row:
    """Make the row of a figure that is the same however often it is taken: a count, a size."""
    ratio = ours / floor if floor else None
    return Row(
        metric,
        ours,
        floor,
        ratio,
        goal.text(unit) if goal else "",
        goal.met(ours, ratio) if goal else None,
        unit,
        note=note,
    )


def missing(metric: str, unit: str, reason: str) -> Row:
    """Make the row of a figure that couldn't be taken here."""
    return Row(metric, None, None, None, "", None, unit, note=reason)


HEADINGS = ("metric", "ours", "floor", "ratio", "goal", "met", "unit", "CPU ms/op", "note")


def table(rows: Iterable[Row]) -> str:
    """Lay the rows out for a terminal."""
    lines = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS) - 1)]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
    return "  ".join([*padded, cells[-1]]).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}×"
    if row.ratio_min is not None and row.ratio_max is not None:
        ratio += f" ({row.ratio_min:.2f}–{row.ratio_max:.2f})"
    cpu = "" if row.ours_cpu_ms is None else number(row.ours_cpu_ms)
    if row.floor_cpu_ms is not None:
        cpu += f" | {number(row.floor_cpu_ms)}"
    met = {True: "yes", False: "no", None: ""}[row.met]
    return (row.metric, number(row.ours), number(row.floor), ratio, row.goal, met, row.unit, cpu, row.note)


def number(value: float | None) -> str:
    """Write a figure with three significant digits, and whole numbers whole."""
    if value is None:
        return "–"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
