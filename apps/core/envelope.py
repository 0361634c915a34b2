"""Secrets at rest: what must be readable again, and by nobody who has only the database.

Each secret is encrypted (AES-256-GCM) with a key of its own, and that key with the installation's, from ``ENCRYPTION_KEYS``: the first of them
encrypts, each decrypts. What is stored names the key it needs. Row and purpose are bound in: a secret that is copied to another row opens nothing.

Declare an ``EncryptedField``, write it with ``seal`` and read it with ``reveal``::

    secret = EncryptedField()                       # on a model whose primary key is known before it is saved
    envelope.seal(row, "secret", "what nobody may read")
    envelope.reveal(row, "secret")

``manage.py secrets rotate`` finds every such field by itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models, transaction

from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption

VERSION = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 8
NONCE_BYTES = 12
WRAPPED_BYTES = KEY_BYTES + 16
"""A wrapped key: its bytes and the tag of 16."""
HEAD_BYTES = len(VERSION) + KEY_ID_BYTES + NONCE_BYTES + WRAPPED_BYTES

ROTATION = Exemption("keys of secrets at rest", "the operator counts and rotates what every workspace keeps sealed")

if TYPE_CHECKING:
    _Binary = models.BinaryField[Any, Any]
else:
    _Binary = models.BinaryField


class KeyMissing(LookupError):
    """A secret was encrypted with a key that isn't in ENCRYPTION_KEYS."""


class Tampered(ValueError):
    """This isn't what was stored for this row and purpose."""


class EncryptedField(_Binary):
    """A column that holds a sealed secret. Shown by nothing: reading it gives bytes that need ``reveal``."""


@dataclass(frozen=True, slots=True)
class Key:
    """One of the installation's keys. Its id says nothing of it."""

    id: bytes
    secret: bytes

    @property
    def name(self) -> str:
        return self.id.hex()


def keys() -> Sequence[Key]:
    """Return the installation's keys, the one that encrypts first."""
    return _parsed(tuple(settings.ENCRYPTION_KEYS))


@lru_cache(maxsize=4)
def _parsed(texts: tuple[str, ...]) -> Sequence[Key]:
    return [parse(text) for text in texts]


def parse(text: str) -> Key:
    """Read a key as it stands in the environment. Raises ImproperlyConfigured for what isn't 32 random bytes as base64url."""
    try:
        secret = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise ImproperlyConfigured("Each of ENCRYPTION_KEYS must be 32 random bytes as base64url: 43 characters.")
    return Key(hashlib.sha256(b"opencom key id" + secret).digest()[:KEY_ID_BYTES], secret)


def seal(row: models.Model, field: str, text: str) -> None:
    """Encrypt a text for a row's field; it is stored with the row's next save."""
    own = secrets.token_bytes(KEY_BYTES)
    nonce = secrets.token_bytes(NONCE_BYTES)
    purpose = _purpose(row, field)
    setattr(row, field, _wrapped(keys()[0], own, purpose) + nonce + AESGCM(own).encrypt(nonce, text.encode(), purpose))


def reveal(row: models.Model, field: str) -> str:
    """Return the text that was sealed for this row's field. Raises KeyMissing, Tampered."""
    stored, purpose = bytes(getattr(row, field)), _purpose(row, field)
    own = _unwrapped(stored, purpose)
    body = stored[HEAD_BYTES:]
    try:
        return AESGCM(own).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], purpose).decode()
    except InvalidTag as error:
        raise Tampered("This secret isn't what was stored here.") from error


def key_of(stored: bytes) -> str:
    """Return the name of the key that a sealed secret needs."""
    return bytes(stored)[len(VERSION) : len(VERSION) + KEY_ID_BYTES].hex()


def rotate() -> int:
    """Encrypt the key of every sealed secret anew, with the first of the installation's keys. Returns how many needed it.

    Safe to stop and to run again; the secrets themselves stay as they are. Raises KeyMissing, Tampered at the first that can't be read.
    """
    with scopes.every_workspace(ROTATION):
        return sum(_rotate(model, field) for model, field in fields())


def counted() -> Counter[str]:
    """Return how many sealed secrets need which key, by its name."""
    found: Counter[str] = Counter()
    with scopes.every_workspace(ROTATION):
        for model, field in fields():
            for stored in model._base_manager.exclude(**{field: None}).values_list(field, flat=True):
                found[key_of(stored)] += 1
    return found


def fields() -> Iterator[tuple[type[models.Model], str]]:
    """Yield every field that holds sealed secrets."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedField):
                yield model, field.attname


def _rotate(model: type[models.Model], field: str) -> int:
    current, rotated = keys()[0], 0
    rows = model._base_manager.exclude(**{field: None}).only("pk", field)
    for (pk,) in list(rows.values_list("pk")):
        with transaction.atomic():
            row = rows.select_for_update().filter(pk=pk).first()
            if row is None or key_of(getattr(row, field)) == current.name:
                continue
            stored, purpose = bytes(getattr(row, field)), _purpose(row, field)
            setattr(row, field, _wrapped(current, _unwrapped(stored, purpose), purpose) + stored[HEAD_BYTES:])
            row.save(update_fields=[field])
            rotated += 1
    return rotated


def _wrapped(key: Key, own: bytes, purpose: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return VERSION + key.id + nonce + AESGCM(key.secret).encrypt(nonce, own, b"key of " + purpose)


def _unwrapped(stored: bytes, purpose: bytes) -> bytes:
    if len(stored) <= HEAD_BYTES or stored[: len(VERSION)] != VERSION:
        raise Tampered("This isn't a sealed secret.")
    name = key_of(stored)
    key = next((key for key in keys() if key.name == name), None)
    if key is None:
        raise KeyMissing(f"This secret needs the key {name}, which isn't in ENCRYPTION_KEYS.")
    wrapped = stored[len(VERSION) + KEY_ID_BYTES : HEAD_BYTES]
    try:
        return AESGCM(key.secret).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], b"key of " + purpose)
    except InvalidTag as error:
        raise Tampered("This secret isn't what was stored here.") from error


def _purpose(row: models.Model, field: str) -> bytes:
    if row.pk is None:
        raise ValueError("A row needs its primary key before a secret can be bound to it.")
    return f"{row._meta.label_lower}.{field}:{row.pk}".encode()
