"""Exports: everything that is kept about a visitor, as JSON with its files, behind a link that opens once within a day.

Nothing is prepared: the copy is made when the link is used, so that none lies about.
"""

from __future__ import annotations

import re
import secrets
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any

import msgspec
from django.db import connection, models, transaction
from django.db.models.functions import Now

from apps.core import clock, limits
from apps.core.events import emit
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
VERSION = 1


@dataclass(frozen=True, slots=True)
class Link:
    """A link just made: the only moment its token is known in clear."""

    token: str
    expires_at: datetime


@transaction.atomic
def request(visitor: Visitor, *, by: Member) -> Link:
    """Make a link to everything that is kept about a visitor: good once, within a day. On record."""
    token = "exp_" + secrets.token_hex(32)
    expires_at = clock.now() + timedelta(seconds=limits.EXPORT_LINK_SECONDS)
    ExportLink.objects.create(
        token_hash=hash_token(token),
        workspace_id=visitor.workspace_id,
        visitor=visitor,
        member=by,
        expires_at=expires_at,
    )
    emit(ExportRequested(actor=by, visitor=visitor))
    return Link(token, expires_at)


def opens(token: str) -> bool:
    """Say whether a link is still good."""
    if TOKEN.fullmatch(token) is None:
        return False
    with scopes.every_workspace(LINKS):
        return ExportLink.objects.filter(token_hash=hash_token(token), expires_at__gt=Now()).exists()


@transaction.atomic
def take(token: str) -> tuple[IO[bytes], Visitor] | None:
    """Use a link up and return the copy, a ZIP archive, with whom it is about; None where the link isn't good. On record."""
    if TOKEN.fullmatch(token) is None:
        return None
    with scopes.every_workspace(LINKS), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM visitors_exportlink WHERE token_hash = %s AND expires_at > now() RETURNING workspace_id, visitor_id, member_id",
            [hash_token(token)],
        )
        found = cursor.fetchone()
    if found is None:
        return None
    workspace_id, visitor_id, member_id = found
    with scopes.workspace(workspace_id):
        visitor = Visitor.objects.get(pk=visitor_id)
        member = Member.objects.select_related("user").get(pk=member_id)
        archive, rows, files = written(visitor)
        emit(ExportTaken(actor=member, visitor=visitor, rows=rows, files=files))
    return archive, visitor


def written(visitor: Visitor) -> tuple[IO[bytes], int, int]:
    """Write everything that is kept about a visitor into an archive. Returns it with the number of rows and files in it."""
    # Returned open: whoever serves it closes it, and with it the file goes.
    archive: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
    rows = files = 0
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        data: dict[str, Any] = {}
        for holding in holdings.values():
            found = list(holding.rows(visitor.pk))
            data[holding.model] = [_item(holding, row) for row in found]
            rows += len(found)
            for row in found:
                files += _pack_files(packed, holding, row)
        about = {"version": VERSION, "visitor": str(visitor.pk), "exported_at": clock.now(), "data": data}
        packed.writestr("visitor.json", msgspec.json.format(msgspec.json.encode(about, enc_hook=str), indent=2))
    archive.seek(0)
    return archive, rows, files


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
