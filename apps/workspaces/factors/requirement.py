"""A workspace that asks everybody for a second factor."""

from __future__ import annotations

from django.db import transaction

from apps.core import clock, streams
from apps.core.events import emit
from apps.core.streams import Move
from apps.workspaces.factors import possession
from apps.workspaces.factors.events import FactorRequirementChanged
from apps.workspaces.models import Member, Workspace


class NoFactorYourself(ValueError):
    """Whoever asks others for a factor has one."""

    def __str__(self) -> str:
        return "Set up a second factor yourself first: otherwise you would lock yourself out."


@transaction.atomic
def ask_everybody(*, by: Member) -> Workspace:
    """Ask everybody for a second factor: who works here has seven days, who comes later sets it up first. Asking again changes nothing.

    Raises NoFactorYourself.
    """
    workspace = Workspace.objects.select_for_update().get(pk=by.workspace_id)
    if workspace.factor_required_at is not None:
        return workspace
    if not possession.has_one(by.user_id):
        raise NoFactorYourself
    workspace.factor_required_at = clock.now()
    workspace.save(update_fields=["factor_required_at"])
    _changed(by, workspace, "on")
    return workspace


@transaction.atomic
def ask_nobody(*, by: Member) -> Workspace:
    """Leave it to everybody whether they have a second factor. Who has one is still asked for it."""
    workspace = Workspace.objects.select_for_update().get(pk=by.workspace_id)
    if workspace.factor_required_at is not None:
        workspace.factor_required_at = None
        workspace.save(update_fields=["factor_required_at"])
        _changed(by, workspace, "off")
    return workspace


def _changed(by: Member, workspace: Workspace, required: str) -> None:
    emit(FactorRequirementChanged(actor=by, workspace=workspace, required=required))
    # Everybody's sockets are looked at anew: they last no longer than their days.
    members = Member.objects.filter(workspace=workspace).values_list("pk", flat=True)
    streams.record(Move(f"member:{member}") for member in members)
