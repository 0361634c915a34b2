"""The beat process: sends what is due to the workers, by name.

It loads neither Django nor the apps, which it has no use for and which would double its memory. Reading the schedule does load
them, so a process that ends at once reads it.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
from typing import Any

from celery import Celery
from celery.apps.beat import Beat

READ_SCHEDULE = """
import django, json
django.setup()
from opencom_project.schedule import SCHEDULE
print(json.dumps(SCHEDULE))
"""


def make_app() -> Celery:
    """Return a Celery app that knows the broker and the schedule, and no task."""
    app = Celery("opencom", fixups=[], set_as_current=False)
    app.config_from_object("opencom_project.settings", namespace="CELERY")
    app.conf.beat_schedule = read_schedule()
    return app


def read_schedule() -> dict[str, Any]:
    """Return the schedule as `opencom_project.schedule` has it."""
    environment = {"DJANGO_SETTINGS_MODULE": "opencom_project.settings", **os.environ}
    done = subprocess.run([sys.executable, "-c", READ_SCHEDULE], env=environment, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit("The schedule can't be read; the reason is above.")
    return dict(json.loads(done.stdout))


def main() -> None:
    """Send what is due until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m opencom_project.clock", description=__doc__)
    parser.add_argument("--state", required=True, help="the file that keeps when each job was sent last")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    Beat(app=make_app(), schedule=options.state, loglevel="WARNING", redirect_stdouts=False, quiet=True).run()


if __name__ == "__main__":
    main()
