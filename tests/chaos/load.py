"""People at work while things break: visitors and members who write, read, close, snooze and assign, and keep at it until it is done."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opencom_project.demo.caller import Refused
from opencom_project.demo.checker import Entry, LogKey, Verdict, check
from opencom_project.demo.clients import Client, MemberClient, VisitorClient
from opencom_project.demo.history import History, digest
from opencom_project.demo.live_client import LogView, RowsView, ValueView
from tests.chaos.installation import Installation
from tests.chaos.tenants import PASSWORD

REQUEST_SECONDS = 5.0
CALM_SECONDS = 60.0
"""The longest that clients may take to be complete after everything works again; the promise is ten."""
STARTS_A_VISITOR = 2
FOLLOWED_MOST = 40
"""A socket takes sixty frames in ten seconds, and whoever comes back asks for everything at once."""

numbers = itertools.count(1)


@dataclass
class Person:
    """A client and what it holds."""

    client: Client
    canary: str
    logs: dict[str, LogView] = field(default_factory=dict)
    rows: RowsView | None = None
    values: dict[str, ValueView] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)

    async def follow(self, conversation: str) -> None:
        """Hold a conversation's log, once."""
        if conversation not in self.logs:
            # Taken at once: the next row may come before the subscription is made.
            self.logs[conversation] = LogView("", "", {"conversation": conversation})
            self.logs[conversation] = await self.client.follow(conversation)

    def text(self) -> str:
        """Return a message's text: its workspace's mark, and what makes it one of a kind."""
        return f"{self.canary} {next(numbers)} " + "words " * random.randrange(1, 12)


@dataclass
class Load:
    """Everybody, their history, and when which fault was on."""

    installation: Installation
    workspaces: int = 2
    members: int = 3
    visitors: int = 6
    visitor_pause: float = 1.3
    member_pause: float = 0.4
    ping_seconds: float = 3.0
    pong_seconds: float = 4.0
    """People's clients wait longer; a test has less time."""
    receive_bytes: int = 0
    history: History = field(default_factory=History)
    people: dict[str, list[Person]] = field(default_factory=dict)
    windows: list[tuple[str, int, int]] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    refusals: list[str] = field(default_factory=list)
    impaired: set[str] = field(default_factory=set)
    """Clients whose own waits say nothing about the others'."""
    _stopping: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _following: set[asyncio.Task[None]] = field(default_factory=set)
    _deaths: Counter[str] = field(default_factory=Counter)

    # Beginning

    async def start(self) -> None:
        """Let everybody come in, and start writing."""
        self._deaths = self.installation.deaths()
        run = next(numbers)
        for tenant in await self.installation.tenants(self.workspaces, self.members):
            self.people[tenant["id"]] = await self._people_of(tenant, run)
        for person in self.everybody():
            await asyncio.wait_for(person.client.live.online.wait(), 30)
        for person in self.everybody():
            work = self._visit if isinstance(person.client, VisitorClient) else self._serve
            self._tasks.append(asyncio.get_running_loop().create_task(work(person)))

    async def _people_of(self, tenant: dict[str, Any], run: int) -> list[Person]:
        place, workspace = self.installation.place, tenant["id"]
        canary = f"canary-{workspace[-12:]}"
        shared: dict[str, Any] = {
            "history": self.history,
            "ping_seconds": self.ping_seconds,
            "pong_seconds": self.pong_seconds,
            "receive_bytes": self.receive_bytes,
        }
        people = [
            Person(MemberClient(f"{run}-m{number}-{canary}", place, email=email, password=PASSWORD, **shared), canary)
            for number, email in enumerate(tenant["emails"])
        ]
        people += [
            Person(VisitorClient(f"{run}-v{number}-{canary}", place, workspace=workspace, **shared), canary)
            for number in range(self.visitors)
        ]
        await asyncio.gather(*(self._come_in(person) for person in people))
        return people

    async def _come_in(self, person: Person) -> None:
        client = person.client
        client.caller.seconds = REQUEST_SECONDS
        await client.enter()
        client.live.start()
        if isinstance(client, MemberClient):
            person.rows = await client.hold_rows("rows", "conversations.listForInbox", {"status": "open"})
            person.rows.on_row = lambda row: self._follow(person, row["id"])
            person.values["counts"] = await client.hold_value("counts", "conversations.counts", {})
        else:
            person.rows = await client.hold_rows("rows", "conversations.listByVisitor", {})
            person.rows.on_row = lambda row: self._follow(person, row["id"])
            person.values["unread"] = await client.hold_value("unread", "conversations.getTotalUnreadForVisitor", {})

    def _follow(self, person: Person, conversation: str) -> None:
        if len(person.logs) >= FOLLOWED_MOST:
            return
        task = asyncio.get_running_loop().create_task(person.follow(conversation))
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    # Working

    async def _visit(self, person: Person) -> None:
        """Be a visitor: start a conversation or two, write in them, read the answers."""
        client = person.client
        assert isinstance(client, VisitorClient)
        while not self._stopping:
            await self._pause(self.visitor_pause)
            try:
                mine = list(person.logs)
                if not mine or (len(mine) < STARTS_A_VISITOR and random.random() < 0.1):
                    await person.follow(await client.start(person.text()))
                    person.done["started"] += 1
                elif random.random() < 0.8:
                    await client.send(random.choice(mine), person.text())
                    person.done["sent"] += 1
                else:
                    await self._read(person, random.choice(mine))
            except Refused as refused:
                self.refusals.append(f"{client.name}: {refused}")

    async def _serve(self, person: Person) -> None:
        """Be a member: answer, note, read, close, snooze, assign."""
        client = person.client
        assert isinstance(client, MemberClient)
        while not self._stopping:
            await self._pause(self.member_pause)
            known = list(person.logs)
            if not known:
                continue
            conversation, chance = random.choice(known), random.random()
            path = f"/conversations/{conversation}"
            try:
                if chance < 0.55:
                    await client.send(conversation, person.text())
                elif chance < 0.7:
                    await client.send(conversation, person.text(), kind="note")
                elif chance < 0.85:
                    await self._read(person, conversation)
                elif chance < 0.95:
                    status = random.choice(("open", "closed", "snoozed"))
                    await client.request("PUT", f"{path}/status", {"status": status})
                else:
                    member = random.choice((None, client.member))
                    await client.request("PUT", f"{path}/assignee", {"member": member})
                person.done["did"] += 1
            except Refused as refused:
                self.refusals.append(f"{client.name}: {refused}")

    async def _read(self, person: Person, conversation: str) -> None:
        seq = person.logs[conversation].at
        await person.client.request("PUT", f"/conversations/{conversation}/seen", {"seq": seq})

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds * random.uniform(0.5, 1.5))

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """Note when a fault was on."""
        started = time.monotonic_ns()
        try:
            yield
        finally:
            self.windows.append((name, started, time.monotonic_ns()))

    # Ending

    async def finish(self) -> Outcome:
        """Let everybody end what they do, wait until all is quiet, judge, and let them go."""
        self._stopping = True
        stopped = time.monotonic()
        await asyncio.wait_for(asyncio.gather(*self._tasks), CALM_SECONDS)
        settled = time.monotonic()
        final = await asyncio.to_thread(self._final)
        calm = await self._wait_until_complete(final)
        held = await self._held()
        followers = [
            (person.client.name, LogKey(conversation, person.client.log))
            for person in self.everybody()
            for conversation in person.logs
        ]
        verdict = check(self.history, final, followers=followers, held=held)
        outcome = Outcome(self, verdict, settle_seconds=settled - stopped, calm_seconds=calm)
        outcome.strangers = self._strangers(final)
        outcome.deaths = self.installation.deaths() - self._deaths
        await self.abandon()
        return outcome

    async def abandon(self) -> None:
        """Let everybody go, wherever they are."""
        self._stopping = True
        for task in (*self._tasks, *self._following):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._following, return_exceptions=True)
        await asyncio.gather(*(person.client.leave() for person in self.everybody()))

    def everybody(self) -> Iterator[Person]:
        for people in self.people.values():
            yield from people

    def _final(self) -> dict[LogKey, list[Entry]]:
        """Read every log of these workspaces from the database itself."""
        final: dict[LogKey, list[Entry]] = {}
        with self.installation.connect() as connection:
            rows = connection.execute(
                "SELECT conversation_id::text, seq, public_seq, id::text, kind, client_id::text, body FROM conversations_message"
                " WHERE workspace_id = ANY(%s::uuid[]) ORDER BY conversation_id, seq",
                [list(self.people)],
            )
            for conversation, seq, public_seq, id_, kind, client_id, body in rows:
                cid = client_id if kind != "event" else ""
                final.setdefault(LogKey(conversation, "all"), []).append(Entry(seq, id_, cid, digest(body)))
                public = final.setdefault(LogKey(conversation, "public"), [])
                if public_seq is not None:
                    public.append(Entry(public_seq, id_, cid, digest(body)))
        return final

    async def _wait_until_complete(self, final: dict[LogKey, list[Entry]]) -> float:
        """Wait until every client holds the end of every log it follows; return how long that took."""
        started = time.monotonic()
        while time.monotonic() - started < CALM_SECONDS:
            behind = [
                view
                for person in self.everybody()
                for conversation, view in person.logs.items()
                if view.at != len(final.get(LogKey(conversation, person.client.log), ()))
            ]
            if not behind and not self._following:
                break
            await asyncio.sleep(0.05)
        return time.monotonic() - started

    async def _held(self) -> dict[tuple[str, str, str], Any]:
        """Return what every client must hold of lists and values, by asking anew, and write down what each does hold."""
        expected: dict[tuple[str, str, str], Any] = {}
        deadline = time.monotonic() + 10
        for person in self.everybody():
            wanted = await self._wanted(person)
            while (holding := _holding(person)) != wanted and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            for (query, key), value in holding.items():
                self.history.record("hold", client=person.client.name, query=query, key=key, value=value)
            expected |= {(person.client.name, query, key): value for (query, key), value in wanted.items()}
        return expected

    async def _wanted(self, person: Person) -> dict[tuple[str, str], Any]:
        client = person.client
        asked = "/conversations?limit=100" + ("&status=open" if isinstance(client, MemberClient) else "")
        rows = (await client.request("GET", asked)).data["items"]
        wanted: dict[tuple[str, str], Any] = {("rows", row["id"]): _shown(row) for row in rows}
        wanted["rows", "listed"] = sorted(row["id"] for row in rows)
        if isinstance(client, MemberClient):
            wanted["counts", ""] = (await client.request("GET", "/conversations/counts")).data
        else:
            wanted["unread", ""] = sum(row["unread"] for row in rows)
        return wanted

    def _strangers(self, final: dict[LogKey, list[Entry]]) -> list[str]:
        """Name what anybody saw of a workspace that isn't theirs."""
        homes = {person.client.name: workspace for workspace, people in self.people.items() for person in people}
        with self.installation.connect() as connection:
            rows = connection.execute("SELECT id::text, workspace_id::text FROM conversations_conversation").fetchall()
        workspaces = dict(rows)
        seen = ((event["client"], event["conv"]) for event in self.history if event["k"] in ("see", "snap"))
        return [f"{client} saw {conv}" for client, conv in set(seen) if workspaces.get(conv) != homes[client]]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a row shows; its version also counts what the list doesn't show."""
    names = ("status", "snoozed_until", "assignee", "last_message", "unread", "sort")
    return {name: row[name] for name in names if name in row}


def _holding(person: Person) -> dict[tuple[str, str], Any]:
    assert person.rows is not None
    rows = {key: row for key, row in person.rows.rows.items() if not row.get("removed")}
    holding: dict[tuple[str, str], Any] = {("rows", key): _shown(row) for key, row in rows.items()}
    holding["rows", "listed"] = sorted(rows)
    if "counts" in person.values:
        holding["counts", ""] = person.values["counts"].value
    else:
        holding["unread", ""] = (person.values["unread"].value or {}).get("unread")
    return holding


@dataclass
class Outcome:
    """What a run came to."""

    load: Load
    verdict: Verdict
    settle_seconds: float
    """From the end of the writing to the last answer."""
    calm_seconds: float
    """From the last answer to everybody's being complete."""
    strangers: list[str] = field(default_factory=list)
    deaths: Counter[str] = field(default_factory=Counter)

    @property
    def answers(self) -> Counter[str]:
        return sum((person.client.caller.answers for person in self.load.everybody()), Counter[str]())

    @property
    def sockets(self) -> Counter[str]:
        return sum((person.client.live.counts for person in self.load.everybody()), Counter[str]())
