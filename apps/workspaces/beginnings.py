"""Where somebody begins who has proven an address: an invitation, a workspace of their domain, or one of their own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction

from apps.workspaces import invitations, policy, sign_up
from apps.workspaces.models import Invitation, Member, SignInMethod, User

NEW_WORKSPACE = "new"


def account_of(email: str) -> User | None:
    """Return the account that an address has."""
    return User.objects.filter(email=email).first()


def places(email: str) -> dict[str, Any]:
    """Return where whoever reads this address may begin: invitations, workspaces of its domain, one of their own (None)."""
    invited = {str(invitation.pk): invitation for invitation in invitations.waiting_for(email)}
    taken = {invitation.workspace_id for invitation in invited.values()}
    joinable = {str(workspace.pk): workspace for workspace in policy.joinable_by(email) if workspace.pk not in taken}
    return {**invited, **joinable, **({NEW_WORKSPACE: None} if settings.SIGN_UP_OPEN else {})}


@transaction.atomic
def begin(email: str, user: User | None, place: Any, chosen: dict[str, Any]) -> Member:
    """Make the account where there is none, and take the seat. Raises ValidationError, AddressTaken, Closed, Ended."""
    if user is None:
        password = chosen["password"]
        workspace = getattr(place, "workspace", place)
        if workspace is not None:
            sign_up.require_a_way_in(workspace, password)
        names = (chosen["workspace"] if place is None else workspace.name,)
        user = sign_up.account_for(email, name=chosen["name"], password=password, workspace_names=names)
    if not user.is_active:
        raise sign_up.Closed
    if place is None:
        return sign_up.found_workspace(user, chosen["workspace"])
    if isinstance(place, Invitation):
        return invitations.accept(place, user)
    return sign_up.join_by_domain(user, place)


def way_in(member: Member, *, has_password: bool) -> str | None:
    """Return by which of what they have just proven somebody may go on into their new seat; None where it takes neither."""
    methods = [SignInMethod.CODE, *([SignInMethod.PASSWORD] if has_password else [])]
    return next((each for each in methods if policy.takes(member, each)), None)
