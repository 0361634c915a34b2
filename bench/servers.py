"""Servers of one measurement: a floor, or one more process of the product, on a port of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from bench.product import NotStarted, free_ports
from bench.remote import ROOT
from opencom_project import processes
from opencom_project.embedded.supervisor import end_with_parent
from opencom_project.embedded.up import answers


class Server:
    """A server process; ready when the block is entered, gone when it is left."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], port: int) -> None:
        self.command = list(command)
        self.environment = dict(environment)
        self.port = port
        self.process: subprocess.Popen[bytes]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the server

    @classmethod
    def floor(cls, name: str, environment: Mapping[str, str] | None = None) -> Self:
        """Return the floor of this name. A floor may use the port after its own too."""
        port = free_ports(2)
        command = [sys.executable, "-m", f"bench.floors.{name}", str(port)]
        return cls(command, environment if environment is not None else os.environ, port)

    @classmethod
    def web(cls, environment: Mapping[str, str]) -> Self:
        """Return a web process more."""
        port = free_ports(2)
        changed = {**processes.ALLOCATOR, **environment, "PORT": str(port)}
        return cls(processes.web(changed), changed, port)

    @classmethod
    def live(cls, environment: Mapping[str, str]) -> Self:
        """Return a live process more."""
        port = free_ports(1)
        changed = {**processes.ALLOCATOR, **environment, "LIVE_PORT": str(port)}
        return cls(processes.live(changed), changed, port)

    @property
    def pid(self) -> int:
        return self.process.pid

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one thread
        )
        deadline = time.monotonic() + 30
        while not answers("127.0.0.1", self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self._end()
                self._said.seek(0)
                raise NotStarted(
                    f"{self.command[2]} didn't answer on port {self.port}: {self._said.read()[-500:].decode()}"
                )
            time.sleep(0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
