"""The running product: started by its own one command, with durable services, in a folder that is thrown away."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench import usage
from bench.remote import ROOT
from opencom_project.embedded.state import ENVIRONMENT
from opencom_project.embedded.supervisor import end_with_parent
from opencom_project.embedded.up import answers

READY_SECONDS = 120.0
STOP_SECONDS = 40.0
ROLES = {"postgres": "postgres", "valkey-server": "valkey", "granian": "web", "uvicorn": "live", "celery": "worker"}
NOT_OURS = (
    *("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL", "STATE_DIR", "SECRET_KEY", "PORT", "LIVE_PORT"),
    *("PUBLIC_URL", "LIVE_URL"),
)


class NotStarted(Exception):
    """The product didn't come up; carries the end of what it said."""


class Product:
    """One run of `up`. What it keeps between runs is in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_ports()
        self.process: subprocess.Popen[bytes] | None = None

    def base_environment(self) -> dict[str, str]:
        """Return the environment of a run: the caller's, less what leads to other services."""
        kept = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        # Clients say which address they stand for, as they do behind a proxy, and each is limited as in production.
        return kept | {"STATE_DIR": str(self.folder), "PORT": str(self.port), "TRUSTED_PROXIES": "127.0.0.1/32"}

    def start(self) -> float:
        """Start it and return the seconds until web and live answer. Raises NotStarted."""
        started = time.perf_counter()
        with (self.folder / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "opencom_project.embedded", "up"],
                cwd=ROOT,
                env=self.base_environment() | {"OPENCOM_STARTED": str(time.time())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one thread
            )
        deadline = started + READY_SECONDS
        while not (answers("127.0.0.1", self.port) and answers("127.0.0.1", self.port + 1)):
            if self.process.poll() is not None or time.perf_counter() > deadline:
                self.stop()
                raise NotStarted((self.folder / "up.log").read_text(encoding="utf-8", errors="replace")[-2000:])
            time.sleep(0.05)
        return time.perf_counter() - started

    def stop(self) -> None:
        """Stop it as an operator does, and wait."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def environment(self) -> Mapping[str, str]:
        """Return the environment in which our own processes find the running services."""
        kept: dict[str, str] = json.loads((self.folder / ENVIRONMENT).read_text(encoding="utf-8"))
        return self.base_environment() | {"DJANGO_SETTINGS_MODULE": "opencom_project.settings"} | kept

    def pids(self, *roles: str) -> list[int]:
        """Return the processes that play these roles (web, live, worker, postgres, valkey, clock); all of them without a role."""
        assert self.process is not None
        if not roles:
            return [self.process.pid]
        found = []
        for child in usage.tree(self.process.pid)[1:]:
            with contextlib.suppress(Exception):
                if child.ppid() == self.process.pid and _role(child.cmdline()) in roles:
                    found.append(child.pid)
        return found


def _role(command: list[str]) -> str:
    words = " ".join(command[:4])
    return next((role for word, role in ROLES.items() if word in words), "clock")


@contextmanager
def throwaway_folder() -> Iterator[Path]:
    """Give a folder that Postgres's own account can enter, and remove it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="opencom-bench-", dir="/var/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_ports(count: int = 2) -> int:
    """Return the first of so many ports in a row that nobody uses."""
    for _ in range(200):
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                for number in range(port + 1, port + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", number))
            except (OSError, OverflowError):
                continue
            return port
    raise NotStarted("There are no free ports in a row.")
