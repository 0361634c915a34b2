"""The folder that holds everything a run keeps: the database, the queue, uploads and secrets."""

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import IO

from .account import Account, service_account
from .problem import Busy, Problem

PROJECT_ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = "environment.json"
LEAST_FREE_BYTES = 300 * 1024 * 1024
# A socket's address is at most 107 bytes on Linux and 103 on macOS; the longest name we put in the folder is Postgres's.
LONGEST_SOCKET_FOLDER = 103 - len("/.s.PGSQL.5432.lock")


def default_state_dir(account: Account | None) -> Path:
    """Return `.state` in the project, or a folder under /var/tmp where root's Postgres account can't reach that."""
    if account is None or account.can_enter(PROJECT_ROOT):
        return PROJECT_ROOT / ".state"
    digest = hashlib.sha256(str(PROJECT_ROOT).encode()).hexdigest()[:8]
    return Path("/var/tmp") / f"opencom-{digest}"


class State:
    """One run's folder. `claim` makes sure that no two runs share it."""

    def __init__(self, directory: Path, account: Account | None) -> None:
        self.directory = directory.absolute()
        self.account = account
        self._lock: IO[str] | None = None

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"

    @property
    def valkey(self) -> Path:
        return self.directory / "valkey"

    @property
    def media(self) -> Path:
        return self.directory / "media"

    @property
    def static(self) -> Path:
        return self.directory / "static"

    @property
    def logs(self) -> Path:
        return self.directory / "log"

    @property
    def sockets(self) -> Path:
        """The folder of the services' sockets: inside the state folder unless that makes their addresses too long."""
        inside = self.directory / "run"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER:
            return inside
        digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:12]
        return Path("/tmp") / f"opencom-{os.geteuid()}-{digest}"

    def claim(self) -> None:
        """Make the folder and hold it for this process, which must stay alive; raise when another run holds it."""
        self._make(self.directory, 0o711 if self.account else 0o700)
        lock = (self.directory / "lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise Busy(
                f"Opencom is already running from {self.directory} (process {holder}): "
                "stop it first, or give this run a folder and a port of its own: STATE_DIR=… PORT=…"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        self._check_space()
        if self.account and not self.account.can_enter(self.directory):
            raise Problem(
                f"Postgres runs as '{self.account.name}', who can't enter {self.directory}: "
                "choose a STATE_DIR outside private folders."
            )
        for folder in (self.valkey, self.media, self.logs):
            self._make(folder, 0o700)
        self._make(self.sockets, 0o711 if self.account else 0o700)

    def release(self) -> None:
        """Let another run use the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def secret_key(self) -> str:
        """Return this installation's secret key, made on first use and readable by its owner only."""
        return self._kept_secret("secret-key", 48)

    def encryption_key(self) -> str:
        """Return the key of this installation's secrets at rest, made on first use and readable by its owner only."""
        return self._kept_secret("encryption-key", 32)

    def secrets(self) -> dict[str, str]:
        """Return what this installation keeps secret, by the names of its variables."""
        return {"SECRET_KEY": self.secret_key(), "ENCRYPTION_KEYS": self.encryption_key()}

    def _kept_secret(self, name: str, size: int) -> str:
        path = self.directory / name
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text(encoding="ascii").strip()
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(size) + "\n")
        return path.read_text(encoding="ascii").strip()

    def read_note(self, name: str) -> str | None:
        """Return what `write_note` kept under this name, or None."""
        try:
            return (self.directory / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def write_note(self, name: str, text: str) -> None:
        """Keep a short text between runs, whole or not at all, for its owner only."""
        draft = self.directory / f"{name}.new"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(self.directory / name)

    def give_to_account(self, path: Path) -> None:
        """Make the account that Postgres runs as the owner of a file or folder."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

    def _make(self, folder: Path, mode: int) -> None:
        try:
            folder.mkdir(mode=mode, parents=True, exist_ok=True)
            status = folder.lstat()
            if status.st_uid != os.geteuid() or folder.is_symlink():
                raise Problem(f"{folder} belongs to another user: remove it, or set STATE_DIR to a folder of your own.")
            folder.chmod(mode)
        except PermissionError:
            raise Problem(f"{folder} can't be written: set STATE_DIR to a folder that you may write.") from None
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise disk_full(folder.parent) from None
            raise

    def _check_space(self) -> None:
        if shutil.disk_usage(self.directory).free < LEAST_FREE_BYTES:
            raise disk_full(self.directory)


def disk_full(directory: Path) -> Problem:
    """Return the problem of a disk without room for a database."""
    free = shutil.disk_usage(directory).free // (1024 * 1024)
    return Problem(
        f"The disk that holds {directory} is full ({free} MB free): make at least "
        f"{LEAST_FREE_BYTES // (1024 * 1024)} MB free, or set STATE_DIR to a folder on another disk."
    )


def open_state(account: Account | None) -> State:
    """Return the state folder of this run, from STATE_DIR or its default; not yet claimed."""
    chosen = os.environ.get("STATE_DIR")
    return State(Path(chosen) if chosen else default_state_dir(account), account)


def saved_environment() -> dict[str, str]:
    """Return the settings of this installation's `up`, for a command in another terminal; nothing where there was none."""
    try:
        text = open_state(service_account()).read_note(ENVIRONMENT)
        return dict(json.loads(text)) if text else {}
    except (Problem, PermissionError):
        return {}
