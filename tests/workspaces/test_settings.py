"""A workspace, its members and its settings."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.audit.models import AuditEntry
from apps.core.access import System
from apps.workspaces import actions, roles
from apps.workspaces.models import Member, Messenger, Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn, refusal
from tests.database import nothing_happens

pytestmark = pytest.mark.django_db


# Members and roles


def test_the_roles_hold_23_22_8_and_3_permissions() -> None:
    assert len(roles.PERMISSIONS) == 23
    assert {role: len(held) for role, held in roles.BY_ROLE.items()} == {
        "owner": 23,
        "admin": 22,
        "agent": 8,
        "viewer": 3,
    }
    assert {"settings.billing"} == roles.OWNER - roles.ADMIN
    assert {"conversations.read", "users.read", "articles.read"} == roles.VIEWER
    assert "audit.read" not in roles.AGENT


def test_whoever_creates_a_workspace_owns_it() -> None:
    user = factories.make_user()
    member = actions.create_workspace("New", owner=user)
    assert (member.role, member.user, member.workspace.name) == ("owner", user, "New")
    assert Messenger.objects.filter(workspace=member.workspace).count() == 1


def test_two_workspaces_of_one_name_are_two() -> None:
    first, second = factories.make_workspace("Same"), factories.make_workspace("Same")
    assert first.pk != second.pk
    assert factories.owner_of(first).pk != factories.owner_of(second).pk


def test_members_see_each_other_and_nobody_else(workspace: Workspace, agent: SignedIn, owner: SignedIn) -> None:
    callers.signed_in(factories.make_workspace("Other"), name="Stranger")
    items = agent.get("/members").json()["items"]
    assert {item["id"] for item in items} == {str(agent.member.pk), str(owner.member.pk)}
    assert set(items[0]) == {"key", "id", "name", "email", "role", "avatar_url", "online", "second_factor"}


def test_a_person_has_one_seat_a_workspace(workspace: Workspace, agent: SignedIn) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        actions.add_member(workspace, agent.member.user, "admin", by=System())
    assert Member.objects.filter(workspace=workspace, user=agent.member.user).count() == 1


def test_a_change_of_role_is_on_record_with_what_was_before(owner: SignedIn, agent: SignedIn) -> None:
    actions.change_role(agent.member, "admin", by=owner.member)
    actions.change_role(agent.member, "viewer", by=owner.member)
    entries = AuditEntry.objects.filter(action="member.changed", subject_id=agent.member.pk).order_by(
        "created_at", "id"
    )
    assert [entry.details for entry in entries] == [
        {"before": "agent", "after": "admin"},
        {"before": "admin", "after": "viewer"},
    ]


def test_the_last_owner_can_be_neither_demoted_nor_removed(workspace: Workspace, owner: SignedIn) -> None:
    with nothing_happens():
        with pytest.raises(actions.LastOwner):
            actions.change_role(owner.member, "admin", by=owner.member)
        with pytest.raises(actions.LastOwner):
            actions.remove_member(owner.member, by=owner.member)
    second = actions.add_member(workspace, factories.make_user(), "owner", by=owner.member)
    actions.change_role(Member.objects.get(pk=owner.member.pk), "admin", by=second)
    assert factories.owner_of(workspace).pk == second.pk


def test_a_removed_member_leaves_their_words_and_takes_their_assignments_along(
    workspace: Workspace, owner: SignedIn, agent: SignedIn, visitor: Booted
) -> None:
    conversation = factories.start(visitor.visitor)
    agent.say(conversation, "I said this.")
    owner.put(f"/conversations/{conversation.pk}/assignee", {"member": str(agent.member.pk)})
    actions.remove_member(Member.objects.get(pk=agent.member.pk), by=owner.member)
    row = owner.get(f"/conversations/{conversation.pk}").json()
    assert row["assignee"] is None
    assert owner.get("/conversations/counts").json()["unassigned"] == 1
    messages = owner.get(f"/conversations/{conversation.pk}/messages").json()["items"]
    assert [item["author"]["name"] for item in messages if item["body"] == "I said this."] == ["Ada"]


# The messenger


def test_the_messenger_is_changed_field_by_field_and_says_what_it_is_now(owner: SignedIn) -> None:
    before = owner.get("/workspace").json()["messenger"]
    answer = owner.patch("/workspace/messenger", {"greeting": "Welcome!", "launcher": {"position": "left"}})
    assert answer.status_code == 200
    after = answer.json()
    assert after["greeting"] == "Welcome!"
    assert after["launcher"] == {**before["launcher"], "position": "left"}
    assert {name: value for name, value in after.items() if name not in ("greeting", "launcher")} == {
        name: value for name, value in before.items() if name not in ("greeting", "launcher")
    }
    assert owner.get("/workspace").json()["messenger"] == after


def test_every_field_of_the_messenger_can_be_changed(owner: SignedIn) -> None:
    wanted: dict[str, Any] = {
        "primary_color": "#0a0B0c",
        "background_color": "#123456",
        "theme": "dark",
        "launcher": {
            "position": "left",
            "side_spacing": 0,
            "bottom_spacing": 100,
            "show": False,
            "icon_url": "https://shop.example/icon.svg",
        },
        "greeting": "Grüß Gott <b>",
        "team_introduction": "We are five.",
        "logo_url": "https://shop.example/logo.png",
        "show_avatars": False,
        "expected_reply": "Within an hour",
        "languages": ["en", "de"],
        "default_language": "de",
        "privacy_url": "https://shop.example/privacy",
    }
    assert owner.patch("/workspace/messenger", wanted).json() == wanted
    cleared = owner.patch(
        "/workspace/messenger", {"logo_url": None, "privacy_url": None, "expected_reply": None}
    ).json()
    assert (cleared["logo_url"], cleared["privacy_url"], cleared["expected_reply"]) == (None, None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"primary_color": "red"},
        {"primary_color": "#12345"},
        {"primary_color": "red;background:url(//evil.example)"},
        {"background_color": "#GGGGGG"},
        {"theme": "solarized"},
        {"launcher": {"position": "top"}},
        {"launcher": {"side_spacing": -1}},
        {"launcher": {"side_spacing": 101}},
        {"launcher": {"side_spacing": "20"}},
        {"launcher": {"side_spacing": True}},
        {"launcher": {"css": "x"}},
        {"launcher": []},
        {"logo_url": "javascript:alert(1)"},
        {"logo_url": "data:text/html,x"},
        {"logo_url": "//evil.example/x.png"},
        {"privacy_url": "javascript:alert(1)"},
        {"greeting": "x" * 501},
        {"greeting": None},
        {"greeting": 7},
        {"show_avatars": "yes"},
        {"languages": "en"},
        {"languages": ["x" * 11]},
        {"custom_css": "*{}"},
        {"workspace": "1"},
    ],
)
def test_what_a_messenger_cannot_show_is_refused(owner: SignedIn, change: dict[str, Any]) -> None:
    with nothing_happens():
        assert refusal(owner.patch("/workspace/messenger", change)) == (400, "invalid")
        assert refusal(owner.patch("/workspace/messenger", {"greeting": "Half?", **change})) == (400, "invalid")


def test_a_change_to_what_is_already_so_is_not_a_change(owner: SignedIn) -> None:
    now = owner.get("/workspace").json()["messenger"]
    with nothing_happens():
        assert owner.patch("/workspace/messenger", now).json() == now


# Security


def security(**changes: Any) -> dict[str, Any]:
    return {"allowed_origins": ["https://shop.example"], "any_origin": False, "session_lifetime": 86400, **changes}


def test_the_security_settings_are_replaced_and_on_record(workspace: Workspace, owner: SignedIn) -> None:
    wanted = security(allowed_origins=["https://shop.example", "https://*.shop.example"], session_lifetime=3600)
    answer = owner.put("/workspace/security", wanted)
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in wanted} == wanted
    entry = AuditEntry.objects.get(action="workspace.security_changed")
    assert entry.details == {
        "allowed_origins": {"before": ["https://shop.example"], "after": wanted["allowed_origins"]},
        "session_lifetime": {"before": 86400, "after": 3600},
    }
    assert (entry.actor_id, entry.workspace_id) == (owner.member.pk, workspace.pk)


def test_any_origin_is_a_switch_of_its_own_and_on_record(owner: SignedIn) -> None:
    assert owner.put("/workspace/security", security(any_origin=True)).status_code == 200
    assert AuditEntry.objects.get(action="workspace.security_changed").details == {
        "any_origin": {"before": False, "after": True}
    }


def test_origins_are_kept_as_browsers_send_them(owner: SignedIn) -> None:
    given = ["HTTPS://Shop.Example:443/", " http://localhost:3000", "https://bücher.example", "https://*.Shop.example."]
    saved = owner.put("/workspace/security", security(allowed_origins=[*given, given[0]])).json()["allowed_origins"]
    assert saved == [
        "https://shop.example",
        "http://localhost:3000",
        "https://xn--bcher-kva.example",
        "https://*.shop.example",
    ]


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "shop.example",
        "ftp://shop.example",
        "javascript:alert(1)",
        "null",
        "*",
        "https://*",
        "https://*.*.example",
        "https://shop.*",
        "https://sh*p.example",
        "https://user:password@shop.example",
        "https://shop.example/path",
        "https://shop.example?x=1",
        "https://shop.example#x",
        "https://shop.example:99999",
        "https://shop example",
        "https://shop..example",
        "https://[::1",
        "https://" + "a" * 70 + ".example",
        "https://" + "a" * 250 + ".example",
    ],
)
def test_what_is_no_origin_is_refused_and_nothing_else_is_saved(owner: SignedIn, origin: str) -> None:
    with nothing_happens():
        answer = owner.put("/workspace/security", security(allowed_origins=["https://fine.example", origin]))
        assert refusal(answer) == (400, "invalid")
        assert "allowed_origins" in answer.json()["error"]["fields"]


@pytest.mark.parametrize("lifetime", [0, -1, 3599, 604_801, 10**9, 10**30, "3600", 1.5, True, None, "NaN"])
def test_a_session_lasts_between_an_hour_and_a_week(owner: SignedIn, lifetime: Any) -> None:
    with nothing_happens():
        assert refusal(owner.put("/workspace/security", security(session_lifetime=lifetime))) == (400, "invalid")
    for fine in (3600, 604_800):
        assert owner.put("/workspace/security", security(session_lifetime=fine)).json()["session_lifetime"] == fine


def test_the_action_itself_clamps_a_lifetime_and_the_database_refuses_another(
    workspace: Workspace, owner: SignedIn
) -> None:
    for asked, kept in ((1, 3600), (10**9, 604_800)):
        changed = actions.change_security(
            workspace, allowed_origins=[], any_origin=False, session_lifetime=asked, by=owner.member
        )
        assert changed.session_lifetime == kept
    with pytest.raises(IntegrityError), transaction.atomic():
        Workspace.objects.filter(pk=workspace.pk).update(session_lifetime=1)


@pytest.mark.parametrize("missing", ["allowed_origins", "any_origin", "session_lifetime"])
def test_the_security_settings_are_replaced_whole(owner: SignedIn, missing: str) -> None:
    body = security()
    del body[missing]
    with nothing_happens():
        assert refusal(owner.put("/workspace/security", body)) == (400, "invalid")


def test_the_workspace_tells_its_members_where_its_messenger_was_seen(workspace: Workspace, owner: SignedIn) -> None:
    assert owner.get("/workspace").json()["widget_seen_at"] is None
    callers.nobody().post("/widget/boot", {"workspace": str(workspace.pk), "session_id": factories.session_id()})
    seen = owner.get("/workspace").json()
    assert seen["widget_seen_origin"] == factories.ORIGIN
    assert seen["widget_seen_at"] is not None


def test_a_ticket_is_not_kept_in_clear(agent: SignedIn) -> None:
    from apps.workspaces.models import Ticket

    body = agent.post("/live/tickets").json()
    assert body["expires_in"] == 30
    assert body["live_url"].startswith("ws")
    assert len(body["ticket"]) == 64
    assert body["ticket"].encode() not in bytes(Ticket.objects.get().token_hash)
    assert len({agent.post("/live/tickets").json()["ticket"] for _ in range(3)}) == 3


def test_unused_tickets_are_forgotten_after_their_time(agent: SignedIn) -> None:
    from datetime import timedelta

    from apps.core.clock import now
    from apps.workspaces.models import Ticket

    agent.post("/live/tickets")
    agent.post("/live/tickets")
    Ticket.objects.filter(pk=Ticket.objects.all()[0].pk).update(expires_at=now() - timedelta(seconds=1))
    assert actions.forget_ended_tickets() == 1
    assert Ticket.objects.count() == 1
