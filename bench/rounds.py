"""Rounds: ours and the floor by turns in one run, so that a noisy machine disturbs both alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Sample:
    """What one turn came to: its figure, and the CPU time of each operation in ms where it is known."""

    value: float
    cpu_ms: float | None = None


@dataclass
class Comparison:
    """The turns of both sides. Every figure is a median; the ratio is the median of the rounds' own ratios."""

    ours_samples: list[Sample] = field(default_factory=list)
    floor_samples: list[Sample] = field(default_factory=list)

    def add(self, ours: Sample, floor: Sample) -> None:
        self.ours_samples.append(ours)
        self.floor_samples.append(floor)

    @property
    def rounds(self) -> int:
        return len(self.ours_samples)

    @property
    def ours(self) -> float:
        return median(sample.value for sample in self.ours_samples)

    @property
    def floor(self) -> float:
        return median(sample.value for sample in self.floor_samples)

    @property
    def ratios(self) -> list[float]:
        pairs = zip(self.ours_samples, self.floor_samples, strict=True)
        return [ours.value / floor.value for ours, floor in pairs if floor.value]

    @property
    def ratio(self) -> float | None:
        return median(self.ratios) if self.ratios else None

    @property
    def ratio_min(self) -> float | None:
        return min(self.ratios, default=None)

    @property
    def ratio_max(self) -> float | None:
        return max(self.ratios, default=None)

    @property
    def ours_cpu(self) -> float | None:
        return _middle(self.ours_samples)

    @property
    def floor_cpu(self) -> float | None:
        return _middle(self.floor_samples)


def _middle(samples: Sequence[Sample]) -> float | None:
    known = [sample.cpu_ms for sample in samples if sample.cpu_ms is not None]
    return median(known) if known else None


def by_turns(rounds: int, ours: Callable[[], Sample], floor: Callable[[], Sample]) -> Comparison:
    """Take ours, the floor, ours, the floor, … for this many rounds."""
    comparison = Comparison()
    for _ in range(rounds):
        comparison.add(ours(), floor())
    return comparison


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of all don't exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
