"""A crowd of snoozed conversations that are all due at about the same moment: the effects that fault tests kill workers over."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from opencom_project.demo.clients import MemberClient, VisitorClient
from opencom_project.demo.history import History
from tests.chaos.installation import Installation
from tests.chaos.tenants import PASSWORD

MESSAGES_AT_ONCE = 18
"""A little less than a member may send in one burst."""


@dataclass
class Sleepers:
    """Conversations that nobody touches but the clock."""

    installation: Installation
    history: History = field(default_factory=History)
    conversations: list[str] = field(default_factory=list)
    members: list[MemberClient] = field(default_factory=list)

    async def lay_down(self, members: int = 5) -> None:
        """Make a conversation for each message that the members may send at once."""
        (tenant,) = await self.installation.tenants(1, members)
        place = self.installation.place
        visitor = VisitorClient(f"sleeper-{tenant['id']}", place, self.history, workspace=tenant["id"])
        await visitor.enter()
        for number, email in enumerate(tenant["emails"]):
            member = MemberClient(f"nurse-{number}-{tenant['id']}", place, self.history, email=email, password=PASSWORD)
            await member.enter()
            self.members.append(member)
        starts = (
            member.start_with(visitor.visitor, f"sleep {number}")
            for member in self.members
            for number in range(MESSAGES_AT_ONCE)
        )
        self.conversations = list(await asyncio.gather(*starts))
        visitor.caller.close()

    async def snooze(self, seconds: float) -> None:
        """Snooze them all until the same moment."""
        until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        for start in range(0, len(self.conversations), 100):
            chunk = self.conversations[start : start + 100]
            change = {"conversations": chunk, "change": {"status": "snoozed", "until": until}}
            await self.members[0].request("POST", "/conversations/bulk", change)

    async def wait_until_claimed(self, other_than: set[int]) -> set[int]:
        """Wait until a worker holds claims on wakings other than these, and return all that are held."""
        while not (held := await asyncio.to_thread(self.claimed)) - other_than:
            await asyncio.sleep(0.02)
        return held

    async def wait_until_awake(self, seconds: float) -> float:
        """Return how long it took until every one was open; fail after so many seconds."""
        started = time.monotonic()
        while left := await asyncio.to_thread(self.asleep):
            assert time.monotonic() - started < seconds, f"{left} of {len(self.conversations)} still sleep"
            await asyncio.sleep(0.25)
        return time.monotonic() - started

    def asleep(self) -> int:
        """Return how many are snoozed, or owed their waking."""
        with self.installation.connect() as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM conversations_conversation WHERE id = ANY(%(ids)s::text[]::uuid[]) AND status = 'snoozed')"
                " + (SELECT count(*) FROM core_effect WHERE state = 'ready' AND payload->>'conversation' = ANY(%(ids)s::text[]))",
                {"ids": self.conversations},
            ).fetchone()
        assert row is not None
        return int(row[0])

    def claimed(self) -> set[int]:
        """Return which of the effects that wake them are held by a lease."""
        with self.installation.connect() as connection:
            rows = connection.execute(
                "SELECT id FROM core_effect WHERE state = 'ready' AND lease_until > now() AND payload->>'conversation' = ANY(%s::text[])",
                [self.conversations],
            ).fetchall()
        return {int(row[0]) for row in rows}

    def wakings(self) -> dict[str, int]:
        """Count what the log says of each waking, and how often it was tried."""
        with self.installation.connect() as connection:
            opened = connection.execute(
                "SELECT count(*), count(DISTINCT conversation_id) FROM conversations_message WHERE conversation_id = ANY(%s::uuid[])"
                " AND kind = 'event' AND author_kind = 'system' AND data->>'event' = 'open'",
                [self.conversations],
            ).fetchone()
            tried = connection.execute(
                "SELECT count(*), sum(attempts), count(*) FILTER (WHERE attempts > 1), count(*) FILTER (WHERE state = 'done')"
                " FROM core_effect WHERE kind = 'conversations.wake_up' AND payload->>'conversation' = ANY(%s::text[])",
                [self.conversations],
            ).fetchone()
        assert opened is not None
        assert tried is not None
        names = ("opened", "conversations opened", "owed", "tries", "tried again", "paid")
        return dict(zip(names, (int(value or 0) for value in (*opened, *tried)), strict=True))

    def leave(self) -> None:
        """Let the members go."""
        for member in self.members:
            member.caller.close()
