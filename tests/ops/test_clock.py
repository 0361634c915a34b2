"""The clock: it knows only jobs that workers know, and it doesn't load what it doesn't need."""

import subprocess
import sys
from pathlib import Path

from celery import current_app

from opencom_project.celery import app
from opencom_project.processes import QUEUES
from opencom_project.schedule import SCHEDULE

ROOT = Path(__file__).resolve().parents[2]


def test_every_job_is_a_task_of_the_workers_and_goes_to_a_queue_they_serve() -> None:
    app.loader.import_default_modules()
    for name, entry in SCHEDULE.items():
        assert entry["task"] in current_app.tasks, name
        assert entry["options"]["queue"] in QUEUES.split(","), name


def test_a_job_that_nobody_took_is_worthless_before_many_of_them_wait() -> None:
    for name, entry in SCHEDULE.items():
        assert entry["options"]["expires"] <= 2 * entry["schedule"], name


def test_the_clock_does_not_load_the_apps() -> None:
    script = "import sys, opencom_project.clock; print([name for name in sys.modules if name.split('.')[0] == 'apps'])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, text=True, capture_output=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_clock_and_the_workers_agree_about_the_broker() -> None:
    script = "from opencom_project import clock, celery; print(clock.app.conf.broker_url == celery.app.conf.broker_url)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, text=True, capture_output=True, check=True)
    assert done.stdout.strip() == "True"
