"""Effects: owed once, paid at least once and recorded once, in order where order counts, and never lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction

from apps.core import effects
from apps.core.clock import now
from apps.core.effects import Hopeless, Postponed
from apps.core.models import Effect
from apps.core.volatile import volatile
from opencom_project import schedule
from tests.core.conftest import Payer

LANES = ("interactive", "normal", "bulk")


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    if "committed" not in request.fixturenames:
        request.getfixturevalue("db")


@pytest.fixture
def queues() -> Iterator[Any]:
    """The broker's queues, empty before and after: (lane) → the messages in it."""

    def forget() -> None:
        volatile.call(lambda client: client.delete(*LANES))

    def waiting(lane: str) -> list[dict[str, Any]]:
        return [json.loads(message) for message in volatile.call(lambda client: client.lrange(lane, 0, -1)) or []]

    forget()
    yield waiting
    forget()


def owe(payer: Payer, key: str = "one", **fields: Any) -> Effect:
    with transaction.atomic():
        effects.owe(payer.kind, key=key, payload=fields.pop("payload", {"key": key}), **fields)
    return Effect.objects.get(key=key)


def let_the_pause_pass(owed: Effect) -> None:
    Effect.objects.filter(pk=owed.pk).update(available_at=now() - timedelta(seconds=1))


def let_the_lease_end(owed: Effect) -> None:
    Effect.objects.filter(pk=owed.pk).update(lease_until=now() - timedelta(seconds=1))


# Owing


def test_a_debt_owed_twice_under_one_key_is_one_debt(payer: Payer) -> None:
    owe(payer, payload={"first": 1})
    owe(payer, payload={"second": 2})
    assert Effect.objects.get().payload == {"first": 1}
    owe(payer, key="another")
    assert Effect.objects.count() == 2


def test_a_paid_debt_is_not_owed_again_under_its_key(payer: Payer) -> None:
    owed = owe(payer)
    assert effects.pay(owed.pk)
    owe(payer)
    assert [paid["key"] for paid in payer.paid] == ["one"]
    assert Effect.objects.get().state == "done"
    assert not effects.pay(owed.pk)


def test_a_debt_of_a_transaction_that_is_rolled_back_is_not_owed_and_nobody_is_nudged(
    committed: None, payer: Payer, queues: Any
) -> None:
    with transaction.atomic():
        effects.owe(payer.kind, key="one", payload={})
        transaction.set_rollback(True)
    assert not Effect.objects.exists()
    assert queues("normal") == []


def test_after_the_commit_the_broker_gets_the_id_and_nothing_else_in_the_lanes_queue(
    committed: None, urgent: Payer, bulky: Payer, queues: Any
) -> None:
    with transaction.atomic():
        effects.owe(urgent.kind, key="one", payload={"conversation": "secret-ish"})
        effects.owe(bulky.kind, key="two", payload={})
        assert queues("interactive") == [], "not before the commit"
    (message,) = queues("interactive")
    assert len(queues("bulk")) == 1
    assert queues("normal") == []
    assert "secret-ish" not in json.dumps(message)
    assert message["headers"]["argsrepr"] == f"({Effect.objects.get(key='one').pk},)"


def test_what_is_due_later_is_not_nudged_and_not_paid_before_its_time(
    committed: None, payer: Payer, queues: Any
) -> None:
    owed = owe(payer, available_at=datetime.now(UTC) + timedelta(hours=1))
    assert queues("normal") == []
    assert not effects.pay(owed.pk)
    assert effects.due() == []
    let_the_pause_pass(owed)
    assert effects.due() == [(owed.pk, "normal")]
    assert effects.pay(owed.pk)


def test_a_debt_can_be_cancelled_until_it_is_paid(payer: Payer) -> None:
    owed = owe(payer)
    assert effects.cancel("one")
    assert not effects.pay(owed.pk)
    assert payer.paid == []
    assert not effects.cancel("one")
    paid = owe(payer, key="two")
    effects.pay(paid.pk)
    assert not effects.cancel("two")
    assert Effect.objects.get().state == "done"


# Paying


def test_a_claimed_debt_is_not_claimed_again_while_the_lease_holds(payer: Payer) -> None:
    owed = owe(payer)
    again: list[bool] = []
    payer.behaves = [lambda row: again.append(effects.pay(row.pk))]
    assert effects.pay(owed.pk)
    assert again == [False]
    assert len(payer.paid) == 1


def test_a_debt_whose_worker_died_is_paid_by_another_when_the_lease_has_ended(payer: Payer) -> None:
    owed = owe(payer)
    claimed = effects._claim(owed.pk)
    assert claimed is not None
    assert claimed.attempts == 1
    assert effects.due() == [], "claimed and not yet late"
    let_the_lease_end(owed)
    assert effects.due() == [(owed.pk, "normal")]
    assert effects.pay(owed.pk)
    owed.refresh_from_db()
    assert (owed.state, owed.attempts) == ("done", 2)


def test_a_lease_given_before_the_clock_was_put_back_holds_nobody(payer: Payer) -> None:
    owed = owe(payer)
    assert effects._claim(owed.pk) is not None
    Effect.objects.filter(pk=owed.pk).update(lease_until=now() + timedelta(hours=2))
    assert effects.due() == [(owed.pk, "normal")]
    assert effects.pay(owed.pk)
    owed.refresh_from_db()
    assert (owed.state, owed.attempts) == ("done", 2)


@pytest.mark.parametrize("ending", [None, ValueError("too late"), Hopeless("never"), Postponed("later")])
def test_a_worker_that_lost_its_lease_cannot_record_an_outcome(payer: Payer, ending: Exception | None) -> None:
    """A zombie: paused past its lease, while another worker pays. Whatever it comes to, the other's record stays."""
    owed = owe(payer)
    recorded: list[Effect] = []

    def stalls(row: Effect) -> None:
        let_the_lease_end(row)
        assert effects.pay(row.pk), "another worker claims and pays"
        recorded.append(Effect.objects.get(pk=row.pk))
        if ending is not None:
            raise ending

    payer.behaves = [stalls]
    assert effects.pay(owed.pk)
    after = Effect.objects.get(pk=owed.pk)
    assert recorded[0].state == "done"
    for field in ("state", "finished_at", "last_error", "attempts", "available_at", "lease_token"):
        assert getattr(after, field) == getattr(recorded[0], field), field


def test_a_zombie_cannot_record_an_outcome_while_the_other_worker_still_pays(payer: Payer) -> None:
    owed = owe(payer)

    def stalls(row: Effect) -> None:
        let_the_lease_end(row)
        assert effects._claim(row.pk) is not None

    payer.behaves = [stalls]
    assert effects.pay(owed.pk)
    owed.refresh_from_db()
    assert (owed.state, owed.attempts, owed.finished_at) == ("ready", 2, None)


def test_a_failing_debt_is_tried_with_growing_pauses_and_is_dead_after_the_last(payer: Payer) -> None:
    owed = owe(payer)
    for attempt, pause in ((1, 10), (2, 100)):
        payer.behaves = [OSError("the secret in an error's text")]
        before = now()
        assert effects.pay(owed.pk)
        owed.refresh_from_db()
        assert (owed.state, owed.attempts, owed.last_error) == ("ready", attempt, "OSError")
        waits = (owed.available_at - before).total_seconds()
        assert pause * 0.5 - 1 <= waits <= pause + 1
        assert not effects.pay(owed.pk), "not before the pause has passed"
        let_the_pause_pass(owed)
    payer.behaves = [OSError("once more")]
    assert effects.pay(owed.pk)
    owed.refresh_from_db()
    assert (owed.state, owed.attempts, owed.last_error) == ("dead", 3, "OSError")
    assert owed.finished_at is not None
    let_the_pause_pass(owed)
    assert not effects.pay(owed.pk)
    assert effects.due() == []
    assert payer.paid == []


def test_a_debt_that_fails_once_is_paid_at_the_second_try(payer: Payer) -> None:
    owed = owe(payer)
    payer.behaves = [Postponed("the provider is busy")]
    effects.pay(owed.pk)
    owed.refresh_from_db()
    assert owed.last_error == "Postponed: the provider is busy"
    let_the_pause_pass(owed)
    effects.pay(owed.pk)
    owed.refresh_from_db()
    assert (owed.state, owed.last_error, len(payer.paid)) == ("done", "", 1)


def test_a_hopeless_debt_is_dead_at_once_and_says_why(payer: Payer) -> None:
    owed = owe(payer)
    payer.behaves = [Hopeless("this address doesn't exist")]
    effects.pay(owed.pk)
    owed.refresh_from_db()
    assert (owed.state, owed.attempts, owed.last_error) == ("dead", 1, "this address doesn't exist")


def test_a_debt_of_a_kind_that_nobody_knows_is_dead_and_visible(payer: Payer) -> None:
    owed = owe(payer)
    Effect.objects.filter(pk=owed.pk).update(kind="test.removed")
    effects.pay(owed.pk)
    owed.refresh_from_db()
    assert (owed.state, owed.last_error) == ("dead", "No handler for test.removed")


def test_a_dead_debt_is_paid_after_a_requeue_with_fresh_tries(committed: None, payer: Payer) -> None:
    owed, other = owe(payer), owe(payer, key="two")
    payer.behaves = [Hopeless("down")]
    effects.pay(owed.pk)
    assert effects.requeue(Effect.objects.filter(pk=owed.pk)) == 1
    assert effects.requeue(Effect.objects.filter(pk=owed.pk)) == 0, "only what is dead"
    owed.refresh_from_db()
    assert (owed.state, owed.attempts, owed.finished_at) == ("ready", 0, None)
    assert effects.pay(owed.pk)
    assert [paid["key"] for paid in payer.paid] == ["one"]
    other.refresh_from_db()
    assert other.state == "ready"


# Order and lanes


def test_debts_of_one_order_key_are_paid_first_in_first_out(payer: Payer) -> None:
    first, second = (owe(payer, key=key, order_key="visitor 7") for key in ("one", "two"))
    free = owe(payer, key="free")
    assert [id_ for id_, _ in effects.due()] == [first.pk, free.pk]
    assert not effects.pay(second.pk), "not before the first"
    payer.behaves = [OSError()]
    effects.pay(first.pk)
    assert not effects.pay(second.pk), "not while the first will be tried again"
    let_the_pause_pass(first)
    assert effects.pay(first.pk)
    assert effects.pay(second.pk)
    assert [paid["key"] for paid in payer.paid] == ["one", "two"]


def test_a_dead_debt_does_not_hold_up_those_behind_it(payer: Payer) -> None:
    first, second = (owe(payer, key=key, order_key="visitor 7") for key in ("one", "two"))
    payer.behaves = [Hopeless("never")]
    effects.pay(first.pk)
    assert effects.due() == [(second.pk, "normal")]
    assert effects.pay(second.pk)


def test_paying_one_nudges_the_next_of_its_order_key(committed: None, payer: Payer, queues: Any) -> None:
    first, second = (owe(payer, key=key, order_key="visitor 7") for key in ("one", "two"))
    before = len(queues("normal"))
    effects.pay(first.pk)
    assert len(queues("normal")) == before + 1
    assert queues("normal")[0]["headers"]["argsrepr"] == f"({second.pk},)"


def test_the_urgent_lane_comes_first_however_late_it_was_owed(payer: Payer, urgent: Payer, bulky: Payer) -> None:
    rows = [owe(kind, key=str(number)) for number, kind in enumerate((bulky, payer, urgent))]
    assert effects.due() == [(rows[2].pk, "interactive"), (rows[1].pk, "normal"), (rows[0].pk, "bulk")]


# What the nudge lost


def test_the_sweep_finds_what_the_nudge_lost(committed: None, payer: Payer, queues: Any) -> None:
    owed = owe(payer)
    volatile.call(lambda client: client.delete(*LANES))
    schedule.JOBS["nudge what is owed"].run()
    (message,) = queues("normal")
    assert message["headers"]["argsrepr"] == f"({owed.pk},)"


def test_without_redis_the_worker_pays_what_is_due_without_being_asked(payer: Payer, settings: Any) -> None:
    settings.REDIS_URL = ""
    owe(payer)
    later = owe(payer, key="later", available_at=datetime.now(UTC) + timedelta(hours=1))
    assert effects.pay_overdue() == 1
    assert [paid["key"] for paid in payer.paid] == ["one"]
    later.refresh_from_db()
    assert later.state == "ready"


def test_with_redis_the_worker_pays_unasked_only_what_is_overdue(payer: Payer) -> None:
    assert django_settings.REDIS_URL
    owed = owe(payer)
    assert effects.pay_overdue() == 0, "the nudge is on its way"
    Effect.objects.filter(pk=owed.pk).update(available_at=now() - timedelta(seconds=effects.OVERDUE_SECONDS + 1))
    assert effects.pay_overdue() == 1


def test_a_broker_that_cannot_be_reached_costs_no_debt_and_raises_nothing(
    committed: None, payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise effects.BrokerError("connection refused")

    monkeypatch.setattr(effects.pay_task, "apply_async", refuse)
    owed = owe(payer)
    assert effects.due() == [(owed.pk, "normal")]
    assert not effects.nudge([(owed.pk, "normal")])


def test_old_paid_debts_are_forgotten_and_open_and_dead_ones_are_kept(payer: Payer) -> None:
    paid, young, dead, _ = (owe(payer, key=key) for key in ("paid", "young", "dead", "ready"))
    effects.pay(paid.pk)
    effects.pay(young.pk)
    payer.behaves = [Hopeless("never")]
    effects.pay(dead.pk)
    long_ago = now() - timedelta(days=8)
    Effect.objects.filter(key__in=["paid", "dead"]).update(finished_at=long_ago)
    Effect.objects.filter(key="ready").update(available_at=long_ago)
    assert effects.forget_done() == 1
    assert set(Effect.objects.values_list("key", flat=True)) == {"young", "dead", "ready"}


def test_finding_what_is_due_reads_what_is_due_and_not_the_whole_history(payer: Payer) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_effect (kind, key, lane, payload, state, finished_at) "
            "SELECT 'test.normal', 'old ' || n, 'normal', '{}', 'done', now() FROM generate_series(1, 5000) AS n"
        )
        cursor.execute("ANALYZE core_effect")
    owed = owe(payer)
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (ANALYZE, FORMAT JSON) SELECT id FROM core_effect WHERE state = 'ready' AND available_at <= now()"
        )
        (plan,) = cursor.fetchone()[0]
    assert plan["Plan"]["Actual Rows"] == 1
    assert "effect_due" in json.dumps(plan)
    assert effects.due() == [(owed.pk, "normal")]
