"""One run: starts the product, takes the measurements that were asked for, and reports."""

from __future__ import annotations

import json
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg

from bench.database import PgbenchFailed
from bench.metrics import browser, fan_out, latency, lists, sockets, start, throughput
from bench.plan import Plan
from bench.product import NotStarted, Product, throwaway_folder
from bench.remote import ROOT, RemoteFailed
from bench.rows import Row, missing, number
from bench.stage import Say, Stage

Measurement = Callable[[Stage], Iterator[Row]]
MEASUREMENTS: Mapping[str, Measurement] = {
    "latency": latency.measure,
    "dom": browser.dom,
    "throughput": throughput.measure,
    "isolation": throughput.isolation,
    "fan-out": fan_out.measure,
    "idle": sockets.idle,
    "reconnect": sockets.reconnect,
    "inbox": lists.measure,
    "inbox-http": lists.http,
    "counters": lists.counters,
    "widget": browser.widget,
    "overload": throughput.overload,
    "start": start.measure,
    "first-message": start.first_message,
}
ALONE = {"start", "first-message"}
"""These start products of their own, and want the machine to themselves."""
FAILURES = (RemoteFailed, NotStarted, PgbenchFailed, psycopg.Error, subprocess.SubprocessError, OSError)


def run(plan: Plan, names: Sequence[str], say: Say) -> list[Row]:
    """Take the named measurements and return their rows. One that fails has a row that says why."""
    rows: list[Row] = []
    together = [name for name in names if name not in ALONE]
    with throwaway_folder() as folder:
        product = Product(folder)
        try:
            with Stage(product, plan, say) as stage:
                if together:
                    say(f"the product runs after {product.start():.1f} s")
                for name in together:
                    rows += _take(name, stage, say)
        finally:
            product.stop()
        for name in names:
            if name in ALONE:
                rows += _take(name, Stage(product, plan, say), say)
    return rows


def _take(name: str, stage: Stage, say: Say) -> list[Row]:
    started = time.perf_counter()
    rows = []
    try:
        for row in MEASUREMENTS[name](stage):
            say(f"{row.metric}: {number(row.ours)} {row.unit}" if row.ours is not None else f"{row.metric}: {row.note}")
            rows.append(row)
    except FAILURES as error:
        say(f"{name} failed: {error}")
        rows.append(missing(name, "", f"failed: {type(error).__name__}: {str(error).strip().splitlines()[-1][:200]}"))
    say(f"{name} took {time.perf_counter() - started:.0f} s")
    return rows


def write(path: Path, plan: Plan, rows: Sequence[Row], seconds: float) -> None:
    """Write the report as JSON, with where and how it was made."""
    report: dict[str, Any] = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cores": psutil.cpu_count(),
            "memory_mb": psutil.virtual_memory().total // 2**20,
            "load": psutil.getloadavg(),
        },
        "quick": plan.quick,
        "rounds": plan.rounds,
        "seconds": round(seconds, 1),
        "rows": [row.as_dict() for row in rows],
    }
    path.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _commit() -> str | None:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or None
