"""Reading while somebody writes: what is unread is exact, whoever comes first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from apps.conversations import actions
from apps.core.isolation import scopes
from tests import factories
from tests.database import owner
from tests.live import wait_until

pytestmark = pytest.mark.usefixtures("committed")


def waiting_for_locks() -> int:
    # What another session waits for is shown to its own role and to the owner.
    with owner() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        found = cursor.fetchone()
    assert found is not None
    return int(found[0])


def read_while_writing(write: Callable[[], Any], read: Callable[[], Any]) -> None:
    """Begin to read when the writing is done and not committed yet, and commit when the reader waits for it."""

    def run() -> None:
        try:
            with scopes.every_workspace(scopes.MEASURING):
                read()
        finally:
            connection.close()

    reader = threading.Thread(target=run)
    with transaction.atomic():
        write()
        reader.start()
        wait_until(lambda: waiting_for_locks() == 1, "the reader waits for the writer")
    reader.join(10)


def test_a_message_that_arrives_while_an_agent_reads_stays_unread() -> None:
    workspace = factories.make_workspace()
    visitor, agent = factories.make_visitor(workspace), factories.make_member(workspace)
    conversation = factories.start(visitor)
    factories.send(conversation, visitor, "second")
    read_while_writing(
        lambda: factories.send(conversation, visitor, "third"), lambda: actions.mark_seen(conversation, 1, by=agent)
    )
    conversation.refresh_from_db()
    assert (conversation.head, conversation.seen_by_agents, conversation.unread_by_agents) == (3, 1, 2)


def test_an_answer_that_arrives_while_the_visitor_reads_stays_unread() -> None:
    workspace = factories.make_workspace()
    visitor, agent = factories.make_visitor(workspace), factories.make_member(workspace)
    conversation = factories.start(visitor)
    factories.send(conversation, agent, "first answer")
    read_while_writing(
        lambda: factories.send(conversation, agent, "second answer"),
        lambda: actions.mark_seen(conversation, 2, by=visitor),
    )
    conversation.refresh_from_db()
    assert (conversation.public_head, conversation.seen_by_visitor_public, conversation.unread_by_visitor) == (3, 2, 1)
