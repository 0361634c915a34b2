"""Opencom's processes, started by the commands of production, on the test database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
from django.conf import settings
from django.db import connection

from opencom_project import processes
from tests.callers import API, Booted, SignedIn
from tests.database import database_url
from tests.live import LiveSocket, greeted

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 30.0


class Process:
    """One server process, ready when it answers at its health address."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], health: str, log: Path
    ) -> None:
        self.name = name
        self.health = health
        self.log = log
        with log.open("wb") as output:
            self.popen = subprocess.Popen(command, cwd=ROOT, env=dict(environment), stdout=output, stderr=output)

    def wait_ready(self) -> None:
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.popen.poll() is None, f"{self.name} ended: {self.log.read_text()}"
            assert time.monotonic() < until, f"{self.name} doesn't answer: {self.log.read_text()}"
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.health, timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class Installation:
    """Two web and two live processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[Process] = []
        self.webs: list[str] = []
        self.lives: list[str] = []

    def __enter__(self) -> Self:
        public = f"http://127.0.0.1:{free_port()}"
        for number in range(2):
            web_port, live_port = (public.rsplit(":", 1)[1] if number == 0 else str(free_port())), str(free_port())
            environment = environment_of(self.folder, public, PORT=web_port, LIVE_PORT=live_port)
            web, live = f"http://127.0.0.1:{web_port}", f"http://127.0.0.1:{live_port}"
            self._start(f"web-{number}", processes.web(environment), environment, f"{web}/healthz")
            self._start(f"live-{number}", processes.live(environment), environment, f"{live}/live/healthz")
            self.webs.append(web)
            self.lives.append(live)
        self.public = public
        for process in self.processes:
            process.wait_ready()
        return self

    def _start(self, name: str, command: Sequence[str], environment: Mapping[str, str], health: str) -> None:
        self.processes.append(Process(name, command, environment, health, self.folder / f"{name}.log"))

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.stop()

    def logs(self) -> str:
        return "\n".join(process.log.read_text() for process in self.processes)

    def call(self, web: int, caller: Booted | SignedIn, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Call one of the web processes as this caller; returns the status and what the JSON says."""
        return fetch(method, self.webs[web] + API + path, body, self._headers(caller))

    def socket_of(self, live: int, caller: Booted | SignedIn) -> LiveSocket:
        """Open a socket to one of the live processes, and say who it is."""
        origin = self.public if isinstance(caller, SignedIn) else caller.headers["Origin"]
        return greeted(LiveSocket("ws" + self.lives[live].removeprefix("http") + "/ws/", origin), caller)

    def _headers(self, caller: Booted | SignedIn) -> dict[str, str]:
        if isinstance(caller, Booted):
            return dict(caller.headers)
        caller.get("/session")
        cookies = {name: morsel.value for name, morsel in caller.client.cookies.items()}
        return {
            "Origin": self.public,
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": cookies.get(settings.CSRF_COOKIE_NAME, ""),
        }


def fetch(
    method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, seconds: float = 30
) -> tuple[int, Any]:
    """Make one request from outside; returns the status and what the JSON says (None where there is none)."""
    data = None if body is None else msgspec.json.encode(body, enc_hook=str)
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=seconds) as response:
            status, text = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    return status, msgspec.json.decode(text) if text else None


def environment_of(folder: Path, public: str, **more: str) -> dict[str, str]:
    """Return a process's environment: production's, but for the test database and cheap passwords."""
    return {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST", "TEST_DATABASE", "OWNER_DATABASE"))
        },
        "DATABASE_URL": database_url(str(connection.settings_dict["NAME"])),
        "DJANGO_SETTINGS_MODULE": "opencom_project.settings_test",
        "PUBLIC_URL": public,
        "MEDIA_ROOT": str(folder / "media"),
        "STATE_DIR": str(folder),
        **more,
    }


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
