"""Cursors: where a keyset page ends. Opaque to clients, plain values to us."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import msgspec


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
