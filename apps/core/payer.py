"""The payer: a thread of the worker that pays what is overdue although nobody nudged: the broker is gone, or the clock."""

from __future__ import annotations

import logging
import threading

from django.db import Error as DatabaseError
from django.db import close_old_connections

from apps.core import effects

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


def pay_for_ever(stop: threading.Event) -> None:
    """Look every five seconds for what has been due for a while, and pay it here; until told to stop."""
    while not stop.wait(LOOK_SECONDS):
        try:
            pay_overdue()
        except DatabaseError as error:
            logger.warning("can't look for what is owed: %s", type(error).__name__)
        finally:
            close_old_connections()


def pay_overdue() -> int:
    """Pay what neither a nudge nor the sweep has brought to a worker. Returns how much was paid."""
    return sum(effects.pay(id_) for id_, _lane in effects.due(effects.overdue_seconds()))
