"""Identifiers: UUIDv7, so that new rows land at the end of every index."""

from __future__ import annotations

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """Make a UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then 74 random bits.

    Ids made within one millisecond are not ordered among themselves; nothing may derive order from an id.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)
