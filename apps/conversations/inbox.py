"""The inbox: which conversations are in a list, in which order, page by page, and how many there are."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import F, QuerySet

from apps.conversations.models import Conversation, Message
from apps.core import limits
from apps.core.access import Actor
from apps.core.cursors import newest_first
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.search import prefix_query
from apps.visitors.directory import SEARCH, called
from apps.visitors.models import Visitor
from apps.workspaces.models import Member

COUNTERS = Exemption("the inbox's counters", "the clock adds up those of every workspace in one statement")
FOUND_MOST = 500
"""A search looks at this many of the newest matching messages: beyond that it isn't a search but a list."""
RECENT = 5000
"""How many of the newest messages are looked through for words that may be common."""


def listed(
    actor: Actor, *, status: str = "open", assignee: str = "", channel: str = "", q: str = ""
) -> QuerySet[Conversation]:
    """Return the conversations of a list, ready for ``row_item``. ``assignee``: a member's id, ``none``, or empty for all."""
    conversations: QuerySet[Conversation] = Conversation.objects.visible_to(actor)
    if status != "all":
        conversations = conversations.filter(status=status)
    if assignee:
        conversations = conversations.filter(assignee=None if assignee == "none" else UUID(assignee))
    if channel:
        conversations = conversations.filter(channel=channel)
    if text := q.strip():
        conversations = conversations.filter(pk__in=_found(actor, text))
    return conversations.select_related("visitor", "assignee__user")


def _found(actor: Actor, text: str) -> set[UUID]:
    """Return the conversations in which the text was found, or whose visitor is called so.

    They are found before the list is read: left to one statement, Postgres walks the whole list and asks of each row whether it was found.
    """
    people = Visitor.objects.visible_to(actor).filter(called(text)).values("pk")[:FOUND_MOST]
    theirs = Conversation.objects.visible_to(actor).filter(visitor__in=people).order_by("-last_at")
    with scopes.every_workspace(SEARCH):
        found = set(theirs.values_list("pk", flat=True)[:FOUND_MOST])
        return found | _mentioning(actor, text) if prefix_query(text) else found


def _mentioning(actor: Actor, text: str) -> set[UUID]:
    """Return the conversations of the newest messages that have all the words.

    A common word is looked for among the newest messages first: its index would have to be read, and all that it names sorted.
    """
    query = SearchQuery(prefix_query(text), search_type="raw", config="simple")
    visible = Message.objects.visible_to(actor).order_by("-created_at")
    matching = visible.filter(search=query)
    for oldest in visible.values_list("created_at", flat=True)[RECENT : RECENT + 1]:
        recent = matching.filter(created_at__gt=oldest).values_list("conversation_id", flat=True)[:FOUND_MOST]
        if len(recent) == FOUND_MOST:
            return set(recent)
    # Ordered by what no index is ordered by: a rare word is then found by its own index, not by walking through all messages.
    newest_first = matching.order_by((F("created_at") + timedelta(0)).desc())
    return set(newest_first.values_list("conversation_id", flat=True)[:FOUND_MOST])


def page_of(
    conversations: QuerySet[Conversation], cursor: str = "", limit: int = limits.PAGE_SIZE
) -> tuple[list[Conversation], str | None]:
    """Return a page, newest first, and the cursor of the next. Raises BadCursor."""
    return newest_first(conversations, "last_at", cursor, limit)


def own_page(
    visitor: Visitor, actor: Actor, cursor: str = "", limit: int = limits.PAGE_SIZE
) -> tuple[list[Conversation], str | None]:
    """Return a page of one visitor's conversations, newest first, and the cursor of the next. Raises BadCursor."""
    conversations = (
        Conversation.objects.visible_to(actor).filter(visitor=visitor).select_related("visitor", "assignee__user")
    )
    return newest_first(conversations, "public_last_at", cursor, limit)


def counts(member: Member) -> dict[str, int]:
    """Return how many conversations are in each list, exactly, from the counters that a trigger keeps."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bucket, sum(n) FROM conversations_count WHERE workspace_id = %s AND bucket = ANY(%s) GROUP BY bucket",
            [member.workspace_id, list(_buckets(member).values())],
        )
        found = {bucket: int(n) for bucket, n in cursor.fetchall()}
    return {name: found.get(bucket, 0) for name, bucket in _buckets(member).items()}


def _buckets(member: Member) -> dict[str, str]:
    return {
        "open": "open",
        "unassigned": "unassigned",
        "mine": f"member:{member.pk}",
        "snoozed": "snoozed",
        "closed": "closed",
        "unread": "unread",
        "mine_unread": f"unread:{member.pk}",
    }


def fold_counts() -> int:
    """Add up the counters' changes of the last seconds, so that reading them stays one short range. Returns how many were folded."""
    with scopes.every_workspace(COUNTERS), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH folded AS (
              DELETE FROM conversations_count AS c USING (
                SELECT workspace_id, bucket FROM conversations_count GROUP BY 1, 2 HAVING count(*) > 1
              ) AS many WHERE c.workspace_id = many.workspace_id AND c.bucket = many.bucket
              RETURNING c.workspace_id, c.bucket, c.n
            )
            INSERT INTO conversations_count (workspace_id, bucket, n) SELECT workspace_id, bucket, sum(n) FROM folded GROUP BY 1, 2
            """
        )
        return int(cursor.rowcount)
