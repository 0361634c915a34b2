"""What a list costs: how many statements, and how many rows the database reads for it, counted by the database itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.conversations.models import Conversation, Message
from apps.core import live
from apps.visitors.models import Visitor
from apps.workspaces.models import Member, Workspace
from opencom_project.demo.bulk import fill
from tests import factories
from tests.callers import Booted, SignedIn
from tests.database import empty

CONVERSATIONS = 4000
PAGE = 50
CURSOR = 1
"""The row at which a cursor stands is looked at once more."""
LONG = 10_000
"""The entries of the longest conversation."""


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[Workspace]:
    """A workspace with thousands of conversations, beside another as full."""
    with django_db_blocker.unblock():
        for name in ("Beside", "Shop"):
            workspace = factories.make_workspace(name)
            factories.make_member(workspace, name="Ada")
            for _ in fill(workspace, CONVERSATIONS):
                pass
        long = Conversation.objects.filter(workspace=workspace).earliest("created_at")
        with connection.cursor() as cursor:
            cursor.execute(_LENGTHEN, {"conversation": long.pk, "entries": LONG})
            cursor.execute("VACUUM (ANALYZE) conversations_message, conversations_conversation, workspaces_member")
        yield workspace
        empty()


_LENGTHEN = """
WITH longer AS (
  UPDATE conversations_conversation SET head = head + %(entries)s, public_head = public_head + %(entries)s
  WHERE id = %(conversation)s RETURNING id, workspace_id, head - %(entries)s AS head, public_head - %(entries)s AS public_head
)
INSERT INTO conversations_message
  (id, workspace_id, conversation_id, seq, public_seq, kind, author_kind, author_name, client_id, body, files, data, created_at)
SELECT gen_random_uuid(), workspace_id, id, head + n, public_head + n, 'message', 'bot', 'Bot', gen_random_uuid(), 'Line ' || n, 0, '{}', now()
FROM longer, generate_series(1, %(entries)s) AS n
"""


@pytest.fixture
def member(filled: Workspace, django_db_blocker: Any) -> Iterator[SignedIn]:
    with django_db_blocker.unblock():
        yield SignedIn(Member.objects.select_related("user", "workspace").filter(workspace=filled, role="agent").get())


@dataclass
class Cost:
    """What a request took: its statements, and what it answered."""

    statements: list[str]
    answer: Any

    def about(self, table: str) -> list[str]:
        """Return the statements that read this table first."""
        return [sql for sql in self.statements if re.search(rf'FROM "?{table}"?[\s,)]', sql)]


def cost_of(caller: SignedIn, path: str, **params: Any) -> Cost:
    with CaptureQueriesContext(connection) as captured:
        response = caller.get(path, **params)
    assert response.status_code == 200, response.content
    return Cost([query["sql"] for query in captured.captured_queries], response.json())


def plan_of(sql: str) -> dict[str, Any]:
    """Return the statement's plan as it was really run."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        answer = cursor.fetchone()[0]
    plan: dict[str, Any] = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def rows_read(plan: dict[str, Any], table: str) -> int:
    """Return how many rows of a table were read, those that were then left out included."""
    removed = ("Rows Removed by Filter", "Rows Removed by Index Recheck", "Rows Removed by Join Filter")
    return sum(
        round(node["Actual Loops"] * (node["Actual Rows"] + sum(node.get(name, 0) for name in removed)))
        for node in nodes(plan)
        if node.get("Relation Name") == table
    )


def assert_page_of_index(sql: str, table: str, most: int = PAGE + 1) -> None:
    """Assert that a page reads its own rows and no more, in an index's order: nothing is sorted, nothing skipped."""
    plan = plan_of(sql)
    kinds = {node["Node Type"] for node in nodes(plan)}
    assert "Seq Scan" not in {node["Node Type"] for node in nodes(plan) if node.get("Relation Name") == table}, kinds
    assert 0 < rows_read(plan, table) <= most, json.dumps(plan, indent=1)[:3000]
    assert not kinds & {"Sort", "Incremental Sort", "Aggregate"}, kinds


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"status": "closed"},
        {"status": "all"},
        {"assignee": "none"},
        {"assignee": "me"},
        {"status": "closed", "assignee": "me"},
    ],
    ids=str,
)
def test_a_page_of_the_inbox_is_one_statement_that_reads_the_page(member: SignedIn, params: dict[str, str]) -> None:
    cost = cost_of(member, "/conversations", **params)
    assert len(cost.answer["items"]) == PAGE
    [page] = cost.about("conversations_conversation")
    assert_page_of_index(page, "conversations_conversation")
    assert rows_read(plan_of(page), "visitors_visitor") <= PAGE + 1
    assert len(cost.statements) <= 3, "the session, the member, the page"


def test_the_last_page_of_the_inbox_costs_no_more_than_the_first(member: SignedIn) -> None:
    cursor, pages = "", 0
    while True:
        cost = cost_of(member, "/conversations", status="all", limit=100, **({"cursor": cursor} if cursor else {}))
        pages += 1
        if cost.answer["next_cursor"] is None:
            break
        cursor, before = cost.answer["next_cursor"], cost
    assert pages == CONVERSATIONS // 100
    for reached in (before, cost):
        [page] = reached.about("conversations_conversation")
        # Where no more than two pages are left, the database may as well read all of it and sort.
        assert 0 < rows_read(plan_of(page), "conversations_conversation") <= 201 + CURSOR


def test_the_counters_read_a_row_each(member: SignedIn) -> None:
    cost = cost_of(member, "/conversations/counts")
    assert cost.answer["open"] + cost.answer["closed"] == CONVERSATIONS
    [counters] = cost.about("conversations_count")
    with connection.cursor() as cursor:
        cursor.execute(
            "SET enable_seqscan = off"
        )  # the table is smaller than a page, which is read as soon as an index's
        plan = plan_of(counters)
        cursor.execute("RESET enable_seqscan")
    assert 0 < rows_read(plan, "conversations_count") <= len(cost.answer)
    assert not cost.about("conversations_conversation")
    assert len(cost.statements) <= 3


@pytest.mark.parametrize("params", [{}, {"presence": "offline"}], ids=str)
def test_a_page_of_visitors_is_one_statement_that_reads_the_page(member: SignedIn, params: dict[str, str]) -> None:
    cost = cost_of(member, "/visitors", **params)
    assert len(cost.answer["items"]) == PAGE
    [page] = cost.about("visitors_visitor")
    assert_page_of_index(page, "visitors_visitor")
    assert len(cost.statements) <= 3
    following = cost_of(member, "/visitors", cursor=cost.answer["next_cursor"], **params)
    [page] = following.about("visitors_visitor")
    assert_page_of_index(page, "visitors_visitor", most=PAGE + 1 + CURSOR)


@pytest.mark.parametrize("params", [{}, {"before": 7000}, {"after": 7000}, {"after": 0}], ids=str)
def test_a_page_of_a_long_conversation_reads_the_page(member: SignedIn, params: dict[str, int]) -> None:
    long = Conversation.objects.filter(workspace=member.member.workspace).latest("head")
    cost = cost_of(member, f"/conversations/{long.pk}/messages", **params)
    assert len(cost.answer["items"]) == PAGE
    [page] = cost.about("conversations_message")
    assert_page_of_index(page, "conversations_message")
    assert len(cost.statements) <= 4, "the session, the member, the conversation, the page"


def test_messages_with_files_cost_one_statement_more_however_many_there_are(member: SignedIn) -> None:
    conversation = Conversation.objects.filter(workspace=member.member.workspace).latest("created_at")
    without = cost_of(member, f"/conversations/{conversation.pk}/messages")
    Message.objects.filter(conversation=conversation).update(files=1)
    with_files = cost_of(member, f"/conversations/{conversation.pk}/messages")
    assert len(with_files.statements) <= len(without.statements) + 1
    assert len(with_files.about("conversations_attachment")) == 1


def test_a_visitors_own_list_reads_their_own_conversations(filled: Workspace, member: SignedIn) -> None:
    conversation = Conversation.objects.filter(workspace=filled).latest("created_at")
    own = Conversation.objects.filter(visitor=conversation.visitor_id).count()
    with CaptureQueriesContext(connection) as captured:
        visitor = Visitor.objects.get(pk=conversation.visitor_id)
        found = live.snapshot(visitor, "conversations.listByVisitor", {}).items
    assert len(found) == own
    page = [query["sql"] for query in captured.captured_queries if "public_last_at" in query["sql"]][-1]
    assert rows_read(plan_of(page), "conversations_conversation") <= own


@pytest.mark.parametrize("name", ["conversations.listForInbox", "conversations.counts", "workspaceMembers.list"])
def test_a_live_query_of_the_inbox_is_one_statement(member: SignedIn, name: str) -> None:
    with CaptureQueriesContext(connection) as captured:
        live.snapshot(member.member, name, {})
    assert len(captured) == 1


def test_a_changed_row_of_the_inbox_is_read_by_its_key(member: SignedIn) -> None:
    query: Any = live.registry["conversations.listForInbox"]
    keys = [
        str(key)
        for key in Conversation.objects.filter(workspace=member.member.workspace).values_list("pk", flat=True)[:3]
    ]
    with CaptureQueriesContext(connection) as captured:
        query.changed(member.member, query.Params(), keys)
    assert len(captured) <= 2
    for statement in captured.captured_queries:
        plan = plan_of(statement["sql"])
        assert rows_read(plan, "conversations_conversation") <= len(keys) * 2


def test_a_search_looks_at_no_more_than_it_may(member: SignedIn) -> None:
    cost = cost_of(member, "/conversations", status="all", q="the")
    assert cost.answer["items"]
    *found, page = cost.about("conversations_conversation")
    assert all("LIMIT 500" in statement for statement in found)
    assert '"conversations_conversation"."id" IN (' in page, "the list is read from what was found"
    assert all("LIMIT 500" in statement or "LIMIT 1" in statement for statement in cost.about("conversations_message"))


def test_the_whole_boot_costs_few_statements(filled: Workspace, member: SignedIn) -> None:
    boot = {"workspace": str(filled.pk), "session_id": factories.session_id()}
    caller = Booted("", Visitor())
    del caller.headers["Authorization"]
    with CaptureQueriesContext(connection) as captured:
        first = caller.post("/widget/boot", boot)
    assert first.status_code == 200
    with CaptureQueriesContext(connection) as again:
        caller.post("/widget/boot", boot)
    assert len(again) <= len(captured) <= 20


def test_sequential_reading_would_be_found(member: SignedIn) -> None:
    sql = "SELECT * FROM conversations_conversation WHERE last_preview <> '' ORDER BY first_response_at LIMIT 51"
    with pytest.raises(AssertionError):
        assert_page_of_index(sql, "conversations_conversation")
