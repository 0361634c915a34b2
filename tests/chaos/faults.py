"""Breaking things, and counting what really broke."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import redis.asyncio

from tests.chaos.installation import Installation
from tests.chaos.load import Load
from tests.chaos.report import judge

BEFORE_SECONDS = 1.5
AFTER_SECONDS = 1.5

Breaking = Callable[[Load], Awaitable[None]]


async def endure(name: str, load: Load, breaking: Breaking, *, without: Sequence[str] = ()) -> dict[str, Any]:
    """Let people work, break something, let them work on, and judge by everything but the invariants named. Returns the report."""
    await load.start()
    await asyncio.sleep(BEFORE_SECONDS)
    try:
        with load.fault(name):
            await breaking(load)
        await load.installation.ready()
        await asyncio.sleep(AFTER_SECONDS)
        outcome = await load.finish()
    finally:
        await load.abandon()
    return judge(name, outcome, load.happened, without=without)


async def kill_in_turn(load: Load, names: list[str], times: int, pause: float) -> None:
    """Kill one of the programs at random, so many times, each time waiting until it is back."""
    for _ in range(times):
        await kill_at_once(load, [random.choice(names)])
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))


async def kill_at_once(load: Load, names: list[str]) -> None:
    """Kill these programs together, and wait until all are back."""
    deaths = {name: load.installation.kept[name].deaths.total() for name in names}
    for name in names:
        load.installation.kill(name)
    for name in names:
        while load.installation.kept[name].deaths.total() == deaths[name]:
            await asyncio.sleep(0.01)
        load.happened[f"kill {name.split('-', maxsplit=1)[0]}"] += 1
    await asyncio.gather(*(load.installation.kept[name].ready() for name in names))


async def kill_postmaster(load: Load) -> float:
    """Kill Postgres as a power cut would, and return the seconds until the next message was acknowledged."""
    kept = load.installation.kept["postgres"]
    deaths, killed = kept.deaths.total(), time.monotonic_ns()
    load.installation.kill("postgres")
    while kept.deaths.total() == deaths:
        await asyncio.sleep(0.01)
    load.happened["kill postgres"] += 1
    await kept.ready()
    while not (acknowledged := _first_after(load, killed)):
        await asyncio.sleep(0.02)
    return (acknowledged - killed) / 1e9


def _first_after(load: Load, moment: int) -> int:
    """Return when the first message that was sent after this moment was acknowledged; 0 if none was yet."""
    sent = {event["cid"] for event in load.history.events if event["k"] == "invoke" and event["t"] > moment}
    return next((e["t"] for e in load.history.events if e["k"] == "ok" and e["t"] > moment and e["cid"] in sent), 0)


async def flush_redis(installation: Installation) -> None:
    """Have Redis forget everything at once, past the proxy."""
    await command_redis(installation, "FLUSHALL")


async def command_redis(installation: Installation, *words: str) -> Any:
    """Send one command to Redis, past the proxy."""
    client = redis.asyncio.Redis(unix_socket_path=str(installation.valkey.address))
    try:
        return await client.execute_command(*words)
    finally:
        with suppress(redis.RedisError):
            await client.aclose()


def memory_of(pids: list[int]) -> int:
    """Return the bytes that these processes hold in memory."""
    total = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/statm", encoding="ascii") as file:
            total += int(file.read().split()[1]) * 4096
    return total
