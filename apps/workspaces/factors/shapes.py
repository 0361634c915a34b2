"""What the API answers about factors."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID


class AppShape(TypedDict):
    """An authenticator app that counts."""

    confirmed_at: datetime
    used_at: datetime | None


class PasskeyShape(TypedDict):
    """A passkey. ``backed_up``: kept by an account of its owner, and not in one device alone."""

    id: UUID
    name: str
    backed_up: bool
    used_at: datetime | None
    created_at: datetime


class FactorsShape(TypedDict):
    """What the caller has besides a password. ``due_in``: seconds until the workspace opens nothing without one; null where nothing is asked."""

    app: AppShape | None
    passkeys: list[PasskeyShape]
    passkeys_possible: bool
    recovery_codes_left: int
    required: bool
    due_in: int | None


class AppDraftShape(TypedDict):
    """An authenticator app to set up: the secret by hand, as an address, and as a picture of that (SVG). Answered once."""

    secret: str
    address: str
    picture: str


class RecoveryCodesShape(TypedDict):
    """Recovery codes: the only copy. Empty where nothing was the first factor."""

    recovery_codes: list[str]


class NewPasskeyShape(TypedDict):
    """A new passkey; with somebody's first factor the only copy of their recovery codes."""

    passkey: PasskeyShape
    recovery_codes: list[str]


class OptionsShape(TypedDict):
    """What ``navigator.credentials`` is called with, as WebAuthn's JSON: bytes as base64url."""

    options: dict[str, Any]


class RequirementShape(TypedDict):
    """Whether everybody in the workspace needs a second factor, since when, and until when those who were there have time."""

    everyone: bool
    since: datetime | None
    due_at: datetime | None
