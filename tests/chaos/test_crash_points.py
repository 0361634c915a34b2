"""F03 and F04: processes that die at the worst moments, which are named in the code."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.chaos.faults import endure
from tests.chaos.installation import Installation
from tests.chaos.load import Load
from tests.chaos.waking import Sleepers

pytestmark = pytest.mark.asyncio(loop_scope="session")

WEBS, WORKERS = ("web-0", "web-1"), ("worker-0", "worker-1")


async def set_failpoint(installation: Installation, names: tuple[str, ...], failpoint: str) -> None:
    """Start these programs anew with a failpoint, or with none."""
    await asyncio.gather(*(installation.kept[name].restart_with(OPENCOM_FAILPOINT=failpoint) for name in names))


async def count_new_processes(installation: Installation, names: tuple[str, ...], seconds: float) -> int:
    """Return how many of these programs' processes were started within this time: each replaces one that died."""
    known = {name: set(installation.pids(name)) for name in names}
    started, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        for name in names:
            now = set(installation.pids(name))
            started += len(now - known[name])
            known[name] |= now
        await asyncio.sleep(0.05)
    return started


@pytest.mark.parametrize("failpoint", ["before_commit", "after_commit_before_hint", "after_hint_before_ack"])
async def test_f04_a_web_process_dies_while_it_stores_a_message(installation: Installation, failpoint: str) -> None:
    await set_failpoint(installation, WEBS, f"{failpoint}:kill:12")

    async def breaking(load: Load) -> None:
        load.happened["deaths at the failpoint"] += await count_new_processes(installation, WEBS, 10)

    try:
        report = await endure(f"F04-{failpoint}", Load(installation), breaking)
    finally:
        await set_failpoint(installation, WEBS, "")
    if failpoint != "before_commit":
        assert report["replayed"] > 0, "what was stored and not answered is answered when it is asked for again"


async def test_f04_no_rumour_is_ever_spread(installation: Installation) -> None:
    await set_failpoint(installation, WEBS, "after_commit_before_hint:raise")

    async def breaking(load: Load) -> None:
        await asyncio.sleep(8)
        load.happened["hints that failed"] += sum(installation.logs(name).count("FailpointReached") for name in WEBS)

    try:
        report = await endure("F04-no-rumours", Load(installation), breaking)
    finally:
        await set_failpoint(installation, WEBS, "")
    times = report["ms by window"]["F04-no-rumours"]
    assert times["p99"] <= 3500, "the look at the rows carries everything, in its time"


@pytest.mark.parametrize("failpoint", ["outbox_after_claim", "provider_accepted_before_done"])
async def test_f03_workers_die_between_claim_and_record(installation: Installation, failpoint: str) -> None:
    sleepers = Sleepers(installation)
    await sleepers.lay_down()
    await set_failpoint(installation, WORKERS, f"{failpoint}:kill:4")

    async def breaking(load: Load) -> None:
        await sleepers.snooze(1)
        load.happened["deaths at the failpoint"] += await count_new_processes(installation, WORKERS, 12)

    try:
        await endure(f"F03-{failpoint}", Load(installation), breaking)
        await set_failpoint(installation, WORKERS, "")
        seconds = await sleepers.wait_until_awake(65)
        wakings = sleepers.wakings()
    finally:
        sleepers.leave()
        await set_failpoint(installation, WORKERS, "")
    print(f"F03-{failpoint}: {wakings}, awake {seconds:.1f} s after the workers live again")
    each = len(sleepers.conversations)
    assert (wakings["opened"], wakings["conversations opened"], wakings["paid"]) == (each, each, each)
    assert wakings["tried again"] > 0
