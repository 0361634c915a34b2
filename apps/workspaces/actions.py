"""Everything that changes a workspace and its members."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.core import limits
from apps.core.access import Actor, System
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.workspaces import origins
from apps.workspaces.events import (
    MemberAdded,
    MemberChanged,
    MemberLetIn,
    MemberLockedOut,
    MemberRemoved,
    MessengerChanged,
    MessengerFirstSeen,
    SecurityChanged,
    SignedIn,
    SignedOut,
    WorkspaceCreated,
)
from apps.workspaces.models import Member, Messenger, Ticket, User, Workspace

PRESENCE = Exemption("presence of members", "one statement notes everybody who is at a dashboard of this live process")
TICKETS = Exemption("tickets", "who holds one is known only when it is found; the clock deletes those that nobody used")


class LastOwner(ValueError):
    """A workspace always has an owner."""


@transaction.atomic
def create_workspace(name: str, *, owner: User) -> Member:
    """Create a workspace with its owner and messenger. Returns the owner's seat."""
    workspace = Workspace(name=name)
    with scopes.workspace(workspace.pk):
        workspace.save(force_insert=True)
        Messenger.objects.create(workspace=workspace)
        member = Member.objects.create(workspace=workspace, user=owner, role=Member.Role.OWNER)
        emit(WorkspaceCreated(actor=member, workspace=workspace))
    return member


@transaction.atomic
def add_member(workspace: Workspace, user: User, role: str, *, by: Actor) -> Member:
    """Give somebody a seat. Raises IntegrityError where they have one."""
    member = Member.objects.create(workspace=workspace, user=user, role=role)
    emit(MemberAdded(actor=by, member=member))
    return member


@transaction.atomic
def change_role(member: Member, role: str, *, by: Actor) -> None:
    """Change a member's role. Raises LastOwner where the workspace would have none left."""
    _keep_an_owner(member, becoming=role)
    before, member.role = member.role, role
    member.save(update_fields=["role"])
    emit(MemberChanged(actor=by, member=member, before=before))


@transaction.atomic
def remove_member(member: Member, *, by: Actor) -> None:
    """Take a seat away, at once for requests and within seconds for open sockets. Raises LastOwner."""
    _keep_an_owner(member, becoming=None)
    emit(MemberRemoved(actor=by, member=member, user=member.user))
    Member.objects.filter(pk=member.pk).delete()


def _keep_an_owner(member: Member, becoming: str | None) -> None:
    if member.role != Member.Role.OWNER or becoming == Member.Role.OWNER:
        return
    owners = Member.objects.select_for_update().filter(workspace_id=member.workspace_id, role=Member.Role.OWNER)
    if owners.count() < 2:
        raise LastOwner("Make somebody else an owner first.")


@transaction.atomic
def deactivate_user(user: User, *, by: Actor, operator: User) -> None:
    """Lock somebody out of every workspace: at once for requests, within seconds for open sockets. On record in each of them."""
    User.objects.filter(pk=user.pk).update(is_active=False)
    for member in user.memberships.select_related("user", "workspace"):
        emit(MemberLockedOut(actor=by, member=member, operator=operator))


@transaction.atomic
def activate_user(user: User, *, by: Actor, operator: User) -> None:
    """Let somebody sign in again. On record in each of their workspaces."""
    User.objects.filter(pk=user.pk).update(is_active=True)
    for member in user.memberships.select_related("user", "workspace"):
        emit(MemberLetIn(actor=by, member=member, operator=operator))


@transaction.atomic
def record_sign_in(member: Member, method: str) -> None:
    """Put a sign-in on record, with how they proved who they are."""
    emit(SignedIn(actor=member, member=member, method=method))


@transaction.atomic
def record_sign_out(member: Member, session_key: str) -> None:
    """Put a sign-out on record and void the session's tickets; sockets of the session close within seconds."""
    Ticket.objects.filter(member=member, session_key=session_key).delete()
    emit(SignedOut(actor=member, member=member))


@transaction.atomic
def change_messenger(workspace: Workspace, changes: Mapping[str, Any], *, by: Actor) -> Messenger:
    """Change how the messenger looks and greets; only what differs is recorded.

    Raises ValidationError for a value that the messenger can't show.
    """
    messenger = Messenger.objects.select_for_update().get(workspace=workspace)
    changed = {name: value for name, value in changes.items() if getattr(messenger, name) != value}
    for name, value in changed.items():
        setattr(messenger, name, value)
    messenger.full_clean(exclude=["workspace"])
    if changed:
        messenger.save()
        emit(MessengerChanged(actor=by, workspace=workspace, changed={"fields": sorted(changed)}))
    return messenger


@transaction.atomic
def change_security(
    workspace: Workspace, *, allowed_origins: Sequence[str], any_origin: bool, session_lifetime: int, by: Actor
) -> Workspace:
    """Say where the messenger may run and how long a visitor's token lives (clamped to 1 h – 7 d).

    Raises BadOrigin for what isn't an origin; nothing is changed then.
    """
    row = Workspace.objects.select_for_update().get(pk=workspace.pk)
    before = {
        "allowed_origins": row.allowed_origins,
        "any_origin": row.any_origin,
        "session_lifetime": row.session_lifetime,
    }
    after = {
        "allowed_origins": list(dict.fromkeys(origins.normalise(text) for text in allowed_origins)),
        "any_origin": any_origin,
        "session_lifetime": min(max(session_lifetime, limits.SESSION_LIFETIME_MIN), limits.SESSION_LIFETIME_MAX),
    }
    if after == before:
        return row
    for name, value in after.items():
        setattr(row, name, value)
    row.save(update_fields=list(after))
    changed = {name: {"before": before[name], "after": after[name]} for name in after if after[name] != before[name]}
    emit(SecurityChanged(actor=by, workspace=row, changed=changed))
    return row


def note_widget_seen(workspace: Workspace, origin: str) -> None:
    """Remember that the messenger was booted from this origin; at most once a minute. Only the first time is news to anybody."""
    stale = Workspace.objects.filter(pk=workspace.pk).exclude(
        widget_seen_origin=origin, widget_seen_at__gt=Now() - timedelta(minutes=1)
    )
    if workspace.widget_seen_at is not None:
        stale.update(widget_seen_at=Now(), widget_seen_origin=origin)
        return
    with transaction.atomic():
        stale.update(widget_seen_at=Now(), widget_seen_origin=origin)
        emit(MessengerFirstSeen(actor=System(), workspace=workspace))


def touch_members(ids: Iterable[Any]) -> None:
    """Note that these members have a dashboard open."""
    with scopes.every_workspace(PRESENCE), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE workspaces_member SET last_seen_at = now() WHERE id = ANY(%s) "
            "AND (last_seen_at IS NULL OR last_seen_at < now() - interval '20 s')",
            [list(ids)],
        )


def issue_ticket(member: Member, session_key: str) -> str:
    """Hand out a ticket for one live socket, good for thirty seconds. Only its hash is kept."""
    token = secrets.token_hex(32)
    Ticket.objects.create(
        token_hash=hash_token(token),
        workspace_id=member.workspace_id,
        member=member,
        session_key=session_key,
        expires_at=Now() + timedelta(seconds=limits.TICKET_SECONDS),
    )
    return token


def forget_ended_tickets() -> int:
    """Delete the tickets that nobody used in time. Runs by the clock."""
    with scopes.every_workspace(TICKETS):
        deleted, _ = Ticket.objects.filter(expires_at__lt=Now()).delete()
    return deleted


def redeem_ticket(token: str) -> tuple[Member, str] | None:
    """Use a ticket up. Returns the member and the session it was issued in; None where there is no such ticket any more."""
    with scopes.every_workspace(TICKETS), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM workspaces_ticket WHERE token_hash = %s AND expires_at > now() RETURNING workspace_id, member_id, session_key",
            [hash_token(token)],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    with scopes.workspace(row[0]):
        member = Member.objects.select_related("user", "workspace").filter(pk=row[1], user__is_active=True).first()
    return (member, row[2]) if member else None


def hash_token(token: str) -> bytes:
    """Hash a random token for storage: with 256 random bits plain SHA-256 is enough, and look-up is by index."""
    return hashlib.sha256(token.encode()).digest()
