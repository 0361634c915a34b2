"""The running product under the browsers: the processes of production, on the test database, each of which can be killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

import psutil

from opencom_project import processes
from opencom_project.embedded.supervisor import end_with_parent
from opencom_project.embedded.up import STATIC_SOURCES, fingerprint
from tests.processes import ROOT, environment_of, free_port

START_SECONDS = 60.0
Environment = Mapping[str, str]


class Server:
    """One process of the product. It ends with the tests, whatever becomes of them."""

    def __init__(
        self, name: str, command: Callable[[Environment], Sequence[str]], environment: Environment, ready: str
    ) -> None:
        self.name = name
        self.command = command
        self.environment = environment
        self.ready = ready
        self.log = Path(environment["STATE_DIR"]) / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                list(self.command(self.environment)),
                cwd=ROOT,
                env=dict(self.environment),
                stdout=output,
                stderr=output,
                preexec_fn=partial(end_with_parent, signal.SIGTERM),  # noqa: PLW1509
            )

    def wait(self) -> None:
        """Return when the process answers."""
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process is not None
            assert self.process.poll() is None, f"{self.name} ended: {self.log.read_text()}"
            assert time.monotonic() < until, f"{self.name} doesn't answer: {self.log.read_text()}"
            time.sleep(0.05)

    def _answers(self) -> bool:
        if not self.ready:
            return True
        try:
            with urllib.request.urlopen(self.ready, timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        """End it and its children at once, as a crash does: no goodbye, no last write."""
        assert self.process is not None
        family = psutil.Process(self.process.pid)
        for member in [family, *family.children(recursive=True)]:
            member.kill()
        self.process.wait()

    def restart(self) -> None:
        self.start()
        self.wait()

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


class Servers:
    """One web, one live and, when a test asks, one worker with its clock."""

    def __init__(self, folder: Path) -> None:
        ports = {"PORT": str(free_port()), "LIVE_PORT": str(free_port())}
        self.origin = f"http://127.0.0.1:{ports['PORT']}"
        self.live_origin = f"http://127.0.0.1:{ports['LIVE_PORT']}"
        self.provider_port = free_port()
        self.provider_origin = f"http://127.0.0.1:{self.provider_port}"
        # A build that somebody starts meanwhile takes away the files of the one before.
        shutil.copytree(os.environ.get("WIDGET_DIST", ROOT / "widget" / "dist"), folder / "widget")
        self.environment = environment_of(
            folder,
            self.origin,
            **ports,
            LIVE_URL=self.live_origin,
            ALLOWED_HOSTS="127.0.0.1,localhost",
            SIGN_UP_OPEN="1",
            # For the one provider of single sign-on that runs here.
            OUTBOUND_HTTP="1",
            OUTBOUND_PORTS=str(self.provider_port),
            OUTBOUND_NETWORKS="127.0.0.1/32",
            DJANGO_SETTINGS_MODULE="opencom_project.settings",
            # Everybody here comes from one address, faster than people are.
            LIMITS_ENFORCED="0",
            STATIC_ROOT=str(self._collected()),
            WIDGET_DIST=str(folder / "widget"),
            PYTHONWARNINGS="ignore:You're running the worker with superuser privileges:UserWarning",
            LOG_LEVEL="WARNING",
            **processes.ALLOCATOR,
        )
        self.environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
        self.web = Server("web", processes.web, self.environment, f"{self.origin}/healthz")
        self.live = Server("live", processes.live, self.environment, f"{self.live_origin}/live/healthz")
        self.worker = Server("worker", processes.worker, self.environment, "")
        self.beat = Server("beat", processes.beat, self.environment, "")

    def __enter__(self) -> Self:
        self._collect()
        for server in (self.web, self.live):
            server.start()
        for server in (self.web, self.live):
            server.wait()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self.beat, self.worker, self.live, self.web):
            server.stop()

    def work(self) -> None:
        """Start the worker and the clock, unless they run."""
        for server in (self.worker, self.beat):
            if server.process is None:
                server.start()

    @staticmethod
    def _collected() -> Path:
        """Return the folder of the dashboard's collected files: one for each state of their sources."""
        return Path(os.environ.get("STATE_DIR", ROOT / ".state")) / f"static-{fingerprint(STATIC_SOURCES)[:12]}"

    def _collect(self) -> None:
        final = self._collected()
        if final.is_dir():
            return
        for old in final.parent.glob("static-*"):
            shutil.rmtree(old)
        draft = final.with_name("static-draft")
        environment = self.environment | {"STATIC_ROOT": str(draft)}
        command = processes.manage("collectstatic", "--no-input", "--clear", "--verbosity", "0")
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        draft.rename(final)
