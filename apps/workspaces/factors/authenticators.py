"""Authenticator apps: time-based codes (RFC 6238), by pyotp. A secret counts after its first code, and no code twice."""

from __future__ import annotations

import re
from uuid import UUID

import pyotp
import segno
from django.db import transaction
from django.utils.crypto import constant_time_compare

from apps.core import clock, envelope
from apps.workspaces.factors.models import Authenticator
from apps.workspaces.models import User

ISSUER = "Opencom"
SECONDS = 30
STEPS_ASIDE = 1
"""Phones' clocks are off by a little: the code before and the one after are taken too."""
CODE = re.compile(r"[0-9]{6}", re.ASCII)


@transaction.atomic
def draft(user: User) -> Authenticator:
    """Begin to set an app up, with a new secret; a draft before it is void. What counts already still does."""
    User.objects.select_for_update().get(pk=user.pk)
    Authenticator.objects.filter(user=user, confirmed_at=None).delete()
    row = Authenticator(user=user)
    envelope.seal(row, "secret", pyotp.random_base32(32))
    row.save(force_insert=True)
    return row


def draft_of(user_id: UUID) -> Authenticator | None:
    """Return what somebody has begun to set up."""
    return Authenticator.objects.filter(user_id=user_id, confirmed_at=None).first()


def of(user_id: UUID) -> Authenticator | None:
    """Return the app that counts."""
    return Authenticator.objects.filter(user_id=user_id, confirmed_at__isnull=False).first()


def secret_of(row: Authenticator) -> str:
    """Return the secret as an app takes it by hand."""
    return envelope.reveal(row, "secret")


def address_of(row: Authenticator, user: User) -> str:
    """Return what the QR code says: ``otpauth://totp/…``."""
    return _totp(row).provisioning_uri(name=user.email, issuer_name=ISSUER)


def picture_of(address: str) -> str:
    """Return the QR code as SVG, whole and safe to stand in a page. It is black on white in every theme: cameras expect that."""
    return segno.make(address, error="m", micro=False).svg_inline(
        border=3, dark="#000", light="#fff", omitsize=True, svgclass="qr__code", lineclass=None, title="QR code"
    )


def takes(row: Authenticator, code: str) -> bool:
    """Use a code up. Returns whether it is the present one, or one beside it, and later than any that was used."""
    now = clock.now()
    step = _step_of(row, code, int(now.timestamp()) // SECONDS)
    if step is None:
        return False
    unused = Authenticator.objects.filter(pk=row.pk, last_step__lt=step)
    return bool(unused.update(last_step=step, used_at=now))


def _step_of(row: Authenticator, text: str, now: int) -> int | None:
    code = "".join(text.split())
    if not CODE.fullmatch(code):
        return None
    totp = _totp(row)
    steps = range(now - STEPS_ASIDE, now + STEPS_ASIDE + 1)
    fitting = [step for step in steps if constant_time_compare(totp.at(step * SECONDS), code)]
    return fitting[-1] if fitting else None


def _totp(row: Authenticator) -> pyotp.TOTP:
    return pyotp.TOTP(secret_of(row), interval=SECONDS)
