"""Two workspaces with everybody in them, and what belongs to whom."""

from __future__ import annotations

import base64
import copy
import io
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.test import Client
from joserfc import jwt

from apps.core.clock import now
from apps.knowledge import actions, collections
from apps.knowledge.actions import Text
from apps.knowledge.help_center import ensure_help_center
from apps.knowledge.retrieval.models import Gap
from apps.visitors.models import VisitorSession
from apps.workspaces import invitations, keys, tokens
from apps.workspaces.models import ApiKey, Member, UserSession
from apps.workspaces.sso.models import LinkedIdentity
from tests import callers, factories
from tests.callers import App, Booted, Caller, Keyed, SignedIn

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301010018dd8db00000000049454e44ae426082"
)


@dataclass(frozen=True)
class Person:
    """Somebody who calls: how, as which kind of actor, and what they may."""

    name: str
    caller: Caller
    kind: str
    """member, visitor, key, nobody; ended for a credential that opens nothing any more, or never did."""
    held: frozenset[str] = frozenset()
    own: bool = True
    """Whether what the scene is about is theirs to see."""
    session: Any = None
    """A session of theirs that they may end."""
    identity: Any = None
    """An account at a provider that they may unlink."""


def at_pages(person: Person) -> str:
    """Return as which kind of actor somebody comes to a page: a token opens none."""
    return "nobody" if isinstance(person.caller, (App, Keyed)) else person.kind


class Scene:
    """What a visitor of one workspace wrote and a member answered; and everybody who might want to read it."""

    def __init__(self) -> None:
        self.workspace = factories.make_workspace("Shop")
        self.elsewhere = factories.make_workspace("Elsewhere", allowed_origins=[factories.ORIGIN])
        members = {role: callers.signed_in(self.workspace, role) for role in ("viewer", "agent", "admin", "owner")}
        self.agent, self.subordinate = members["agent"], factories.make_member(self.workspace, "viewer")
        self.session = _another_session(self.agent)
        self.passkey = uuid4()
        self.refresh_token = callers.tokens_of(self.agent.member)["refresh_token"]
        self.foreigner = callers.signed_in(self.elsewhere, "owner")
        self.visitor, self.other = callers.booted(self.workspace, name="Maya"), callers.booted(self.workspace)
        self.stranger = callers.booted(self.elsewhere)
        file = self.visitor.upload(named(PICTURE, "bike.png")).json()
        started = self.visitor.start("Where is my bike?", attachments=[file["id"]]).json()
        self.attachment, self.conversation = file["id"], started["conversation"]["id"]
        self.file_address = file["url"].removeprefix(settings.FILES_URL)
        self.agent.say(self.conversation, "On its way.")
        self.invitation = invitations.invite("guest@guest.example", "viewer", by=members["owner"].member)
        owner = members["owner"]
        twin, other_twin = (factories.make_visitor(self.workspace, name="Twin") for _ in range(2))
        self.twin = twin
        merged = owner.post(f"/visitors/{self.visitor.visitor.pk}/merges", {"other": str(other_twin.pk)})
        self.merge = merged.json()["id"]
        self.identity = identity_of(self.subordinate)
        self.secret = owner.post("/workspace/identity/secrets", {}).json()["id"]
        copy = owner.post(f"/visitors/{self.visitor.visitor.pk}/exports").json()
        self.export, link = copy["id"], copy["url"]
        self.erasure = owner.delete(f"/visitors/{factories.make_visitor(self.workspace).pk}").json()["id"]
        self.gap = Gap.objects.create(workspace=self.workspace, words="giraffes").pk
        self.export_token = link.rstrip("/").rsplit("/", 1)[1]
        self._write()
        self.snippet = owner.post("/snippets", {"name": "Greeting", "body": "Hello"}).json()["id"]
        self.people = [
            Person("nobody", callers.nobody(), "nobody"),
            Person("signed out", _signed_out(self), "nobody"),
            *(_member(role, caller) for role, caller in members.items()),
            Person("another tenant's owner", self.foreigner, "member", self.foreigner.member.held, own=False),
            Person("the visitor", self.visitor, "visitor"),
            Person("another visitor", self.other, "visitor", own=False),
            Person("another tenant's visitor", self.stranger, "visitor", own=False),
            Person("an expired token", _expired(self), "ended"),
            Person("a revoked token", _revoked(self), "ended"),
            Person("a forged token", Booted(f"wst_{secrets.token_hex(32)}", self.visitor.visitor), "ended"),
            *self._integrations(members["owner"].member),
            *self._apps(),
        ]

    def _write(self) -> None:
        """Publish an article with a picture, in a collection, whose newest version readers don't see yet."""
        by = factories.owner_of(self.workspace)
        ensure_help_center(self.elsewhere.pk)
        self.collection = collections.make_collection(self.workspace.pk, "Gravel", by=by)
        self.asset = factories.make_asset(self.workspace, PICTURE)
        body = f"![Bike](asset:{self.asset.pk})"
        self.article = factories.make_article(self.workspace, "Gravel", body, collection=self.collection)
        self.version = actions.save_text(self.article, Text("Gravel", "", body + " New"), base=1, by=by)
        self.first_version = self.article.versions.get(number=1)

    def _integrations(self, maker: Member) -> list[Person]:
        """Return those who call with a key."""
        every = callers.keyed(maker, *keys.known_scopes())
        poor = callers.keyed(maker, "audit.read")
        foreign = callers.keyed(self.foreigner.member, *keys.known_scopes())
        late, revoked = callers.keyed(maker, *keys.known_scopes()), callers.keyed(maker, *keys.known_scopes())
        ApiKey.objects.filter(pk=late.key.pk).update(expires_at=now() - timedelta(seconds=1))
        keys.revoke(revoked.key, by=maker)
        self.key = every.key.pk
        return [
            Person("a key", every, "key", every.key.held),
            Person("a key without the scope", poor, "key", poor.key.held),
            Person("another tenant's key", foreign, "key", foreign.key.held, own=False),
            Person("an expired key", late, "ended"),
            Person("a revoked key", revoked, "ended"),
            Person("a forged key", callers.Keyed(f"oca_{secrets.token_hex(32)}", every.key), "ended"),
        ]

    def _apps(self) -> list[Person]:
        """Return those who call with a token of an app."""
        member, foreigner = factories.make_member(self.workspace), factories.make_member(self.elsewhere)
        mine, foreign, out = callers.app_of(member), callers.app_of(foreigner), callers.app_of(member)
        assert out.delete("/session").status_code == 204
        said = callers.tokens_of(member)
        session = UserSession.objects.get(pk=said["session"])
        return [
            _member("an app", mine),
            Person("another tenant's app", foreign, "member", foreigner.held, own=False),
            Person("an app that has signed out", out, "ended"),
            Person("a refresh token as an access token", callers.App(member, said["refresh_token"]), "ended"),
            Person("an expired access token", callers.App(member, _signed(session, exp=1)), "ended"),
            Person("an access token for others", callers.App(member, _signed(session, aud="another")), "ended"),
            Person("a forged access token", callers.App(member, _signed(session, secret="x" * 50)), "ended"),
        ]

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Undo what is written inside, also in the people's browsers."""
        cookies = {person.name: copy.deepcopy(person.caller.client.cookies) for person in self.people}
        try:
            with transaction.atomic():
                yield
                transaction.set_rollback(True)
        finally:
            for person in self.people:
                person.caller.client.cookies = cookies[person.name]

    def person(self, name: str) -> Person:
        return next(person for person in self.people if person.name == name)

    @property
    def ids(self) -> dict[str, Any]:
        """What stands in an address for each of its parameters."""
        _, _files, token, name = self.file_address.split("/")
        return {
            "conversation_id": self.conversation,
            "visitor_id": self.visitor.visitor.pk,
            "member_id": self.subordinate.pk,
            "key_id": self.key,
            "session_id": self.session,
            "passkey_id": self.passkey,
            "attachment_id": self.attachment,
            "invitation_id": self.invitation.pk,
            "mail": "0" * 32,
            "workspace_id": self.workspace.pk,
            "identity_id": self.identity.pk,
            "merge_id": self.merge,
            "secret_id": self.secret,
            "gap_id": self.gap,
            "export_token": self.export_token,
            "export_id": self.export,
            "erasure_id": self.erasure,
            "article_id": self.article.pk,
            "version_id": self.first_version.pk,
            "collection_id": self.collection.pk,
            "asset_id": self.asset.pk,
            "center": "shop",
            "snippet_id": self.snippet,
            "view": "open",
            "slug": "gravel",
            "token": token,
            "name": name,
        }

    @property
    def random_ids(self) -> dict[str, Any]:
        """The same with ids that never were."""
        return {name: uuid4() if name.endswith("_id") else value for name, value in self.ids.items()}


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
NAMES += ["a key", "a key without the scope", "another tenant's key", "an expired key", "a revoked key", "a forged key"]
NAMES += ["an app", "another tenant's app", "an app that has signed out", "a refresh token as an access token"]
NAMES += ["an expired access token", "an access token for others", "a forged access token"]
"""The names of a scene's people, for parameters."""


def named(content: bytes, name: str) -> io.BytesIO:
    """Return a file to upload."""
    file = io.BytesIO(content)
    file.name = name
    return file


def _member(name: str, caller: SignedIn | App) -> Person:
    """Return a member of the scene's workspace, with what is theirs alone."""
    session, identity = _another_session(caller), identity_of(caller.member).pk
    return Person(name, caller, "member", caller.member.held, session=session, identity=identity)


def identity_of(member: Member) -> LinkedIdentity:
    """Link an account at a provider to a member."""
    return LinkedIdentity.objects.create(user=member.user, issuer="https://idp.example", subject=secrets.token_hex(8))


def _another_session(caller: SignedIn | App) -> Any:
    """Sign the caller's member in elsewhere; returns the id of that session."""
    return callers.tokens_of(caller.member)["session"]


def _signed(session: UserSession, *, secret: str = "", **claims: Any) -> str:
    """Sign an access token as we do, but for what is named."""
    _, payload, _ = tokens.access_token(session).split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    header = {"alg": tokens.ALGORITHM, "typ": tokens.TYPE}
    return jwt.encode(header, {**said, **claims}, tokens._key(secret or settings.SECRET_KEY))


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
