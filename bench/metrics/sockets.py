"""What an idle visitor's socket costs, and how fast all of them come back at once."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.remote import Remote
from bench.rounds import Comparison, Sample, by_turns
from bench.rows import Goal, Row, compared, single
from bench.servers import Server
from bench.stage import Stage
from bench.usage import cpu_ms, private_kb

WARM_SOCKETS = 20
IDLE_SECONDS = 6.0
FULL_COUNT = 2000


def idle(stage: Stage) -> Iterator[Row]:
    """Yield the memory and the idle CPU time of a socket after a real boot, each round in a fresh live process."""
    count = stage.plan.idle_sockets
    memory, standing = Comparison(), []
    with Remote("bench.load.sockets") as load:
        tokens = load.ask("boots", port=stage.product.port, workspace=stage.workspace, count=count + WARM_SOCKETS)
        for _ in range(stage.plan.rounds):
            with Server.live(stage.environment) as live:
                load.ask("open_visitors", port=live.port, tokens=tokens[:WARM_SOCKETS])
                time.sleep(1)
                before = private_kb([live.pid])
                load.ask("open_visitors", port=live.port, tokens=tokens[WARM_SOCKETS:])
                time.sleep(2)
                ours = (private_kb([live.pid]) - before) / count
                used = cpu_ms([live.pid])
                time.sleep(IDLE_SECONDS)
                standing.append((cpu_ms([live.pid]) - used) * 1000 / IDLE_SECONDS / count)
                load.ask("forget")
            memory.add(Sample(ours), Sample(_bare(load, count)))
    note = "" if count == FULL_COUNT else f"{count} sockets instead of {FULL_COUNT:,}"
    yield compared("memory of an idle visitor's socket", "KB", memory, Goal(most=20, ratio_most=1.6), note)
    share = sorted(standing)[len(standing) // 2]
    yield single(
        "CPU of an idle visitor's socket",
        "µs/s",
        share,
        Goal(most=5),
        note="pings not included" + (f"; {note}" if note else ""),
    )


def _bare(load: Remote, count: int) -> float:
    with Server.floor("broadcast") as floor:
        load.ask("open_bare", port=floor.port, count=WARM_SOCKETS)
        time.sleep(0.5)
        before = private_kb([floor.pid])
        load.ask("open_bare", port=floor.port, count=count)
        time.sleep(1)
        used = (private_kb([floor.pid]) - before) / count
        load.ask("forget")
    return used


def reconnect(stage: Stage) -> Iterator[Row]:
    """Yield how many clients a second come back and have what they missed, beside how many a bare server accepts."""
    count = stage.plan.storm_sockets
    people = stage.people(count)
    behind = [0]
    product = stage.product
    with Remote("bench.load.sockets") as ours, Remote("bench.load.sockets") as bare, Server.floor("broadcast") as floor:
        ours.ask("follow", port=product.port + 1, people=people)
        involved = product.pids("live", "postgres", "valkey")

        def come_back() -> Sample:
            ours.ask("drop")
            stage.backstage.ask(
                "answer", workspace=stage.workspace, ids=[visitor["conversation"] for visitor in people]
            )
            before = cpu_ms(involved)
            result = ours.ask("resume", port=product.port + 1, people=people)
            behind[0] += result["behind"]
            return Sample(count / result["seconds"], (cpu_ms(involved) - before) / count)

        def accept() -> Sample:
            before = cpu_ms([floor.pid])
            seconds = bare.ask("open_bare", port=floor.port, count=count)
            used = (cpu_ms([floor.pid]) - before) / count
            bare.ask("drop")
            return Sample(count / seconds, used)

        comparison = by_turns(stage.plan.rounds, come_back, accept)
    note = f"{behind[0]} without what they missed" + (
        "" if count == FULL_COUNT else f"; {count} clients instead of {FULL_COUNT:,}"
    )
    yield compared("clients that come back at once and catch up", "clients/s", comparison, Goal(ratio_least=0.7), note)
