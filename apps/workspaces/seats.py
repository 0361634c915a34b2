"""Who may change whom: roles and permission sets, removal, and handing the workspace over.

These rules hold whoever calls: the interface only shows what they allow. Every change of a seat waits for the one before it in its
workspace and looks at both seats anew, so that nobody uses a right that has just been taken from them.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.functions import Now

from apps.core import limits
from apps.core.events import emit
from apps.workspaces import actions, roles
from apps.workspaces.events import MemberChanged, OwnershipOffered, OwnershipTransferred, OwnershipWithdrawn
from apps.workspaces.models import Member, OwnershipOffer, Workspace

RANKS = ("viewer", "agent", "admin", "owner")


class NoOffer(LookupError):
    """There is no such offer, or not any more."""


def may_change(by: Member, member: Member) -> bool:
    """Say whether somebody stands above a member: owners above everybody else, the others above lower roles."""
    if by.pk == member.pk or by.workspace_id != member.workspace_id:
        return False
    return by.role == Member.Role.OWNER or RANKS.index(by.role) > RANKS.index(member.role)


def grantable_roles(by: Member) -> list[str]:
    """Return the roles that somebody can give: never above their own, none that holds more than they do; ownership is handed over, not given."""
    return [role for role in RANKS[:-1] if RANKS.index(role) <= RANKS.index(by.role) and roles.BY_ROLE[role] <= by.held]


@transaction.atomic
def change(member_id: UUID, *, role: str, permissions: Collection[str], by: Member) -> Member:
    """Give a member a role, and permissions in place of the role's own (none: the role's). No change says nothing.

    Raises PermissionDenied where ``by`` doesn't stand above them or doesn't hold what is granted, Member.DoesNotExist.
    """
    by, member = _locked(by, member_id)
    if not may_change(by, member):
        raise PermissionDenied("You can change those below you, and not yourself.")
    if role not in grantable_roles(by):
        raise PermissionDenied("You can't give this role.")
    if not frozenset(permissions) <= by.held:
        raise PermissionDenied("You can't give what you don't hold yourself.")
    ordered = [permission for permission in roles.PERMISSIONS if permission in permissions]
    before, before_permissions = member.role, member.permissions
    if (before, before_permissions) == (role, ordered):
        return member
    actions.keep_an_owner(member, becoming=role)
    member.role, member.permissions = role, ordered
    member.save(update_fields=["role", "permissions"])
    emit(MemberChanged(actor=by, member=member, before=before, before_permissions=before_permissions))
    return member


@transaction.atomic
def remove(member_id: UUID, *, by: Member) -> None:
    """Take a member's seat away, with the keys they made. Raises PermissionDenied, LastOwner, Member.DoesNotExist."""
    by, member = _locked(by, member_id)
    if not may_change(by, member):
        raise PermissionDenied("You can remove those below you, and not yourself.")
    actions.remove_member(member, by=by)


@transaction.atomic
def offer(member_id: UUID, *, by: Member) -> OwnershipOffer:
    """Offer the workspace to another member; an offer before it is void. Raises PermissionDenied for who isn't an owner, Member.DoesNotExist."""
    by, member = _locked(by, member_id)
    if by.role != Member.Role.OWNER or by.pk == member.pk or member.role == Member.Role.OWNER:
        raise PermissionDenied("An owner can offer the workspace to somebody who isn't one.")
    made, _ = OwnershipOffer.objects.update_or_create(
        workspace_id=by.workspace_id,
        defaults={
            "giver": by,
            "receiver": member,
            "expires_at": Now() + timedelta(seconds=limits.OWNERSHIP_OFFER_SECONDS),
        },
    )
    emit(OwnershipOffered(actor=by, member=member))
    return made


def offer_of(workspace_id: UUID) -> OwnershipOffer | None:
    """Return the offer that stands in a workspace."""
    offers = OwnershipOffer.objects.select_related("giver__user", "giver__workspace", "receiver__user")
    return offers.filter(workspace_id=workspace_id, expires_at__gt=Now()).first()


@transaction.atomic
def withdraw(*, by: Member) -> None:
    """End the offer: an owner takes it back, or its receiver declines. Raises NoOffer."""
    by, _ = _locked(by, by.pk)
    standing = offer_of(by.workspace_id)
    if standing is None or (by.pk != standing.receiver_id and by.role != Member.Role.OWNER):
        raise NoOffer
    standing.delete()
    emit(OwnershipWithdrawn(actor=by, member=standing.receiver))


@transaction.atomic
def accept(*, by: Member) -> Member:
    """Take the workspace over; who owned it is an admin then. Raises NoOffer where none stands for this member."""
    by, _ = _locked(by, by.pk)
    standing = offer_of(by.workspace_id)
    if standing is None or standing.receiver_id != by.pk or standing.giver.role != Member.Role.OWNER:
        raise NoOffer
    giver = standing.giver
    standing.delete()
    Member.objects.filter(pk=by.pk).update(role=Member.Role.OWNER, permissions=[])
    Member.objects.filter(pk=giver.pk).update(role=Member.Role.ADMIN, permissions=[])
    by.role, by.permissions = Member.Role.OWNER, []
    emit(OwnershipTransferred(actor=by, member=by, giver=giver))
    return by


def _locked(by: Member, member_id: UUID) -> tuple[Member, Member]:
    """Wait for the workspace's turn, then return both seats as they are now. Raises PermissionDenied where ``by`` has none left."""
    Workspace.objects.select_for_update().get(pk=by.workspace_id)
    seats = {
        seat.pk: seat
        for seat in Member.objects.visible_to(by).select_related("user", "workspace").filter(pk__in=[by.pk, member_id])
    }
    if by.pk not in seats:
        raise PermissionDenied("You have no seat in this workspace any more.")
    if member_id not in seats:
        raise Member.DoesNotExist
    return seats[by.pk], seats[member_id]
