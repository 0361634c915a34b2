"""A factor proves again who somebody is, before what is sensitive, as a password does."""

from __future__ import annotations

from apps.core import limits
from apps.workspaces import confirmation
from apps.workspaces.factors import authenticators, passkeys, possession
from apps.workspaces.factors.models import Passkey
from apps.workspaces.models import User


class App:
    """A code of the authenticator app."""

    def is_open_to(self, user: User) -> bool:
        return authenticators.of(user.pk) is not None

    def proves(self, user: User, proof: str) -> bool:
        subject = limits.account_subject(user.email)
        limits.spend(limits.FACTOR_FAILURES, subject)
        app = authenticators.of(user.pk)
        if app is None or not authenticators.takes(app, proof):
            return False
        limits.refund(limits.FACTOR_FAILURES, subject)
        return True


class OwnPasskey:
    """One of their passkeys: the credential as JSON text, for a challenge that was given to confirm by."""

    def is_open_to(self, user: User) -> bool:
        return passkeys.are_possible() and Passkey.objects.filter(user=user).exists()

    def proves(self, user: User, proof: str) -> bool:
        try:
            passkeys.user_of(passkeys.credential_in(proof), holder_of(user), user_id=user.pk)
        except passkeys.PasskeyRefused:
            return False
        return True


def holder_of(user: User) -> str:
    """Return what a challenge to confirm by is held by."""
    return f"confirmation:{user.pk}"


confirmation.methods.register(possession.TOTP, App())
confirmation.methods.register(possession.PASSKEY, OwnPasskey())
