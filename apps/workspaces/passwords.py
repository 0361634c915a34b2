"""Passwords: what they have to be, changing one, and a new one by mail."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models.functions import Now

from apps.core import effects, limits, mailed_secrets
from apps.core.access import System
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.limits import Charge, Limited
from apps.core.tokens import hash_token
from apps.workspaces import policy, user_sessions
from apps.workspaces.events import MemberEvent, PasswordChanged, PasswordReplaced
from apps.workspaces.models import Member, PasswordReset, SignInMethod, Ticket, User

PREFIX = "rst_"


class WrongPassword(Exception):
    """The present password isn't that."""


class LinkEnded(Exception):
    """The link was used, has expired, was replaced by another, or never was."""


def check_rules(password: str, user: User, *workspace_names: str) -> None:
    """Raise ValidationError with the reasons where a password is too easy to guess."""
    if len(password) > limits.PASSWORD_CHARACTERS:
        raise ValidationError("This password is too long.")
    seats = [] if user._state.adding else user_sessions.seats_of(user.pk)
    names = [*workspace_names, *(seat.workspace.name for seat in seats)]
    if password.strip().casefold() in {name.strip().casefold() for name in names}:
        raise ValidationError("The password is the name of the workspace.")
    validate_password(password, user)


def change_password(member: Member, present: str, password: str) -> None:
    """Change a member's own password. Ends their other sessions; their own goes on if its caller says so to Django.

    Raises WrongPassword, ValidationError, and Limited after too many wrong ones.
    """
    user = User.objects.get(pk=member.user_id)
    limits.spend(limits.PASSWORD_CHANGES, user.pk)
    if not user.check_password(present):
        raise WrongPassword("This isn't your present password.")
    limits.refund(limits.PASSWORD_CHANGES, user.pk)
    check_rules(password, user)
    with transaction.atomic():
        _set(user, password, PasswordChanged)
        user_sessions.end(user, by=member, keep=member.session_id)
    member.user = user


def request_reset(email: str, *, client_address: str) -> None:
    """Have a link to a new password mailed, if somebody has an account with this address. A former link dies.

    Does the same, in the same time, whoever has the address. Over a limit nothing is done and nothing is said.
    """
    email = email.strip().lower()
    account = limits.account_subject(email)
    try:
        limits.spend_all(
            Charge(limits.MAILS_BY_ADDRESS, limits.address_subject(client_address)),
            Charge(limits.RESETS, account),
            Charge(limits.RESETS_DAILY, account),
        )
    except Limited:
        return
    salt, issue = mailed_secrets.new_salt(), uuid.uuid4()
    with transaction.atomic():
        PasswordReset.objects.update_or_create(
            email=email,
            defaults={
                "issue": issue,
                "salt": salt,
                "digest": hash_token(mailed_secrets.token(PREFIX, salt)),
                "expires_at": Now() + timedelta(seconds=limits.RESET_SECONDS),
                "used_at": None,
            },
        )
        effects.owe("workspaces.mail_reset", key=f"reset:{issue}", payload={"issue": str(issue)})


def user_of_link(token: str) -> User:
    """Return whose password a link can set. Raises LinkEnded."""
    if not token.startswith(PREFIX) or len(token) != len(PREFIX) + 64:
        raise LinkEnded
    alive = PasswordReset.objects.filter(digest=hash_token(token), used_at=None, expires_at__gt=Now()).first()
    user = User.objects.filter(email=alive.email, is_active=True).first() if alive else None
    if user is None:
        raise LinkEnded
    return user


@transaction.atomic
def reset_password(token: str, password: str) -> User:
    """Set a new password by a link, once. Ends every session. Raises LinkEnded, and ValidationError, after which the link is still good."""
    user = user_of_link(token)
    check_rules(password, user)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE workspaces_passwordreset SET used_at = now(), salt = NULL
            WHERE digest = %s AND used_at IS NULL AND expires_at > clock_timestamp()
            """,
            [hash_token(token)],
        )
        if not cursor.rowcount:
            raise LinkEnded
    _set(user, password, PasswordReplaced)
    seats = user_sessions.seats_of(user.pk)
    user_sessions.end(user, by=seats[0] if seats else System())
    limits.refund(limits.LOGIN_FAILURES, limits.account_subject(user.email))
    return user


def may_reset(user: User) -> bool:
    """Say whether a password is of any use to somebody: a workspace takes it, or they have none yet."""
    seats = user_sessions.seats_of(user.pk)
    return user.is_active and (not seats or any(policy.takes(s, SignInMethod.PASSWORD) for s in seats))


def _set(user: User, password: str, event: type[MemberEvent]) -> None:
    """Set a password, void what was handed out under the old one, and put it on record wherever they work."""
    user.set_password(password)
    user.save(update_fields=["password"])
    for seat in user_sessions.seats_of(user.pk):
        with scopes.workspace(seat.workspace_id):
            Ticket.objects.filter(member=seat).delete()
            emit(event(actor=seat, member=seat))
    effects.owe("workspaces.mail_password_changed", key=f"password:{uuid.uuid4()}", payload={"user": str(user.pk)})


def forget_ended() -> int:
    """Delete the links that ended a day ago or more. Runs by the clock."""
    deleted, _ = PasswordReset.objects.filter(expires_at__lt=Now() - timedelta(days=1)).delete()
    return deleted
