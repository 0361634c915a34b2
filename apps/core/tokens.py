"""Tokens as the database keeps them: by their hash alone."""

from __future__ import annotations

import hashlib


def hash_token(token: str) -> bytes:
    """Hash a token for storage: with 256 random bits plain SHA-256 is enough, and look-up is by index."""
    return hashlib.sha256(token.encode()).digest()
