"""Who has which factors."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from apps.workspaces.factors import recovery
from apps.workspaces.factors.models import Authenticator, Passkey

TOTP, PASSKEY, RECOVERY = "totp", "passkey", "recovery_code"


def enrolled(user_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return which of these people have a second factor."""
    with_app = Authenticator.objects.filter(user_id__in=user_ids, confirmed_at__isnull=False)
    with_key = Passkey.objects.filter(user_id__in=user_ids)
    return frozenset(with_app.values_list("user_id", flat=True)) | frozenset(with_key.values_list("user_id", flat=True))


def has_one(user_id: UUID) -> bool:
    """Say whether somebody has a second factor. Recovery codes alone are none: they only stand in for one."""
    return bool(enrolled([user_id]))


def is_enrolled(user: str) -> Q:
    """Return whether a row's person has a second factor, as an expression; ``user`` names the column that says who it is."""
    mine = {"user_id": OuterRef(user)}
    with_app = Exists(Authenticator.objects.filter(**mine, confirmed_at__isnull=False))
    return with_app | Exists(Passkey.objects.filter(**mine))


def count(user_id: UUID) -> int:
    """Return how many factors somebody has."""
    apps = Authenticator.objects.filter(user_id=user_id, confirmed_at__isnull=False).count()
    return apps + Passkey.objects.filter(user_id=user_id).count()


def methods_of(user_id: UUID) -> list[str]:
    """Return by what somebody can prove again who they are when they sign in; nothing where they have no factor."""
    has_app = Authenticator.objects.filter(user_id=user_id, confirmed_at__isnull=False).exists()
    has_key = Passkey.objects.filter(user_id=user_id).exists()
    if not has_app and not has_key:
        return []
    return [
        *([TOTP] if has_app else []),
        *([PASSKEY] if has_key else []),
        *([RECOVERY] if recovery.left(user_id) else []),
    ]
