"""What single sign-on announces. A provider's subject is nobody's business; its issuer is the workspace's choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.workspaces.events import MemberAdded, MemberEvent, WorkspaceEvent


@dataclass(frozen=True, kw_only=True)
class SsoSetUp(WorkspaceEvent):
    """A workspace named its provider for single sign-on."""

    name = "workspace.sso_set_up"
    phrase = "set up single sign-on with {issuer}"


@dataclass(frozen=True, kw_only=True)
class SsoChanged(WorkspaceEvent):
    """A workspace's single sign-on changed. The client's secret is named, never shown."""

    name = "workspace.sso_changed"
    phrase = "changed single sign-on: {fields}"

    def details(self) -> dict[str, Any]:
        return {**self.changed, "fields": sorted(self.changed)}


@dataclass(frozen=True, kw_only=True)
class SsoRemoved(WorkspaceEvent):
    """A workspace has no single sign-on any more."""

    name = "workspace.sso_removed"
    phrase = "removed single sign-on with {issuer}"


@dataclass(frozen=True, kw_only=True)
class SsoFailed(WorkspaceEvent):
    """Somebody came back from the provider and wasn't let in."""

    name = "workspace.sso_failed"
    phrase = "refused a single sign-on: {reason}"


@dataclass(frozen=True, kw_only=True)
class SsoJoined(MemberAdded):
    """Somebody new took a seat because the workspace's provider vouches for their address."""

    name = "member.joined_by_sso"
    phrase = "joined as {role} by single sign-on"


@dataclass(frozen=True, kw_only=True)
class IdentityLinked(MemberEvent):
    """A member linked their account at the provider: from now on it lets them in."""

    name = "member.identity_linked"
    phrase = "linked their account at {issuer}"
    issuer: str

    def details(self) -> dict[str, Any]:
        return {"issuer": self.issuer}


@dataclass(frozen=True, kw_only=True)
class IdentityUnlinked(MemberEvent):
    """A member's account at the provider lets them in no more."""

    name = "member.identity_unlinked"
    phrase = "unlinked their account at {issuer}"
    issuer: str

    def details(self) -> dict[str, Any]:
        return {"issuer": self.issuer}
