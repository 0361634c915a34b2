"""Codes and links that are mailed, without ever being stored in clear: not in a row, not in an effect, not in a log.

A row keeps a random salt and a hash. What the mail says follows from the salt and the installation's key, so the mail's handler can make it,
and at a second try makes the same. Once the mail has left, the salt is deleted, and the hash is all there is.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.utils.crypto import salted_hmac

from apps.core.tokens import hash_token

CODE_DIGITS = 6
SALT_BYTES = 32


def new_salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)


def token(prefix: str, salt: bytes) -> str:
    """Return the 256-bit token that follows from a salt, with its typed prefix."""
    return _tokens(prefix, salt, settings.SECRET_KEY)


def token_of(prefix: str, salt: bytes, digest: bytes) -> str | None:
    """Return the token that was made from this salt and has this hash; None where it was made with a key that is no longer ours."""
    made = (_tokens(prefix, salt, key) for key in _keys())
    return next((each for each in made if hash_token(each) == digest), None)


def code(salt: bytes) -> str:
    """Return the six digits that follow from a salt."""
    return _codes(salt, settings.SECRET_KEY)


def code_of(salt: bytes, digest: str) -> str | None:
    """Return the code that was made from this salt and has this hash; None where it was made with a key that is no longer ours."""
    return next((made for key in _keys() if fits(made := _codes(salt, key), digest, key)), None)


def hash_code(code: str) -> str:
    """Hash a code for storage: slowly, because there are only a million, and keyed, because slowness alone doesn't save twenty bits."""
    return make_password(_peppered(code, settings.SECRET_KEY))


def fits(code: str, digest: str | None, key: str | None = None) -> bool:
    """Say whether a code has this hash. Takes as long where there is none."""
    peppered = _peppered(code, key or settings.SECRET_KEY)
    if digest is None:
        make_password(peppered)
        return False
    return check_password(peppered, digest)


def _keys() -> Iterator[str]:
    yield settings.SECRET_KEY
    yield from settings.SECRET_KEY_FALLBACKS


def _tokens(prefix: str, salt: bytes, key: str) -> str:
    return prefix + salted_hmac(f"opencom.{prefix}", salt, secret=key, algorithm="sha256").hexdigest()


def _codes(salt: bytes, key: str) -> str:
    number = int.from_bytes(salted_hmac("opencom.code", salt, secret=key, algorithm="sha256").digest())
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def _peppered(code: str, key: str) -> str:
    return salted_hmac("opencom.code-hash", code, secret=key, algorithm="sha256").hexdigest()
