"""What is owed about people's ways in: codes, links and news by mail, and failures for the record.

Payloads hold ids. What a mail's code or link is, is made here, when the mail is.
"""

from __future__ import annotations

from django.conf import settings

from apps.core import mailed_secrets
from apps.core.clock import now
from apps.core.effects import Hopeless, effect
from apps.core.mail.delivery import deliver
from apps.core.models import Effect
from apps.workspaces import codes, failures, invitations, letters, passwords
from apps.workspaces.models import Invitation, PasswordReset, SignInCode, User

SOON = (1.0, 5.0, 20.0, 60.0, 120.0)
"""Somebody waits in front of a page, and what they wait for ends within minutes."""


@effect("workspaces.mail_code", lane=Effect.Lane.INTERACTIVE, pauses=SOON)
def mail_code(owed: Effect) -> None:
    """Mail a one-time code, if whoever reads the address may use one."""
    row = SignInCode.objects.filter(issue=owed.payload["issue"]).first()
    if row is None or row.salt is None or not codes.may_use(row.email, SignInCode.Purpose(row.purpose)):
        return
    code = mailed_secrets.code_of(bytes(row.salt), row.digest)
    _require(code, row.expires_at > now())
    deliver(letters.code(str(code), row.purpose), to=row.email, key=owed.key)
    SignInCode.objects.filter(issue=row.issue).update(salt=None)


@effect("workspaces.mail_reset", lane=Effect.Lane.INTERACTIVE, pauses=SOON)
def mail_reset(owed: Effect) -> None:
    """Mail a link to a new password, if somebody has an account with the address; or that their workspaces take none."""
    row = PasswordReset.objects.filter(issue=owed.payload["issue"]).first()
    user = User.objects.filter(email=row.email, is_active=True).first() if row else None
    if row is None or row.salt is None or user is None:
        return
    token = mailed_secrets.token_of(passwords.PREFIX, bytes(row.salt), bytes(row.digest))
    _require(token, row.expires_at > now())
    letter = letters.reset(_address(f"/reset/{token}/")) if passwords.may_reset(user) else letters.no_password()
    deliver(letter, to=row.email, key=owed.key)
    PasswordReset.objects.filter(issue=row.issue).update(salt=None)


@effect("workspaces.mail_invitation")
def mail_invitation(owed: Effect) -> None:
    """Mail an invitation with its link."""
    row = (
        Invitation.objects.waiting().select_related("workspace", "invited_by__user").filter(issue=owed.payload["issue"])
    )
    invitation = row.first()
    if invitation is None or invitation.salt is None:
        return
    token = mailed_secrets.token_of(invitations.PREFIX, bytes(invitation.salt), bytes(invitation.digest))
    _require(token, True)
    deliver(letters.invitation(invitation, _address(f"/invitations/{token}/")), to=invitation.email, key=owed.key)
    Invitation.objects.filter(issue=invitation.issue).update(salt=None)


@effect("workspaces.mail_password_changed")
def mail_password_changed(owed: Effect) -> None:
    """Tell somebody by mail that their password was changed."""
    user = User.objects.filter(pk=owed.payload["user"], is_active=True).first()
    if user is not None:
        deliver(letters.password_changed(_address("/reset/")), to=user.email, key=owed.key)


@effect("workspaces.record_failed_sign_in")
def record_failed_sign_in(owed: Effect) -> None:
    """Put a failed sign-in on record in each workspace of whom it was tried as."""
    user = User.objects.filter(pk=owed.payload["user"]).first()
    if user is not None:
        failures.record(user, owed.payload["method"], effect=owed.key)


@effect("workspaces.mail_failures")
def mail_failures(owed: Effect) -> None:
    """Tell somebody by mail that others seem to try to get in as them."""
    user = User.objects.filter(pk=owed.payload["user"], is_active=True).first()
    if user is not None:
        by_password = passwords.may_reset(user) and user.has_usable_password()
        deliver(letters.failures(_address("/reset/") if by_password else None), to=user.email, key=owed.key)


def _require(secret: str | None, is_in_time: bool) -> None:
    if not is_in_time:
        raise Hopeless("It had expired before its mail could leave.")
    if secret is None:
        raise Hopeless("It was made with a secret key that is no longer set.")


def _address(path: str) -> str:
    """Return a link of ours. The host is the configured one, whatever a request said."""
    return settings.PUBLIC_URL + path
