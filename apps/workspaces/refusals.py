"""What members and keys were refused goes on record, as much of it as anybody would read."""

from __future__ import annotations

from django.http import HttpRequest

from apps.core import limits
from apps.core.access import Actor
from apps.core.slots import fill
from apps.workspaces import actions
from apps.workspaces.models import ApiKey, Member


@fill("edge.refused")
def record(actor: Actor, request: HttpRequest) -> None:
    """Put a refusal on record: which handler, never what was sent. Beyond the limit nothing is written."""
    if not isinstance(actor, (Member, ApiKey)):
        return
    try:
        limits.spend(limits.REFUSALS_RECORDED, actor.pk)
    except limits.Limited:
        return
    route = request.resolver_match.route if request.resolver_match else request.path
    actions.record_refusal(actor, f"{request.method} /{route}")
