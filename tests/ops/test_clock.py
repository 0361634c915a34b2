"""The clock: it sends what the schedule says, to queues that workers serve, and doesn't load what it doesn't need."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from opencom_project.processes import QUEUES

ROOT = Path(__file__).resolve().parents[2]
CLOCK = """
import json, sys
from opencom_project import clock
app = clock.make_app()
loaded = [name for name in sys.modules if name.startswith(("apps.", "django.db", "django.apps"))]
print(json.dumps({"broker": app.conf.broker_url, "schedule": app.conf.beat_schedule, "loaded": loaded}))
"""
WORKER = """
import json
from opencom_project.celery import app
app.loader.import_default_modules()
print(json.dumps({"broker": app.conf.broker_url, "tasks": sorted(app.tasks)}))
"""


def run(script: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def clock() -> dict[str, Any]:
    return run(CLOCK)


@pytest.fixture(scope="module")
def worker() -> dict[str, Any]:
    return run(WORKER)


def test_every_job_is_a_task_of_the_workers_and_goes_to_a_queue_they_serve(
    clock: dict[str, Any], worker: dict[str, Any]
) -> None:
    assert clock["schedule"]
    for name, entry in clock["schedule"].items():
        assert entry["task"] in worker["tasks"], name
        assert entry["options"]["queue"] in QUEUES.split(","), name


def test_a_job_that_nobody_took_is_worthless_before_many_of_them_wait(clock: dict[str, Any]) -> None:
    for name, entry in clock["schedule"].items():
        assert entry["options"]["expires"] <= 2 * entry["schedule"], name


def test_the_clock_does_not_load_the_apps(clock: dict[str, Any]) -> None:
    assert clock["loaded"] == []


def test_the_clock_and_the_workers_agree_about_the_broker(clock: dict[str, Any], worker: dict[str, Any]) -> None:
    assert clock["broker"] == worker["broker"]
