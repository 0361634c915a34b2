"""What a test needs to exist: made by the same actions as in production, with the least that makes sense filled in."""

from __future__ import annotations

import itertools
import secrets
import uuid
from typing import Any

from apps.conversations import actions as conversation_actions
from apps.conversations.actions import Sent
from apps.conversations.models import Conversation, Message
from apps.core.access import Actor, System
from apps.core.files import Inspected
from apps.knowledge import actions as knowledge_actions
from apps.knowledge import assets
from apps.knowledge.actions import Text
from apps.knowledge.models import Article, Asset
from apps.visitors import actions as visitor_actions
from apps.visitors.actions import Issued
from apps.visitors.models import Visitor
from apps.workspaces import actions as workspace_actions
from apps.workspaces.models import Member, User, Workspace

PASSWORD = "correct horse battery staple"
ORIGIN = "https://shop.example"
"""The origin that a workspace made here allows."""

_numbers = itertools.count(1)


def make_user(name: str = "", email: str = "", **fields: Any) -> User:
    number = next(_numbers)
    return User.objects.create_user(
        email or f"person-{number}@team.example", PASSWORD, name=name or f"Person {number}", **fields
    )


def make_workspace(name: str = "Shop", *, allowed_origins: list[str] | None = None, **fields: Any) -> Workspace:
    """Make a workspace with its owner; its messenger may run on ORIGIN."""
    workspace = workspace_actions.create_workspace(name, owner=make_user()).workspace
    workspace.allowed_origins = [ORIGIN] if allowed_origins is None else allowed_origins
    for field, value in fields.items():
        setattr(workspace, field, value)
    workspace.save()
    return workspace


def owner_of(workspace: Workspace) -> Member:
    return Member.objects.select_related("user", "workspace").get(workspace=workspace, role="owner")


def make_member(
    workspace: Workspace, role: str = "agent", *, name: str = "", permissions: list[str] | None = None
) -> Member:
    member = workspace_actions.add_member(workspace, make_user(name), role, by=System())
    if permissions:
        member.permissions = permissions
        member.save(update_fields=["permissions"])
    return member


def session_id() -> str:
    """Return what a messenger makes once and keeps."""
    return secrets.token_urlsafe(24)


def boot(workspace: Workspace, **details: Any) -> Issued:
    """Let a new visitor arrive; returns the visitor and the token in clear."""
    client = {"type": "web_widget"}
    return visitor_actions.boot(
        workspace, session_id=details.pop("session_id", session_id()), origin=ORIGIN, client=client, **details
    )


def make_visitor(workspace: Workspace, **details: Any) -> Visitor:
    return boot(workspace, **details).visitor


def start(visitor: Visitor, body: str = "Hello?", *, by: Actor | None = None, **fields: Any) -> Conversation:
    """Start a conversation with its first message, by the visitor unless somebody else is named."""
    return conversation_actions.start_conversation(
        visitor, by=by or visitor, body=body, client_id=fields.pop("client_id", uuid.uuid4()), **fields
    ).conversation


def send(conversation: Conversation, by: Actor, body: str = "Hi.", *, kind: str = "message", **fields: Any) -> Message:
    """Add a message, or a note."""
    return send_once(conversation, by, body, kind=kind, **fields).message


def send_once(conversation: Conversation, by: Actor, body: str, *, kind: str = "message", **fields: Any) -> Sent:
    return conversation_actions.send_message(
        conversation,
        by=by,
        body=body,
        kind=Message.Kind(kind),
        client_id=fields.pop("client_id", uuid.uuid4()),
        **fields,
    )


def make_article(
    workspace: Workspace, title: str = "Returns", body: str = "Send it back.", *, publish: bool = True, **fields: Any
) -> Article:
    """Write an article, by the workspace's owner; published unless said otherwise."""
    owner, text = owner_of(workspace), Text(title, fields.pop("summary", ""), body)
    article = knowledge_actions.make_article(workspace.pk, text, by=owner, **fields)
    return knowledge_actions.publish(article, by=owner) if publish else article


def make_asset(workspace: Workspace, content: bytes, name: str = "bike.png") -> Asset:
    """Upload a picture for articles, by the workspace's owner."""
    inspected: Inspected = assets.accepted(content, name)
    return assets.add_asset(workspace.pk, inspected, name, by=owner_of(workspace), article=None)
