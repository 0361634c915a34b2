"""The unprivileged account that Postgres runs as when we are root: it refuses to run as root itself."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .problem import Problem

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """A user of this machine that a child process may run as."""

    name: str
    uid: int
    gid: int

    def spawn_options(self) -> dict[str, Any]:
        """Return the `subprocess` arguments that make a child run as this account, with no group of ours."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, directory: Path) -> bool:
        """Tell whether this account may pass through every folder down to `directory`."""
        resolved = directory.resolve()
        return all(self._may_search(folder) for folder in (resolved, *resolved.parents))

    def _may_search(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        if status.st_gid == self.gid:
            return bool(status.st_mode & 0o010)
        return bool(status.st_mode & 0o001)


def service_account() -> Account | None:
    """Return the account Postgres has to run as, or None when our own will do (we are not root)."""
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise Problem(
        "Postgres refuses to run as root and this machine has neither a user 'postgres' nor 'nobody': "
        "run this as an ordinary user, or set DATABASE_URL."
    )
