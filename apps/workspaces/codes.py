"""One-time codes by mail: asked for by anybody, sent to whoever may use one, good once."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from apps.core import effects, limits, mailed_secrets
from apps.core.isolation import scopes
from apps.core.limits import Charge, Limited
from apps.workspaces import policy, user_sessions
from apps.workspaces.models import Invitation, SignInCode, SignInMethod, User

Purpose = SignInCode.Purpose


def request_code(email: str, purpose: Purpose, *, client_address: str) -> None:
    """Have a code mailed to an address, if whoever reads it may use one. A former code for the same purpose dies.

    Does the same, in the same time, whoever has the address; whether a mail is sent is decided later, when it is made. Over a limit nothing
    is done and nothing is said.
    """
    email = email.strip().lower()
    account = limits.account_subject(email)
    try:
        limits.spend_all(
            Charge(limits.MAILS_BY_ADDRESS, limits.address_subject(client_address)),
            Charge(limits.CODE_REQUESTS, account),
            Charge(limits.CODE_REQUESTS_HOURLY, account),
            Charge(limits.CODE_REQUESTS_DAILY, account),
        )
    except Limited:
        return
    salt = mailed_secrets.new_salt()
    digest = mailed_secrets.hash_code(mailed_secrets.code(salt))
    issue = uuid.uuid4()
    with transaction.atomic():
        SignInCode.objects.update_or_create(
            email=email,
            purpose=purpose,
            defaults={
                "issue": issue,
                "salt": salt,
                "digest": digest,
                "tries": 0,
                "expires_at": Now() + timedelta(seconds=limits.CODE_SECONDS),
                "used_at": None,
            },
        )
        effects.owe("workspaces.mail_code", key=f"code:{issue}", payload={"issue": str(issue)})


def redeem_code(email: str, code: str, purpose: Purpose, *, client_address: str) -> bool:
    """Use a code up. Returns whether it was the right one, in time, the first time; takes as long if there is none.

    Raises Limited after too many wrong ones, for this account or from this client address.
    """
    email = email.strip().lower()
    account, address = limits.account_subject(email), limits.address_subject(client_address)
    limits.spend_all(Charge(limits.CODE_FAILURES_BY_ADDRESS, address), Charge(limits.CODE_FAILURES, account))
    used = use_code(email, code, purpose)
    if used:
        limits.give_back(limits.CODE_FAILURES_BY_ADDRESS, address)
        limits.refund(limits.CODE_FAILURES, account)
    return used


def use_code(email: str, code: str, purpose: Purpose) -> bool:
    """Use a code up, for a caller who counts wrong ones. Returns whether it was the right one, in time, the first time."""
    issue, digest = _tried(email, purpose)
    if not mailed_secrets.fits(code, digest) or issue is None:
        return False
    return bool(SignInCode.objects.filter(issue=issue, used_at=None).update(used_at=Now(), salt=None))


def _tried(email: str, purpose: Purpose) -> tuple[uuid.UUID | None, str | None]:
    """Count a try before it is looked at, so that tries at the same time are counted too. Returns the living code's issue and hash."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workspaces_signincode SET tries = tries + 1
            WHERE email = %s AND purpose = %s AND used_at IS NULL AND expires_at > clock_timestamp() AND tries < %s
            RETURNING issue, digest
            """,
            [email, purpose, limits.CODE_TRIES],
        )
        row = cursor.fetchone()
    return (row[0], row[1]) if row else (None, None)


def may_use(email: str, purpose: Purpose) -> bool:
    """Say whether a code is of any use to whoever reads this address."""
    user = User.objects.filter(email=email).first()
    if user is not None:
        # Without any seat a code still proves the address, for an invitation.
        seats = user_sessions.seats_of(user.pk)
        by_code = any(policy.takes(seat, SignInMethod.CODE) for seat in seats)
        return user.is_active and (by_code or not seats or purpose != Purpose.SIGN_IN)
    if purpose != Purpose.SIGN_UP:
        return False
    with scopes.every_workspace(policy.SEATS):
        invited = Invitation.objects.waiting().filter(email=email).exists()
    return settings.SIGN_UP_OPEN or invited or bool(policy.joinable_by(email))


def forget_ended() -> int:
    """Delete the codes that ended an hour ago or more. Runs by the clock."""
    deleted, _ = SignInCode.objects.filter(expires_at__lt=Now() - timedelta(hours=1)).delete()
    return deleted


def forget_salt(code: SignInCode) -> None:
    """Forget what a code was made of, once its mail has left."""
    SignInCode.objects.filter(issue=code.issue).update(salt=None)
