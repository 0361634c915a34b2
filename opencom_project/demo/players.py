"""Visitors and agents who play dialogues to each other: each says its next line when it has seen the one before, as people do."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from opencom_project.demo.checker import Final, LogKey, Verdict, check, entries
from opencom_project.demo.clients import MemberClient, Place, VisitorClient
from opencom_project.demo.dialogues import Dialogue
from opencom_project.demo.history import History
from opencom_project.demo.live_client import LogView

TURN_SECONDS = 60.0
CLIENTS_A_DESK = 2
"""A socket takes six frames a second: so many conversations at once can be opened and left through one."""
NAMED = re.compile(r"Dialogue (\d+)")


class Stuck(Exception):
    """A line didn't arrive in time; says whose, and where."""


@dataclass
class Desk:
    """A member's dashboard: takes the conversations that are its turn, looks into some of the others'."""

    client: MemberClient
    found: dict[int, asyncio.Future[str]] = field(default_factory=dict)

    async def open(self) -> None:
        """Sign in and hold the inbox."""
        await self.client.enter()
        self.client.live.start()
        inbox = await self.client.hold_rows("inbox", "conversations.listForInbox", {"status": "all"})
        inbox.on_row = self._notice

    def _notice(self, row: dict[str, Any]) -> None:
        named = NAMED.fullmatch(row["visitor"]["name"])
        if named and not (waiting := self.conversation_of(int(named[1]))).done():
            waiting.set_result(row["id"])

    def conversation_of(self, number: int) -> asyncio.Future[str]:
        """Return the conversation of a dialogue, as soon as the inbox shows it."""
        return self.found.setdefault(number, asyncio.get_running_loop().create_future())


@dataclass
class Run:
    """A replay under way, and what it came to."""

    place: Place
    workspace: str
    desks: list[Desk]
    history: History
    final: dict[LogKey, Any] = field(default_factory=dict)
    followers: list[tuple[str, LogKey]] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    sockets: Counter[str] = field(default_factory=Counter)

    async def play(self, dialogue: Dialogue) -> None:
        """Play one dialogue to its end, and read its logs from both sides."""
        desk = self.desks[dialogue.number % len(self.desks)]
        onlooker = self.desks[(dialogue.number + 1) % len(self.desks)]
        visitor = VisitorClient(
            f"visitor-{dialogue.number}",
            self.place,
            self.history,
            workspace=self.workspace,
            shown_name=f"Dialogue {dialogue.number}",
        )
        scene = Scene(dialogue, visitor, desk, onlooker)
        try:
            await scene.play()
            self.final |= await scene.logs()
            self.followers += scene.followers()
        except (Stuck, TimeoutError) as error:
            self.stuck.append(f"dialogue {dialogue.number}: {type(error).__name__} {error}")
        finally:
            await scene.end()
            self.answers += visitor.caller.answers
            self.sockets += visitor.live.counts

    def verdict(self) -> Verdict:
        """Judge the run; the clients' own complaints are in ``sockets``."""
        final: Final = self.final
        return check(self.history, final, followers=self.followers)


@dataclass
class Scene:
    """One dialogue between one visitor and one desk, with another desk looking on."""

    dialogue: Dialogue
    visitor: VisitorClient
    desk: Desk
    onlooker: Desk
    conversation: str = ""
    views: list[LogView] = field(default_factory=list)

    async def play(self) -> None:
        """Say every line by who says it, each after having seen all before it. Raises Stuck."""
        await self.visitor.enter()
        self.visitor.live.start()
        said = shown = 0
        for who, text in self.dialogue.turns:
            if not self.conversation:
                await self._begin(who, text)
            else:
                await self._wait(
                    self.views[0] if who == "visitor" else self.views[1], shown if who == "visitor" else said
                )
                await self._say(who, text)
            said, shown = said + 1, shown + (who != "note")
        await self.desk.client.request("PUT", f"/conversations/{self.conversation}/status", {"status": "closed"})
        for view, end in zip(self.views, (shown, said + 1, said + 1), strict=True):
            await self._wait(view, end)

    async def _begin(self, who: str, text: str) -> None:
        """Start the conversation, and let the others find it as their screens show it."""
        visitor, member = self.visitor, self.desk.client
        if who == "visitor":
            self.conversation = await visitor.start(text)
        else:
            self.conversation = await member.start_with(visitor.visitor, text)
        for desk in (self.desk, self.onlooker):
            waiting = asyncio.shield(desk.conversation_of(self.dialogue.number))
            try:
                found = await asyncio.wait_for(waiting, TURN_SECONDS)
            except TimeoutError:
                raise Stuck(f"{desk.client.name}'s inbox doesn't show the conversation") from None
            if found != self.conversation:
                raise Stuck(f"{desk.client.name}'s inbox shows another conversation")
        self.views = [await client.follow(self.conversation) for client in (visitor, member, self.onlooker.client)]

    async def _say(self, who: str, text: str) -> None:
        if who == "visitor":
            await self.visitor.send(self.conversation, text)
        else:
            await self.desk.client.send(self.conversation, text, kind="note" if who == "note" else "message")

    async def _wait(self, view: LogView, at: int) -> None:
        """Return when a client has seen so much."""
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await view.reach(at)
        except TimeoutError:
            raise Stuck(f"{view.client} has seen {view.at} of {at} entries") from None

    async def logs(self) -> Final:
        """Read the conversation's log by both sides' API."""
        return {
            LogKey(self.conversation, "all"): entries(await self.desk.client.whole_log(self.conversation)),
            LogKey(self.conversation, "public"): entries(await self.visitor.whole_log(self.conversation)),
        }

    def followers(self) -> list[tuple[str, LogKey]]:
        return [(view.client, LogKey(self.conversation, view.log)) for view in self.views]

    async def end(self) -> None:
        """Leave; the desks let go of the conversation."""
        for desk in (self.desk, self.onlooker):
            await desk.client.live.unsubscribe(f"log:{self.conversation}")
        await self.visitor.leave()


async def play_all(
    place: Place,
    dialogues: Sequence[Dialogue],
    accounts: Sequence[tuple[str, str]],
    *,
    clients: int,
    progress: Callable[[int], None],
) -> Run:
    """Play the dialogues, so many at once, at desks of these accounts (e-mail and password): people with several tabs open."""
    history = History()
    people = itertools.islice(itertools.cycle(enumerate(accounts)), max(len(accounts), clients // CLIENTS_A_DESK))
    desks = [
        Desk(MemberClient(f"member-{number}-{desk}", place, history, email=email, password=password))
        for desk, (number, (email, password)) in enumerate(people)
    ]
    for desk in desks:
        await desk.open()
    run = Run(place, desks[0].client.workspace, desks, history)
    waiting = iter(dialogues)
    done = 0

    async def play_in_turn() -> None:
        nonlocal done
        for dialogue in waiting:
            await run.play(dialogue)
            done += 1
            progress(done)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(clients):
            tasks.create_task(play_in_turn())
    for desk in desks:
        await desk.client.leave()
        run.answers += desk.client.caller.answers
        run.sockets += desk.client.live.counts
    return run
