"""What is owed about factors: the news by mail to whom they belong."""

from __future__ import annotations

from django.conf import settings

from apps.core.effects import effect
from apps.core.mail.delivery import deliver
from apps.core.mail.letter import Letter
from apps.core.models import Effect
from apps.workspaces.factors import letters
from apps.workspaces.models import User


@effect("workspaces.mail_factors")
def mail_factors(owed: Effect) -> None:
    """Tell somebody by mail what became of their factors."""
    user = User.objects.filter(pk=owed.payload["user"], is_active=True).first()
    if user is not None:
        deliver(_letter(owed.payload["what"], owed.payload["factor"]), to=user.email, key=owed.key)


def _letter(what: str, about: str) -> Letter:
    sessions = f"{settings.PUBLIC_URL}/settings/sessions/"
    match what:
        case "added":
            return letters.added(about, sessions)
        case "removed":
            return letters.removed(about, sessions)
        case "used":
            return letters.used(int(about), sessions)
        case "codes":
            return letters.codes(sessions)
        case _:
            return letters.reset(f"{settings.PUBLIC_URL}{settings.LOGIN_URL}")
