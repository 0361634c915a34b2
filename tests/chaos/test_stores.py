"""F06, F08, F09, F20–F23: what everything is stored in is interrupted, gone, full or slow."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections import Counter

import pytest

from opencom_project.demo.checker import percentiles
from opencom_project.demo.clients import MemberClient
from tests.chaos import faults
from tests.chaos.disks import SmallDisk, upload
from tests.chaos.faults import endure
from tests.chaos.installation import Installation
from tests.chaos.load import Load
from tests.chaos.tenants import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="session")


def answer_times(load: Load, name: str) -> dict[str, float]:
    """Return how long the answer to a message took, for those first sent while this fault was on."""
    ((_, start, end),) = [window for window in load.windows if window[0] == name]
    sent = {e["cid"]: e["t"] for e in load.history if e["k"] == "invoke" and start <= e["t"] <= end}
    return percentiles([(e["t"] - sent[e["cid"]]) / 1e6 for e in load.history if e["k"] == "ok" and e["cid"] in sent])


async def test_f06_database_sessions_are_ended_again_and_again(installation: Installation) -> None:
    async def breaking(load: Load) -> None:
        with installation.connect() as connection:
            for _ in range(50):
                ended = connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'opencom'"
                    " AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
                ).fetchall()
                load.happened["sessions ended"] += len(ended)
                await asyncio.sleep(0.2)

    report = await endure("F06", Load(installation), breaking)
    assert set(report["answers"]) <= {"200", "201", "204", "429", "503"}


async def test_f08_redis_is_gone_and_comes_back_empty(installation: Installation) -> None:
    load = Load(installation)

    async def breaking(load: Load) -> None:
        redis = installation.kept["valkey"]
        await redis.stop()
        load.happened["redis away"] += 1
        workspace, people = next(iter(load.people.items()))
        email = next(p.client.email for p in people if isinstance(p.client, MemberClient))
        newcomer = MemberClient("newcomer", installation.place, load.history, email=email, password=PASSWORD)
        await asyncio.sleep(3)
        started = time.monotonic()
        await newcomer.enter()
        assert newcomer.workspace == workspace
        assert time.monotonic() - started < 3, "signing in works without Redis"
        newcomer.caller.close()
        await asyncio.sleep(12)
        shutil.rmtree(installation.state.valkey / "appendonlydir", ignore_errors=True)
        redis.start()
        await redis.ready()

    report = await endure("F08", load, breaking)
    assert answer_times(load, "F08")["p95"] <= 500
    assert report["ms by window"]["F08"]["p99"] <= 4000


async def test_f09_redis_is_full(installation: Installation) -> None:
    async def breaking(load: Load) -> None:
        await faults.command_redis(installation, "CONFIG", "SET", "maxmemory", "1mb")
        try:
            await asyncio.sleep(10)
            told = await faults.command_redis(installation, "INFO", "errorstats")
            load.happened["refused by redis"] += int("OOM" in str(told))
        finally:
            await faults.command_redis(installation, "CONFIG", "SET", "maxmemory", "0")

    report = await endure("F09", Load(installation), breaking)
    assert set(report["answers"]) <= {"200", "201", "204", "429"}
    assert report["ms by window"]["F09"]["p99"] <= 4000


async def test_f23_the_database_is_slow_and_one_conversation_is_held(installation: Installation) -> None:
    load = Load(installation)

    async def breaking(load: Load) -> None:
        installation.database.delay = 0.05
        await asyncio.sleep(6)
        installation.database.delay = 0
        load.happened["delayed"] += installation.database.done["delayed"]
        writer = random.choice([person for person in load.everybody() if person.logs])
        held = random.choice(list(writer.logs))
        with installation.connect() as connection, connection.transaction():
            connection.execute("SELECT FROM conversations_conversation WHERE id = %s FOR UPDATE", [held])
            waiting = asyncio.create_task(writer.client.send(held, writer.text()))
            await asyncio.sleep(5)
        await waiting
        load.happened["held"] += 1

    report = await endure("F23", load, breaking)
    assert report["answers"].get("503"), "who wanted the held conversation was told to come again"


async def test_f20_and_f22_the_database_s_disk_is_full() -> None:
    with SmallDisk(900) as disk:
        installation = Installation(folder=disk.folder / "state")
        try:
            await installation.start()
            load = Load(installation)

            async def breaking(load: Load) -> None:
                disk.fill()
                await asyncio.sleep(8)
                load.happened["no space"] += sum(
                    "No space left" in installation.logs(name) for name in ("postgres", "web-0", "web-1", "valkey")
                )
                load.happened["refused with 503"] += sum(p.client.caller.answers["503"] for p in load.everybody())
                disk.free()

            started = time.monotonic()
            report = await endure("F20", load, breaking)
            print(f"F20: {report['deaths']} in {time.monotonic() - started:.0f} s")
        finally:
            await installation.stop()


async def test_f21_the_uploads_disk_is_full(installation: Installation) -> None:
    with SmallDisk(20) as disk:
        webs = [installation.kept[name] for name in ("web-0", "web-1")]
        media = installation.environment["MEDIA_ROOT"]
        await asyncio.gather(*(web.restart_with(MEDIA_ROOT=str(disk.folder)) for web in webs))
        load, answers = Load(installation), Counter[int]()

        async def breaking(load: Load) -> None:
            members = [p.client for p in load.everybody() if isinstance(p.client, MemberClient)]
            for number in range(24):
                client = members[number % len(members)]
                reply = await upload(client, f"file-{number}.txt", b"text " * 300_000)
                answers[reply.status] += 1
                if reply.status == 201:
                    person = next(p for p in load.everybody() if p.client is client)
                    if person.logs:
                        await client.send(next(iter(person.logs)), f"file {number}", attachments=[reply.data["id"]])
            load.happened["uploads refused"] += answers[507] + answers[503]

        try:
            await endure("F21", load, breaking)
            kept = {file.stat().st_size for file in (disk.folder / "attachments").iterdir()}
            files = {f"attachments/{file.name}" for file in (disk.folder / "attachments").iterdir()}
            with installation.connect() as connection:
                rows = {row[0] for row in connection.execute("SELECT file FROM conversations_attachment").fetchall()}
                connection.execute(
                    "UPDATE conversations_message SET files = 0 WHERE id IN (SELECT message_id FROM conversations_attachment)"
                )
                connection.execute("DELETE FROM conversations_attachment")
        finally:
            await asyncio.gather(*(web.restart_with(MEDIA_ROOT=media) for web in webs))
        assert set(answers) <= {201, 503, 507}
        assert rows == files, "no row without its file, no file without its row"
        assert kept == {1_500_000}
