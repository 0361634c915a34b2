"""Filling a workspace with as many conversations as a measurement asks for, in a few statements."""

from __future__ import annotations

import time
from typing import Any

from django.db import connection

from apps.core.isolation.roles import as_owner

VISITORS_PER_CONVERSATION = 0.2
LONGEST_LOG = 1000
FILL = """
-- A million rows would fire a million triggers and check as many keys; what they would find is written once below.
SET LOCAL session_replication_role = replica;

INSERT INTO visitors_visitor (id, workspace_id, readable_id, name, email, external_id, attributes, device, page_url, page_title, referrer,
  locale, timezone, blocked, first_seen_at, last_seen_at)
SELECT bench_id('v', n), %(workspace)s, 'bench-visitor-' || n, 'Visitor ' || n, 'visitor' || n || '@mail' || n %% 500 || '.example', '', '{}', '{}',
  '', '', '', 'en', 'UTC', false, now() - n * interval '1 min', now() - n * interval '1 s'
FROM generate_series(1, %(visitors)s) AS n;

INSERT INTO conversations_conversation (id, workspace_id, visitor_id, client_id, channel, subject, status, assignee_id, version,
  public_version, head, public_head, unread_by_agents, unread_by_visitor, seen_by_agents, seen_by_agents_public, seen_by_visitor,
  seen_by_visitor_public, last_at, last_kind, last_preview, last_author_kind, last_author_name, public_last_at, public_last_preview,
  public_last_author_kind, public_last_author_name, closed_at, created_at)
SELECT bench_id('c', n), %(workspace)s, bench_id('v', 1 + n %% %(visitors)s), bench_id('k', n), 'chat', '', status,
  CASE WHEN chance < 0.6 THEN (%(agents)s::uuid[])[1 + n %% array_length(%(agents)s::uuid[], 1)] END,
  1, 1, size, size, CASE WHEN status = 'open' AND n %% 3 = 0 THEN 1 ELSE 0 END, 0, 0, 0, 0, 0,
  at, 'message', 'A question about order ' || n, 'visitor', '', at, 'A question about order ' || n, 'visitor', '',
  CASE WHEN status = 'closed' THEN at END, at
FROM (
  SELECT n, bench_chance(n) AS chance, now() - bench_chance(n + 7) * interval '400 days' AS at,
    CASE WHEN n = 1 THEN %(longest)s ELSE 1 END AS size,
    CASE WHEN bench_chance(n + 3) < 0.2 THEN 'open' WHEN bench_chance(n + 3) < 0.25 THEN 'snoozed' ELSE 'closed' END AS status
  FROM generate_series(1, %(conversations)s) AS n
) AS drawn;

INSERT INTO conversations_message (id, workspace_id, conversation_id, seq, public_seq, kind, author_kind, author_name, visitor_id,
  client_id, body, data, files, created_at)
SELECT bench_id('m', n), %(workspace)s, bench_id('c', n), 1, 1, 'message', 'visitor', '', bench_id('v', 1 + n %% %(visitors)s),
  bench_id('i', n), 'A question about order ' || n || ': ' || (%(words)s::text[])[1 + n %% 12] || ' ' || (%(words)s::text[])[1 + (n / 12) %% 12]
    || ' with word' || n %% 5000, '{}', 0, now() - bench_chance(n + 7) * interval '400 days'
FROM generate_series(1, %(conversations)s) AS n;

INSERT INTO conversations_message (id, workspace_id, conversation_id, seq, public_seq, kind, author_kind, author_name, visitor_id,
  client_id, body, data, files, created_at)
SELECT bench_id('l', n), %(workspace)s, bench_id('c', 1), n, n, 'message', 'visitor', '', bench_id('v', 2), bench_id('j', n),
  'Line ' || n || ' of a long conversation', '{}', 0, now() FROM generate_series(2, %(longest)s) AS n;

INSERT INTO conversations_count (workspace_id, bucket, n)
SELECT workspace_id, bucket, count(*)
FROM conversations_conversation, unnest(conversations_buckets(status, assignee_id, unread_by_agents)) AS bucket
WHERE workspace_id = %(workspace)s GROUP BY 1, 2
"""
FUNCTIONS = """
CREATE OR REPLACE FUNCTION bench_id(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
  $$ SELECT (lpad(to_hex(n), 12, '0') || substr(md5(kind || n), 1, 20))::uuid $$;
CREATE OR REPLACE FUNCTION bench_chance(n bigint) RETURNS float LANGUAGE sql IMMUTABLE AS
  $$ SELECT (hashint8(n)::bigint + 2147483648) / 4294967296.0 $$
"""
WORDS = [
    "delivery",
    "refund",
    "invoice",
    "password",
    "bicycle",
    "helmet",
    "size",
    "colour",
    "return",
    "warranty",
    "repair",
    "voucher",
]
# These are made anew after the rows are in: one by one they take most of the time.
SLOW_INDEXES = ("message_search", "visitor_search", "visitor_name_like", "visitor_email_like")


def conversations(workspace: str, count: int) -> dict[str, Any]:
    """Fill an empty workspace; return what was made and the seconds it took. Needs a database that nobody else uses, and its owner."""
    started = time.perf_counter()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '256MB'")
        cursor.execute("SELECT id FROM workspaces_member WHERE workspace_id = %s AND role = 'agent'", [workspace])
        values = {
            "workspace": workspace,
            "agents": [row[0] for row in cursor.fetchall()],
            "conversations": count,
            "visitors": max(10, int(count * VISITORS_PER_CONVERSATION)),
            "longest": LONGEST_LOG,
            "words": WORDS,
        }
        cursor.execute(FUNCTIONS)
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = ANY(%s)", [list(SLOW_INDEXES)])
        definitions = [row[0] for row in cursor.fetchall()]
        for name in SLOW_INDEXES:
            cursor.execute(f"DROP INDEX IF EXISTS {name}")
        cursor.execute("BEGIN")
        for statement in FILL.split(";\n"):
            cursor.execute(statement, values)
        cursor.execute("COMMIT")
        for definition in definitions:
            cursor.execute(definition)
        cursor.execute("VACUUM ANALYZE")
    return {"conversations": count, "visitors": values["visitors"], "seconds": time.perf_counter() - started}


def count_messages(workspace: str) -> int:
    """Return how many messages are stored in a workspace."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM conversations_message WHERE workspace_id = %s", [workspace])
        return int(cursor.fetchone()[0])
