"""Setting factors up and removing them, with what follows: the record, a mail to their owner, other sessions ended, recovery codes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction

from apps.core import effects, limits
from apps.core.access import Actor
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.workspaces import seats, user_sessions
from apps.workspaces.factors import authenticators, passkeys, possession, recovery
from apps.workspaces.factors.events import FactorAdded, FactorRemoved, FactorsReset, RecoveryCodesMade
from apps.workspaces.factors.models import Authenticator, Passkey, RecoveryCode, SignInStep
from apps.workspaces.models import Member, User

APP = "authenticator app"
PASSKEY = "passkey"


class WrongCode(ValueError):
    """Not the code that the app shows."""

    def __str__(self) -> str:
        return "This isn't the code that the app shows now."


class NothingBegun(LookupError):
    """No app is being set up."""


class LastFactor(ValueError):
    """A workspace asks for a factor, and this is the only one."""

    def __str__(self) -> str:
        return "A workspace of yours asks for a second factor, and this is the only one you have. Set another one up first."


class NoFactor(ValueError):
    """Recovery codes stand in for a factor: without one there is nothing to recover."""

    def __str__(self) -> str:
        return "Set up a second factor first."


class WorksElsewhere(ValueError):
    """Factors are a person's: no workspace's owner may weaken how another is entered."""

    def __str__(self) -> str:
        return "They work in other workspaces too. They can use a recovery code, or the installation's operator can reset it."


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A factor that counts from now on, and the codes that came with somebody's first one: their only copy."""

    passkey: Passkey | None
    recovery_codes: list[str]


def confirm_app(member: Member, code: str) -> Enrolled:
    """Let the app that is being set up count, by its first code; it takes the place of the one before.

    Raises NothingBegun, WrongCode, and Limited after too many wrong ones.
    """
    draft = authenticators.draft_of(member.user_id)
    if draft is None:
        raise NothingBegun
    subject = limits.account_subject(member.user.email)
    limits.spend(limits.FACTOR_FAILURES, subject)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=member.user_id)
        if not authenticators.takes(draft, code):
            raise WrongCode
        is_first = not possession.has_one(member.user_id)
        Authenticator.objects.filter(user_id=member.user_id, confirmed_at__isnull=False).delete()
        row = Authenticator.objects.get(pk=draft.pk)
        row.confirmed_at = row.used_at
        row.save(update_fields=["confirmed_at"])
        codes = _added(member, APP, is_first=is_first)
    limits.refund(limits.FACTOR_FAILURES, subject)
    return Enrolled(None, codes)


def add_passkey(member: Member, name: str, credential: Mapping[str, Any]) -> Enrolled:
    """Keep a passkey that this session's browser has just made. Raises PasskeyRefused, TooManyPasskeys; the challenge is used up either way."""
    challenge = passkeys.spent_challenge(credential, holder_of(member))
    with transaction.atomic():
        User.objects.select_for_update().get(pk=member.user_id)
        is_first = not possession.has_one(member.user_id)
        passkey = passkeys.register(member.user, name, credential, challenge)
        return Enrolled(passkey, _added(member, is_first=is_first, factor=PASSKEY))


def holder_of(member: Member) -> str:
    """Return what a challenge to a member's passkey is held by: the session that they ask in."""
    return f"session:{member.session_id}"


def _added(member: Member, factor: str, *, is_first: bool) -> list[str]:
    _mail(member.user_id, "added", factor)
    for seat in user_sessions.seats_of(member.user_id):
        with scopes.workspace(seat.workspace_id):
            emit(FactorAdded(actor=seat, member=seat, factor=factor))
    member.factor_due_in = None
    if not is_first:
        return []
    # What was begun by a password alone isn't worth what a sign-in is from now on.
    user_sessions.end(member.user, by=member, keep=member.session_id)
    return recovery.renew(member.user_id)


@transaction.atomic
def remove_app(member: Member) -> None:
    """Remove the app. Raises NothingBegun where there is none, LastFactor."""
    User.objects.select_for_update().get(pk=member.user_id)
    row = authenticators.of(member.user_id)
    if row is None:
        raise NothingBegun
    keep_the_last(member.user_id)
    row.delete()
    _removed(member, APP)


@transaction.atomic
def remove_passkey(member: Member, passkey_id: UUID) -> None:
    """Remove a passkey of one's own. Raises Passkey.DoesNotExist, LastFactor."""
    User.objects.select_for_update().get(pk=member.user_id)
    row = Passkey.objects.get(pk=passkey_id, user_id=member.user_id)
    keep_the_last(member.user_id)
    row.delete()
    _removed(member, PASSKEY)


def keep_the_last(user_id: UUID) -> None:
    """Raise LastFactor where somebody's only factor is asked for by a workspace of theirs."""
    asked = any(seat.workspace.factor_required_at for seat in user_sessions.seats_of(user_id))
    if asked and possession.count(user_id) < 2:
        raise LastFactor


def _removed(member: Member, factor: str) -> None:
    if not possession.has_one(member.user_id):
        RecoveryCode.objects.filter(user_id=member.user_id).delete()
        SignInStep.objects.filter(user_id=member.user_id).delete()
    _mail(member.user_id, "removed", factor)
    for seat in user_sessions.seats_of(member.user_id):
        with scopes.workspace(seat.workspace_id):
            emit(FactorRemoved(actor=seat, member=seat, factor=factor))


@transaction.atomic
def rename_passkey(member: Member, passkey_id: UUID, name: str) -> Passkey:
    """Call a passkey of one's own something else. Raises Passkey.DoesNotExist."""
    row = Passkey.objects.select_for_update().get(pk=passkey_id, user_id=member.user_id)
    row.name = name
    row.save(update_fields=["name"])
    return row


@transaction.atomic
def renew_recovery_codes(member: Member) -> list[str]:
    """Make new recovery codes; those before are void. Returns the only copy. Raises NoFactor."""
    User.objects.select_for_update().get(pk=member.user_id)
    if not possession.has_one(member.user_id):
        raise NoFactor
    codes = recovery.renew(member.user_id)
    _mail(member.user_id, "codes", "")
    for seat in user_sessions.seats_of(member.user_id):
        with scopes.workspace(seat.workspace_id):
            emit(RecoveryCodesMade(actor=seat, member=seat))
    return codes


@transaction.atomic
def reset_member(member: Member, *, by: Member) -> None:
    """Remove every factor of a member who is locked out, as an owner, and end their sessions. A second time changes nothing.

    Raises PermissionDenied, and WorksElsewhere where it would open other workspaces too.
    """
    if by.role != Member.Role.OWNER or not seats.may_change(by, member):
        raise PermissionDenied("An owner can do this for others.")
    if len(user_sessions.seats_of(member.user_id)) > 1:
        raise WorksElsewhere
    reset(member.user, by=by)


@transaction.atomic
def reset(user: User, *, by: Actor) -> bool:
    """Remove every factor of somebody, end their sessions and tell them by mail. Returns whether there was any."""
    User.objects.select_for_update().get(pk=user.pk)
    if not possession.has_one(user.pk):
        return False
    for model in (Authenticator, Passkey, RecoveryCode, SignInStep):
        model._default_manager.filter(user_id=user.pk).delete()
    for seat in user_sessions.seats_of(user.pk):
        with scopes.workspace(seat.workspace_id):
            emit(FactorsReset(actor=by, member=seat))
    user_sessions.end(user, by=by)
    _mail(user.pk, "reset", "")
    return True


def _mail(user_id: UUID, what: str, factor: str) -> None:
    payload = {"user": str(user_id), "what": what, "factor": factor}
    effects.owe("workspaces.mail_factors", key=f"factors:{uuid.uuid4()}", payload=payload)
