"""What workspaces announce. Each event names who may hear of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.core.events import Event
from apps.core.streams import Move
from apps.workspaces.models import ApiKey, Invitation, Member, User, Workspace


@dataclass(frozen=True, kw_only=True)
class MemberEvent(Event):
    """What every event about a member shares."""

    audited = True
    member: Member

    def subject(self) -> Member:
        return self.member


@dataclass(frozen=True, kw_only=True)
class SignedIn(MemberEvent):
    """A member signed in to the dashboard."""

    name = "member.signed_in"
    phrase = "signed in by {method}"
    method: str = "password"

    def details(self) -> dict[str, Any]:
        return {"method": self.method}


@dataclass(frozen=True, kw_only=True)
class SignInFailed(MemberEvent):
    """Somebody tried to sign in as a member and couldn't prove to be them."""

    name = "member.sign_in_failed"
    phrase = "refused a sign-in as {subject} by {method}"
    method: str

    def details(self) -> dict[str, Any]:
        return {"method": self.method}


@dataclass(frozen=True, kw_only=True)
class PasswordChanged(MemberEvent):
    """A member changed their password; their other sessions end."""

    name = "member.password_changed"
    phrase = "changed their password"

    def moves(self) -> Iterable[Move]:
        yield Move(f"member:{self.member.pk}")


@dataclass(frozen=True, kw_only=True)
class PasswordReplaced(MemberEvent):
    """A member set a new password by a link in a mail; all their sessions end."""

    name = "member.password_reset"
    phrase = "set a new password by mail"

    def moves(self) -> Iterable[Move]:
        yield Move(f"member:{self.member.pk}")


@dataclass(frozen=True, kw_only=True)
class SignedOut(MemberEvent):
    """A member signed out; their sockets close."""

    name = "member.signed_out"
    phrase = "signed out"

    def moves(self) -> Iterable[Move]:
        yield Move(f"user:{self.member.user_id}")


@dataclass(frozen=True, kw_only=True)
class SessionsEnded(MemberEvent):
    """Some of a person's sessions were ended from elsewhere; their sockets close."""

    name = "member.sessions_ended"
    phrase = "ended sessions of {subject} ({count})"
    count: int

    def details(self) -> dict[str, Any]:
        return {"count": self.count}

    def moves(self) -> Iterable[Move]:
        yield Move(f"user:{self.member.user_id}")


@dataclass(frozen=True, kw_only=True)
class TokenReused(MemberEvent):
    """A refresh token came a second time: somebody has a copy. Its whole session ended."""

    name = "member.token_reused"
    phrase = "used a refresh token a second time: the session on {device} was ended"
    device: str

    def details(self) -> dict[str, Any]:
        return {"device": self.device}

    def moves(self) -> Iterable[Move]:
        yield Move(f"user:{self.member.user_id}")


@dataclass(frozen=True, kw_only=True)
class AccessRefused(Event):
    """A member or a key was refused what they may not do."""

    name = "access.refused"
    audited = True
    phrase = "was refused {request}"
    request: str

    def subject(self) -> Any:
        return self.actor

    def details(self) -> dict[str, Any]:
        return {"request": self.request}


@dataclass(frozen=True, kw_only=True)
class MemberAdded(MemberEvent):
    """Somebody got a seat in a workspace."""

    name = "member.added"
    phrase = "gave {subject} a seat as {role}"

    def details(self) -> dict[str, Any]:
        return {"role": self.member.role}

    def moves(self) -> Iterable[Move]:
        yield Move(f"members:{self.member.workspace_id}")


@dataclass(frozen=True, kw_only=True)
class MemberJoined(MemberAdded):
    """Somebody took a seat that the domain of their address entitles them to."""

    name = "member.joined"
    phrase = "joined as {role} by the domain of their address"


@dataclass(frozen=True, kw_only=True)
class InvitationAccepted(MemberAdded):
    """Somebody took the seat that they were invited to."""

    name = "invitation.accepted"
    phrase = "accepted an invitation and joined as {role}"
    invitation: Invitation

    def details(self) -> dict[str, Any]:
        return {"role": self.member.role, "invitation": str(self.invitation.pk)}


@dataclass(frozen=True, kw_only=True)
class InvitationEvent(Event):
    """What every event about an invitation shares."""

    audited = True
    invitation: Invitation

    def subject(self) -> Invitation:
        return self.invitation

    def details(self) -> dict[str, Any]:
        return {"role": self.invitation.role}


@dataclass(frozen=True, kw_only=True)
class InvitationSent(InvitationEvent):
    """Somebody was invited, or invited again."""

    name = "invitation.sent"
    phrase = "invited {subject} as {role}"


@dataclass(frozen=True, kw_only=True)
class InvitationRevoked(InvitationEvent):
    """An invitation was taken back; its link opens nothing any more."""

    name = "invitation.revoked"
    phrase = "took the invitation of {subject} back"


@dataclass(frozen=True, kw_only=True)
class MemberChanged(MemberEvent):
    """A member's role or permissions changed."""

    name = "member.changed"
    phrase = "changed {subject} from {before} to {after}"
    before: str
    before_permissions: Sequence[str] = ()

    def details(self) -> dict[str, Any]:
        details: dict[str, Any] = {"before": self.before, "after": self.member.role}
        if list(self.before_permissions) != list(self.member.permissions):
            details["permissions"] = {"before": list(self.before_permissions), "after": list(self.member.permissions)}
        return details

    def moves(self) -> Iterable[Move]:
        yield Move(f"members:{self.member.workspace_id}")
        yield Move(f"member:{self.member.pk}")


@dataclass(frozen=True, kw_only=True)
class MemberRenamed(MemberEvent):
    """A member goes by another name."""

    name = "member.renamed"
    phrase = "goes by another name now"

    def moves(self) -> Iterable[Move]:
        yield Move(f"members:{self.member.workspace_id}")
        yield Move(f"member:{self.member.pk}")


@dataclass(frozen=True, kw_only=True)
class MemberRemoved(MemberEvent):
    """Somebody lost their seat; their sockets close."""

    name = "member.removed"
    phrase = "took {subject}'s seat away"
    user: User

    def details(self) -> dict[str, Any]:
        return {"user": str(self.user.pk), "role": self.member.role}

    def moves(self) -> Iterable[Move]:
        yield Move(f"members:{self.member.workspace_id}")
        yield Move(f"member:{self.member.pk}")


@dataclass(frozen=True, kw_only=True)
class MemberLeft(MemberRemoved):
    """A member gave their seat up; their sockets close."""

    name = "member.left"
    phrase = "left the workspace"


@dataclass(frozen=True, kw_only=True)
class MemberLockedOut(MemberEvent):
    """An operator deactivated a member's account; their sockets close."""

    name = "member.locked_out"
    phrase = "locked {subject} out"
    operator: User

    def details(self) -> dict[str, Any]:
        return {"operator": str(self.operator.pk)}

    def moves(self) -> Iterable[Move]:
        yield Move(f"member:{self.member.pk}")


@dataclass(frozen=True, kw_only=True)
class MemberLetIn(MemberEvent):
    """An operator activated a member's account again."""

    name = "member.let_in"
    phrase = "let {subject} in again"
    operator: User

    def details(self) -> dict[str, Any]:
        return {"operator": str(self.operator.pk)}


@dataclass(frozen=True, kw_only=True)
class WorkspaceEvent(Event):
    """What every event about a workspace shares. ``changed`` says what, by name."""

    audited = True
    workspace: Workspace
    changed: dict[str, Any] = field(default_factory=dict)

    def subject(self) -> Workspace:
        return self.workspace

    def details(self) -> dict[str, Any]:
        return self.changed

    def moves(self) -> Iterable[Move]:
        yield Move(f"workspace:{self.workspace.pk}")


@dataclass(frozen=True, kw_only=True)
class WorkspaceCreated(WorkspaceEvent):
    """A workspace came to be, with its owner."""

    name = "workspace.created"
    phrase = "created the workspace"


@dataclass(frozen=True, kw_only=True)
class MessengerChanged(WorkspaceEvent):
    """A workspace's messenger looks or greets differently."""

    name = "workspace.messenger_changed"
    phrase = "changed the messenger: {fields}"


@dataclass(frozen=True, kw_only=True)
class SecurityChanged(WorkspaceEvent):
    """A workspace's allowed origins or session lifetime changed."""

    name = "workspace.security_changed"
    phrase = "changed the security settings"


@dataclass(frozen=True, kw_only=True)
class SignInPolicyChanged(WorkspaceEvent):
    """How people get into a workspace changed: methods, who may join, domains."""

    name = "workspace.sign_in_changed"
    phrase = "changed how people sign in: {fields}"

    def details(self) -> dict[str, Any]:
        return {**self.changed, "fields": sorted(self.changed)}


@dataclass(frozen=True, kw_only=True)
class MessengerFirstSeen(WorkspaceEvent):
    """A workspace's messenger was opened on a page for the first time: it is installed."""

    name = "workspace.messenger_first_seen"
    audited = False


@dataclass(frozen=True, kw_only=True)
class OwnershipEvent(MemberEvent):
    """What every event about handing a workspace over shares. ``member`` is whoever gets it."""

    def moves(self) -> Iterable[Move]:
        yield Move(f"members:{self.member.workspace_id}")


@dataclass(frozen=True, kw_only=True)
class OwnershipOffered(OwnershipEvent):
    """An owner offered the workspace to another member."""

    name = "ownership.offered"
    phrase = "offered {subject} the ownership of the workspace"


@dataclass(frozen=True, kw_only=True)
class OwnershipWithdrawn(OwnershipEvent):
    """An offer of ownership was withdrawn, or declined."""

    name = "ownership.withdrawn"
    phrase = "ended the offer of ownership to {subject}"


@dataclass(frozen=True, kw_only=True)
class OwnershipTransferred(OwnershipEvent):
    """A member accepted the workspace and owns it now; who owned it is an admin."""

    name = "ownership.transferred"
    phrase = "took over the workspace from {giver}"
    giver: Member

    def details(self) -> dict[str, Any]:
        return {"giver": str(self.giver.pk)}

    def moves(self) -> Iterable[Move]:
        yield Move(f"members:{self.member.workspace_id}")
        yield Move(f"member:{self.member.pk}")
        yield Move(f"member:{self.giver.pk}")


@dataclass(frozen=True, kw_only=True)
class KeyEvent(Event):
    """What every event about an API key shares."""

    audited = True
    key: ApiKey

    def subject(self) -> ApiKey:
        return self.key


@dataclass(frozen=True, kw_only=True)
class KeyMade(KeyEvent):
    """Somebody made an API key."""

    name = "key.made"
    phrase = "made the API key {subject} with {scopes}"

    def details(self) -> dict[str, Any]:
        return {"scopes": list(self.key.scopes)}


@dataclass(frozen=True, kw_only=True)
class KeyRevoked(KeyEvent):
    """An API key was revoked."""

    name = "key.revoked"
    phrase = "revoked the API key {subject}"
