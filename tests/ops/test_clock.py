"""The clock: it sends what the schedule says, to queues that workers serve, and doesn't load what it doesn't need."""

import json
import subprocess
import sys
from pathlib import Path

from opencom_project.clock import read_schedule
from opencom_project.processes import QUEUES

ROOT = Path(__file__).resolve().parents[2]


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, text=True, capture_output=True, check=True)
    return done.stdout.strip()


def test_every_job_is_a_task_of_the_workers_and_goes_to_a_queue_they_serve() -> None:
    tasks = json.loads(
        run(
            "from opencom_project.celery import app; app.loader.import_default_modules(); "
            "import json; print(json.dumps(sorted(app.tasks)))"
        )
    )
    schedule = read_schedule()
    assert schedule
    for name, entry in schedule.items():
        assert entry["task"] in tasks, name
        assert entry["options"]["queue"] in QUEUES.split(","), name


def test_a_job_that_nobody_took_is_worthless_before_many_of_them_wait() -> None:
    for name, entry in read_schedule().items():
        assert entry["options"]["expires"] <= 2 * entry["schedule"], name


def test_the_clock_does_not_load_the_apps() -> None:
    loaded = run(
        "from opencom_project import clock; clock.make_app(); "
        "import sys; print([name for name in sys.modules if name.startswith(('apps.', 'django.db', 'django.apps'))])"
    )
    assert loaded == "[]"


def test_the_clock_and_the_workers_agree_about_the_broker() -> None:
    urls = run(
        "from opencom_project import celery, clock; "
        "print(clock.make_app().conf.broker_url, celery.app.conf.broker_url, sep='\\n')"
    )
    of_the_clock, of_the_workers = urls.splitlines()
    assert of_the_clock == of_the_workers
