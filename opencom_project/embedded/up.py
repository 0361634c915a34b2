"""`up`: everything from an empty folder to a running product, with what it does shown as it does it."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable

from .. import processes
from .account import service_account
from .problem import Problem
from .services import Services
from .state import ENVIRONMENT, PROJECT_ROOT, State, open_state
from .supervisor import Program, Stopped, Supervisor

# What a person is told to visit, and where it is.
PAGES = (
    ("Dashboard", "/"),
    ("Demo customer page", "/demo/"),
    ("Mail it would send", "/mail/"),
    ("API docs", "/api/docs/"),
    ("Admin", "/admin/"),
)
SIGN_IN = "sign-in"
# What decides the database's shape, and the dashboard's collected files; the lock stands for the libraries' own.
SCHEMA_SOURCES = (
    *("requirements.lock", "opencom_project/settings.py", "opencom_project/management/commands/migrate.py"),
    *("apps/core/isolation/*.py", "apps/*/models.py", "apps/*/migrations/*.py"),
)
STATIC_SOURCES = ("requirements.lock", "opencom_project/settings.py", "static/**/*", "apps/*/static/**/*")
# What another terminal's `manage.py` needs to reach this run.
KEPT = (
    *(
        "SECRET_KEY",
        "ENCRYPTION_KEYS",
        "DEBUG",
        "PUBLIC_URL",
        "LIVE_URL",
        "ALLOWED_HOSTS",
        "CSRF_TRUSTED_ORIGINS",
        "MEDIA_ROOT",
    ),
    *("STATIC_ROOT", "DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL", "STATE_DIR"),
    *("GEOIP_PATH", "GEOIP_URL"),
    *("MAIL_URL", "MAIL_FROM", "MAIL_VIEWER", "SIGN_UP_OPEN"),
)


class Up:
    """One run of the whole product under this process."""

    def __init__(self, *, once: bool) -> None:
        self.once = once
        self.started = float(os.environ.get("OPENCOM_STARTED") or time.time())
        self.state: State = open_state(service_account())
        self.environment: dict[str, str] = {}

    def run(self) -> int:
        """Run until the end is asked for, or until the first message when `once`; return the exit status."""
        self._check_ports()
        self.state.claim()
        try:
            with Supervisor(self._say) as supervisor:
                try:
                    return self._run(supervisor)
                except Stopped:
                    self._say("stopping")
                    return 0
        finally:
            self.state.release()
            self._say("everything has stopped")

    def _run(self, supervisor: Supervisor) -> int:
        services = Services(self.state)
        self._say("starting " + services.describe())
        services.start(supervisor)
        self._say("the database is ready")
        self.environment = self._environment(services)
        self._save_environment()
        self._prepare(supervisor, trusted=services.postgres is not None)
        supervisor.start(*(self._program(name) for name in ("web", "live", "worker", "beat")))
        supervisor.wait_ready(lambda name: self._say(f"{name} is ready") if name in {"web", "live"} else None)
        if self.once:
            return self._first_message(supervisor)
        self._welcome()
        supervisor.watch()
        return 0

    def _check_ports(self) -> None:
        for port in (processes.web_port(os.environ), processes.live_port(os.environ)):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((processes.host(os.environ), port))
                except PermissionError:
                    raise Problem(
                        f"Port {port} is reserved for root: choose one above 1023, PORT=8000 make up"
                    ) from None
                except OSError:
                    raise Problem(
                        f"Port {port} is in use by another program: stop it, or choose two free ports in a row, "
                        f"PORT={port + 100} make up"
                    ) from None

    def _environment(self, services: Services) -> dict[str, str]:
        web = f"http://127.0.0.1:{processes.web_port(os.environ)}"
        defaults = {
            **self.state.secrets(),
            "DEBUG": "0",
            "PUBLIC_URL": web,
            "LIVE_URL": f"http://127.0.0.1:{processes.live_port(os.environ)}",
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "CSRF_TRUSTED_ORIGINS": web,
            "MEDIA_ROOT": str(self.state.media),
            "MAIL_VIEWER": "0" if os.environ.get("MAIL_URL") or os.environ.get("PUBLIC_URL") else "1",
            "SIGN_UP_OPEN": "1",
            "STATIC_ROOT": str(self.state.static),
            # Root on a machine of one's own is what `up` is for; anywhere else the container's account runs the worker.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges:UserWarning",
            "PYTHONUNBUFFERED": "1",
            **processes.ALLOCATOR,
        }
        chosen = {**defaults, **os.environ, **services.environment(), "STATE_DIR": str(self.state.directory)}
        # Compiled modules halve the start; some machines switch them off for everybody.
        chosen.pop("PYTHONDONTWRITEBYTECODE", None)
        return chosen

    def _save_environment(self) -> None:
        """Let `manage.py` in another terminal reach this run; the file holds the secret key, so it is ours alone."""
        kept = {name: self.environment[name] for name in KEPT if name in self.environment}
        self.state.write_note(ENVIRONMENT, json.dumps(kept, indent=1))

    def _prepare(self, supervisor: Supervisor, *, trusted: bool) -> None:
        """Bring database and files to this version; what this very code has prepared in our own folder is left as it is."""
        schema = fingerprint(SCHEMA_SOURCES)
        if not trusted or self.state.read_note("prepared") != schema:
            self._manage(supervisor, "migrate", "--no-input", "--verbosity", "0")
            self._say("the database has this version's shape")
            self.state.write_note("prepared", schema)
        # Its passwords are public, so it is made only where nobody else comes.
        private = self.environment["PUBLIC_URL"].startswith("http://")
        if self.state.read_note(SIGN_IN) is None and private and has_command("demo"):
            self._manage(supervisor, "demo", "--if-empty")
            self.state.write_note(SIGN_IN, self._capture("demo", "--print-sign-in"))
            self._say("the demo workspace is there")
        files = fingerprint(STATIC_SOURCES)
        if self.state.read_note("collected") != files:
            self._manage(supervisor, "collectstatic", "--no-input", "--clear", "--verbosity", "0")
            self._say("the dashboard's files are in place")
            self.state.write_note("collected", files)

    def _manage(self, supervisor: Supervisor, *words: str) -> None:
        status = supervisor.run(processes.manage(*words), self.environment, name=words[0], directory=PROJECT_ROOT)
        if status != 0:
            raise Problem(f"`manage.py {' '.join(words)}` failed with status {status}; what it said is above.")

    def _capture(self, *words: str) -> str:
        done = subprocess.run(
            processes.manage(*words),
            cwd=PROJECT_ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise Problem(f"`manage.py {' '.join(words)}` failed: {done.stderr.strip()}")
        return done.stdout

    def _program(self, name: str) -> Program:
        # What runs all day has no way to the database's owner.
        environment = {key: value for key, value in self.environment.items() if key != "OWNER_DATABASE_URL"}
        command = processes.PROCESSES[name](environment)
        ports = {"web": processes.web_port(os.environ), "live": processes.live_port(os.environ)}
        ready = (lambda: answers(processes.host(os.environ), ports[name])) if name in ports else None
        return Program(name, command, environment, directory=PROJECT_ROOT, ready=ready)

    def _first_message(self, supervisor: Supervisor) -> int:
        command = [sys.executable, "-m", "opencom_project.first_message", self.environment["PUBLIC_URL"]]
        sign_in = self.state.read_note(SIGN_IN) or ""
        status = supervisor.run(command, self.environment, name="message", directory=PROJECT_ROOT, given=sign_in)
        self._say("a message went both ways" if status == 0 else "the first message did not get through")
        return status

    def _welcome(self) -> None:
        web = self.environment["PUBLIC_URL"]
        lines = [f"  {title:<20} {web}{path}" for title, path in PAGES]
        print("\n" + "\n".join(lines))
        sign_in = self.state.read_note(SIGN_IN)
        if sign_in:
            print("\n" + "\n".join("  " + line for line in sign_in.strip().splitlines()))
        print("\n  Ctrl-C stops everything; the data stays in", self.state.directory, "\n", flush=True)

    def _say(self, text: str) -> None:
        print(f"[{time.time() - self.started:6.1f} s] {text}", flush=True)


def answers(host: str, port: int) -> bool:
    """Tell whether an HTTP server answers there, whatever it answers."""
    try:
        # An address that means "all of ours" is also one to connect to.
        with socket.create_connection((host, port), timeout=5) as client:
            client.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return client.recv(16).startswith(b"HTTP/1.1 ")
    except OSError:
        return False


def fingerprint(patterns: Iterable[str]) -> str:
    """Return a digest of the project's files that match: what they decide is up to date while it stays the same."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(path for pattern in patterns for path in PROJECT_ROOT.glob(pattern) if path.is_file()):
        digest.update(str(path.relative_to(PROJECT_ROOT)).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def has_command(name: str) -> bool:
    """Tell whether one of the apps has this management command; the demo's may have been left out."""
    return any(PROJECT_ROOT.glob(f"apps/*/management/commands/{name}.py")) or any(
        PROJECT_ROOT.glob(f"opencom_project/management/commands/{name}.py")
    )
