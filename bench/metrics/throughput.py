"""How many messages a second are accepted, and what becomes of it when four times as many want in."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench import database
from bench.remote import Remote
from bench.rounds import Sample, by_turns
from bench.rows import Goal, Row, compared, missing, single
from bench.stage import Stage
from bench.usage import cpu_ms, proportional_kb

# Enough that none of them writes faster than a person may.
PEOPLE = 600
PEOPLE_OVERLOAD = 1500
CONNECTIONS = 256
CALM_SECONDS = 15.0
CALM_SENDERS = 8
"""As many as keep the product busy without making it queue."""


def measure(stage: Stage) -> Iterator[Row]:
    """Yield accepted messages a second beside the one-row commits that Postgres itself takes."""
    people = stage.people(PEOPLE if not stage.plan.quick else PEOPLE // 2)
    product = stage.product
    seconds = stage.plan.sending_seconds
    url = stage.floor_url()
    with Remote("bench.load.chat") as chat:
        chat.ask("open", port=product.port, people=people, tickets=[], origin=stage.origin)
        involved = product.pids("web", "live", "postgres", "valkey")
        for senders in stage.plan.senders:
            refused = [0]
            lost = [0]

            def ours(senders: int = senders, refused: list[int] = refused, lost: list[int] = lost) -> Sample:
                stored = stage.backstage.ask("messages", workspace=stage.workspace)
                before = cpu_ms(involved)
                result = chat.ask("flood", side="ours", senders=senders, seconds=seconds)
                used = cpu_ms(involved) - before
                refused[0] += result["refused"]
                lost[0] += stored + result["accepted"] - stage.backstage.ask("messages", workspace=stage.workspace)
                return Sample(result["accepted"] / result["seconds"], used / max(1, result["accepted"]))

            def floor(senders: int = senders) -> Sample:
                before = cpu_ms(product.pids("postgres"))
                tps = database.commits_per_second(url, senders, seconds)
                return Sample(tps, (cpu_ms(product.pids("postgres")) - before) / (tps * seconds))

            comparison = by_turns(stage.plan.rounds, ours, floor)
            note = f"{lost[0]} lost or doubled" + (f", {refused[0]} refused" if refused[0] else "")
            name = f"accepted messages, {senders} sender{'s' if senders > 1 else ''}"
            yield compared(name, "messages/s", comparison, Goal(ratio_least=1.0), note)


def isolation(stage: Stage) -> Iterator[Row]:
    """Yield accepted messages a second with row-level security beside the same without it, by turns."""
    people = stage.people(PEOPLE if not stage.plan.quick else PEOPLE // 2)
    product = stage.product
    senders = max(count for count in stage.plan.senders if count <= CALM_SENDERS)
    involved = product.pids("web", "live", "postgres", "valkey")
    with Remote("bench.load.chat") as chat:
        chat.ask("open", port=product.port, people=people, tickets=[], origin=stage.origin)

        def flood(secured: bool) -> Sample:
            database.secure(stage.environment["OWNER_DATABASE_URL"], secured=secured)
            # Plans are made anew for either; that isn't what is measured.
            chat.ask("flood", side="ours", senders=senders, seconds=0.5)
            before = cpu_ms(involved)
            result = chat.ask("flood", side="ours", senders=senders, seconds=stage.plan.sending_seconds)
            used = cpu_ms(involved) - before
            return Sample(result["accepted"] / result["seconds"], used / max(1, result["accepted"]))

        try:
            comparison = by_turns(2 * stage.plan.rounds, lambda: flood(True), lambda: flood(False))
        finally:
            database.secure(stage.environment["OWNER_DATABASE_URL"], secured=True)
    note = "floor: the same product with row-level security switched off"
    yield compared("accepted messages with row-level security", "messages/s", comparison, Goal(ratio_least=0.9), note)


def overload(stage: Stage) -> Iterator[Row]:
    """Yield the goodput under four times the peak, and how long it takes afterwards until all is as before."""
    people = stage.people(PEOPLE_OVERLOAD if not stage.plan.quick else PEOPLE)
    product = stage.product
    with Remote("bench.load.chat") as chat:
        chat.ask("open", port=product.port, people=people, tickets=[], origin=stage.origin)
        calm = chat.ask("flood", side="ours", senders=1, seconds=2)
        peak_run = chat.ask("flood", side="ours", senders=max(stage.plan.senders), seconds=stage.plan.sending_seconds)
        peak = peak_run["accepted"] / peak_run["seconds"]
        memory = proportional_kb(product.pids("web", "live"))
        result = chat.ask(
            "overload", rate=4 * peak, seconds=stage.plan.overload_seconds, connections=min(CONNECTIONS, len(people))
        )
        grown = proportional_kb(product.pids("web", "live")) - memory
        stopped = time.monotonic() - result["draining"]
        recovered = _recovered(chat, calm["p99"], stopped)
    goodput = result["in_time"] / result["seconds"]
    outcomes = ", ".join(
        f"{count} {name}" for name, count in sorted(result.items()) if isinstance(count, int) and name != "seconds"
    )
    note = (
        f"{stage.plan.overload_seconds:g} s at {4 * peak:.0f}/s: {outcomes}; web and live grew by {grown / 1024:.0f} MB"
    )
    yield single("goodput under 4× the peak", "messages/s", goodput, Goal(ratio_least=0.8), floor=peak, note=note)
    name = "4× overload: until the p99 is normal again"
    if recovered is None:
        yield missing(name, "s", f"not within {CALM_SECONDS:.0f} s")
    else:
        yield single(name, "s", recovered, Goal(most=5), note=f"normal is p99 ≤ 2 × {calm['p99']:.1f} ms, one sender")


def _recovered(chat: Remote, p99: float, stopped: float) -> float | None:
    """Return the seconds since the overload ended at which a sender alone is served as before it."""
    while (since := time.monotonic() - stopped) < CALM_SECONDS:
        if chat.ask("flood", side="ours", senders=1, seconds=0.5)["p99"] <= 2 * p99:
            return round(since, 1)
    return None
