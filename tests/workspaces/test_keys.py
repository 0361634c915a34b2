"""API keys: what they open, how long, and under whose name they write."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from apps.audit.models import AuditEntry
from apps.conversations.models import Message
from apps.core import limits
from apps.core.access import System
from apps.core.clock import now
from apps.workspaces import actions, keys, seats
from apps.workspaces.models import ApiKey, Member
from tests import callers, factories
from tests.callers import Keyed, SignedIn, refusal
from tests.database import nothing_happens

pytestmark = pytest.mark.django_db

EVERYTHING = tuple(keys.known_scopes())


@pytest.fixture
def key(owner: SignedIn) -> Keyed:
    return callers.keyed(owner.member, *EVERYTHING)


def test_a_key_is_made_with_scopes_shown_once_and_kept_as_a_hash(owner: SignedIn) -> None:
    body = {"name": "Importer", "scopes": ["users.read", "conversations.read"], "expires_at": "2030-01-01T00:00:00Z"}
    made = owner.post("/keys", body)
    assert made.status_code == 201
    said = made.json()
    assert said["key"].startswith("oca_")
    assert len(said["key"]) == 4 + 64
    assert said["scopes"] == ["conversations.read", "users.read"]
    listed = owner.get("/keys").json()
    assert [item["name"] for item in listed["items"]] == ["Importer"]
    assert listed["items"][0]["maker"]["id"] == str(owner.member.pk)
    assert listed["scopes"] == list(EVERYTHING)
    assert said["key"] not in str(listed)
    assert said["key"] not in str(list(ApiKey.objects.values()))
    assert said["key"][4:] not in str(list(ApiKey.objects.values()))


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["users.fly"]},
        {"name": "x", "scopes": ["settings.billing"]},
        {"name": "", "scopes": ["users.read"]},
        {"name": "x" * 101, "scopes": ["users.read"]},
        {"name": "x", "scopes": ["users.read"], "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "x", "scopes": ["users.read"], "workspace": str(uuid4())},
        {"name": "x", "scopes": "users.read"},
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(owner: SignedIn, body: dict[str, Any]) -> None:
    with nothing_happens():
        assert refusal(owner.post("/keys", body)) == (400, "invalid")


def test_nobody_gives_a_key_what_they_don_t_hold(owner: SignedIn) -> None:
    limited = callers.signed_in(owner.member.workspace, "admin", permissions=["settings.integrations", "users.read"])
    with nothing_happens():
        assert refusal(limited.post("/keys", {"name": "x", "scopes": ["audit.read"]})) == (403, "forbidden")
    assert limited.post("/keys", {"name": "x", "scopes": ["users.read"]}).status_code == 201


def test_a_key_reads_and_writes_under_its_own_name(key: Keyed, owner: SignedIn, visitor: Any) -> None:
    conversation = factories.start(visitor.visitor, "Where is my bike?")
    assert [row["id"] for row in key.get("/conversations").json()["items"]] == [str(conversation.pk)]
    assert key.get(f"/conversations/{conversation.pk}/messages").json()["items"][0]["body"] == "Where is my bike?"
    sent = key.say(conversation, "It left on Monday.")
    assert sent.status_code == 201
    seen = visitor.get(f"/conversations/{conversation.pk}/messages").json()["items"][-1]
    assert seen["author"]["name"] == "Importer"
    assert seen["author"]["kind"] == "bot"
    assert visitor.get(f"/conversations/{conversation.pk}").json()["unread"] == 1
    started = key.start("Hello", visitor=str(visitor.visitor.pk))
    assert started.status_code == 201
    for path in ("/visitors", f"/visitors/{visitor.visitor.pk}", "/members", "/workspace", "/audit"):
        assert key.get(path).status_code == 200, path
    assert key.put(f"/conversations/{conversation.pk}/status", {"status": "closed"}).status_code == 200
    body = {"member": str(owner.member.pk)}
    assert key.put(f"/conversations/{conversation.pk}/assignee", body).status_code == 200


def test_what_a_key_writes_is_on_record(key: Keyed, owner: SignedIn, visitor: Any) -> None:
    conversation = factories.start(visitor.visitor)
    key.say(conversation, "CANARY")
    key.put(f"/conversations/{conversation.pk}/status", {"status": "closed"})
    items = owner.get("/audit", actor="key").json()["items"]
    assert [item["sentence"] for item in items] == [
        "Importer changed a conversation from open to closed",
        "Importer wrote in a conversation",
    ]
    assert {item["actor"]["id"] for item in items} == {str(key.key.pk)}
    assert "CANARY" not in str(list(AuditEntry.objects.values()))
    owner.say(conversation, "A member's message isn't.")
    assert not AuditEntry.objects.filter(action="conversation.message_sent", actor_kind="member").exists()


def test_a_message_that_a_key_sends_twice_is_stored_once(key: Keyed, visitor: Any, owner: SignedIn) -> None:
    conversation = factories.start(visitor.visitor)
    client_id = str(uuid4())
    first, second = (key.say(conversation, "Once", client_id=client_id) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert refusal(key.say(conversation, "Other", client_id=client_id)) == (409, "client_id_reused")
    other = callers.keyed(owner.member, *EVERYTHING)
    assert other.say(conversation, "Another's", client_id=client_id).status_code == 201
    assert Message.objects.filter(client_id=client_id).count() == 2


@pytest.mark.parametrize("scope", EVERYTHING)
def test_a_scope_opens_what_it_says_and_nothing_else(owner: SignedIn, visitor: Any, scope: str) -> None:
    conversation = factories.start(visitor.visitor)
    article = factories.make_article(owner.member.workspace, "How to return")
    single = callers.keyed(owner.member, scope)
    asked = {
        "conversations.read": lambda: single.get("/conversations"),
        "conversations.reply": lambda: single.say(conversation),
        "conversations.close": lambda: single.put(f"/conversations/{conversation.pk}/status", {"status": "closed"}),
        "conversations.assign": lambda: single.put(f"/conversations/{conversation.pk}/assignee", {"member": None}),
        "users.read": lambda: single.get("/members"),
        "settings.workspace": lambda: single.get("/workspace"),
        "audit.read": lambda: single.get("/audit"),
        "articles.read": lambda: single.get("/articles"),
        "articles.create": lambda: single.post("/articles", {"title": "Returns"}),
        "articles.publish": lambda: single.put(f"/articles/{article.pk}/status", {"status": "draft"}),
        "articles.delete": lambda: single.delete(f"/articles/{article.pk}"),
        "snippets.manage": lambda: single.get("/snippets"),
    }
    assert set(asked) == set(EVERYTHING)
    for name, ask in asked.items():
        answer = ask()
        if name == scope:
            assert answer.status_code in (200, 201, 204), name
        else:
            assert refusal(answer) == (403, "forbidden"), name


def test_a_key_opens_no_door_that_isn_t_marked_for_keys(key: Keyed) -> None:
    with nothing_happens():
        for method, path in (
            ("POST", "/keys"),
            ("GET", "/keys"),
            ("POST", "/live/tickets"),
            ("GET", "/sessions"),
            ("DELETE", "/sessions"),
            ("PUT", "/workspace/security"),
            ("POST", "/audit/exports"),
            ("POST", "/ownership"),
        ):
            assert refusal(key.call(method, path, {})) == (403, "forbidden"), path


@pytest.mark.parametrize("token", ["oca_" + "0" * 64, "oca_", "oca_" + "A" * 64, "oca_" + "0" * 10_000, "OCA_x"])
def test_what_isn_t_a_key_opens_nothing(key: Keyed, token: str) -> None:
    with nothing_happens():
        assert refusal(Keyed(token, key.key).get("/members")) == (401, "session_expired")


def test_a_key_ends_by_its_day_by_being_revoked_and_with_its_maker(owner: SignedIn) -> None:
    admin = callers.signed_in(owner.member.workspace, "admin")
    expiring = callers.keyed(admin.member, "users.read", expires_at=now() + timedelta(hours=1))
    revoked, orphaned, kept = (callers.keyed(who.member, "users.read") for who in (admin, admin, owner))
    for caller in (expiring, revoked, orphaned, kept):
        assert caller.get("/members").status_code == 200
    ApiKey.objects.filter(pk=expiring.key.pk).update(expires_at=now() - timedelta(seconds=1))
    assert owner.delete(f"/keys/{revoked.key.pk}").status_code == 204
    assert refusal(owner.delete(f"/keys/{revoked.key.pk}")) == (404, "not_found")
    assert [caller.get("/members").status_code for caller in (expiring, revoked, orphaned, kept)] == [
        401,
        401,
        200,
        200,
    ]
    assert owner.delete(f"/members/{admin.member.pk}").status_code == 204
    assert [caller.get("/members").status_code for caller in (orphaned, kept)] == [401, 200]
    assert AuditEntry.objects.filter(action="key.revoked").count() == 3


def test_a_key_loses_what_its_maker_loses(owner: SignedIn) -> None:
    admin = callers.signed_in(owner.member.workspace, "admin")
    key = callers.keyed(admin.member, "users.read", "audit.read")
    assert key.get("/audit").status_code == 200
    seats.change(admin.member.pk, role="agent", permissions=[], by=owner.member)
    assert refusal(key.get("/audit")) == (403, "forbidden")
    assert key.get("/members").status_code == 200
    actions.deactivate_user(admin.member.user, by=System("admin"), operator=owner.member.user)
    assert refusal(key.get("/members")) == (401, "session_expired")


def test_a_key_sees_its_own_workspace_only(key: Keyed) -> None:
    elsewhere = factories.make_workspace("Elsewhere")
    visitor = callers.booted(elsewhere)
    conversation = factories.start(visitor.visitor)
    with nothing_happens():
        assert key.get("/conversations").json()["items"] == []
        refused = key.say(conversation)
        assert refusal(refused) == (404, "not_found")
        assert refusal(key.get(f"/visitors/{visitor.visitor.pk}")) == (404, "not_found")
        key.headers["X-Workspace"] = str(elsewhere.pk)
        assert refusal(key.get("/members")) == (404, "not_found")
    key.headers["X-Workspace"] = str(key.key.workspace_id)
    assert key.get("/members").status_code == 200


def test_a_keys_use_is_written_down_at_most_once_a_minute(key: Keyed) -> None:
    assert ApiKey.objects.get(pk=key.key.pk).used_at is None
    key.get("/members")
    first = ApiKey.objects.get(pk=key.key.pk).used_at
    assert first is not None
    key.get("/members")
    assert ApiKey.objects.get(pk=key.key.pk).used_at == first
    ApiKey.objects.update(used_at=first - timedelta(seconds=limits.SEEN_EVERY_SECONDS + 1))
    key.get("/members")
    assert ApiKey.objects.get(pk=key.key.pk).used_at >= first


def test_a_workspace_has_so_many_keys_and_no_more(owner: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "API_KEYS", 2)
    body = {"name": "x", "scopes": ["users.read"]}
    made = [owner.post("/keys", body).json() for _ in range(2)]
    with nothing_happens():
        assert refusal(owner.post("/keys", body)) == (409, "too_many_keys")
    owner.delete(f"/keys/{made[0]['id']}")
    assert owner.post("/keys", body).status_code == 201


def test_a_former_members_keys_show_no_maker(owner: SignedIn) -> None:
    admin = callers.signed_in(owner.member.workspace, "admin")
    callers.keyed(admin.member, "users.read")
    actions.remove_member(Member.objects.get(pk=admin.member.pk), by=System())
    assert owner.get("/keys").json()["items"] == []
