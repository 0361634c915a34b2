"""Reading lists as the API does, without HTTP: what a page costs, how many queries and rows it takes, and whether counters are exact."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.conversations import actions, inbox
from apps.conversations.items import message_items, row_item
from apps.conversations.models import Conversation, Message
from apps.core.cursors import Cursor
from apps.core.isolation import scopes
from apps.workspaces.models import Member
from bench.rounds import percentile

COUNTS = """
SELECT bucket, count(*) FROM conversations_conversation, unnest(conversations_buckets(status, assignee_id, unread_by_agents)) AS bucket
WHERE workspace_id = %s GROUP BY 1
"""
DAYS = 200
"""A page that begins within these days is full at every size."""
LAST = UUID(int=2**128 - 1)


class Lists:
    """Reads of one workspace, each as often as asked."""

    def time(self, what: str, workspace: str, times: int) -> dict[str, float]:
        """Run one of the reads so many times; return the median and the CPU time of this process, in ms each."""
        with scopes.workspace(workspace):
            return self._time(self._read(what, workspace), times)

    def _time(self, read: Callable[[], object], times: int) -> dict[str, float]:
        for _ in range(5):
            read()
        taken = []
        cpu = time.process_time()
        for _ in range(times):
            started = time.perf_counter()
            read()
            taken.append((time.perf_counter() - started) * 1000)
        return {"p50": percentile(taken, 0.5), "cpu_ms": (time.process_time() - cpu) * 1000 / times}

    def look(self, what: str, workspace: str) -> dict[str, Any]:
        """Run a read once and return its queries: how many, and how many rows each read from which table."""
        with scopes.workspace(workspace):
            return self._look(self._read(what, workspace))

    def _look(self, read: Callable[[], object]) -> dict[str, Any]:
        read()
        with CaptureQueriesContext(connection) as captured:
            read()
        statements = [query["sql"] for query in captured.captured_queries]
        rows: dict[str, int] = {}
        for statement in statements:
            for table, count in _rows_read(statement):
                rows[table] = rows.get(table, 0) + count
        return {"queries": len(statements), "rows": rows}

    def _read(self, what: str, workspace: str) -> Callable[[], object]:
        member = Member.objects.select_related("user", "workspace").filter(workspace_id=workspace, role="agent").first()
        assert member is not None
        reads: dict[str, Callable[[], object]] = {
            "inbox": lambda: self._page(member, random.randrange(DAYS)),
            "inbox_first": lambda: self._page(member, None),
            "conversation": lambda: self._conversation(member),
            "search": lambda: self._search(member, f"word{random.randrange(5000)}"),
            "search_common": lambda: self._search(member, "question"),
            "counts": lambda: inbox.counts(member),
            "one_row": _one_row,
        }
        return reads[what]

    def _page(self, member: Member, days: int | None) -> bytes:
        cursor = "" if days is None else Cursor.encode(timezone.now() - timedelta(days=days), LAST)
        page, following = inbox.page_of(inbox.listed(member), cursor)
        return msgspec.json.encode({"items": [row_item(row) for row in page], "next_cursor": following})

    def _search(self, member: Member, words: str) -> bytes:
        page, _ = inbox.page_of(inbox.listed(member, status="all", q=words))
        return msgspec.json.encode([row_item(row) for row in page])

    def _conversation(self, member: Member) -> bytes:
        """Read the newest page of the workspace's longest log."""
        conversation = self._longest(member)
        newest = Message.objects.visible_to(member).filter(conversation_id=conversation).order_by("-seq")[:51]
        return msgspec.json.encode(message_items(list(newest), member, "Vera"), enc_hook=str)

    def _longest(self, member: Member) -> UUID:
        if getattr(self, "_long", None) is None:
            longest = Conversation.objects.visible_to(member).order_by("-head").values_list("pk", flat=True).first()
            assert longest is not None
            self._long = longest
        return self._long

    def transitions(self, workspace: str, count: int) -> dict[str, Any]:
        """Change conversations at random, as people do, and compare the counters with a recount after it and after folding."""
        chance = random.Random(7)
        agents = list(Member.objects.select_related("user", "workspace").filter(workspace_id=workspace, role="agent"))
        rows = list(Conversation.objects.filter(workspace_id=workspace).select_related("visitor")[:500])
        started = time.perf_counter()
        for _ in range(count):
            row, agent = chance.choice(rows), chance.choice(agents)
            match chance.randrange(4):
                case 0:
                    actions.change_status(row, chance.choice(["open", "closed", "snoozed"]), by=agent)
                case 1:
                    actions.assign(row, chance.choice([agent, None]), by=agent)
                case 2:
                    actions.send_message(
                        row, by=row.visitor, body="And another thing.", client_id=UUID(int=chance.getrandbits(128))
                    )
                case _:
                    head = Conversation.objects.values_list("head", flat=True).get(pk=row.pk)
                    actions.mark_seen(row, head, by=agent)
        seconds = time.perf_counter() - started
        unfolded = self.wrong_counts(workspace)
        folded = inbox.fold_counts()
        return {
            "seconds": seconds,
            "wrong": unfolded + self.wrong_counts(workspace),
            "folded": folded,
        }

    def wrong_counts(self, workspace: str) -> int:
        """Return how many counters differ from a recount."""
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute(COUNTS, [workspace])
            counted = dict(cursor.fetchall())
            cursor.execute(
                "SELECT bucket, sum(n) FROM conversations_count WHERE workspace_id = %s GROUP BY 1 HAVING sum(n) <> 0",
                [workspace],
            )
            kept = {bucket: int(n) for bucket, n in cursor.fetchall()}
        return sum(counted.get(name, 0) != kept.get(name, 0) for name in counted.keys() | kept.keys())


def _one_row() -> object:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ran_at FROM core_job WHERE name = %s", ["bench"])
        return cursor.fetchone()


def _rows_read(statement: str) -> Iterator[tuple[str, int]]:
    """Yield the table and the rows read of each scan in the statement's plan, rows thrown away included."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
        plan = cursor.fetchone()[0]
    plans = [plan[0]["Plan"]] if isinstance(plan, list) else [msgspec.json.decode(plan)[0]["Plan"]]
    while plans:
        node = plans.pop()
        plans += node.get("Plans", [])
        if table := node.get("Relation Name"):
            dropped = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            yield table, round((node["Actual Rows"] + dropped) * node["Actual Loops"])
