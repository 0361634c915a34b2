"""Streams: what moved is told with the commit, never without it, and nothing that commits late is skipped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import redis
from django.conf import settings
from django.db import connection, transaction

from apps.core import rumours, streams
from apps.core.isolation import scopes
from apps.core.streams import Move
from tests.database import as_owner
from tests.live import wait_until

pytestmark = pytest.mark.usefixtures("committed")


@contextmanager
def open_transaction(work: Callable[[], Any]) -> Iterator[Callable[[], None]]:
    """Do some work in another connection's transaction and leave it open; the function that is returned commits it."""
    done, commit = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with scopes.every_workspace(scopes.MEASURING), transaction.atomic():
                work()
                done.set()
                commit.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert done.wait(10)

    def finish() -> None:
        commit.set()
        thread.join(10)

    try:
        yield finish
    finally:
        finish()


def moved(topic: str, **fields: Any) -> None:
    with transaction.atomic():
        streams.record([Move(topic, **fields)])


def topics(look: streams.Look) -> list[str]:
    return [topic for _, topic, _, _ in look.moves]


@pytest.fixture
def heard() -> Iterator[Callable[[], list[Any]]]:
    """What is spread as rumours from now on."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    listener = client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe(rumours.CHANNEL)
    wait_until(lambda: client.pubsub_numsub(rumours.CHANNEL)[0][1], "subscribed")
    found: list[Any] = []

    def so_far() -> list[Any]:
        while (message := listener.get_message(timeout=0.1)) is not None or listener.connection.can_read(0):
            if message is not None:
                found.append(msgspec.json.decode(message["data"]))
        return found

    yield so_far
    listener.close()
    client.close()


def test_a_look_finds_what_moved_since_the_last_one_and_what_exactly() -> None:
    fence = streams.look(None).fence
    moved("conversation:1", key="row", at=7)
    look = streams.look(fence)
    assert [move[1:] for move in look.moves] == [("conversation:1", "row", 7)]
    assert not look.overflown
    assert streams.look(look.fence).moves == []


def test_without_a_fence_nothing_is_returned_but_where_to_start() -> None:
    moved("conversation:1")
    look = streams.look(None)
    assert look.moves == []
    moved("conversation:2")
    assert topics(streams.look(look.fence)) == ["conversation:2"]


def test_a_transaction_that_commits_late_is_found_however_many_looks_have_passed() -> None:
    fence = streams.look(None).fence
    with open_transaction(lambda: streams.record([Move("late")])) as commit:
        moved("early")
        look = streams.look(fence)
        assert topics(look) == ["early"]
        for number in range(3):
            moved(f"meanwhile {number}")
            look = streams.look(look.fence)
            assert f"meanwhile {number}" in topics(look)
            assert "late" not in topics(look)
        commit()
        assert "late" in topics(streams.look(look.fence))


def test_a_move_found_twice_carries_the_same_row_id() -> None:
    fence = streams.look(None).fence
    with open_transaction(lambda: streams.record([Move("late")])):
        moved("early")
        first = streams.look(fence)
        second = streams.look(first.fence)
        assert {move[0] for move in first.moves} <= {move[0] for move in second.moves}


def test_what_is_rolled_back_is_never_told(heard: Callable[[], list[Any]]) -> None:
    fence = streams.look(None).fence
    with transaction.atomic():
        streams.record([Move("undone")])
        transaction.set_rollback(True)
    with transaction.atomic():
        with transaction.atomic():
            streams.record([Move("undone too")])
            transaction.set_rollback(True)
        streams.record([Move("done")])
    assert topics(streams.look(fence)) == ["done"]
    assert [move[1] for rumour in heard() for move in rumour["moved"]] == ["done"]


def test_the_rumour_is_spread_after_the_commit_and_names_the_row(heard: Callable[[], list[Any]]) -> None:
    fence = streams.look(None).fence
    with transaction.atomic():
        streams.record([Move("conversation:1", at=3)])
        assert heard() == []
    (move,) = streams.look(fence).moves
    assert heard() == [{"moved": [list(move)]}]


def test_more_rows_than_one_look_takes_is_said_to_be_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LOOK_MOST", 5)
    fence = streams.look(None).fence
    with transaction.atomic():
        streams.record([Move(f"topic {number}") for number in range(6)])
    assert streams.look(fence).overflown


def test_what_a_crash_of_the_database_empties_begins_another_life() -> None:
    life = streams.look(None).life
    assert streams.look(None).life == life
    # What crash recovery does to everything unlogged.
    as_owner("ALTER SEQUENCE core_move_life RESTART; TRUNCATE core_move")
    moved("after")
    begun = streams.look("0")
    assert begun.life != life
    assert topics(begun) == ["after"]
    assert streams.look(None).life == begun.life


def test_no_row_s_number_is_ever_used_again_whatever_happens_to_the_rows() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE oid = 'core_move_number'::regclass")
        assert cursor.fetchone() == ("p",)
        cursor.execute(
            "SELECT column_default FROM information_schema.columns WHERE table_name = 'core_move' AND column_name = 'id'"
        )
        assert cursor.fetchone() == ("nextval('core_move_number'::regclass)",)


def test_old_rows_are_forgotten_and_young_ones_kept() -> None:
    fence = streams.look(None).fence
    moved("old")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_move SET made_at = now() - %s", [timedelta(seconds=streams.KEPT_SECONDS + 1)])
    moved("young")
    assert streams.forget_old() == 1
    assert topics(streams.look(fence)) == ["young"]


def test_with_redis_gone_an_action_still_commits_and_its_move_is_still_found(settings: Any) -> None:
    settings.REDIS_URL = ""
    fence = streams.look(None).fence
    moved("conversation:1")
    assert topics(streams.look(fence)) == ["conversation:1"]
    assert not rumours.spread([(1, "conversation:1", "", 0)])
