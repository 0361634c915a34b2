"""The Celery app: a pool for what is owed. Nothing depends on what it or its broker remembers."""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_ready, worker_shutting_down

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opencom_project.settings")

logger = logging.getLogger(__name__)

app = Celery("opencom")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["apps.core"], related_name="effects")
app.autodiscover_tasks(["opencom_project"], related_name="schedule")

LOOK_SECONDS = 5.0

_shutting_down = threading.Event()


@beat_init.connect
def set_the_clock(**_: Any) -> None:
    """Give the beat its schedule; the other processes don't need it."""
    from opencom_project.schedule import SCHEDULE

    app.conf.beat_schedule = SCHEDULE


@worker_ready.connect
def work_unasked(**_: Any) -> None:
    """Start doing what is late without being asked, so that a worker needs neither broker nor beat."""
    threading.Thread(target=_work_unasked, name="unasked", daemon=True).start()


@worker_shutting_down.connect
def stop_working(**_: Any) -> None:
    _shutting_down.set()


def _work_unasked() -> None:
    from django.db import Error as DatabaseError
    from django.db import close_old_connections

    from apps.core import effects
    from opencom_project import schedule

    while not _shutting_down.wait(LOOK_SECONDS):
        try:
            effects.pay_overdue()
            schedule.run_late()
        except DatabaseError as error:
            logger.warning("can't look for what is late: %s", type(error).__name__)
        finally:
            close_old_connections()
