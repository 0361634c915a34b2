"""Behind the scenes of one database: makes people and conversations there and reads as the API does, without HTTP.

A process of its own, with Django and the environment of the product it looks into; asked by `bench.remote`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import django

django.setup()

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.utils import timezone  # noqa: E402

from apps.conversations import actions as conversations  # noqa: E402
from apps.conversations.models import Conversation  # noqa: E402
from apps.core.ids import uuid7  # noqa: E402
from apps.core.isolation import scopes  # noqa: E402
from apps.core.tokens import hash_token  # noqa: E402
from apps.visitors.models import Visitor, VisitorSession  # noqa: E402
from apps.visitors.readable_ids import readable_id  # noqa: E402
from apps.workspaces import actions as workspaces  # noqa: E402
from apps.workspaces.models import Member, User, UserSession, Workspace  # noqa: E402
from apps.workspaces.sessions import WORKSPACE_KEY  # noqa: E402
from apps.workspaces.user_sessions import SESSION_ID_KEY  # noqa: E402
from bench import fill, lists  # noqa: E402
from bench.remote import serve  # noqa: E402

ORIGIN = "https://shop.example"
SOCKETS_A_MEMBER = 15
BATCH = 1000


class Backstage(lists.Lists):
    """What a measurement needs to have there before it begins."""

    def workspace(self, agents: int) -> str:
        """Make a workspace whose messenger may run anywhere, with so many agents, and return its id."""
        owner = User.objects.create(
            email=f"owner-{secrets.token_hex(4)}@bench.example", name="Olga Owner", password="!"
        )
        seat = workspaces.create_workspace("Bench", owner=owner)
        Workspace.objects.filter(pk=seat.workspace_id).update(any_origin=True)
        for number in range(agents):
            user = User.objects.create(
                email=f"agent-{number}-{secrets.token_hex(4)}@bench.example", name=f"Agent {number}", password="!"
            )
            workspaces.add_member(seat.workspace, user, Member.Role.AGENT, by=seat)
        return str(seat.workspace_id)

    def people(self, workspace: str, count: int) -> list[dict[str, str]]:
        """Make visitors with a session each, and a conversation with a first message; return their tokens and ids."""
        made = []
        for _ in range(0, count, BATCH):
            made += self._people(UUID(workspace), min(BATCH, count - len(made)))
        return made

    def _people(self, workspace: UUID, count: int) -> list[dict[str, str]]:
        ids = [uuid7() for _ in range(count)]
        people = Visitor.objects.bulk_create(
            Visitor(id=id_, workspace_id=workspace, readable_id=readable_id(id_), name=f"Vera {number}")
            for number, id_ in enumerate(ids)
        )
        tokens = ["wst_" + secrets.token_hex(32) for _ in people]
        VisitorSession.objects.bulk_create(
            VisitorSession(
                token_hash=hash_token(token),
                workspace_id=workspace,
                visitor=visitor,
                origin=ORIGIN,
                expires_at=timezone.now() + timedelta(days=1),
            )
            for token, visitor in zip(tokens, people, strict=True)
        )
        started = [
            conversations.start_conversation(visitor, by=visitor, body="Hello, is anybody there?", client_id=uuid4())
            for visitor in people
        ]
        return [
            {"token": token, "visitor": str(visitor.pk), "conversation": str(start.conversation.pk)}
            for token, visitor, start in zip(tokens, people, started, strict=True)
        ]

    def tickets(self, workspace: str, count: int) -> list[str]:
        """Return tickets for so many sockets, few enough a member. They are good for thirty seconds."""
        agents = list(self._agents(workspace))
        if count > SOCKETS_A_MEMBER * len(agents):
            raise ValueError(f"{len(agents)} agents are too few for {count} sockets")
        for agent in agents[: -(-count // SOCKETS_A_MEMBER)]:
            self._session(agent)
        return [
            workspaces.issue_ticket(agent) for number in range(count) for agent in [agents[number // SOCKETS_A_MEMBER]]
        ]

    def cookies(self, workspace: str, count: int) -> list[str]:
        """Return the session keys of so many agents, signed in."""
        return [self._session(agent) for agent in self._agents(workspace)[:count]]

    def _agents(self, workspace: str) -> Sequence[Member]:
        seats = Member.objects.filter(workspace_id=workspace, role=Member.Role.AGENT)
        return seats.select_related("user", "workspace").order_by("created_at")

    def _session(self, agent: Member) -> str:
        session = SessionStore()
        session[SESSION_KEY] = str(agent.user_id)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = agent.user.get_session_auth_hash()
        session[WORKSPACE_KEY] = str(agent.workspace_id)
        session.create()
        row = UserSession.objects.create(
            user=agent.user,
            kind=UserSession.Kind.BROWSER,
            session_key=session.session_key or "",
            auth_hash=agent.user.get_session_auth_hash(),
        )
        session[SESSION_ID_KEY] = str(row.pk)
        session.save()
        agent.session_id = row.pk
        return str(session.session_key)

    def answer(self, workspace: str, ids: list[str]) -> float:
        """Let an agent write one message into each of these conversations, and return the seconds it took."""
        agent = self._agents(workspace)[0]
        started = time.perf_counter()
        for conversation in Conversation.objects.filter(pk__in=ids).select_related("visitor"):
            conversations.send_message(conversation, by=agent, body="Yes, here we are.", client_id=uuid4())
        return time.perf_counter() - started

    def messages(self, workspace: str) -> int:
        """Return how many messages the workspace has."""
        return fill.count_messages(workspace)

    def fill(self, workspace: str, count: int) -> dict[str, Any]:
        """Fill a workspace with conversations as years of use would."""
        return fill.conversations(workspace, count)


if __name__ == "__main__":
    with scopes.every_workspace(scopes.MEASURING):
        serve(Backstage())
