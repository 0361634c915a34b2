"""What runs by the clock: once a period however many clocks there are, and also when nobody asks."""

from __future__ import annotations

import pytest
from django.db import connection

from opencom_project import schedule
from opencom_project.schedule import Job

pytestmark = pytest.mark.django_db


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs that have run, by name: one of ten seconds, one of an hour."""
    found: list[str] = []
    jobs = {
        "often": Job(lambda: found.append("often"), 10, "interactive"),
        "seldom": Job(lambda: found.append("seldom"), 3600, "bulk"),
    }
    monkeypatch.setattr(schedule, "JOBS", jobs)
    return found


def let_pass(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_job SET ran_at = ran_at - make_interval(secs => %s)", [seconds])


def test_a_job_asked_for_twice_within_its_period_runs_once(ran: list[str]) -> None:
    schedule.run("often")
    let_pass(10)
    for _clock in range(3):
        schedule.run("often")
    assert ran == ["often"]
    let_pass(10)
    schedule.run("often")
    assert ran == ["often", "often"]


def test_a_job_of_another_version_is_no_error(ran: list[str]) -> None:
    schedule.run("a job that was there once")
    assert ran == []


def test_jobs_that_nobody_asks_for_run_when_they_are_late(ran: list[str]) -> None:
    assert schedule.run_late() == 0, "a job that never ran waits for its time"
    let_pass(29)
    assert schedule.run_late() == 0, "late is three times the period"
    let_pass(1)
    assert schedule.run_late() == 1
    assert ran == ["often"]
    assert schedule.run_late() == 0
    let_pass(3 * 3600)
    assert schedule.run_late() == 2


def test_a_clock_that_is_put_back_stops_no_job(ran: list[str]) -> None:
    schedule.run("often")
    let_pass(10)
    schedule.run("often")
    let_pass(-7200)
    schedule.run("often")
    assert ran == ["often", "often"]
    schedule.run("often")
    assert ran == ["often", "often"]


@pytest.mark.parametrize("name", sorted(schedule.JOBS))
def test_every_job_can_run_when_there_is_nothing_to_do_and_twice(name: str) -> None:
    for _ in range(2):
        schedule.JOBS[name].run()
