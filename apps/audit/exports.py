"""The audit log as a file, a piece at a time: as CSV for a spreadsheet, or as JSON, an object a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from django.db.models import QuerySet

from apps.audit.log import items, page_of
from apps.audit.models import AuditEntry
from apps.audit.shapes import EntryShape
from apps.core.access import Actor
from apps.core.isolation import scopes

BATCH = 500
COLUMNS = (
    "time",
    "action",
    "sentence",
    "actor_kind",
    "actor_id",
    "actor",
    "subject_kind",
    "subject_id",
    "subject",
    "details",
    "id",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula (OWASP, CSV injection)."""


def pieces(entries: QuerySet[AuditEntry], reader: Actor, form: str) -> Iterator[bytes]:
    """Yield the file, newest entry first. Each piece is a query of its own: nothing is held open for a slow reader."""
    write, start = FORMATS[form]
    yield start
    cursor: str | None = ""
    while cursor is not None:
        # The request is over by now, and its scope with it.
        with scopes.workspace(reader.workspace_id):
            page, cursor = page_of(entries, cursor, BATCH)
            piece = b"".join(write(item) for item in items(page, reader))
        yield piece


def _json_line(item: EntryShape) -> bytes:
    return msgspec.json.encode(item) + b"\n"


def _csv_line(item: EntryShape) -> bytes:
    actor, subject = item["actor"], item["subject"]
    return _csv_row(
        item["created_at"].isoformat(),
        item["action"],
        item["sentence"],
        actor["kind"],
        actor["id"],
        actor["name"],
        subject["kind"],
        subject["id"],
        subject["name"],
        msgspec.json.encode(item["details"]).decode(),
        item["id"],
    )


def _csv_row(*cells: Any) -> bytes:
    row = io.StringIO()
    csv.writer(row, lineterminator="\r\n").writerow([_cell(cell) for cell in cells])
    return row.getvalue().encode()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


FORMATS: dict[str, tuple[Callable[[EntryShape], bytes], bytes]] = {
    # The mark at the start tells spreadsheets that this is UTF-8.
    "csv": (_csv_line, b"\xef\xbb\xbf" + _csv_row(*COLUMNS)),
    "json": (_json_line, b""),
}
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/x-ndjson"}
