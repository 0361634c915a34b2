"""F18: clocks that jump by hours, of each kind of process in turn."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.chaos.clocks import skewed
from tests.chaos.faults import endure
from tests.chaos.installation import Installation
from tests.chaos.invariants import DATED
from tests.chaos.load import Load
from tests.chaos.waking import Sleepers

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOUR = 3600
JOBS_SECONDS = 30
"""How long it may take until every job runs again: the workers look for late ones every few seconds."""


async def test_f18_the_clocks_of_servers_and_workers_jump_by_hours(installation: Installation) -> None:
    kept = installation.kept
    # Not the beat: libfaketime moves the sleeps of a program that sleeps until a moment of the monotonic clock.
    jumps = {
        "web-0": 2 * HOUR,
        "web-1": -2 * HOUR,
        "live-0": 25 * HOUR,
        "live-1": -25 * HOUR,
        "worker-0": 2 * HOUR,
        "worker-1": -25 * HOUR,
    }
    sleepers = Sleepers(installation)
    await sleepers.lay_down()

    async def breaking(load: Load) -> None:
        await asyncio.gather(*(kept[name].restart_with(**skewed(seconds)) for name, seconds in jumps.items()))
        load.happened["clocks moved"] += len(jumps)
        await sleepers.snooze(3)
        await asyncio.sleep(8)

    try:
        await endure("F18", Load(installation), breaking)
        await sleepers.wait_until_awake(65)
        wakings = sleepers.wakings()
    finally:
        sleepers.leave()
        await asyncio.gather(*(kept[name].restart_with(**skewed(0)) for name in jumps))
    each = len(sleepers.conversations)
    assert (wakings["opened"], wakings["conversations opened"], wakings["paid"]) == (each, each, each)


async def test_f18_the_clock_of_the_database_jumps_forth_and_back() -> None:
    # Its rows are dated in the future for good, so it isn't the installation that the other tests judge.
    installation = Installation()
    try:
        await installation.start()
        await _jump_forth_and_back(installation)
    finally:
        await installation.stop()


async def _jump_forth_and_back(installation: Installation) -> None:
    postgres = installation.kept["postgres"]
    sleepers = Sleepers(installation)
    await sleepers.lay_down()

    async def breaking(load: Load) -> None:
        await postgres.restart_with(**skewed(2 * HOUR))
        load.happened["clock forth"] += await asyncio.to_thread(_hours_ahead, installation) == 2
        await sleepers.snooze(1)
        await asyncio.sleep(6)
        await postgres.restart_with(**skewed(0))
        load.happened["clock back"] += await asyncio.to_thread(_hours_ahead, installation) == 0
        await asyncio.sleep(3)

    try:
        await endure("F18-database", Load(installation), breaking, without=DATED)
        await sleepers.wait_until_awake(65)
        wakings = sleepers.wakings()
    finally:
        sleepers.leave()
    each = len(sleepers.conversations)
    assert (wakings["opened"], wakings["conversations opened"], wakings["paid"]) == (each, each, each)
    deadline = time.monotonic() + JOBS_SECONDS
    while (waiting := await asyncio.to_thread(_jobs_of_the_future, installation)) and time.monotonic() < deadline:
        await asyncio.sleep(1)
    assert waiting == [], "what runs by the clock doesn't wait until the clock is there again"


def _jobs_of_the_future(installation: Installation) -> list[str]:
    """Return the jobs that ran at a time which is still to come."""
    with installation.connect() as connection:
        rows = connection.execute("SELECT name FROM core_job WHERE ran_at > now() + interval '1 minute'").fetchall()
    return [name for (name,) in rows]


def _hours_ahead(installation: Installation) -> int:
    """Return by how many hours the database's clock is ahead of this machine's."""
    with installation.connect() as connection:
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())").fetchone()
    assert row is not None
    return round((float(row[0]) - time.time()) / HOUR)
