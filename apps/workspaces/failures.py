"""Sign-ins that failed: on record wherever the person works, and told to them where somebody seems to try."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from apps.core import clock, effects, limits
from apps.core.access import System
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.workspaces import user_sessions
from apps.workspaces.events import SignInFailed
from apps.workspaces.models import FailedSignIn, User

DAY = timedelta(days=1)


@transaction.atomic
def record(user: User, method: str, *, effect: str) -> bool:
    """Put a failed sign-in on record in each of somebody's workspaces, once for each effect. Returns whether it wasn't yet."""
    _, new = FailedSignIn.objects.get_or_create(effect=effect, defaults={"user": user})
    if not new:
        return False
    for seat in user_sessions.seats_of(user.pk):
        with scopes.workspace(seat.workspace_id):
            emit(SignInFailed(actor=System("sign-in"), member=seat, method=method))
    if (
        user.is_active
        and FailedSignIn.objects.filter(user=user, created_at__gt=Now() - DAY).count() >= limits.FAILURES_TOLD
    ):
        day = clock.now().date().isoformat()
        effects.owe("workspaces.mail_failures", key=f"failed-sign-ins:{user.pk}:{day}", payload={"user": str(user.pk)})
    return True


def forget_old() -> int:
    """Delete failures older than what effects are kept for: until then one may be asked to run again. Runs by the clock."""
    deleted, _ = FailedSignIn.objects.filter(created_at__lt=Now() - limits.FAILURE_DAYS * DAY).delete()
    return deleted
