"""One message to many agents: the CPU time of each frame, and the time until the last has it."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from bench.remote import Remote
from bench.rounds import Comparison, Sample
from bench.rows import Goal, Row, compared
from bench.servers import Server
from bench.stage import Stage
from bench.usage import cpu_ms

PEOPLE = 300
WARM_UP = 5
FRAME_BYTES = 700
"""About as long as an inbox row's."""


def measure(stage: Stage) -> Iterator[Row]:
    """Yield for each number of agents the live process's CPU time a frame beside a bare broadcast's, and the wall time."""
    people = stage.people(PEOPLE)
    for sockets, messages in stage.plan.fan_outs:
        cpu, wall = _by_turns(stage, people, sockets, messages)
        agents = "1 agent" if sockets == 1 else f"{sockets:,} agents"
        goal = Goal(most=30) if sockets >= 1000 else None
        yield compared(f"fan-out to {agents}: CPU of a frame", "µs", cpu, goal, "one read of the database included")
        yield compared(f"fan-out to {agents}: POST → last frame", "ms", wall, None, "the floor has no POST")


def _by_turns(stage: Stage, people: list[dict[str, str]], sockets: int, messages: int) -> tuple[Comparison, Comparison]:
    cpu, wall = Comparison(), Comparison()
    product = stage.product
    with Remote("bench.load.sockets") as ours, Remote("bench.load.sockets") as bare, Server.floor("broadcast") as floor:
        tickets = stage.tickets(sockets)
        ours.ask("open_agents", port=product.port + 1, tickets=tickets, origin=stage.origin)
        bare.ask("open_bare", port=floor.port, count=sockets)
        ours.ask("spread", port=product.port, people=people, count=WARM_UP)
        for _ in range(stage.plan.rounds):
            before = cpu_ms(product.pids("live"))
            spread = ours.ask("spread", port=product.port, people=people, count=messages)
            used = (cpu_ms(product.pids("live")) - before) * 1000 / spread["frames"]
            before = cpu_ms([floor.pid])
            floor_spread = bare.ask("spread_bare", count=messages, size=FRAME_BYTES)
            floor_used = (cpu_ms([floor.pid]) - before) * 1000 / floor_spread["frames"]
            cpu.add(Sample(used), Sample(floor_used))
            wall.add(Sample(median(spread["seconds"]) * 1000), Sample(median(floor_spread["seconds"]) * 1000))
    return cpu, wall
