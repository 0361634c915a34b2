"""A mailer for a machine of one's own: mail stays in a folder, where a page shows it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage as Parsed
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from apps.core.mail.letter import Mail

SHOWN = 100
NAME = re.compile(r"[0-9a-f]{32}")


class FolderMailer(BaseEmailBackend):
    """Keeps each mail as a file named by its key: whole or not at all, once, and for the installation's account only."""

    def __init__(self, *, folder: str, **options: Any) -> None:
        super().__init__(**options)
        self.folder = Path(folder)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Keep them. Raises OSError where the folder can't be written."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            assert isinstance(message, Mail)
            draft = self.folder / f"{message.key}.new"
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(message.message().as_bytes())
            draft.replace(self.folder / f"{message.key}.eml")
        return len(email_messages)


@dataclass(frozen=True, slots=True)
class Kept:
    """A mail in the folder."""

    name: str
    subject: str
    to: str
    kept_at: datetime
    text: str
    html: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a mail's file. Raises OSError."""
        message: Parsed = message_from_bytes(path.read_bytes(), policy=policy.default)
        parts = {kind: message.get_body((kind,)) for kind in ("plain", "html")}
        said = {kind: str(part.get_content()) if part is not None else "" for kind, part in parts.items()}
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return cls(path.stem, str(message["Subject"]), str(message["To"]), at, said["plain"], said["html"])


def newest() -> Iterator[Kept]:
    """Yield the mails in the folder, the newest first, a hundred at most."""
    paths = sorted(Path(settings.MAIL_FOLDER).glob("*.eml"), key=lambda path: path.stat().st_mtime, reverse=True)
    yield from map(Kept.read, paths[:SHOWN])


def find(name: str) -> Kept | None:
    """Return the mail of this name."""
    path = Path(settings.MAIL_FOLDER) / f"{name}.eml"
    return Kept.read(path) if NAME.fullmatch(name) and path.is_file() else None
