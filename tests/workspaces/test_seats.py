"""Who may change whom, the last owner, and a workspace that changes hands."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, close_old_connections, connection, transaction

from apps.audit.models import AuditEntry
from apps.core import limits
from apps.core.access import System
from apps.core.clock import now
from apps.core.isolation import scopes
from apps.workspaces import actions, roles
from apps.workspaces.actions import LastOwner
from apps.workspaces.models import Member, OwnershipOffer, UserSession, Workspace
from tests import callers, factories
from tests.callers import SignedIn, refusal
from tests.database import nothing_happens
from tests.live import LiveThread

ROLES = ("viewer", "agent", "admin", "owner")


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    if not {"live", "committed"} & set(request.fixturenames):
        request.getfixturevalue("db")


def change(by: SignedIn, member: Member, role: str, **fields: Any) -> Any:
    return by.patch(f"/members/{member.pk}", {"role": role, **fields})


@pytest.mark.parametrize("given", ROLES)
@pytest.mark.parametrize("target", ROLES)
@pytest.mark.parametrize("role", ROLES)
def test_who_may_give_which_role_to_whom(workspace: Workspace, role: str, target: str, given: str) -> None:
    by, member = callers.signed_in(workspace, role), factories.make_member(workspace, "agent")
    if target == "owner":
        member = factories.owner_of(workspace)
    else:
        Member.objects.filter(pk=member.pk).update(role=target)
    rank = ROLES.index
    stands_above = role == "owner" if target in ("owner", "admin") else rank(role) > rank(target)
    may = role in ("owner", "admin") and stands_above and by.member.pk != member.pk and given != "owner"
    if may:
        assert change(by, member, given).json()["role"] == given
        return
    with nothing_happens():
        assert refusal(change(by, member, given)) == (403, "forbidden")


def test_nobody_changes_or_removes_themselves(workspace: Workspace) -> None:
    for role in ("admin", "owner"):
        by = callers.signed_in(workspace, role)
        with nothing_happens():
            assert refusal(change(by, by.member, "agent")) == (403, "forbidden")
            assert refusal(by.delete(f"/members/{by.member.pk}")) == (403, "forbidden")


def test_nobody_grants_what_they_don_t_hold(owner: SignedIn, agent: SignedIn) -> None:
    held = ["users.manage", "users.read", "conversations.read", "conversations.reply"]
    limited = callers.signed_in(owner.member.workspace, "admin", permissions=held)
    admin = callers.signed_in(owner.member.workspace, "admin")
    with nothing_happens():
        for by, role, permissions in (
            (limited, "agent", ["audit.read"]),
            (limited, "admin", []),
            (limited, "agent", []),
            (admin, "agent", ["settings.billing"]),
        ):
            assert refusal(change(by, agent.member, role, permissions=permissions)) == (403, "forbidden")
        assert refusal(change(owner, agent.member, "agent", permissions=["users.fly"])) == (400, "invalid")
        assert refusal(change(owner, agent.member, "king")) == (400, "invalid")
    # What a limited admin may give must be within the role as well as the set.
    assert change(owner, agent.member, "viewer", permissions=["conversations.read", "audit.read"]).status_code == 200
    assert agent.get("/audit").status_code == 200
    assert refusal(agent.get("/members")) == (403, "forbidden")
    assert change(owner, agent.member, "viewer").status_code == 200
    assert agent.get("/members").status_code == 200
    entry = AuditEntry.objects.filter(action="member.changed").latest("created_at", "id")
    assert entry.details["permissions"] == {"before": ["conversations.read", "audit.read"], "after": []}


def test_a_change_that_changes_nothing_says_nothing(owner: SignedIn, agent: SignedIn) -> None:
    with nothing_happens():
        assert change(owner, agent.member, "agent").status_code == 200


def test_another_workspaces_member_is_as_one_who_never_was(owner: SignedIn) -> None:
    foreign = factories.make_member(factories.make_workspace("Foreign"))
    with nothing_happens():
        for id_ in (foreign.pk, uuid4()):
            assert refusal(owner.patch(f"/members/{id_}", {"role": "viewer"})) == (404, "not_found")
            assert refusal(owner.delete(f"/members/{id_}")) == (404, "not_found")
            assert refusal(owner.post("/ownership", {"member": str(id_)})) == (404, "not_found")


def test_a_removed_member_is_out_everywhere_at_once(live: LiveThread, owner: SignedIn, agent: SignedIn) -> None:
    app = callers.app_of(agent.member)
    waiting = agent.post("/live/tickets").json()["ticket"]
    mine, theirs = live.socket_of(agent), live.socket_of(owner)
    assert owner.delete(f"/members/{agent.member.pk}").status_code == 204
    assert mine.closed() == 4401
    assert refusal(agent.get("/session")) == (401, "not_authenticated")
    assert refusal(app.get("/session"))[0] == 401
    late = live.connect(agent.headers["Origin"])
    late.send(type="hello", ticket=waiting)
    assert late.closed() == 4401
    assert theirs.settle() == []


# The last owner


def test_the_last_owner_stays(owner: SignedIn) -> None:
    with nothing_happens():
        with pytest.raises(LastOwner):
            actions.change_role(owner.member, "admin", by=System())
        with pytest.raises(LastOwner):
            actions.remove_member(owner.member, by=System())
    second = factories.make_member(owner.member.workspace, "owner")
    actions.remove_member(second, by=System())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE workspaces_member SET role = 'admin' WHERE role = 'owner'",
        "DELETE FROM workspaces_member WHERE role = 'owner'",
    ],
)
def test_the_database_itself_keeps_an_owner(owner: SignedIn, statement: str) -> None:
    with nothing_happens(), pytest.raises(IntegrityError, match="owner"), transaction.atomic():
        _execute(statement, "SET CONSTRAINTS ALL IMMEDIATE")
    _execute("SET CONSTRAINTS ALL DEFERRED")


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_of_two_owners_who_go_at_once_one_stays(committed: None) -> None:
    for _ in range(5):
        workspace = factories.make_workspace()
        pair = [factories.owner_of(workspace), factories.make_member(workspace, "owner")]
        start, outcomes = threading.Barrier(2), []

        def leave(member: Member, start: threading.Barrier = start, outcomes: list[str] = outcomes) -> None:
            start.wait()
            try:
                with scopes.every_workspace(scopes.MEASURING):
                    actions.remove_member(member, by=System())
                outcomes.append("gone")
            except LastOwner:
                outcomes.append("stays")
            finally:
                close_old_connections()
                connection.close()

        threads = [threading.Thread(target=leave, args=(member,)) for member in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["gone", "stays"]
        assert Member.objects.filter(workspace=workspace, role="owner").count() == 1


# Changing hands


def test_a_workspace_changes_hands_when_the_other_accepts(owner: SignedIn, agent: SignedIn) -> None:
    assert owner.post("/ownership", {"member": str(agent.member.pk)}).status_code == 201
    assert Member.objects.get(pk=agent.member.pk).role == "agent", "an offer changes nothing yet"
    assert agent.get("/ownership").json()["giver"]["id"] == str(owner.member.pk)
    assert agent.post("/ownership/acceptance").json()["role"] == "owner"
    assert Member.objects.get(pk=owner.member.pk).role == "admin"
    assert agent.get("/session").json()["member"]["permissions"] == sorted(roles.OWNER)
    assert refusal(owner.post("/ownership", {"member": str(agent.member.pk)})) == (403, "forbidden")
    assert not OwnershipOffer.objects.exists()


def test_only_an_owner_offers_and_only_the_receiver_accepts(owner: SignedIn, agent: SignedIn) -> None:
    workspace = owner.member.workspace
    admin, other = callers.signed_in(workspace, "admin"), callers.signed_in(workspace)
    rich = callers.signed_in(workspace, "admin", permissions=["settings.billing"])
    with nothing_happens():
        for by in (admin, agent, rich):
            assert refusal(by.post("/ownership", {"member": str(other.member.pk)})) == (403, "forbidden")
        assert refusal(owner.post("/ownership", {"member": str(owner.member.pk)})) == (403, "forbidden")
        assert refusal(agent.post("/ownership/acceptance")) == (404, "not_found")
    assert owner.post("/ownership", {"member": str(agent.member.pk)}).status_code == 201
    with nothing_happens():
        for by in (admin, other, owner):
            assert refusal(by.post("/ownership/acceptance"))[0] == 404 or by is owner
        assert refusal(other.get("/ownership")) == (404, "not_found")
        assert refusal(other.delete("/ownership")) == (404, "not_found")
    assert agent.post("/ownership/acceptance").status_code == 200


def test_an_offer_ends_by_being_withdrawn_declined_or_late(owner: SignedIn, agent: SignedIn) -> None:
    body = {"member": str(agent.member.pk)}
    for end in (
        lambda: owner.delete("/ownership"),
        lambda: agent.delete("/ownership"),
        lambda: OwnershipOffer.objects.update(expires_at=now() - timedelta(seconds=1)),
    ):
        assert owner.post("/ownership", body).status_code == 201
        end()
        with nothing_happens():
            assert refusal(agent.post("/ownership/acceptance")) == (404, "not_found")
    assert Member.objects.get(pk=owner.member.pk).role == "owner"


def test_both_sides_prove_again_who_they_are(owner: SignedIn, agent: SignedIn) -> None:
    body = {"member": str(agent.member.pk)}
    UserSession.objects.update(confirmed_at=now() - timedelta(seconds=limits.CONFIRMED_SECONDS + 1))
    with nothing_happens():
        assert refusal(owner.post("/ownership", body)) == (403, "reauth_required")
    owner.post("/session/confirmation", {"proof": factories.PASSWORD})
    assert owner.post("/ownership", body).status_code == 201
    with nothing_happens():
        assert refusal(agent.post("/ownership/acceptance")) == (403, "reauth_required")
    agent.post("/session/confirmation", {"proof": factories.PASSWORD})
    assert agent.post("/ownership/acceptance").status_code == 200


# Refusals on record


def test_a_refusal_is_on_record_with_who_and_what_and_nothing_that_was_sent(agent: SignedIn) -> None:
    assert agent.patch("/workspace/messenger", {"greeting": "CANARY"}).status_code == 403
    assert agent.client.get("/settings/security/").status_code == 403
    entries = AuditEntry.objects.filter(action="access.refused").order_by("created_at", "id")
    assert [(entry.actor_id, entry.details["request"]) for entry in entries] == [
        (agent.member.pk, "PATCH /api/v1/workspace/messenger"),
        (agent.member.pk, "GET /settings/security/"),
    ]
    assert "CANARY" not in str(list(entries.values()))


def test_refusals_don_t_flood_the_log(agent: SignedIn, owner: SignedIn, limits_enforced: None) -> None:
    answers = {refusal(agent.put("/workspace/security", {})) for _ in range(limits.REFUSALS_RECORDED.burst + 5)}
    assert answers == {(403, "forbidden")}
    count = AuditEntry.objects.filter(action="access.refused").count()
    assert count == limits.REFUSALS_RECORDED.burst
    other = callers.signed_in(agent.member.workspace)
    other.put("/workspace/security", {})
    assert AuditEntry.objects.filter(action="access.refused").count() == count + 1
