"""The demo workspace, made by the same actions that people's clicks call; only the times are written afterwards."""

from __future__ import annotations

import base64
import hashlib
import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction

from apps.conversations import actions
from apps.conversations.models import Attachment, Conversation, Message
from apps.core import clock, files, limits
from apps.core.access import Actor
from apps.knowledge.snippets import actions as snippets
from apps.visitors.actions import boot
from apps.visitors.models import Visitor
from apps.workspaces.actions import add_member, change_messenger, change_security, create_workspace
from apps.workspaces.demo import DEMO_WORKSPACE
from apps.workspaces.models import Member, User, Workspace
from opencom_project.demo import articles, pictures, times
from opencom_project.demo.cast import PAGES, PASSWORD, PEOPLE, TEAM, Person
from opencom_project.demo.script import Done, Scene, Spoken, scenes

SNIPPETS = (
    (
        "Greeting",
        "hi",
        "Everyday",
        "Hi {{ visitor.first_name | there }}, {{ agent.first_name }} from the workshop here. How can I help?",
    ),
    (
        "Anything else?",
        "else",
        "Everyday",
        "Is there anything else I can do for you, {{ visitor.first_name | friend }}? Otherwise enjoy the ride!",
    ),
    (
        "Where is my order",
        "order",
        "Orders",
        "Orders leave our workshop within **two working days**. As soon as the parcel is on its way you get a mail with its number.",
    ),
    (
        "Returns",
        "return",
        "Orders",
        "You can send anything back within 30 days, as long as it hasn't been ridden in the rain:\n\n"
        "1. Put it back into its box.\n2. Write your order's number on it.\n3. Hand it in at any post office.",
    ),
    (
        "Choose a frame size",
        "size",
        "Advice",
        "Tell me your inseam in centimetres: floor to crotch, without shoes. Times 0.66 is your frame on the road, times 0.58 off it.",
    ),
    (
        "Book a service",
        "service",
        "Workshop",
        "A service takes two days. Which day next week suits you?",
    ),
)
"""Name, shortcut, folder and text of what the team shares."""
LATELY = timedelta(minutes=30)
"""Whoever wrote within this has the shop's page still open."""


@transaction.atomic
def make() -> Workspace:
    """Make the workspace with its team, visitors and conversations. All of it or nothing."""
    team = _team()
    workspace = team["a"].workspace
    articles.write(team)
    people = {person.handle: _visitor(workspace, person) for person in PEOPLE}
    for name, shortcut, folder, body in SNIPPETS:
        snippets.make(shared=True, by=team["a"], name=name, shortcut=shortcut, folder=folder, body=body)
    now = clock.now()
    for number, scene in enumerate(reversed(scenes())):
        _play(scene, people[scene.person], team, now, random.Random(number))
    for person in PEOPLE:
        times.date_visitor(people[person.handle], now, lately=LATELY)
    return workspace


def _team() -> dict[str, Member]:
    users = {one.handle: User.objects.create_user(one.email, PASSWORD, name=one.name) for one in TEAM}
    owner = create_workspace(DEMO_WORKSPACE, owner=users["a"])
    workspace = owner.workspace
    members = {
        one.handle: owner if one.role == "owner" else add_member(workspace, users[one.handle], one.role, by=owner)
        for one in TEAM
    }
    change_security(
        workspace,
        allowed_origins=own_origins(),
        any_origin=False,
        session_lifetime=limits.SESSION_LIFETIME_DEFAULT,
        by=owner,
    )
    messenger = {
        "greeting": "Hi there 👋 Ask us anything about bikes.",
        "team_introduction": "Ada, Ben and Chloé, in the workshop",
        "expected_reply": "Usually answers within minutes",
        "primary_color": "#14532d",
        "background_color": "#14532d",
    }
    change_messenger(workspace, messenger, by=owner)
    workspace.refresh_from_db()
    return members


def own_origins() -> list[str]:
    """Return this installation's own origin by every name a browser on this machine may call it."""
    parts = urlsplit(settings.PUBLIC_URL)
    hosts = [
        parts.hostname or "",
        *(["127.0.0.1", "localhost"] if parts.hostname in {"127.0.0.1", "localhost"} else []),
    ]
    port = f":{parts.port}" if parts.port else ""
    return [urlunsplit((parts.scheme, host + port, "", "", "")) for host in dict.fromkeys(hosts)]


def _visitor(workspace: Workspace, person: Person) -> Visitor:
    """Let a person open the shop's page. Their client's secret is forgotten at once: nobody can come back as them."""
    page = f"demo/{person.page}/" if person.page else "demo/"
    return boot(
        workspace,
        session_id=base64.urlsafe_b64encode(uuid.uuid4().bytes + uuid.uuid4().bytes[:8]).decode(),
        origin=own_origins()[0],
        client={"type": "web_widget", "version": "1"},
        attributes=person.attributes,
        name=person.name,
        email=person.email,
        locale=person.locale,
        timezone=person.timezone,
        device=person.device,
        referrer=person.referrer,
        page_url=f"{settings.PUBLIC_URL}/{page}",
        page_title=f"{PAGES[person.page]} · {DEMO_WORKSPACE}",
    ).visitor


@dataclass(slots=True)
class _Stage:
    """One conversation while it is played."""

    visitor: Visitor
    team: dict[str, Member]
    conversation: Conversation | None = None

    def actor(self, handle: str) -> Actor:
        return self.visitor if handle == "v" else self.team[handle]


def _play(scene: Scene, visitor: Visitor, team: dict[str, Member], now: datetime, chance: random.Random) -> None:
    stage = _Stage(visitor, team)
    for line in scene.lines:
        _say(stage, line) if isinstance(line, Spoken) else _do(stage, line, now - scene.ago)
    conversation = stage.conversation
    assert conversation is not None
    conversation.refresh_from_db()
    _read(conversation, scene, team)
    moments = times.moments(now - scene.ago, conversation.head, chance)
    times.date_conversation(conversation, moments)
    expected = (scene.status, team[scene.assignee].pk if scene.assignee else None)
    if (conversation.status, conversation.assignee_id) != expected:
        raise ValueError(f"The script says {expected}, but its lines end with {conversation.status}: {scene.lines[0]}")


def _say(stage: _Stage, line: Spoken) -> None:
    by = stage.actor(line.by)
    attached = [_picture(by, stage.visitor.workspace_id, name).pk for name in line.pictures]
    if stage.conversation is None:
        started = actions.start_conversation(
            stage.visitor, by=by, body=line.body, client_id=uuid.uuid4(), attachments=attached
        )
        stage.conversation = started.conversation
        return
    kind = Message.Kind.NOTE if line.note else Message.Kind.MESSAGE
    actions.send_message(
        stage.conversation, by=by, body=line.body, client_id=uuid.uuid4(), kind=kind, attachments=attached
    )


def _picture(by: Actor, workspace_id: uuid.UUID, name: str) -> Attachment:
    inspected = files.inspect(pictures.draw(name), name)
    attachment = Attachment(
        workspace_id=workspace_id,
        member=by if isinstance(by, Member) else None,
        visitor=by if isinstance(by, Visitor) else None,
        name=name,
        content_type=inspected.content_type,
        size=len(inspected.content),
        width=inspected.width,
        height=inspected.height,
        staged_until=clock.now() + timedelta(seconds=limits.STAGED_SECONDS),
    )
    attachment.file.save(
        hashlib.sha256(uuid.uuid4().bytes).hexdigest()[:32], ContentFile(inspected.content), save=False
    )
    return actions.stage_attachment(attachment, by=by)


def _do(stage: _Stage, line: Done, ended_at: datetime) -> None:
    conversation, by = stage.conversation, stage.actor(line.by)
    assert conversation is not None
    match line.verb:
        case "assign":
            actions.assign(conversation, stage.team[line.assignee], by=by)
        case "snooze":
            until = ended_at + line.snooze if line.snooze else None
            actions.change_status(conversation, Conversation.Status.SNOOZED, by=by, until=until)
        case "close":
            actions.change_status(conversation, Conversation.Status.CLOSED, by=by)
        case _:
            actions.change_status(conversation, Conversation.Status.OPEN, by=by)


def _read(conversation: Conversation, scene: Scene, team: dict[str, Member]) -> None:
    """Let each side have read what the script says it has."""
    reader = team[scene.assignee or "a"]
    theirs = conversation.messages.filter(author_kind=Message.Author.VISITOR).order_by("seq")
    answered = conversation.messages.filter(author_kind=Message.Author.MEMBER).order_by("-seq").first()
    if not scene.unread:
        actions.mark_seen(conversation, conversation.head, by=reader)
    elif answered is not None:
        actions.mark_seen(conversation, answered.seq, by=reader)
    public = conversation.messages.filter(public_seq__isnull=False)
    last_own = theirs.last() if scene.unseen else public.order_by("seq").last()
    if last_own is not None and last_own.public_seq:
        actions.mark_seen(conversation, last_own.public_seq, by=conversation.visitor)
