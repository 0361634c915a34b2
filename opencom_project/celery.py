"""The Celery app: a pool for what is owed. Nothing depends on what it or its broker remembers."""

from __future__ import annotations

import os
import threading
from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opencom_project.settings")

app = Celery("opencom")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["apps.core"], related_name="effects")
app.autodiscover_tasks(["opencom_project"], related_name="schedule")


_shutting_down = threading.Event()


@worker_ready.connect
def pay_unasked(**_: Any) -> None:
    """Start paying what is overdue without being asked: so a worker needs neither broker nor clock."""
    from apps.core import payer

    threading.Thread(target=payer.pay_for_ever, args=[_shutting_down], name="payer", daemon=True).start()


@worker_shutting_down.connect
def stop_paying(**_: Any) -> None:
    _shutting_down.set()
