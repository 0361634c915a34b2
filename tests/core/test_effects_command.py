"""`manage.py effects`: what an operator sees of what is owed, and can do about it."""

from __future__ import annotations

from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.core import effects
from apps.core.models import Effect
from tests.core.conftest import Payer
from tests.database import nothing_happens

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> list[list[str]]:
    """Run the command and return its table, cell by cell; other lines are one cell."""
    call_command("effects", *arguments, stdout=(output := StringIO()))
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in output.getvalue().splitlines()]


def owe(kind: str, **fields: Any) -> Effect:
    key = str(uuid4())
    effects.owe(kind, key=key, payload={}, **fields)
    return Effect.objects.get(key=key)


def end(effect: Effect, state: str, days: int = 0) -> Effect:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_effect SET state = %s, finished_at = now() - make_interval(days => %s) WHERE id = %s",
            [state, days, effect.pk],
        )
    effect.refresh_from_db()
    return effect


def test_it_counts_by_lane_what_is_owed_due_paid_and_dead(payer: Payer, urgent: Payer) -> None:
    owe(payer.kind)
    owe(payer.kind, available_at="2099-01-01T00:00:00Z")
    end(owe(urgent.kind), "dead")
    end(owe(urgent.kind), "done")
    counted = {row[0]: row[1:] for row in said()}
    assert counted["lane"] == ["ready", "of which due", "done", "dead"]
    assert counted["normal"] == ["2", "1", "0", "0"]
    assert counted["interactive"] == ["0", "0", "1", "1"]
    assert counted["bulk"] == ["0", "0", "0", "0"]


def test_it_lists_by_state_kind_and_workspace_and_the_newest_first(payer: Payer, urgent: Payer) -> None:
    workspace = uuid4()
    first, second = owe(payer.kind), owe(payer.kind, workspace_id=workspace)
    third = end(owe(urgent.kind), "dead")

    def listed(*arguments: str) -> list[int]:
        return [int(row[0]) for row in said("list", *arguments)[2:]]

    assert listed() == [third.pk, second.pk, first.pk]
    assert listed("--state", "dead") == [third.pk]
    assert listed("--kind", payer.kind) == [second.pk, first.pk]
    assert listed("--workspace", str(workspace)) == [second.pk]
    assert listed("--limit", "1") == [third.pk]


def test_it_owes_dead_ones_again_by_id_or_all(payer: Payer) -> None:
    first, second = end(owe(payer.kind), "dead"), end(owe(payer.kind), "dead")
    assert said("retry", str(first.pk)) == [["1 owed again"]]
    assert sorted(Effect.objects.values_list("pk", "state")) == [(first.pk, "ready"), (second.pk, "dead")]
    assert said("retry", "--all-dead") == [["1 owed again"]]
    assert set(Effect.objects.values_list("state", "attempts")) == {("ready", 0)}


def test_what_is_not_dead_is_not_owed_again(payer: Payer) -> None:
    alive, dead = owe(payer.kind), end(owe(payer.kind), "dead")
    with nothing_happens(), pytest.raises(CommandError, match="Nothing was changed"):
        call_command("effects", "retry", str(alive.pk), str(dead.pk))
    with nothing_happens(), pytest.raises(CommandError):
        call_command("effects", "retry")


def test_a_reaction_that_failed_is_left_and_said_so() -> None:
    effects.bury("reaction", payload={}, error="why")
    with nothing_happens():
        assert said("retry", "--all-dead")[1][0].startswith("1 left")


def test_it_purges_what_ended_long_ago_and_nothing_else(payer: Payer) -> None:
    old_done, young_done = end(owe(payer.kind), "done", days=8), end(owe(payer.kind), "done", days=6)
    old_dead, alive = end(owe(payer.kind), "dead", days=8), owe(payer.kind)
    assert said("purge") == [["1 deleted"]]
    assert set(Effect.objects.all()) == {young_done, old_dead, alive}
    assert said("purge", "--state", "dead", "--days", "7") == [["1 deleted"]]
    assert said("purge", "--days", "0") == [["1 deleted"]]
    assert set(Effect.objects.all()) == {alive}
    assert old_done.pk
    with nothing_happens(), pytest.raises(CommandError):
        call_command("effects", "purge", "--days", "-1")
