"""From the command to a running product, to the first message, and what it holds when nobody uses it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.product import Product, free_ports, throwaway_folder
from bench.remote import ROOT
from bench.rounds import Sample, by_turns
from bench.rows import Goal, Row, compared, missing, single
from bench.stage import Stage
from bench.usage import proportional_kb

ONCE_SECONDS = 300
ROLES = ("postgres", "valkey", "web", "live", "worker", "clock")
STEP = re.compile(r"\[ *([\d.]+) s\] (.+)")


def measure(stage: Stage) -> Iterator[Row]:
    """Yield the warm start, beside that of the services alone, and the idle memory of the whole stack after it."""
    with throwaway_folder() as folder:
        product = Product(folder)
        try:
            cold = product.start()
            product.stop()

            def ours() -> Sample:
                seconds = product.start()
                product.stop()
                return Sample(seconds)

            starts = by_turns(stage.plan.starts, ours, lambda: Sample(_services_alone(product)))
            product.start()
            time.sleep(stage.plan.settle_seconds)
            held = {role: proportional_kb(product.pids(role)) / 1024 for role in ROLES}
            everything = proportional_kb(product.pids()) / 1024
        finally:
            product.stop()
    yield single("cold start, from an empty folder", "s", cold, note="libraries and widget were there")
    yield compared(
        "warm start until web and live answer", "s", starts, Goal(most=8), "the floor starts Postgres and Valkey alone"
    )
    yield single(
        "idle memory of everything (PSS)",
        "MB",
        everything,
        Goal(most=400),
        floor=held["postgres"] + held["valkey"],
        note="the floor is Postgres and Valkey; " + ", ".join(f"{role} {size:.0f}" for role, size in held.items()),
    )


def _services_alone(product: Product) -> float:
    """Return the seconds until a command beside the services alone runs."""
    command = [sys.executable, "-c", "import time; print(time.time())"]
    environment = product.base_environment()
    started = time.time()
    done = subprocess.run(
        [sys.executable, "-m", "opencom_project.embedded", "run", "--", *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1]) - started


def first_message(stage: Stage) -> Iterator[Row]:
    """Yield the seconds from `make up` to the first message, in an empty folder and in the same folder again."""
    with throwaway_folder() as folder:
        for name in ("an empty folder", "a folder in use"):
            yield _first_message(folder, name)


def _first_message(folder: Path, name: str) -> Row:
    metric = f"`make up` to the first message, {name}"
    make = shutil.which("make")
    if make is None:
        return missing(metric, "s", "there is no make here")
    environment = Product(folder).base_environment() | {"PORT": str(free_ports())}
    environment.pop("TRUSTED_PROXIES")
    environment.pop("MAKEFLAGS", None)
    environment.pop("OPENCOM_STARTED", None)
    done = subprocess.run(
        [make, "up", "ONCE=1"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=ONCE_SECONDS,
    )
    steps = {step: float(seconds) for seconds, step in STEP.findall(done.stdout)}
    if done.returncode != 0 or "a message went both ways" not in steps:
        return missing(metric, "s", "it failed: " + " / ".join(done.stdout.strip().splitlines()[-3:])[-300:])
    return single(metric, "s", steps["a message went both ways"], note="both ways, by the real sockets")
