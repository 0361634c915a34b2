"""Who a provider's account is here: linked by issuer and subject, at the wish of whoever it is of, and never because of an address."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.core import limits
from apps.core.access import System
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.limits import Limited
from apps.workspaces import entry, invitations, policy, sign_up
from apps.workspaces.models import Invitation, Member, SignInMethod, User, Workspace
from apps.workspaces.sso.events import IdentityLinked, IdentityUnlinked, SsoFailed, SsoJoined
from apps.workspaces.sso.id_tokens import Identity
from apps.workspaces.sso.models import LinkedIdentity, SsoConnection


class NotLinked(Exception):
    """Nobody here is linked to this account, or whoever is works elsewhere. One answer for both, and for a known address."""

    reason = "not_linked"


class SomebodyElses(Exception):
    """This account at the provider is linked to somebody else here."""

    reason = "somebody_elses"


class OtherAddress(Exception):
    """The provider doesn't vouch for the address that was invited."""

    reason = "other_address"


def sign_in(request: Any, connection: SsoConnection, identity: Identity) -> Member:
    """Begin the session of whoever is linked to this account; where the workspace takes new people, of somebody new.

    Raises NotLinked, and MethodRefused.
    """
    return enter(request, seat_of(connection, identity))


def enter(request: Any, member: Member) -> Member:
    """Begin somebody's session by single sign-on. Raises MethodRefused, and FactorNeeded to whoever has a second factor."""
    return entry.enter(request, member.user, SignInMethod.OIDC, into=member)


@transaction.atomic
def seat_of(connection: SsoConnection, identity: Identity) -> Member:
    """Return the seat of whoever is linked to this account; where the workspace takes new people, a new one. Raises NotLinked."""
    known = _linked(identity)
    with scopes.workspace(connection.workspace_id):
        if known is not None:
            LinkedIdentity.objects.filter(pk=known.pk).update(used_at=Now())
            seats = Member.objects.select_related("user", "workspace")
            seat = seats.filter(workspace=connection.workspace, user=known.user).first()
            if seat is not None and known.user.is_active:
                return seat
            raise NotLinked
        return _join(connection, identity)


def _linked(identity: Identity) -> LinkedIdentity | None:
    found = LinkedIdentity.objects.select_related("user")
    return found.filter(issuer=identity.issuer, subject=identity.subject).first()


def _join(connection: SsoConnection, identity: Identity) -> Member:
    """Make an account with a seat for somebody new. Raises NotLinked where nobody joins by themselves, and where the address has an account."""
    email = identity.email
    if not connection.joins_as or email is None or policy.domain_of(email) not in connection.domains:
        raise NotLinked
    Workspace.objects.select_for_update().get(pk=connection.workspace_id)
    try:
        user = sign_up.account_for(email, name=identity.name, password="")
    except sign_up.AddressTaken as error:
        raise NotLinked from error
    member = Member.objects.create(workspace=connection.workspace, user=user, role=connection.joins_as)
    emit(SsoJoined(actor=member, member=member))
    link(member, identity)
    return member


@transaction.atomic
def link(member: Member, identity: Identity) -> None:
    """Let an account at the provider be this member's from now on. A second time changes nothing. Raises SomebodyElses."""
    known = _linked(identity)
    if known is not None:
        if known.user_id != member.user_id:
            raise SomebodyElses
        return
    try:
        with transaction.atomic():
            LinkedIdentity.objects.create(user=member.user, issuer=identity.issuer, subject=identity.subject)
    except IntegrityError as error:
        raise SomebodyElses from error
    emit(IdentityLinked(actor=member, member=member, issuer=identity.issuer))


@transaction.atomic
def accept(invitation: Invitation, identity: Identity) -> Member:
    """Take the seat that somebody is invited to, as whom their provider says they are: whoever holds the link reads the address, and the
    provider vouches for the same one. Raises OtherAddress, SomebodyElses, and Ended.
    """
    if identity.email is None or identity.email != invitation.email:
        raise OtherAddress
    known = _linked(identity)
    user = User.objects.filter(email=invitation.email).first()
    if known is not None and known.user_id != getattr(user, "pk", None):
        raise SomebodyElses
    if user is None:
        user = sign_up.account_for(invitation.email, name=identity.name, password="")
    member = invitations.accept(invitation, user)
    with scopes.workspace(member.workspace_id):
        link(member, identity)
    return member


def of(user_id: UUID) -> QuerySet[LinkedIdentity]:
    """Return the accounts that are linked to somebody's, the oldest first."""
    return LinkedIdentity.objects.filter(user_id=user_id).order_by("created_at")


@transaction.atomic
def unlink(member: Member, identity_id: UUID) -> bool:
    """Let an account at a provider be nobody's here. Returns whether it was this member's."""
    row = of(member.user_id).select_for_update().filter(pk=identity_id).first()
    if row is None:
        return False
    row.delete()
    emit(IdentityUnlinked(actor=member, member=member, issuer=row.issuer))
    return True


def unlinked_members(connection: SsoConnection) -> int:
    """Return how many members of the workspace aren't linked to an account at its provider."""
    linked = LinkedIdentity.objects.filter(issuer=connection.issuer).values("user_id")
    return Member.objects.filter(workspace=connection.workspace_id).exclude(user_id__in=linked).count()


def record_failure(workspace: Workspace, reason: str) -> None:
    """Put a single sign-on that was refused on record, up to a limit: nobody fills a log with them."""
    try:
        limits.spend(limits.REFUSALS_RECORDED, f"sso:{workspace.pk}")
    except Limited:
        return
    with scopes.workspace(workspace.pk), transaction.atomic():
        emit(SsoFailed(actor=System("sign-in"), workspace=workspace, changed={"reason": reason}))
