"""The fault tests that run with the suite: short forms, all promises."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import Counter
from typing import Any

import pytest

from opencom_project.demo.caller import Reply
from opencom_project.demo.clients import Client, MemberClient, VisitorClient
from opencom_project.demo.history import digest
from opencom_project.demo.live_client import View
from tests.chaos import faults
from tests.chaos.clocks import skewed
from tests.chaos.faults import endure
from tests.chaos.installation import Installation
from tests.chaos.load import Load, Person
from tests.chaos.waking import Sleepers

pytestmark = [pytest.mark.smoke, pytest.mark.asyncio(loop_scope="session")]

SLOW_BYTES = 256 * 1024
LOGS = 4
COPIES = 10
"""So many copies of what is written go to a slow client: the system alone buffers four megabytes for a socket."""
SERVERS = ["web-0", "web-1", "live-0", "live-1"]


async def test_f01_servers_are_killed(installation: Installation) -> None:
    async def breaking(load: Load) -> None:
        await faults.kill_in_turn(load, SERVERS, times=5, pause=0.5)

    report = await endure("F01", Load(installation), breaking)
    assert sum(report["deaths"].get(name, 0) for name in SERVERS) >= 5


async def test_f02_workers_are_killed_over_what_is_owed(installation: Installation) -> None:
    workers = [installation.kept["worker-0"], installation.kept["worker-1"]]
    await asyncio.gather(*(worker.restart_with(OPENCOM_FAILPOINT="outbox_after_claim:sleep=0.5") for worker in workers))
    sleepers = Sleepers(installation)
    await sleepers.lay_down()

    async def breaking(load: Load) -> None:
        await sleepers.snooze(2)
        held: set[int] = set()
        for _ in range(2):
            held = await asyncio.wait_for(sleepers.wait_until_claimed(other_than=held), 30)
            await faults.kill_at_once(load, ["worker-0", "worker-1"])

    try:
        await endure("F02", Load(installation), breaking)
        seconds = await sleepers.wait_until_awake(65)
        wakings = sleepers.wakings()
    finally:
        sleepers.leave()
        await asyncio.gather(*(worker.restart_with(OPENCOM_FAILPOINT="") for worker in workers))
    each = len(sleepers.conversations)
    print(f"F02: {wakings}, awake {seconds:.1f} s after the run")
    assert (wakings["opened"], wakings["conversations opened"], wakings["paid"]) == (each, each, each)
    assert wakings["tried again"] > 0


async def test_f05_postgres_is_killed(installation: Installation) -> None:
    seconds: list[float] = []

    async def breaking(load: Load) -> None:
        for _ in range(2):
            seconds.append(await faults.kill_postmaster(load))
            await asyncio.sleep(random.uniform(1, 2))

    report = await endure("F05", Load(installation), breaking)
    print(f"F05: acknowledging again after {seconds} s")
    assert report["deaths"]["postgres"] == 2
    assert not any(report["deaths"].get(name) for name in SERVERS), "the servers must outlive their database"
    assert max(seconds) <= 10


async def test_f07_redis_forgets_everything(installation: Installation) -> None:
    async def breaking(load: Load) -> None:
        for _ in range(6):
            await faults.flush_redis(installation)
            load.happened["flush"] += 1
            await asyncio.sleep(1)

    report = await endure("F07", Load(installation), breaking)
    assert report["ms by window"]["F07"]["p99"] <= 3000


async def test_f10_sockets_are_cut(installation: Installation) -> None:
    async def breaking(load: Load) -> None:
        for turn in range(10):
            load.happened["cut"] += installation.live.reset(share=0.3)
            # The last go silent after the last cut: nothing but the heartbeat can tell.
            if turn in (2, 9):
                load.happened["half-open"] += installation.live.blackhole(share=0.3)
            await asyncio.sleep(0.8)
        await asyncio.sleep(load.ping_seconds + load.pong_seconds)

    report = await endure("F10", Load(installation), breaking)
    assert report["sockets"]["deaf"] > 0, "half-open sockets are noticed by the heartbeat"
    assert not report["sockets"].get("resyncs"), "whoever comes back with a cursor is sent what is missing and no more"


async def test_f12_clients_stop_reading(installation: Installation) -> None:
    load = Load(installation, visitors=4, ping_seconds=1000, receive_bytes=SLOW_BYTES)
    memory: list[int] = []

    async def breaking(load: Load) -> None:
        pids = [pid for name in ("live-0", "live-1") for pid in installation.pids(name)]
        slow = [person for people in load.people.values() for person in people if _is_member(person)][::3]
        load.impaired |= {person.client.name for person in slow}
        for person in slow:
            await _subscribe_many_times(person)
        await asyncio.sleep(1)
        memory.append(faults.memory_of(pids))
        for person in slow:
            person.client.live.reading.clear()
        await _write_much(load, seconds=4.5)
        memory.append(faults.memory_of(pids))
        for person in slow:
            person.client.live.reading.set()
        deadline = time.monotonic() + 10
        while not (let_go := sum(map(_times_let_go, slow))):
            counts = [dict(person.client.live.counts) for person in slow]
            assert time.monotonic() < deadline, f"nobody was let go: {counts}"
            await asyncio.sleep(0.1)
        load.happened["let go"] += let_go

    installation.live.buffer_bytes = SLOW_BYTES
    try:
        report = await endure("F12", load, breaking)
    finally:
        installation.live.buffer_bytes = 0
    print(f"F12: live processes held {memory[0] >> 20} MiB before, {memory[1] >> 20} MiB after")
    assert memory[1] - memory[0] <= 32 << 20
    # Writers above their rate wait for a second before they are let in.
    assert report["ms by window"]["F12"]["p99"] <= 3000, "the others notice nothing"


def _times_let_go(person: Person) -> int:
    """Count how often the server closed on somebody: whoever reads again within five seconds of it also learns why."""
    return person.client.live.counts["closed 4008"] + person.client.live.counts["closed abruptly"]


async def _subscribe_many_times(person: Person) -> None:
    """Have a client ask for its logs so often that it is sent more than the system's own buffers take."""
    for conversation in list(person.logs)[:LOGS]:
        for copy in range(COPIES):
            await person.client.live.subscribe(
                View(f"copy-{copy}-{conversation[-12:]}", "messages.list", {"conversation": conversation})
            )


def _is_member(person: Person) -> bool:
    return isinstance(person.client, MemberClient)


async def _write_much(load: Load, seconds: float) -> None:
    """Have conversations that everybody in their workspace follows grow by long messages (four bytes a character), as fast as members may send."""
    deadline = time.monotonic() + seconds

    async def write(person: Person, conversations: list[str]) -> None:
        while time.monotonic() < deadline:
            await person.client.send(random.choice(conversations), person.text() + "\N{BICYCLE}" * 9800)

    writing = []
    for people in load.people.values():
        members = [person for person in people if _is_member(person)]
        followed = list(members[0].logs)[:LOGS]
        writing += [write(person, followed) for person in members]
    await asyncio.gather(*writing)


async def test_f14_everything_is_sent_three_times_at_once(installation: Installation) -> None:
    async def breaking(load: Load) -> None:
        people, deadline = list(load.everybody()), time.monotonic() + 30
        # At first not everybody has a conversation to write to.
        while load.happened["sent thrice"] <= 20 and time.monotonic() < deadline:
            await asyncio.gather(*(_send_thrice(load, person) for person in people if person.logs))
            await asyncio.sleep(1)
        await asyncio.gather(*(_start_thrice(load, workspace) for workspace in load.people for _ in range(3)))

    report = await endure("F14", Load(installation, visitor_pause=4, member_pause=2), breaking)
    assert report["happened"]["sent thrice"] > 20
    assert report["happened"]["started thrice"] > 0


async def _send_thrice(load: Load, person: Person) -> None:
    conversation, body = random.choice(list(person.logs)), person.text()
    path = f"/conversations/{conversation}/messages"
    replies = await _thrice(load, person.client, path, body, conversation)
    if replies:
        load.happened["sent thrice"] += 1
        other = await person.client.request_any("POST", path, {"client_id": replies[0], "body": body + "!"})
        assert other.status == 409
        assert other.data["error"]["code"] == "client_id_reused"


async def _start_thrice(load: Load, workspace: str) -> None:
    """Let somebody new come, who may start as many conversations at once as it takes to ask three times."""
    member = load.people[workspace][0]
    newcomer = VisitorClient(f"new-{uuid.uuid4()}", load.installation.place, load.history, workspace=workspace)
    await newcomer.enter()
    if await _thrice(load, newcomer, "/conversations", member.text(), ""):
        load.happened["started thrice"] += 1
    await newcomer.leave()


async def _thrice(load: Load, client: Client, path: str, body: str, conversation: str) -> list[str]:
    """Send the same message three times at once; all three answers must be the same message. Returns its client id, if it was accepted."""
    cid = str(uuid.uuid4())
    load.history.record("invoke", cid=cid, client=client.name, conv=conversation, log=client.log, h=digest(body))
    request = {"client_id": cid, "body": body}
    replies: list[Reply] = await asyncio.gather(*(client.request("POST", path, request) for _ in range(3)))
    for reply in replies:
        client.note_stored(cid, reply)
    assert Counter(reply.status for reply in replies) == {201: 1, 200: 2}
    assert [reply.headers.get("idempotent-replay") for reply in replies].count("true") == 2
    answers = [_steady(reply.data) for reply in replies]
    assert answers[0] == answers[1] == answers[2]
    return [cid]


def _steady(data: dict[str, Any]) -> dict[str, Any]:
    """Return what must be the same in every answer: not the row, which goes on changing."""
    return data.get("message", data)


async def test_f19_servers_disagree_about_the_time(installation: Installation) -> None:
    skews = {"web-0": 90, "web-1": -90, "live-0": 5, "live-1": -5}
    kept = installation.kept
    await asyncio.gather(*(kept[name].restart_with(**skewed(seconds)) for name, seconds in skews.items()))

    async def breaking(load: Load) -> None:
        await asyncio.sleep(8)
        load.happened["ids of another time"] += await asyncio.to_thread(_from_another_time, installation, load)

    try:
        await endure("F19", Load(installation), breaking)
    finally:
        await asyncio.gather(*(kept[name].restart_with(**skewed(0)) for name in skews))


def _from_another_time(installation: Installation, load: Load) -> int:
    """Return how many messages have an id whose time isn't the database's: made by a process whose clock is wrong."""
    with installation.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM conversations_message WHERE workspace_id = ANY(%s::uuid[])"
            " AND abs(extract(epoch FROM created_at) - ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000) > 60",
            [list(load.people)],
        ).fetchone()
    assert row is not None
    return int(row[0])
