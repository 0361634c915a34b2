"""Passkeys: WebAuthn by py_webauthn. Each is tied to our host name, and whoever uses one has shown to their device that it is them."""

from __future__ import annotations

import ipaddress
import json
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from webauthn.helpers import base64url_to_bytes, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from apps.core import clock, limits
from apps.core.tokens import hash_token
from apps.workspaces.factors.models import Passkey, PasskeyChallenge
from apps.workspaces.models import User

CREDENTIAL_CHARACTERS = 8000
CREDENTIAL_BYTES = 1023
"""The longest id of a credential that WebAuthn allows."""
TRANSPORTS = frozenset({"usb", "nfc", "ble", "smart-card", "hybrid", "internal", "cable"})
BASE64URL = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class PasskeyRefused(ValueError):
    """This doesn't prove anything: another challenge, origin or host, not verified, a copy, or not one of ours."""

    def __str__(self) -> str:
        return "This passkey wasn't taken. Try again."


class TooManyPasskeys(ValueError):
    """Somebody has as many passkeys as they may."""

    def __str__(self) -> str:
        return f"You have {limits.PASSKEYS} passkeys. Remove one that you don't use."


def host() -> str:
    """Return the host name that passkeys are tied to (the relying party's id)."""
    return urlsplit(settings.PUBLIC_URL).hostname or ""


def are_possible() -> bool:
    """Say whether there can be passkeys here: browsers tie them to a host's name, never to an IP address."""
    try:
        ipaddress.ip_address(host())
    except ValueError:
        return bool(host())
    return False


def registration_options(user: User, holder: str) -> dict[str, Any]:
    """Return what a browser needs to make a passkey: one that signs in without an address, and asks who is there."""
    options = webauthn.generate_registration_options(
        rp_id=host(),
        rp_name="Opencom",
        user_id=user.pk.bytes,
        user_name=user.email,
        user_display_name=user.name or user.email,
        challenge=_challenge(holder),
        timeout=limits.PASSKEY_SECONDS * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(user.pk),
    )
    return dict(json.loads(webauthn.options_to_json(options)))


def authentication_options(user_id: UUID | None, holder: str) -> dict[str, Any]:
    """Return what a browser needs to use a passkey of somebody, or, where nobody is named, any that it has for us."""
    options = webauthn.generate_authentication_options(
        rp_id=host(),
        challenge=_challenge(holder),
        timeout=limits.PASSKEY_SECONDS * 1000,
        allow_credentials=None if user_id is None else _descriptors(user_id),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(json.loads(webauthn.options_to_json(options)))


def _descriptors(user_id: UUID) -> list[PublicKeyCredentialDescriptor]:
    ids = Passkey.objects.filter(user_id=user_id).values_list("credential_id", flat=True)
    return [PublicKeyCredentialDescriptor(id=bytes(id_)) for id_ in ids]


def _challenge(holder: str) -> bytes:
    challenge = secrets.token_bytes(32)
    PasskeyChallenge.objects.create(
        digest=hash_token(challenge.hex()),
        holder=holder,
        expires_at=Now() + timedelta(seconds=limits.PASSKEY_SECONDS),
    )
    return challenge


@transaction.atomic
def register(user: User, name: str, credential: Mapping[str, Any], challenge: bytes) -> Passkey:
    """Keep a new passkey that has signed a challenge of ours. Raises PasskeyRefused, TooManyPasskeys."""
    try:
        verified = webauthn.verify_registration_response(
            credential=dict(credential),
            expected_challenge=challenge,
            expected_rp_id=host(),
            expected_origin=list(settings.OWN_ORIGINS),
            require_user_verification=True,
        )
    except MALFORMED as error:
        raise PasskeyRefused from error
    if len(verified.credential_id) > CREDENTIAL_BYTES:
        raise PasskeyRefused
    User.objects.select_for_update().get(pk=user.pk)
    if Passkey.objects.filter(user=user).count() >= limits.PASSKEYS:
        raise TooManyPasskeys
    try:
        with transaction.atomic():
            return Passkey.objects.create(
                user=user,
                name=name,
                credential_id=verified.credential_id,
                public_key=verified.credential_public_key,
                sign_count=verified.sign_count,
                backed_up=verified.credential_backed_up,
                transports=_transports(credential),
            )
    except IntegrityError as error:
        raise PasskeyRefused from error


def _transports(credential: Mapping[str, Any]) -> list[str]:
    said = credential.get("response", {}).get("transports")
    return (
        sorted(TRANSPORTS.intersection(each for each in said if isinstance(each, str)))
        if isinstance(said, list)
        else []
    )


def user_of(credential: Mapping[str, Any], holder: str, *, user_id: UUID | None = None) -> User:
    """Return whose passkey has signed our challenge; only that person's where one is named. Raises PasskeyRefused."""
    challenge = spent_challenge(credential, holder)
    id_ = credential.get("rawId")
    if not isinstance(id_, str) or not BASE64URL.fullmatch(id_):
        raise PasskeyRefused
    with transaction.atomic():
        rows = Passkey.objects.select_related("user").select_for_update(of=("self",))
        row = rows.filter(credential_id=base64url_to_bytes(id_), user__is_active=True).first()
        if row is None or user_id not in (None, row.user_id) or not _is_handle_of(row, credential):
            raise PasskeyRefused
        try:
            verified = webauthn.verify_authentication_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=host(),
                expected_origin=list(settings.OWN_ORIGINS),
                credential_public_key=bytes(row.public_key),
                credential_current_sign_count=row.sign_count,
                require_user_verification=True,
            )
        except MALFORMED as error:
            raise PasskeyRefused from error
        row.sign_count, row.backed_up, row.used_at = verified.new_sign_count, verified.credential_backed_up, clock.now()
        row.save(update_fields=["sign_count", "backed_up", "used_at"])
    return row.user


MALFORMED = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError)
"""What the library raises for what isn't a right answer: its own, and Python's where a part is of another type or shape."""


def _is_handle_of(row: Passkey, credential: Mapping[str, Any]) -> bool:
    """Whether the account that the authenticator names, if it does, is the passkey's."""
    response = credential.get("response")
    handle = response.get("userHandle") if isinstance(response, Mapping) else None
    if handle is None:
        return True
    return (
        isinstance(handle, str)
        and BASE64URL.fullmatch(handle) is not None
        and base64url_to_bytes(handle) == row.user_id.bytes
    )


def spent_challenge(credential: Mapping[str, Any], holder: str) -> bytes:
    """Use up the challenge that was signed, and return it. Raises PasskeyRefused where it isn't one that this holder was given, in time.

    Belongs outside the transaction that may fail: what was tried once isn't tried again.
    """
    try:
        said = credential["response"]["clientDataJSON"]
        challenge = parse_client_data_json(base64url_to_bytes(said)).challenge
    except MALFORMED as error:
        raise PasskeyRefused from error
    alive = PasskeyChallenge.objects.filter(digest=hash_token(challenge.hex()), holder=holder, expires_at__gt=Now())
    deleted, _ = alive.delete()
    if not deleted:
        raise PasskeyRefused
    return challenge


def credential_in(text: str) -> dict[str, Any]:
    """Return what a browser answered, sent as text. Raises PasskeyRefused for what isn't a JSON object of a sane size."""
    try:
        found = json.loads(text) if len(text) <= CREDENTIAL_CHARACTERS else None
    except (ValueError, RecursionError) as error:
        raise PasskeyRefused from error
    if not isinstance(found, dict):
        raise PasskeyRefused
    return found
