"""Everything that changes a workspace and its members."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.core import limits
from apps.core.access import Actor, System
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.tokens import hash_token
from apps.workspaces import origins, user_sessions
from apps.workspaces.events import (
    AccessRefused,
    KeyRevoked,
    MemberAdded,
    MemberChanged,
    MemberLeft,
    MemberLetIn,
    MemberLockedOut,
    MemberRemoved,
    MemberRenamed,
    MessengerChanged,
    MessengerFirstSeen,
    SecurityChanged,
    SignedIn,
    SignedOut,
    WorkspaceCreated,
)
from apps.workspaces.models import ApiKey, Member, Messenger, Ticket, User, Workspace

PRESENCE = Exemption("presence of members", "one statement notes everybody who is at a dashboard of this live process")
TICKETS = Exemption("tickets", "who holds one is known only when it is found; the clock deletes those that nobody used")


class SessionOver(Exception):
    """The session, or the seat in which it was used, has just been ended."""


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
    keep_an_owner(member, becoming=role)
    before, member.role = member.role, role
    member.save(update_fields=["role"])
    emit(MemberChanged(actor=by, member=member, before=before))


@transaction.atomic
def remove_member(member: Member, *, by: Actor) -> None:
    """Take a seat away, at once for requests and within seconds for open sockets. Raises LastOwner."""
    _give_up(member, MemberRemoved(actor=by, member=member, user=member.user))


@transaction.atomic
def leave(member: Member) -> None:
    """Give one's own seat up, with the keys that one made. Raises LastOwner."""
    _give_up(member, MemberLeft(actor=member, member=member, user=member.user))


def _give_up(member: Member, event: MemberRemoved) -> None:
    keep_an_owner(member, becoming=None)
    _revoke_keys_of(member, by=event.actor)
    emit(event)
    Member.objects.filter(pk=member.pk).delete()


def _revoke_keys_of(member: Member, *, by: Actor) -> None:
    """End the keys that somebody made: their access ends with their seat, whatever copies they keep."""
    for key in ApiKey.objects.select_for_update().filter(maker=member, revoked_at=None):
        ApiKey.objects.filter(pk=key.pk).update(revoked_at=Now())
        emit(KeyRevoked(actor=by, key=key))


def keep_an_owner(member: Member, becoming: str | None) -> None:
    """Raise LastOwner where this member is the last owner and would be none any more. Belongs inside a transaction."""
    if member.role != Member.Role.OWNER or becoming == Member.Role.OWNER:
        return
    # Two owners who leave at once must see each other go.
    Workspace.objects.select_for_update().get(pk=member.workspace_id)
    if Member.objects.filter(workspace_id=member.workspace_id, role=Member.Role.OWNER).count() < 2:
        raise LastOwner("Make somebody else an owner first.")


@transaction.atomic
def deactivate_user(user: User, *, by: Actor, operator: User) -> None:
    """Lock somebody out of every workspace: at once for requests, within seconds for open sockets. On record in each of them."""
    User.objects.filter(pk=user.pk).update(is_active=False)
    user_sessions.end(user, by=by)
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
def record_sign_out(member: Member) -> None:
    """Put a sign-out on record and end its session with its tickets; the session's sockets close within seconds."""
    if member.session_id is not None:
        user_sessions.forget([member.session_id])
    emit(SignedOut(actor=member, member=member))


@transaction.atomic
def record_refusal(actor: Member | ApiKey, request: str) -> None:
    """Put on record that a member or a key asked for what they may not."""
    emit(AccessRefused(actor=actor, request=request))


@transaction.atomic
def rename_user(member: Member, name: str) -> None:
    """Change what colleagues and visitors call somebody, in every workspace of theirs."""
    before = member.user.name
    if name == before:
        return
    member.user.name = name
    member.user.save(update_fields=["name"])
    with scopes.every_workspace(user_sessions.SEATS):
        for seat in user_sessions.seats_of(member.user_id):
            emit(MemberRenamed(actor=member, member=seat))


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


@transaction.atomic
def issue_ticket(member: Member) -> str:
    """Hand out a ticket for one live socket, good for thirty seconds. Only its hash is kept.

    Raises SessionOver where the session or the seat is being taken away at this moment.
    """
    assert member.session_id is not None, "only who has signed in gets a ticket"
    token = secrets.token_hex(32)
    with connection.cursor() as cursor:
        # Waits for whoever is deleting either, and keeps them until the ticket is there.
        cursor.execute(
            "SELECT FROM workspaces_usersession AS session, workspaces_member AS member "
            "WHERE session.id = %s AND member.id = %s FOR KEY SHARE",
            [member.session_id, member.pk],
        )
        if cursor.fetchone() is None:
            raise SessionOver
    Ticket.objects.create(
        token_hash=hash_token(token),
        workspace_id=member.workspace_id,
        member=member,
        session_id=member.session_id,
        expires_at=Now() + timedelta(seconds=limits.TICKET_SECONDS),
    )
    return token


def forget_ended_tickets() -> int:
    """Delete the tickets that nobody used in time. Runs by the clock."""
    with scopes.every_workspace(TICKETS):
        deleted, _ = Ticket.objects.filter(expires_at__lt=Now()).delete()
    return deleted


def redeem_ticket(token: str) -> tuple[UUID, UUID] | None:
    """Use a ticket up. Returns the ids of the session it was issued in and of the member; None where there is no such ticket any more."""
    with scopes.every_workspace(TICKETS), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM workspaces_ticket WHERE token_hash = %s AND expires_at > now() RETURNING session_id, member_id",
            [hash_token(token)],
        )
        row = cursor.fetchone()
    return None if row is None else (row[0], row[1])
