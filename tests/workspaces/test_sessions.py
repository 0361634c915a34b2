"""Signing in and out, and what a session is worth."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.workspaces import actions
from apps.workspaces.models import Member, Workspace
from tests import callers, factories
from tests.callers import Caller, SignedIn, refusal
from tests.database import nothing_happens, shapes_of
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


def sign_in(caller: Caller, email: str, password: str = PASSWORD) -> Any:
    return caller.post("/session", {"email": email, "password": password})


def test_a_member_signs_in_and_is_told_who_they_are(workspace: Workspace) -> None:
    member = factories.make_member(workspace, "agent", name="Ada")
    caller = callers.nobody()
    answer = sign_in(caller, member.user.email)
    assert answer.status_code == 200
    body = answer.json()
    assert body["user"] == {"id": str(member.user.pk), "name": "Ada", "email": member.user.email}
    assert body["workspace"] == {"id": str(workspace.pk), "name": "Shop"}
    assert body["member"]["role"] == "agent"
    assert "conversations.reply" in body["member"]["permissions"]
    assert body["csrf"]
    again = caller.get("/session").json()
    assert {name: again[name] for name in ("user", "member", "workspace")} == {
        name: body[name] for name in ("user", "member", "workspace")
    }
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("write", [str.upper, str.title, lambda email: f"  {email} "])
def test_an_address_is_found_however_it_is_written(workspace: Workspace, write: Any) -> None:
    email = factories.owner_of(workspace).user.email
    assert sign_in(callers.nobody(), write(email)).status_code == 200


def test_wrong_passwords_unknown_addresses_and_people_without_a_seat_get_one_answer(workspace: Workspace) -> None:
    owner = factories.owner_of(workspace).user
    disabled = factories.make_member(workspace, "agent").user
    disabled.is_active = False
    disabled.save()
    seatless = factories.make_user()
    with nothing_happens(but={"core_effect"}):
        answers = [
            sign_in(callers.nobody(), owner.email, "a wrong password"),
            sign_in(callers.nobody(), owner.email, PASSWORD.upper()),
            sign_in(callers.nobody(), "nobody@team.example"),
            sign_in(callers.nobody(), disabled.email),
            sign_in(callers.nobody(), seatless.email),
        ]
    assert {refusal(answer) for answer in answers} == {(401, "sign_in_refused")}
    assert len({answer.json()["error"]["message"] for answer in answers}) == 1
    assert not any("session" in answer.cookies for answer in answers)
    assert sign_in(callers.nobody(), owner.email).status_code == 200


def test_an_unknown_address_costs_as_much_hashing_as_a_wrong_password(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    disabled = factories.make_member(workspace).user
    disabled.is_active = False
    disabled.save()
    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    for email in (factories.owner_of(workspace).user.email, disabled.email, "nobody@team.example"):
        hashed.clear()
        sign_in(callers.nobody(), email, "a wrong password")
        assert hashed == ["a wrong password"], email


def test_an_unknown_address_costs_as_much_as_a_wrong_password(workspace: Workspace) -> None:
    done = []
    for email in (factories.owner_of(workspace).user.email, "nobody@team.example"):
        with CaptureQueriesContext(connection) as captured:
            sign_in(callers.nobody(), email, "a wrong password")
        done.append(shapes_of(captured))
    assert done[0] == done[1], "the same statements: what is put on record for one is written for the other too"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "a@team.example"},
        {"password": PASSWORD},
        {"email": "not an address", "password": PASSWORD},
        {"email": "a@team.example", "password": 7},
        {"email": ["a@team.example"], "password": PASSWORD},
        {"email": "a@team.example", "password": "x" * 1001},
        {"email": "a@team.example", "password": PASSWORD, "workspace": "1"},
        {"email": "a@team.example", "password": PASSWORD, "is_superuser": True},
    ],
)
def test_a_sign_in_that_makes_no_sense_is_invalid(workspace: Workspace, body: dict[str, Any]) -> None:
    with nothing_happens():
        assert refusal(callers.nobody().post("/session", body)) == (400, "invalid")


def test_the_session_is_another_one_after_signing_in(workspace: Workspace) -> None:
    member = factories.make_member(workspace)
    caller = callers.nobody()
    sign_in(caller, factories.owner_of(workspace).user.email)
    before = caller.client.cookies["session"].value
    csrf = caller.get("/session").json()["csrf"]
    assert sign_in(caller, member.user.email).status_code == 200
    assert caller.client.cookies["session"].value != before
    assert caller.get("/session").json()["csrf"] != csrf
    assert not Session.objects.filter(session_key=before).exists(), "the old one is gone, not merely forgotten"


def test_signing_out_ends_the_session_on_the_server(agent: SignedIn) -> None:
    cookie = agent.client.cookies["session"].value
    thief = Caller(Client(), Origin=agent.headers["Origin"])
    thief.client.cookies["session"] = cookie
    assert thief.get("/session").status_code == 200
    assert agent.delete("/session").status_code == 204
    assert refusal(thief.get("/session")) == (401, "not_authenticated")
    assert refusal(agent.get("/session")) == (401, "not_authenticated")
    assert not Session.objects.filter(session_key=cookie).exists()


def test_a_changed_password_ends_every_session(agent: SignedIn) -> None:
    other = SignedIn(agent.member)
    assert other.get("/session").status_code == 200
    agent.member.user.set_password("another long password")
    agent.member.user.save()
    assert refusal(other.get("/session")) == (401, "not_authenticated")
    assert refusal(agent.get("/conversations")) == (401, "not_authenticated")


def test_a_removed_member_is_out_at_once(owner: SignedIn, agent: SignedIn) -> None:
    assert agent.get("/conversations").status_code == 200
    actions.remove_member(agent.member, by=owner.member)
    for path in ("/conversations", "/session", "/workspace", "/members"):
        assert refusal(agent.get(path)) == (401, "not_authenticated")
    assert owner.get("/members").status_code == 200


def test_a_disabled_user_is_out_at_once(agent: SignedIn) -> None:
    agent.member.user.is_active = False
    agent.member.user.save()
    assert refusal(agent.get("/conversations")) == (401, "not_authenticated")


def test_a_changed_role_counts_from_the_next_request(owner: SignedIn, agent: SignedIn, visitor: Any) -> None:
    conversation = factories.start(visitor.visitor)
    assert agent.say(conversation).status_code == 201
    actions.change_role(Member.objects.get(pk=agent.member.pk), "viewer", by=owner.member)
    with nothing_happens():
        assert refusal(agent.say(conversation)) == (403, "forbidden")
    assert agent.get("/conversations").status_code == 200


def test_own_permissions_replace_the_roles(workspace: Workspace, visitor: Any) -> None:
    conversation = factories.start(visitor.visitor)
    reader = callers.signed_in(workspace, "admin", permissions=["conversations.read"])
    writer = callers.signed_in(workspace, "viewer", permissions=["conversations.read", "conversations.reply"])
    plain = callers.signed_in(workspace, "viewer", permissions=[])
    assert reader.get("/conversations").status_code == 200
    assert refusal(reader.say(conversation)) == (403, "forbidden")
    assert refusal(reader.get("/members")) == (403, "forbidden")
    assert writer.say(conversation).status_code == 201
    assert plain.get("/members").status_code == 200, "an empty list is no list"


def test_somebody_with_two_seats_works_in_the_one_the_session_names(workspace: Workspace) -> None:
    other = factories.make_workspace("Other")
    member = factories.make_member(workspace, "viewer")
    seat = actions.add_member(other, member.user, "admin", by=factories.owner_of(other))
    here, there = SignedIn(member), SignedIn(seat)
    assert here.get("/workspace").json()["id"] == str(workspace.pk)
    assert there.get("/workspace").json()["id"] == str(other.pk)
    assert here.get("/session").json()["member"]["role"] == "viewer"
    assert refusal(here.patch("/workspace/messenger", {"greeting": "Hi"})) == (403, "forbidden")
    actions.remove_member(seat, by=factories.owner_of(other))
    assert refusal(there.get("/workspace")) == (401, "not_authenticated"), "no silent move to another workspace"
    assert here.get("/workspace").status_code == 200


# Requests forged by other sites


@pytest.fixture
def guarded(agent: SignedIn) -> SignedIn:
    """The agent, in a browser that the server doesn't trust as it does a test's."""
    client = Client(enforce_csrf_checks=True)
    client.cookies = agent.client.cookies
    agent.client = client
    return agent


def test_a_write_by_cookie_needs_the_token_of_its_own_session(guarded: SignedIn, visitor: Any) -> None:
    conversation = factories.start(visitor.visitor)
    path = f"/conversations/{conversation.pk}/status"
    token = guarded.get("/session").json()["csrf"]
    strangers = SignedIn(guarded.member).get("/session").json()["csrf"]
    for headers in ({}, {"X_CSRFToken": ""}, {"X_CSRFToken": "x" * 64}, {"X_CSRFToken": strangers[:-1] + "x"}):
        with nothing_happens():
            assert refusal(guarded.put(path, {"status": "closed"}, **headers)) == (403, "csrf_failed")
    assert guarded.put(path, {"status": "closed"}, X_CSRFToken=token).status_code == 200


def test_a_write_from_another_origin_is_refused_even_with_the_token(guarded: SignedIn, visitor: Any) -> None:
    conversation = factories.start(visitor.visitor)
    token = guarded.get("/session").json()["csrf"]
    for origin in ("https://evil.example", "null", "http://127.0.0.1:9999"):
        with nothing_happens():
            answer = guarded.post(
                f"/conversations/{conversation.pk}/messages",
                {"client_id": str(factories.uuid.uuid4()), "body": "forged"},
                Origin=origin,
                X_CSRFToken=token,
            )
            assert refusal(answer) == (403, "csrf_failed")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_json_in_the_clothes_of_a_form_is_not_read(guarded: SignedIn, visitor: Any, content_type: str) -> None:
    conversation = factories.start(visitor.visitor)
    token = guarded.get("/session").json()["csrf"]
    body = '{"status":"closed"}'
    with nothing_happens():
        answer = guarded.send(
            "PUT", f"/api/v1/conversations/{conversation.pk}/status", body, content_type, X_CSRFToken=token
        )
        assert refusal(answer) in ((415, "unsupported_type"), (400, "invalid"))


def test_reading_needs_no_token_and_changes_nothing(guarded: SignedIn, visitor: Any) -> None:
    conversation = factories.start(visitor.visitor)
    with nothing_happens():
        for path in ("/conversations", f"/conversations/{conversation.pk}", "/members", "/session", "/workspace"):
            assert guarded.get(path).status_code == 200


def test_a_method_written_into_a_header_is_ignored(guarded: SignedIn, visitor: Any) -> None:
    conversation = factories.start(visitor.visitor)
    with nothing_happens():
        answer = guarded.send(
            "GET", f"/api/v1/conversations/{conversation.pk}/status", "", X_HTTP_Method_Override="PUT"
        )
        assert refusal(answer) == (405, "method_not_allowed")


def test_a_visitors_token_needs_no_csrf_token(visitor: Any) -> None:
    visitor.client = Client(enforce_csrf_checks=True)
    assert visitor.start().status_code == 201


# The record


def test_signing_in_and_out_is_on_record(workspace: Workspace) -> None:
    member = factories.make_member(workspace)
    caller = callers.nobody()
    sign_in(caller, member.user.email)
    caller.delete("/session")
    entries = AuditEntry.objects.filter(actor_id=member.pk).order_by("created_at", "id")
    assert [(entry.action, entry.workspace_id, entry.subject_id) for entry in entries] == [
        ("member.signed_in", workspace.pk, member.pk),
        ("member.signed_out", workspace.pk, member.pk),
    ]
    assert PASSWORD not in str(list(entries.values()))
