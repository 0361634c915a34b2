"""From a visitor's POST to the agent's frame, with the message durable in between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from bench.remote import Remote
from bench.rounds import Comparison, Sample, percentile
from bench.rows import Goal, Row, compared
from bench.stage import Stage
from bench.usage import cpu_ms

PEOPLE = 100
AGENT_SOCKETS = 2
WARM_UP = 30
ENOUGH_FOR_P99 = 2000


def measure(stage: Stage) -> Iterator[Row]:
    """Yield p50 and p99 of the durable way, and its CPU time a message in all processes that take part."""
    people = stage.people(PEOPLE)
    product = stage.product
    with stage.durable_floor() as floor, Remote("bench.load.chat") as chat:
        chat.ask("open", port=product.port, people=people, tickets=stage.tickets(AGENT_SOCKETS), origin=stage.origin)
        chat.ask("open_floor", port=floor.port)
        services = product.pids("postgres", "valkey")
        involved = {"ours": [*product.pids("web", "live"), *services], "floor": [floor.pid, *services]}
        for side in involved:
            chat.ask("send", side=side, count=WARM_UP)
        taken: dict[str, list[list[float]]] = {"ours": [], "floor": []}
        cpu: dict[str, list[float]] = {"ours": [], "floor": []}
        for _ in range(stage.plan.rounds):
            started = time.monotonic()
            for side, pids in involved.items():
                before = cpu_ms(pids)
                taken[side].append(chat.ask("send", side=side, count=stage.plan.sends))
                cpu[side].append((cpu_ms(pids) - before) / stage.plan.sends)
            # A visitor may send one message a second in the long run: the next round waits until all may again.
            time.sleep(max(0.0, stage.plan.sends / PEOPLE - (time.monotonic() - started)))
    yield compared(
        "visitor POST → agent's frame, durable, p50", "ms", _comparison(taken, cpu, 0.5), Goal(ratio_most=1.5)
    )
    samples = sum(map(len, taken["ours"]))
    few = "" if samples >= ENOUGH_FOR_P99 else f"of {samples} samples only"
    yield compared(
        "visitor POST → agent's frame, durable, p99", "ms", _comparison(taken, cpu, 0.99), Goal(ratio_most=2), few
    )


def _comparison(taken: dict[str, list[list[float]]], cpu: dict[str, list[float]], share: float) -> Comparison:
    sides: dict[str, Any] = {
        side: [Sample(percentile(values, share), used) for values, used in zip(taken[side], cpu[side], strict=True)]
        for side in taken
    }
    return Comparison(sides["ours"], sides["floor"])
