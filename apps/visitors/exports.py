"""Exports: everything that is kept about a visitor, as JSON with its files, behind a link that opens once within a day.

A small copy is made when the link is used, so that none lies about. A large one is prepared by a worker, in steps: its file goes when it was
taken, or with its link.

In the archive: ``visitor.json`` says of whom it is and how many rows of which table; ``data/<table>-<number>.json`` has rows, ``files/`` the files.
"""

from __future__ import annotations

import re
import secrets
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO, Any
from uuid import UUID

import msgspec
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
from django.db.models.functions import Now

from apps.core import clock, effects, limits
from apps.core.events import emit
from apps.core.failpoints import failpoint
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.tokens import hash_token
from apps.visitors.events import ExportRequested, ExportTaken
from apps.visitors.models import ExportLink, Visitor
from apps.visitors.personal_data import Holding, holdings
from apps.workspaces.models import Member

TOKEN = re.compile(r"exp_[0-9a-f]{64}", re.ASCII)
LINKS = Exemption(
    "links to exports",
    "a link is found by its secret before it is known in whose workspace, and used up; old ones go by the clock",
)
IN_MEMORY = 8 * 1024 * 1024
VERSION = 2
STEP_ROWS = 2000
STEP_BYTES = 32 * 1024 * 1024
"""Files that go into an archive in one step."""
STEPS_SECONDS = 45.0
"""How long a worker stays with one copy before others of its lane have their turn; well within its lease."""
FOLDER = "exports"

State = ExportLink.State


class NotReady(Exception):
    """The copy is still being prepared."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link just made: the only moment its token is known in clear."""

    token: str
    expires_at: datetime
    row: ExportLink


@transaction.atomic
def request(visitor: Visitor, *, by: Member) -> Link:
    """Make a link to everything that is kept about a visitor: good once, within a day. On record. A large copy is prepared from now on."""
    token = "exp_" + secrets.token_hex(32)
    expected, weight = _extent(visitor)
    is_large = expected > limits.AT_ONCE_ROWS or weight > limits.AT_ONCE_BYTES
    row = ExportLink.objects.create(
        token_hash=hash_token(token),
        workspace_id=visitor.workspace_id,
        visitor=visitor,
        member=by,
        expires_at=clock.now() + timedelta(seconds=limits.EXPORT_LINK_SECONDS),
        state=State.PREPARING if is_large else State.READY,
        expected=expected,
        file=f"{FOLDER}/{secrets.token_hex(16)}.zip" if is_large else "",
    )
    emit(ExportRequested(actor=by, visitor=visitor))
    if is_large:
        _owe_step(row)
        # From the beginning: whatever becomes of the link, the file goes.
        _owe_deletion(row, at=row.expires_at)
    return Link(token, row.expires_at, row)


def _extent(visitor: Visitor) -> tuple[int, int]:
    """Return how many rows are kept about a visitor, and about how many bytes their files have."""
    rows = weight = 0
    for holding in holdings.values():
        rows += holding.rows(visitor.pk).order_by().count()
        if holding.files:
            weight += holding.rows(visitor.pk).order_by().aggregate(sum=models.Sum("size", default=0))["sum"]
    return rows, weight


def find(token: str) -> ExportLink | None:
    """Return the link, while it is good."""
    if TOKEN.fullmatch(token) is None:
        return None
    with scopes.every_workspace(LINKS):
        return ExportLink.objects.filter(token_hash=hash_token(token), expires_at__gt=Now()).first()


@transaction.atomic
def take(token: str) -> tuple[IO[bytes], Visitor] | None:
    """Use a link up and return the copy, a ZIP archive, with whom it is about; None where the link isn't good. On record. Raises NotReady."""
    link = find(token)
    if link is None:
        return None
    if link.state == State.PREPARING:
        raise NotReady
    with scopes.every_workspace(LINKS), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM visitors_exportlink WHERE token_hash = %s AND expires_at > now() RETURNING token_hash",
            [hash_token(token)],
        )
        if cursor.fetchone() is None:
            return None
    with scopes.workspace(link.workspace_id):
        visitor = Visitor.objects.get(pk=link.visitor_id)
        member = Member.objects.select_related("user").get(pk=link.member_id)
        if link.file:
            archive: IO[bytes] = default_storage.open(link.file, "rb")
            rows, files = link.rows, link.files
            _owe_deletion(link)
        else:
            archive, rows, files = written(visitor)
        emit(ExportTaken(actor=member, visitor=visitor, rows=rows, files=files))
    return archive, visitor


def written(visitor: Visitor) -> tuple[IO[bytes], int, int]:
    """Write everything that is kept about a visitor into an archive. Returns it with the number of rows and files in it."""
    # Returned open: whoever serves it closes it, and with it the file goes.
    archive: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
    copy = Copy(visitor.pk)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        while copy.write_step(packed):
            pass
    archive.seek(0)
    return archive, copy.rows, copy.files


@dataclass
class Copy:
    """A copy in the making: which table is next, and after which row."""

    visitor_id: UUID
    table: int = 0
    after: str = ""
    part: int = 1
    counts: dict[str, int] = field(default_factory=dict)
    files: int = 0

    @property
    def rows(self) -> int:
        return sum(self.counts.values())

    def write_step(self, packed: zipfile.ZipFile) -> bool:
        """Write some more into the archive. Returns whether there is more to write."""
        room = STEP_ROWS
        while room > 0 and self.table < len(holdings):
            room -= self._write_part(packed, list(holdings.values())[self.table], room)
        if self.table < len(holdings):
            return True
        about = {
            "version": VERSION,
            "visitor": str(self.visitor_id),
            "exported_at": clock.now(),
            "tables": self.counts,
            "files": self.files,
        }
        packed.writestr("visitor.json", _json(about))
        return False

    def _write_part(self, packed: zipfile.ZipFile, holding: Holding, room: int) -> int:
        """Write the next rows of a table, with their files. Returns what of the step's room is used."""
        rows = holding.rows(self.visitor_id)
        found = list(rows.filter(pk__gt=_key(holding, self.after))[:room] if self.after else rows[:room])
        taken = list(self._with_files(packed, holding, found)) if holding.files else found
        self.counts[holding.model] = self.counts.get(holding.model, 0) + len(taken)
        if taken or self.part == 1:
            packed.writestr(f"data/{holding.model}-{self.part}.json", _json([_item(holding, row) for row in taken]))
        if len(taken) < len(found):
            self.after, self.part = _position(taken[-1]), self.part + 1
            return room
        if len(found) < room:
            self.table, self.after, self.part = self.table + 1, "", 1
        else:
            self.after, self.part = _position(found[-1]), self.part + 1
        return len(found) + 1

    def _with_files(
        self, packed: zipfile.ZipFile, holding: Holding, found: Sequence[models.Model]
    ) -> Iterator[models.Model]:
        """Yield rows whose files are in the archive now, until there are enough for a step."""
        weight = 0
        for row in found:
            self.files += _pack_files(packed, holding, row)
            yield row
            weight += getattr(row, "size", 0)
            if weight > STEP_BYTES:
                return


def _position(row: models.Model) -> str:
    """Return a row's key as text by which the rows after it are found."""
    return row.pk.hex() if isinstance(row.pk, bytes | memoryview) else str(row.pk)


def _key(holding: Holding, position: str) -> object:
    """Return the key that a position stands for."""
    is_binary = isinstance(holding.model_class._meta.pk, models.BinaryField)
    return bytes.fromhex(position) if is_binary else position


def _json(data: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(data, enc_hook=str), indent=2)


def _owe_step(link: ExportLink) -> None:
    effects.owe(
        "visitors.prepare_export",
        key=f"export:{link.id}:{link.size}",
        payload={"export": str(link.id)},
        workspace_id=link.workspace_id,
    )


def advance(export_id: UUID) -> None:
    """Take a copy further, step by step; owes what time doesn't suffice for.

    What of the file is good is noted with where the next step goes on: a worker that dies in the middle has lost one step at most.
    """
    until = time.monotonic() + STEPS_SECONDS
    while time.monotonic() < until:
        if not _step(export_id):
            return
    with transaction.atomic():
        _owe_step(ExportLink.objects.select_for_update().get(id=export_id))


@transaction.atomic
def _step(export_id: UUID) -> bool:
    link = ExportLink.objects.select_for_update().filter(id=export_id, state=State.PREPARING).first()
    if link is None:
        return False
    copy = Copy(link.visitor_id, **link.at)
    if not default_storage.exists(link.file):
        default_storage.save(link.file, ContentFile(b""))
    with default_storage.open(link.file, "r+b") as archive:
        # What a step that was cut short has left.
        archive.truncate(link.size)
        with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as packed:
            # Behind the directory that is there, and not over it: so the file is whole again when cut to this size.
            packed.start_dir = link.size
            more = copy.write_step(packed)
        link.size = archive.seek(0, 2)
    failpoint("export_step")
    link.at = {name: getattr(copy, name) for name in ("table", "after", "part", "counts", "files")}
    link.rows, link.files = copy.rows, copy.files
    link.state = State.PREPARING if more else State.READY
    link.save(update_fields=["size", "at", "rows", "files", "state"])
    return more


def discard(visitor: Visitor) -> None:
    """Take back the links to a visitor's copies, and what was prepared."""
    for link in ExportLink.objects.select_for_update().filter(visitor=visitor):
        _owe_deletion(link)
    ExportLink.objects.filter(visitor=visitor).delete()


def _owe_deletion(link: ExportLink, *, at: datetime | None = None) -> None:
    if link.file:
        effects.owe(
            "visitors.delete_export",
            key=f"delete export:{link.file}:{'later' if at else 'now'}",
            payload={"file": link.file},
            workspace_id=link.workspace_id,
            available_at=at,
        )


def delete_file(name: str) -> None:
    """Delete a prepared file."""
    default_storage.delete(name)


def _item(holding: Holding, row: models.Model) -> dict[str, Any]:
    return {field.name: getattr(row, field.attname) for field in holding.fields}


def _pack_files(packed: zipfile.ZipFile, holding: Holding, row: models.Model) -> int:
    count = 0
    for name in holding.files:
        file = getattr(row, name)
        try:
            with file.open("rb") as content, packed.open(f"files/{row.pk}-{_safe(row)}", "w") as into:
                while piece := content.read(64 * 1024):
                    into.write(piece)
        except FileNotFoundError:
            # Its row is in the copy and says what it was.
            continue
        count += 1
    return count


def _safe(row: models.Model) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", str(getattr(row, "name", "file")))[-80:].lstrip(".") or "file"


def forget_ended() -> int:
    """Delete links that nobody used in time. Runs by the clock."""
    with scopes.every_workspace(LINKS):
        deleted, _ = ExportLink.objects.filter(expires_at__lte=Now()).delete()
    return deleted
