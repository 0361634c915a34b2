"""Keeps the worker's processes small: what the parent has loaded is shared with its children instead of copied."""

import gc
from typing import Any

from celery.signals import worker_before_create_process


@worker_before_create_process.connect
def share_with_children(**_: Any) -> None:
    """Take everything loaded so far out of the collector's sight: a collection in a child would write to, and so copy, all of it."""
    gc.collect()
    gc.freeze()
