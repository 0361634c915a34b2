"""What must hold in the database whenever nothing is being written: each a query that must find no row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol


class Cursor(Protocol):
    """What psycopg's and Django's cursors share."""

    def execute(self, query: Any, params: Any = None, /) -> Any: ...
    def fetchmany(self, size: int = ..., /) -> Any: ...


INVARIANTS: dict[str, str] = {
    "every log is 1..n, and its conversation knows n": """
        SELECT c.id, c.head, log.* FROM conversations_conversation AS c LEFT JOIN (
          SELECT conversation_id, count(*) AS entries, min(seq) AS first, max(seq) AS last FROM conversations_message GROUP BY 1
        ) AS log ON log.conversation_id = c.id
        WHERE (log.entries, log.first, log.last) IS DISTINCT FROM (c.head, 1::bigint, c.head)
    """,
    "what the visitor sees is 1..n in the order of the whole log": """
        SELECT * FROM (
          SELECT conversation_id, seq, public_seq, row_number() OVER (PARTITION BY conversation_id ORDER BY seq) AS place
          FROM conversations_message WHERE kind = 'message'
        ) AS shown WHERE public_seq IS DISTINCT FROM place
    """,
    "a conversation knows how much its visitor sees": """
        SELECT c.id, c.public_head, (SELECT count(public_seq) FROM conversations_message AS m WHERE m.conversation_id = c.id) AS n
        FROM conversations_conversation AS c
        WHERE c.public_head <> (SELECT count(public_seq) FROM conversations_message AS m WHERE m.conversation_id = c.id)
    """,
    "only messages are numbered for the visitor": """
        SELECT id FROM conversations_message WHERE (kind = 'message') <> (public_seq IS NOT NULL)
    """,
    "no entry is dated before the one it follows": """
        SELECT * FROM (
          SELECT id, created_at, lag(created_at) OVER (PARTITION BY conversation_id ORDER BY seq) AS before FROM conversations_message
        ) AS dated WHERE created_at < before
    """,
    "nobody's client id is used twice in a conversation": """
        SELECT conversation_id, coalesce(visitor_id, member_id), client_id, count(*)
        FROM conversations_message WHERE kind <> 'event' GROUP BY 1, 2, 3 HAVING count(*) > 1
    """,
    "no conversation is without its first message": "SELECT id FROM conversations_conversation WHERE head = 0",
    "no start made two conversations": """
        SELECT visitor_id, client_id, count(*) FROM conversations_conversation GROUP BY 1, 2 HAVING count(*) > 1
    """,
    "the team's unread is exact": """
        SELECT c.id, c.unread_by_agents, c.seen_by_agents, counted.n FROM conversations_conversation AS c, LATERAL (
          SELECT count(*) AS n FROM conversations_message AS m
          WHERE m.conversation_id = c.id AND m.author_kind = 'visitor' AND m.seq > c.seen_by_agents
        ) AS counted WHERE c.unread_by_agents <> counted.n
    """,
    "the visitor's unread is exact": """
        SELECT c.id, c.unread_by_visitor, c.seen_by_visitor_public, counted.n FROM conversations_conversation AS c, LATERAL (
          SELECT count(*) AS n FROM conversations_message AS m
          WHERE m.conversation_id = c.id AND m.author_kind <> 'visitor' AND m.public_seq > c.seen_by_visitor_public
        ) AS counted WHERE c.unread_by_visitor <> counted.n
    """,
    "nobody has seen what isn't there": """
        SELECT id FROM conversations_conversation
        WHERE seen_by_agents > head OR seen_by_agents_public > public_head OR seen_by_visitor > head OR seen_by_visitor_public > public_head
    """,
    "what the visitor has seen is the same place in both numberings": """
        SELECT c.id, c.seen_by_visitor, c.seen_by_visitor_public FROM conversations_conversation AS c
        LEFT JOIN conversations_message AS m ON m.conversation_id = c.id AND m.public_seq = c.seen_by_visitor_public
        WHERE c.seen_by_visitor <> coalesce(m.seq, 0)
    """,
    "the row shows the log's last word": """
        SELECT c.id, c.last_kind, c.last_author_kind, m.kind, m.author_kind, c.last_at, m.created_at
        FROM conversations_conversation AS c JOIN LATERAL (
          SELECT * FROM conversations_message WHERE conversation_id = c.id AND kind <> 'event' ORDER BY seq DESC LIMIT 1
        ) AS m ON true
        WHERE (c.last_kind, c.last_author_kind, c.last_at) IS DISTINCT FROM (m.kind, m.author_kind, m.created_at)
           OR m.files = 0 AND left(c.last_preview, 20) <> left(btrim(regexp_replace(m.body, '\\s+', ' ', 'g')), 20)
    """,
    "the visitor's row shows the last word it may see": """
        SELECT c.id, c.public_last_author_kind, m.author_kind FROM conversations_conversation AS c JOIN LATERAL (
          SELECT * FROM conversations_message WHERE conversation_id = c.id AND public_seq IS NOT NULL ORDER BY seq DESC LIMIT 1
        ) AS m ON true
        WHERE c.public_last_author_kind <> m.author_kind
           OR m.files = 0 AND left(c.public_last_preview, 20) <> left(btrim(regexp_replace(m.body, '\\s+', ' ', 'g')), 20)
    """,
    "the status is what the log says was done last": """
        SELECT c.id, c.status, done.status FROM conversations_conversation AS c LEFT JOIN LATERAL (
          SELECT CASE WHEN kind = 'event' THEN data->>'event' ELSE 'open' END AS status FROM conversations_message
          WHERE conversation_id = c.id
            AND (kind = 'event' AND data->>'event' IN ('open', 'snoozed', 'closed') OR kind = 'message' AND author_kind = 'visitor')
          ORDER BY seq DESC LIMIT 1
        ) AS done ON true
        WHERE c.status <> coalesce(done.status, 'open')
    """,
    "the assignee is whom the log names last": """
        SELECT c.id, c.assignee_id, done.member FROM conversations_conversation AS c LEFT JOIN LATERAL (
          SELECT data->'member'->>'id' AS member FROM conversations_message
          WHERE conversation_id = c.id AND kind = 'event' AND data->>'event' IN ('assigned', 'unassigned') ORDER BY seq DESC LIMIT 1
        ) AS done ON true
        WHERE c.assignee_id::text IS DISTINCT FROM done.member
    """,
    "nothing was done that had been done already": """
        SELECT * FROM (
          SELECT conversation_id, seq, status, until, lag(status) OVER log AS before, lag(until) OVER log AS until_before FROM (
            SELECT conversation_id, seq, CASE WHEN kind = 'event' THEN data->>'event' ELSE 'open' END AS status, kind, data->>'until' AS until
            FROM conversations_message
            WHERE kind = 'event' AND data->>'event' IN ('open', 'snoozed', 'closed') OR kind = 'message' AND author_kind = 'visitor'
          ) AS done WINDOW log AS (PARTITION BY conversation_id ORDER BY seq)
        ) AS pairs JOIN conversations_message AS m USING (conversation_id, seq)
        WHERE m.kind = 'event' AND pairs.status = coalesce(pairs.before, 'open') AND pairs.until IS NOT DISTINCT FROM pairs.until_before
    """,
    "only the closed have an end, only the snoozed a waking": """
        SELECT id FROM conversations_conversation
        WHERE (status = 'closed') <> (closed_at IS NOT NULL) OR status <> 'snoozed' AND snoozed_until IS NOT NULL
    """,
    "a first response is noted if and only if there is one": """
        SELECT c.id FROM conversations_conversation AS c WHERE (c.first_response_at IS NOT NULL) <> EXISTS (
          SELECT FROM conversations_message AS m WHERE m.conversation_id = c.id AND m.kind = 'message' AND m.author_kind = 'member')
    """,
    "the inbox's counters are what counting finds": """
        SELECT * FROM (
          SELECT workspace_id, bucket, sum(n) AS kept FROM conversations_count GROUP BY 1, 2
        ) AS kept FULL JOIN (
          SELECT workspace_id, bucket, count(*) AS found FROM conversations_conversation,
            unnest(conversations_buckets(status, assignee_id, unread_by_agents)) AS bucket GROUP BY 1, 2
        ) AS found USING (workspace_id, bucket)
        WHERE coalesce(kept.kept, 0) <> coalesce(found.found, 0)
    """,
    "a message knows how many files it has": """
        SELECT m.id, m.files FROM conversations_message AS m
        WHERE m.files <> (SELECT count(*) FROM conversations_attachment AS a WHERE a.message_id = m.id)
    """,
    "nothing is in another workspace than what it belongs to": """
        SELECT m.id FROM conversations_message AS m JOIN conversations_conversation AS c ON c.id = m.conversation_id
          JOIN visitors_visitor AS v ON v.id = c.visitor_id
        WHERE m.workspace_id <> c.workspace_id OR c.workspace_id <> v.workspace_id OR m.visitor_id <> c.visitor_id
        UNION ALL
        SELECT a.id FROM conversations_attachment AS a JOIN conversations_message AS m ON m.id = a.message_id
        WHERE a.workspace_id <> m.workspace_id
    """,
    "what was done is on record, once, and nothing else is": """
        SELECT * FROM (
          SELECT conversation_id AS id, CASE WHEN data->>'event' IN ('assigned', 'unassigned')
            THEN 'conversation.assigned' ELSE 'conversation.status_changed' END AS action, count(*) AS done
          FROM conversations_message WHERE kind = 'event' GROUP BY 1, 2
        ) AS done FULL JOIN (
          SELECT subject_id AS id, action, count(*) AS recorded FROM audit_auditentry
          WHERE action IN ('conversation.assigned', 'conversation.status_changed') GROUP BY 1, 2
        ) AS recorded USING (id, action)
        WHERE done.done IS DISTINCT FROM recorded.recorded
    """,
    "every snooze with an end owes one waking": """
        SELECT * FROM (
          SELECT conversation_id::text AS id, count(*) AS snoozes FROM conversations_message
          WHERE kind = 'event' AND data->>'event' = 'snoozed' AND data->>'until' IS NOT NULL GROUP BY 1
        ) AS said FULL JOIN (
          SELECT payload->>'conversation' AS id, count(*) AS owed FROM core_effect WHERE kind = 'conversations.wake_up' GROUP BY 1
        ) AS debts USING (id)
        WHERE said.snoozes IS DISTINCT FROM debts.owed
    """,
    "every staged file owes its end": """
        SELECT a.id FROM conversations_attachment AS a
        WHERE NOT EXISTS (SELECT FROM core_effect AS e WHERE e.key = 'discard:' || a.id)
    """,
    "no effect is dead": "SELECT id, kind, key, attempts, last_error FROM core_effect WHERE state = 'dead'",
    "what is paid has an end, what isn't has none": """
        SELECT id, state, finished_at FROM core_effect WHERE (state = 'ready') <> (finished_at IS NULL)
    """,
    "nothing sleeps whose waking is paid": """
        SELECT c.id FROM conversations_conversation AS c JOIN core_effect AS e
          ON e.kind = 'conversations.wake_up' AND e.state = 'done' AND e.payload->>'conversation' = c.id::text
            AND (e.payload->>'until')::timestamptz = c.snoozed_until
        WHERE c.status = 'snoozed'
    """,
    "no waking is earlier than its time": """
        SELECT id, available_at, finished_at FROM core_effect WHERE kind = 'conversations.wake_up' AND finished_at < available_at
    """,
}

DATED = frozenset({"no entry is dated before the one it follows"})
"""What doesn't hold where the database's own clock went back: its dates are then wrong, and the order doesn't come from them."""

FILLED = frozenset({"what was done is on record, once, and nothing else is"})
"""What doesn't hold for conversations that were made in bulk: nobody did what their logs say."""


def broken(cursor: Cursor, without: Iterable[str] = ()) -> dict[str, list[Any]]:
    """Return the invariants that don't hold, each with the first rows that break it."""
    found = {}
    for name, query in INVARIANTS.items():
        if name not in without:
            cursor.execute(query)
            if rows := cursor.fetchmany(5):
                found[name] = list(rows)
    return found
