"""The beat process: sends what is due to the workers, by name.

It loads neither Django nor the apps, which it has no use for and which would double its memory. The schedule is in ``schedule``.
"""

import argparse
import logging

from celery import Celery
from celery.apps.beat import Beat

from opencom_project.schedule import SCHEDULE

app = Celery("opencom", fixups=[], set_as_current=False)
app.config_from_object("opencom_project.settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE


def main() -> None:
    """Send what is due until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m opencom_project.clock", description=__doc__)
    parser.add_argument("--state", required=True, help="the file that keeps when each job was sent last")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    Beat(app=app, schedule=options.state, loglevel="WARNING", redirect_stdouts=False, quiet=True).run()


if __name__ == "__main__":
    main()
