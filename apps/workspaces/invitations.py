"""Invitations: a seat offered by mail, taken by whoever reads that address, and by nobody else."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.core import clock, effects, limits, mailed_secrets
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.tokens import hash_token
from apps.workspaces import policy, roles
from apps.workspaces.events import InvitationAccepted, InvitationRevoked, InvitationSent
from apps.workspaces.models import Invitation, Member, User, Workspace

PREFIX = "inv_"
RANKS = (Member.Role.VIEWER, Member.Role.AGENT, Member.Role.ADMIN)
"""Whom one can be invited as, the lowest first. An owner is made by creating a workspace, or by handing one over."""


class AboveOneself(PermissionError):
    """Nobody hands out more than they hold."""


class HereAlready(ValueError):
    """Whoever has this address works here, or is invited already."""


class Ended(Exception):
    """The invitation was accepted, revoked, replaced or has expired, or never was."""


class SomebodyElses(Exception):
    """The invitation is for another address."""


def roles_for(inviter: Member) -> list[str]:
    """Return the roles that a member may invite others as."""
    return [role.value for role in RANKS if may_invite(inviter, role)]


def may_invite(inviter: Member, role: str) -> bool:
    """Say whether a member may offer this role: one they are no lower than, with nothing they don't hold themselves."""
    order = [*RANKS, Member.Role.OWNER]
    return (
        role in RANKS
        and "users.invite" in inviter.held
        and order.index(Member.Role(role)) <= order.index(Member.Role(inviter.role))
        and roles.BY_ROLE[role] <= inviter.held
    )


def invite(email: str, role: str, *, by: Member) -> Invitation:
    """Offer a seat to an address. Nothing tells whether somebody has an account with it.

    Raises AboveOneself, HereAlready, and Limited.
    """
    email = email.strip().lower()
    if not may_invite(by, role):
        raise AboveOneself("You can't invite somebody as more than you are.")
    if Member.objects.filter(workspace=by.workspace_id, user__email=email).exists():
        raise HereAlready("This person is a member already.")
    if Invitation.objects.open().filter(workspace=by.workspace_id, email=email).exists():
        raise HereAlready("This address is invited already. Send the invitation again instead.")
    _charge(by.workspace)
    try:
        with transaction.atomic():
            invitation = Invitation(workspace_id=by.workspace_id, email=email, role=role)
            _send(invitation, by)
    except IntegrityError as error:
        raise HereAlready("This address is invited already. Send the invitation again instead.") from error
    return invitation


def resend(invitation: Invitation, *, by: Member) -> Invitation:
    """Send an invitation again: another link, seven more days, and the former link dies. Raises Ended, AboveOneself and Limited."""
    if not may_invite(by, invitation.role):
        raise AboveOneself("You can't invite somebody as more than you are.")
    _charge(by.workspace)
    with transaction.atomic():
        row = Invitation.objects.open().select_for_update(of=("self",)).filter(pk=invitation.pk).first()
        if row is None:
            raise Ended
        _send(row, by)
    return row


def _charge(workspace: Workspace) -> None:
    young = clock.now() - workspace.created_at < timedelta(seconds=limits.NEW_WORKSPACE_SECONDS)
    limits.spend(limits.INVITATIONS_NEW if young else limits.INVITATIONS, workspace.pk)


def _send(invitation: Invitation, by: Member) -> None:
    salt = mailed_secrets.new_salt()
    invitation.salt = salt
    invitation.digest = hash_token(mailed_secrets.token(PREFIX, salt))
    invitation.issue = uuid.uuid4()
    invitation.invited_by = by
    invitation.sent_at = clock.now()
    invitation.expires_at = invitation.sent_at + timedelta(seconds=limits.INVITATION_SECONDS)
    invitation.save()
    emit(InvitationSent(actor=by, invitation=invitation))
    effects.owe(
        "workspaces.mail_invitation",
        key=f"invitation:{invitation.issue}",
        payload={"issue": str(invitation.issue)},
        workspace_id=invitation.workspace_id,
    )


@transaction.atomic
def revoke(invitation: Invitation, *, by: Member) -> None:
    """Take an invitation back. Raises Ended where there is nothing left to take back."""
    row = Invitation.objects.open().select_for_update(of=("self",)).filter(pk=invitation.pk).first()
    if row is None:
        raise Ended
    row.revoked_at, row.salt = clock.now(), None
    row.save(update_fields=["revoked_at", "salt"])
    emit(InvitationRevoked(actor=by, invitation=row))


def find(token: str) -> Invitation:
    """Return the invitation that a link opens. Raises Ended."""
    if not token.startswith(PREFIX) or len(token) != len(PREFIX) + 64:
        raise Ended
    with scopes.every_workspace(policy.SEATS):
        return _good(digest=hash_token(token))


def waiting_for(email: str) -> list[Invitation]:
    """Return the invitations that whoever proves this address may accept."""
    with scopes.every_workspace(policy.SEATS):
        found = Invitation.objects.waiting().select_related("workspace", "invited_by__user").filter(email=email)
        return [invitation for invitation in found.order_by("created_at") if _stands(invitation)]


def _good(**named: Any) -> Invitation:
    found = Invitation.objects.waiting().select_related("workspace", "invited_by__user").filter(**named).first()
    if found is None or not _stands(found):
        raise Ended
    return found


def _stands(invitation: Invitation) -> bool:
    """Whether the inviter could still offer it: who has lost their seat, or that right, leaves no way in behind."""
    return invitation.invited_by is not None and may_invite(invitation.invited_by, invitation.role)


@transaction.atomic
def accept(invitation: Invitation, user: User) -> Member:
    """Take the offered seat, once. Whoever has one here keeps it as it is. Raises Ended, and SomebodyElses."""
    with scopes.workspace(invitation.workspace_id):
        return _accept(invitation, user)


def _accept(invitation: Invitation, user: User) -> Member:
    Invitation.objects.select_for_update().filter(pk=invitation.pk).first()
    row = _good(pk=invitation.pk)
    if user.email != row.email or not user.is_active:
        raise SomebodyElses
    Invitation.objects.filter(pk=row.pk).update(accepted_at=Now(), salt=None)
    member, new = Member.objects.select_related("user", "workspace").get_or_create(
        workspace=row.workspace, user=user, defaults={"role": row.role}
    )
    if new:
        emit(InvitationAccepted(actor=member, member=member, invitation=row))
    return member
