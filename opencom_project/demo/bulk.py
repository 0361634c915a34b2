"""Many conversations at once, for measuring: as the actions would have written them, but by a few statements a batch.

Rows are derived from the entries they belong to, and the inbox's counters by the database's own trigger, so all stays exact.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from apps.conversations.inbox import fold_counts
from apps.core import clock
from apps.core.isolation.roles import as_owner
from apps.visitors.readable_ids import readable_id
from apps.workspaces.models import Member, Workspace
from opencom_project.demo.cast import PAGES, PEOPLE
from opencom_project.demo.script import Done, Spoken, scenes

BATCH = 5_000
CONVERSATIONS_A_VISITOR = 2
SPAN = timedelta(days=365)
LONGEST_SHAPE = 6
STATEMENT_SECONDS = 600


def fill(workspace: Workspace, conversations: int) -> Iterator[int]:
    """Add conversations with their visitors and messages, the latest a moment ago; yields how many are there so far."""
    before = clock.now() - SPAN
    members = list(Member.objects.filter(workspace=workspace).order_by("created_at").values_list("pk", flat=True))
    for done in range(0, conversations, BATCH):
        count = min(BATCH, conversations - done)
        start = before + SPAN * (done / conversations)
        step = SPAN / conversations
        with transaction.atomic():
            _batch(workspace, members, count, start, step)
        yield done + count
    fold_counts()
    _analyze()


def _batch(workspace: Workspace, members: list[uuid.UUID], count: int, start: datetime, step: timedelta) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")
        cursor.execute(_SHAPES_TABLE)
        cursor.executemany("INSERT INTO shape VALUES (%s, %s, %s, %s, %s, %s)", _shape_rows())
        cursor.execute("CREATE TEMP TABLE who (n int, id uuid, name text) ON COMMIT DROP")
    _add_visitors(workspace, -(-count // CONVERSATIONS_A_VISITOR), start, step)
    values: dict[str, Any] = {
        "workspace": workspace.pk,
        "members": members,
        "count": count,
        "start": start,
        "step": step,
        "each": CONVERSATIONS_A_VISITOR,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, values)
        # A temporary table is unknown to the planner until it is told.
        cursor.execute("CREATE INDEX ON entry (n, seq); ANALYZE entry")
        cursor.execute(_CONVERSATIONS, values)
        cursor.execute(_MESSAGES, values)


def _shape_rows() -> list[tuple[int, int, str, str, str, str]]:
    """Return the script's short scenes as (shape, seq, kind, author, body, what was done)."""
    rows: list[tuple[int, int, str, str, str, str]] = []
    number = 0
    for scene in scenes():
        if len(scene.lines) > LONGEST_SHAPE or any(isinstance(line, Spoken) and line.pictures for line in scene.lines):
            continue
        if any(isinstance(line, Done) and line.verb == "snooze" for line in scene.lines):
            continue
        for seq, line in enumerate(scene.lines, start=1):
            if isinstance(line, Spoken):
                author = "visitor" if line.by == "v" else "member"
                rows.append((number, seq, "note" if line.note else "message", author, line.body, ""))
            else:
                rows.append((number, seq, "event", "member", "", line.verb))
        number += 1
    return rows


def _add_visitors(workspace: Workspace, count: int, start: datetime, step: timedelta) -> None:
    chance = random.Random(start.timestamp())
    columns = (
        "id, workspace_id, readable_id, name, email, external_id, attributes, device, page_url, page_title, referrer, locale,"
        " timezone, blocked, first_seen_at, last_seen_at"
    )
    people = []
    with connection.cursor() as cursor:
        # Rows can't be copied into a table with row-level security; they can be inserted from one without.
        cursor.execute(f"CREATE TEMP TABLE arrived ON COMMIT DROP AS SELECT {columns} FROM visitors_visitor LIMIT 0")
        with cursor.copy("COPY arrived FROM STDIN") as copy:
            for number in range(count):
                person = chance.choice(PEOPLE)
                at = start + step * number * CONVERSATIONS_A_VISITOR
                id_ = _id_of(at, chance)
                name = f"{person.name.split()[0]} {number % 97:02}" if person.name and chance.random() < 0.6 else ""
                people.append((number, id_, name))
                row = (
                    *(id_, workspace.pk, readable_id(id_), name, "", "", "{}", json.dumps(person.device)),
                    *(f"https://acme.example/{person.page}", PAGES[person.page], person.referrer, person.locale),
                    *(person.timezone, False, at, at),
                )
                copy.write_row(row)
        cursor.execute(f"INSERT INTO visitors_visitor ({columns}) SELECT * FROM arrived; DROP TABLE arrived")
        with cursor.copy("COPY who (n, id, name) FROM STDIN") as copy:
            for known in people:
                copy.write_row(known)


def _id_of(at: datetime, chance: random.Random) -> uuid.UUID:
    """Return an id as one made at that moment would be: version 7."""
    milliseconds = int(at.astimezone(UTC).timestamp() * 1000)
    value = milliseconds << 80 | 0x7 << 76 | chance.getrandbits(12) << 64 | 0b10 << 62 | chance.getrandbits(62)
    return uuid.UUID(int=value)


def _analyze() -> None:
    """Tell the planner what is there now: autovacuum would, but only after the first slow pages."""
    with as_owner(), connection.cursor() as cursor:
        for table in (
            "visitors_visitor",
            "conversations_conversation",
            "conversations_message",
            "conversations_count",
        ):
            cursor.execute(f"VACUUM (ANALYZE) {table}")


_SHAPES_TABLE = """
CREATE TEMP TABLE shape (shape int, seq int, kind text, author text, body text, done text) ON COMMIT DROP
"""

_ID = """
encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
  PLACING substring(int8send((extract(epoch FROM {at}) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
"""
"""A version 7 id made at a moment: the moment's milliseconds over the first 48 bits of a random one, and its version."""

_ENTRIES = f"""
CREATE TEMP TABLE entry ON COMMIT DROP AS
WITH planned AS MATERIALIZED (
  SELECT n, {_ID.format(at="%(start)s::timestamptz + n * %(step)s::interval")} AS conversation,
    gen_random_uuid() AS client_id,
    %(start)s::timestamptz + n * %(step)s::interval AS at,
    (%(members)s::uuid[])[1 + (n * 7) %% cardinality(%(members)s::uuid[])] AS member,
    (n * 31 + n / 97) %% (SELECT max(shape) + 1 FROM shape) AS shape
  FROM generate_series(0, %(count)s - 1) AS n
)
SELECT p.n, p.conversation, p.client_id, w.id AS visitor, w.name AS visitor_name, p.member, s.seq, s.kind, s.author, s.body, s.done,
  CASE WHEN s.kind = 'message'
    THEN count(*) FILTER (WHERE s.kind = 'message') OVER (PARTITION BY p.n ORDER BY s.seq) END AS public_seq,
  -- The last entry is when the conversation's turn was; the others came before it.
  p.at - (max(s.seq) OVER (PARTITION BY p.n) - s.seq) * interval '50 s' AS at,
  u.name AS member_name
FROM planned AS p
JOIN shape AS s ON s.shape = p.shape
JOIN who AS w ON w.n = p.n / %(each)s
JOIN workspaces_member AS m ON m.id = p.member
JOIN workspaces_user AS u ON u.id = m.user_id
"""

_CONVERSATIONS = """
INSERT INTO conversations_conversation (
  id, workspace_id, visitor_id, client_id, channel, subject, status, snoozed_until, assignee_id, version, public_version, head, public_head,
  unread_by_agents, unread_by_visitor, seen_by_agents, seen_by_agents_public, seen_by_visitor, seen_by_visitor_public,
  last_at, last_kind, last_preview, last_author_kind, last_author_name,
  public_last_at, public_last_preview, public_last_author_kind, public_last_author_name, first_response_at, closed_at, created_at)
WITH said AS (
  SELECT n, conversation, client_id, visitor, max(visitor_name) AS visitor_name, member, max(seq) AS head, max(public_seq) AS public_head,
    max(seq) FILTER (WHERE kind <> 'event') AS last_seq,
    max(seq) FILTER (WHERE kind = 'message') AS public_seq,
    max(seq) FILTER (WHERE done = 'close') AS closed_seq,
    max(seq) FILTER (WHERE done = 'open') AS opened_seq,
    coalesce(max(seq) FILTER (WHERE author = 'member'), 0) AS team_seq,
    bool_or(done = 'assign') AS assigned,
    min(at) AS first_at, max(at) AS ended_at,
    min(at) FILTER (WHERE kind = 'message' AND author = 'member') AS answered_at
  FROM entry GROUP BY n, conversation, client_id, visitor, member
), state AS (
  SELECT *, coalesce(closed_seq > coalesce(opened_seq, 0), false) AS closed FROM said
), seen AS (
  -- The team has read what came before its last entry, and the whole of what is closed; the visitor has read everything.
  SELECT s.*, CASE WHEN s.closed THEN s.head ELSE s.team_seq END AS read_to FROM state AS s
)
SELECT seen.conversation, %(workspace)s, seen.visitor, seen.client_id, 'chat', '',
  CASE WHEN seen.closed THEN 'closed' ELSE 'open' END, NULL, CASE WHEN seen.assigned THEN seen.member END,
  seen.head + 1, seen.public_head + 1, seen.head, seen.public_head,
  (SELECT count(*) FROM entry AS e WHERE e.n = seen.n AND e.author = 'visitor' AND e.seq > seen.read_to), 0,
  seen.read_to,
  coalesce((SELECT max(e.public_seq) FROM entry AS e WHERE e.n = seen.n AND e.seq <= seen.read_to), 0),
  seen.public_seq, seen.public_head,
  last.at, last.kind, left(btrim(regexp_replace(last.body, '\\s+', ' ', 'g')), 140), last.author,
  CASE WHEN last.author = 'member' THEN last.member_name ELSE seen.visitor_name END,
  public.at, left(btrim(regexp_replace(public.body, '\\s+', ' ', 'g')), 140), public.author,
  CASE WHEN public.author = 'member' THEN public.member_name ELSE '' END,
  seen.answered_at, CASE WHEN seen.closed THEN seen.ended_at END, seen.first_at
FROM seen
JOIN entry AS last ON last.n = seen.n AND last.seq = seen.last_seq
JOIN entry AS public ON public.n = seen.n AND public.seq = seen.public_seq
"""

_MESSAGES = f"""
INSERT INTO conversations_message
  (id, workspace_id, conversation_id, seq, public_seq, kind, author_kind, author_name,
   member_id, visitor_id, client_id, body, files, data, created_at)
SELECT {_ID.format(at="at")}, %(workspace)s, conversation, seq, public_seq, kind, author,
  CASE WHEN author = 'member' THEN member_name ELSE '' END,
  CASE WHEN author = 'member' THEN member END, CASE WHEN author = 'visitor' THEN visitor END,
  -- A conversation's first message carries the id of its start.
  CASE WHEN seq = 1 THEN client_id ELSE gen_random_uuid() END,
  body, 0,
  CASE done WHEN '' THEN jsonb_build_object()
    WHEN 'assign' THEN jsonb_build_object('event', 'assigned', 'member', jsonb_build_object('id', member, 'name', member_name))
    ELSE jsonb_build_object('event', CASE done WHEN 'close' THEN 'closed' ELSE done END, 'until', NULL) END,
  at
FROM entry ORDER BY n, seq
"""
