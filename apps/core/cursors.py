"""Cursors: where a keyset page ends. Opaque to clients, plain values to us."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)


class BadCursor(ValueError):
    """This cursor isn't one that we made."""


class Cursor:
    """Where a keyset page ends: opaque to clients, plain values to us."""

    @staticmethod
    def encode(*values: Any) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")

    @staticmethod
    def decode(text: str, *types: type) -> tuple[Any, ...]:
        """Return the values, each converted to its type. Raises BadCursor for anything we didn't make."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            values = json.loads(raw)
            return tuple(msgspec.convert(value, kind, strict=False) for value, kind in zip(values, types, strict=True))
        except (binascii.Error, ValueError, TypeError, msgspec.ValidationError) as error:
            raise BadCursor from error


def newest_first(rows: QuerySet[Row], field: str, cursor: str, limit: int) -> tuple[list[Row], str | None]:
    """Return a page ordered by ``field`` (a time) and then by UUID key, both descending, and the cursor of the next page.

    An empty cursor is the start. Raises BadCursor.
    """
    if cursor:
        at, id_ = Cursor.decode(cursor, datetime, UUID)
        # The index starts at the bound; the rest only parts those of the same moment.
        rows = rows.filter(Q(**{f"{field}__lt": at}) | Q(pk__lt=id_), **{f"{field}__lte": at})
    page = list(rows.order_by(f"-{field}", "-pk")[: limit + 1])
    following = Cursor.encode(getattr(page[limit - 1], field), page[limit - 1].pk) if len(page) > limit else None
    return page[:limit], following
