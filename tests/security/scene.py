"""Two workspaces with everybody in them, and what belongs to whom."""

from __future__ import annotations

import io
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.test import Client

from apps.core.clock import now
from apps.visitors.models import VisitorSession
from apps.workspaces import invitations
from tests import callers, factories
from tests.callers import Booted, Caller, SignedIn

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301010018dd8db00000000049454e44ae426082"
)


@dataclass(frozen=True)
class Person:
    """Somebody who calls: how, as which kind of actor, and what they may."""

    name: str
    caller: Caller
    kind: str
    """member, visitor, nobody; ended for a credential that opens nothing any more, or never did."""
    held: frozenset[str] = frozenset()
    own: bool = True
    """Whether what the scene is about is theirs to see."""


class Scene:
    """What a visitor of one workspace wrote and a member answered; and everybody who might want to read it."""

    def __init__(self) -> None:
        self.workspace = factories.make_workspace("Shop")
        self.elsewhere = factories.make_workspace("Elsewhere", allowed_origins=[factories.ORIGIN])
        members = {role: callers.signed_in(self.workspace, role) for role in ("viewer", "agent", "admin", "owner")}
        self.agent = members["agent"]
        self.foreigner = callers.signed_in(self.elsewhere, "owner")
        self.visitor, self.other = callers.booted(self.workspace, name="Maya"), callers.booted(self.workspace)
        self.stranger = callers.booted(self.elsewhere)
        file = self.visitor.upload(named(PICTURE, "bike.png")).json()
        started = self.visitor.start("Where is my bike?", attachments=[file["id"]]).json()
        self.attachment, self.conversation = file["id"], started["conversation"]["id"]
        self.file_address = file["url"].removeprefix(settings.FILES_URL)
        self.agent.say(self.conversation, "On its way.")
        self.invitation = invitations.invite("guest@guest.example", "viewer", by=members["owner"].member)
        self.people = [
            Person("nobody", callers.nobody(), "nobody"),
            Person("signed out", _signed_out(self), "nobody"),
            *(Person(role, caller, "member", caller.member.held) for role, caller in members.items()),
            Person("another tenant's owner", self.foreigner, "member", self.foreigner.member.held, own=False),
            Person("the visitor", self.visitor, "visitor"),
            Person("another visitor", self.other, "visitor", own=False),
            Person("another tenant's visitor", self.stranger, "visitor", own=False),
            Person("an expired token", _expired(self), "ended"),
            Person("a revoked token", _revoked(self), "ended"),
            Person("a forged token", Booted(f"wst_{secrets.token_hex(32)}", self.visitor.visitor), "ended"),
        ]

    def person(self, name: str) -> Person:
        return next(person for person in self.people if person.name == name)

    @property
    def ids(self) -> dict[str, Any]:
        """What stands in an address for each of its parameters."""
        _, _files, token, name = self.file_address.split("/")
        return {
            "conversation_id": self.conversation,
            "visitor_id": self.visitor.visitor.pk,
            "attachment_id": self.attachment,
            "invitation_id": self.invitation.pk,
            "mail": "0" * 32,
            "view": "open",
            "slug": "gravel",
            "token": token,
            "name": name,
        }

    @property
    def random_ids(self) -> dict[str, Any]:
        """The same with ids that never were."""
        return {
            **self.ids,
            "conversation_id": uuid4(),
            "visitor_id": uuid4(),
            "attachment_id": uuid4(),
            "invitation_id": uuid4(),
        }


NAMES = [
    "nobody",
    "signed out",
    "viewer",
    "agent",
    "admin",
    "owner",
    "another tenant's owner",
    "the visitor",
    "another visitor",
]
NAMES += ["another tenant's visitor", "an expired token", "a revoked token", "a forged token"]
"""The names of a scene's people, for parameters."""


def named(content: bytes, name: str) -> io.BytesIO:
    """Return a file to upload."""
    file = io.BytesIO(content)
    file.name = name
    return file


def _signed_out(scene: Scene) -> SignedIn:
    caller = callers.signed_in(scene.workspace, "admin")
    cookies = dict(caller.client.cookies)
    caller.delete("/session")
    caller.client = Client()
    caller.client.cookies.update(cookies)
    return caller


def _expired(scene: Scene) -> Booted:
    caller = callers.booted(scene.workspace)
    VisitorSession.objects.filter(visitor=caller.visitor).update(expires_at=now() - timedelta(hours=1))
    return caller


def _revoked(scene: Scene) -> Booted:
    caller = callers.booted(scene.workspace)
    assert caller.delete("/widget/session").status_code == 204
    return caller
