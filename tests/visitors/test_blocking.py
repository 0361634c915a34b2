"""Blocking: a blocked visitor gets nowhere by any way, at once; unblocked, everything is as before."""

from __future__ import annotations

import pytest

from apps.visitors.models import Visitor
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import SignedIn, refusal
from tests.database import nothing_happens
from tests.live import LiveThread


@pytest.mark.django_db
def test_a_blocked_visitor_boots_sends_and_reads_nothing(workspace: Workspace, agent: SignedIn) -> None:
    mine = factories.session_id()
    visitor = callers.booted(workspace, session_id=mine)
    conversation = visitor.start().json()["conversation"]
    path = f"/visitors/{visitor.visitor.pk}/block"
    assert agent.put(path).json()["blocked"] is True
    with nothing_happens():
        body = {"workspace": str(workspace.pk), "session_id": mine}
        for answer in (
            callers.nobody().post("/widget/boot", body),
            visitor.say(conversation),
            visitor.start(),
            visitor.get("/conversations"),
            visitor.patch("/widget/visitor", {"name": "x"}),
            visitor.post("/widget/session/refresh"),
            visitor.post("/widget/events", {"events": []}),
        ):
            assert refusal(answer) == (403, "blocked")
        assert agent.put(path).status_code == 200, "a second time says nothing"
    assert agent.delete(path).json()["blocked"] is False
    assert visitor.say(conversation).status_code == 201
    with nothing_happens():
        assert agent.delete(path).status_code == 200


@pytest.mark.django_db
def test_viewers_and_strangers_block_nobody(workspace: Workspace) -> None:
    visitor = callers.booted(workspace)
    viewer = callers.signed_in(workspace, "viewer")
    foreigner = callers.signed_in(factories.make_workspace("Other"), "owner")
    path = f"/visitors/{visitor.visitor.pk}/block"
    with nothing_happens():
        for method in ("PUT", "DELETE"):
            assert refusal(viewer.call(method, path)) == (403, "forbidden")
            assert refusal(foreigner.call(method, path)) == (404, "not_found")
    assert Visitor.objects.get(pk=visitor.visitor.pk).blocked is False


@pytest.mark.usefixtures("committed")
def test_a_blocked_visitors_sockets_close_and_none_opens(live: LiveThread, workspace: Workspace) -> None:
    agent, visitor, bystander = callers.signed_in(workspace), callers.booted(workspace), callers.booted(workspace)
    socket, other = live.socket_of(visitor), live.socket_of(bystander)
    agent.put(f"/visitors/{visitor.visitor.pk}/block")
    assert socket.closed() == 4403
    again = live.connect(visitor.headers["Origin"])
    again.send(type="hello", token=visitor.token)
    assert again.closed() == 4403
    assert other.settle() == []
    agent.delete(f"/visitors/{visitor.visitor.pk}/block")
    assert live.socket_of(visitor).settle() == []
