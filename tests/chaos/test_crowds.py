"""F11, F13, F15: everybody at once, everything at once, and answers that never arrive."""

from __future__ import annotations

import asyncio
import time

import pytest

from opencom_project.demo.clients import MemberClient
from tests.chaos.faults import endure
from tests.chaos.installation import Installation
from tests.chaos.load import Load

pytestmark = pytest.mark.asyncio(loop_scope="session")

BURST = 600
SENDERS = 20


async def test_f11_every_socket_is_cut_at_one_instant(installation: Installation) -> None:
    async def breaking(load: Load) -> None:
        people = list(load.everybody())
        while any(not person.logs for person in people):
            await asyncio.sleep(0.2)
        before = {person.client.name: person.client.live.counts["connects"] for person in people}
        load.happened["cut"] += installation.live.reset()
        started = time.monotonic()
        while any(p.client.live.counts["connects"] == before[p.client.name] for p in people):
            assert time.monotonic() - started < 30, "not everybody is back"
            await asyncio.sleep(0.1)
        print(f"F11: {len(people)} sockets are back after {time.monotonic() - started:.1f} s")
        await asyncio.sleep(4)

    report = await endure("F11", Load(installation, workspaces=6, visitors=20, visitor_pause=6), breaking)
    assert report["happened"]["cut"] >= 120


async def test_f13_one_conversation_gets_a_burst(installation: Installation) -> None:
    webs = [installation.kept[name] for name in ("web-0", "web-1")]
    await asyncio.gather(*(web.restart_with(LIMITS_ENFORCED="0") for web in webs))

    async def breaking(load: Load) -> None:
        (people,) = load.people.values()
        members = [person for person in people if isinstance(person.client, MemberClient)]
        while not members[0].logs:
            await asyncio.sleep(0.05)
        conversation = next(iter(members[0].logs))
        waiting = iter(range(BURST))

        async def send(person: object) -> None:
            for _ in waiting:
                await members[hash(person) % len(members)].client.send(conversation, f"burst {next(burst)}")

        burst = iter(range(10 * BURST))
        started = time.monotonic()
        await asyncio.gather(*(send(sender) for sender in range(SENDERS)))
        print(f"F13: {BURST / (time.monotonic() - started):.0f} messages a second into one conversation")
        load.happened["messages at once"] += BURST

    try:
        await endure("F13", Load(installation, workspaces=1, members=10, visitors=3, member_pause=5), breaking)
    finally:
        await asyncio.gather(*(web.restart_with(LIMITS_ENFORCED="") for web in webs))


async def test_f15_answers_are_swallowed_after_the_server_has_stored(installation: Installation) -> None:
    async def breaking(load: Load) -> None:
        before = installation.web.done["dropped response"]
        installation.web.drop_share = 0.3
        await asyncio.sleep(10)
        installation.web.drop_share = 0
        load.happened["dropped response"] += installation.web.done["dropped response"] - before

    report = await endure("F15", Load(installation), breaking)
    assert report["replayed"] > 5
