"""Recovery codes: ten, shown once, each good once. They stand in for a factor that is lost.

A code is three groups of four signs. The first group finds it; only a slow keyed hash of the whole is kept.
"""

from __future__ import annotations

import re
import secrets
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from apps.core import limits, mailed_secrets
from apps.workspaces.factors.models import RecoveryCode

SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"
"""None that is read as another."""
GROUP = 4
CODE = re.compile(rf"[{SIGNS}]{{{3 * GROUP}}}")


@transaction.atomic
def renew(user_id: UUID) -> list[str]:
    """Make a person's codes anew; those before are void. Returns the only copy."""
    RecoveryCode.objects.filter(user_id=user_id).delete()
    hints: set[str] = set()
    while len(hints) < limits.RECOVERY_CODES:
        hints.add(_signs(GROUP))
    codes = [hint + _signs(2 * GROUP) for hint in sorted(hints)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user_id=user_id, hint=code[:GROUP], digest=mailed_secrets.hash_code(code)) for code in codes
    )
    return [written(code) for code in codes]


def _signs(number: int) -> str:
    return "".join(secrets.choice(SIGNS) for _ in range(number))


def written(code: str) -> str:
    """Return a code as people read and copy it."""
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def use(user_id: UUID, text: str) -> bool:
    """Use a code up. Returns whether it was one of theirs, for the first time; takes as long where it isn't."""
    code = re.sub(r"[\s-]", "", text.lower())
    whole = CODE.fullmatch(code) is not None
    row = RecoveryCode.objects.filter(user_id=user_id, hint=code[:GROUP], used_at=None).first() if whole else None
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    fits = any(mailed_secrets.fits(code[:64], row.digest if row else None, key) for key in keys)
    return fits and row is not None and bool(RecoveryCode.objects.filter(pk=row.pk, used_at=None).update(used_at=Now()))


def left(user_id: UUID) -> int:
    """Return how many codes somebody has left."""
    return RecoveryCode.objects.filter(user_id=user_id, used_at=None).count()
