"""Factors as the API and the pages show them."""

from __future__ import annotations

from datetime import timedelta

from apps.core import limits
from apps.workspaces.factors import authenticators, passkeys, recovery
from apps.workspaces.factors.models import Passkey
from apps.workspaces.factors.shapes import FactorsShape, PasskeyShape, RequirementShape
from apps.workspaces.models import Member, Workspace


def factors_item(member: Member) -> FactorsShape:
    """Return what a member has."""
    app = authenticators.of(member.user_id)
    rows = Passkey.objects.filter(user_id=member.user_id).order_by("created_at")
    due = member.factor_due_in
    return {
        "app": {"confirmed_at": app.confirmed_at, "used_at": app.used_at} if app and app.confirmed_at else None,
        "passkeys": [passkey_item(row) for row in rows],
        "passkeys_possible": passkeys.are_possible(),
        "recovery_codes_left": recovery.left(member.user_id),
        "required": member.workspace.factor_required_at is not None,
        "due_in": None if due is None else max(0, int(due.total_seconds())),
    }


def passkey_item(row: Passkey) -> PasskeyShape:
    return {
        "id": row.pk,
        "name": row.name,
        "backed_up": row.backed_up,
        "used_at": row.used_at,
        "created_at": row.created_at,
    }


def requirement_item(workspace: Workspace) -> RequirementShape:
    """Return what a workspace asks of everybody."""
    since = workspace.factor_required_at
    grace = timedelta(seconds=limits.FACTOR_GRACE_SECONDS)
    return {"everyone": since is not None, "since": since, "due_at": since + grace if since else None}
