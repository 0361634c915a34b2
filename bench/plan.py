"""How much of everything a run does: the full one, and the quick one that ends within five minutes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Counts and durations. Whatever is smaller than the goal asks for is said in its row."""

    rounds: int
    sends: int
    """Messages a round in the measurement of latency."""
    dom_sends: int
    senders: tuple[int, ...]
    sending_seconds: float
    fan_outs: tuple[tuple[int, int], ...]
    """How many sockets, and how many messages a round."""
    idle_sockets: int
    storm_sockets: int
    conversations: tuple[int, ...]
    pages: int
    transitions: int
    page_loads: int
    settle_seconds: float
    starts: int
    overload_seconds: float
    quick: bool = False


FULL = Plan(
    rounds=5,
    sends=1000,
    dom_sends=80,
    senders=(1, 8, 64),
    sending_seconds=10,
    fan_outs=((1, 300), (50, 100), (1000, 20)),
    idle_sockets=2000,
    storm_sockets=2000,
    conversations=(1_000, 100_000, 1_000_000),
    pages=200,
    transitions=10_000,
    page_loads=11,
    settle_seconds=20,
    starts=5,
    overload_seconds=60,
)
QUICK = Plan(
    rounds=3,
    sends=200,
    dom_sends=30,
    senders=(1, 8, 64),
    sending_seconds=2,
    fan_outs=((1, 60), (50, 30), (1000, 5)),
    idle_sockets=500,
    storm_sockets=300,
    conversations=(1_000, 100_000),
    pages=60,
    transitions=600,
    page_loads=5,
    settle_seconds=5,
    starts=2,
    overload_seconds=8,
    quick=True,
)
TINY = Plan(
    rounds=1,
    sends=10,
    dom_sends=2,
    senders=(1, 4),
    sending_seconds=1,
    fan_outs=((1, 5), (20, 3)),
    idle_sockets=30,
    storm_sockets=30,
    conversations=(200, 1_000),
    pages=5,
    transitions=40,
    page_loads=1,
    settle_seconds=1,
    starts=1,
    overload_seconds=2,
    quick=True,
)
"""For the test that the report has its rows."""
