"""Tokens of apps: what they open, what they don't, and what happens to one that comes twice."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from joserfc import jwt
from joserfc.jwk import OctKey

from apps.core import limits
from apps.core.access import System
from apps.core.clock import now
from apps.workspaces import actions, tokens
from apps.workspaces.models import Member, RefreshToken, UserSession, Workspace
from tests import callers, factories
from tests.callers import App, SignedIn, nobody, refusal
from tests.database import fingerprint, nothing_happens
from tests.factories import PASSWORD
from tests.live import LiveThread

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def database(request: pytest.FixtureRequest) -> None:
    if "live" not in request.fixturenames:
        request.getfixturevalue("db")


@pytest.fixture
def member(workspace: Workspace) -> Member:
    return factories.make_member(workspace, name="Ada")


def refresh(token: str) -> Any:
    return nobody().post("/tokens/refresh", {"refresh_token": token})


def test_an_app_signs_in_and_works_as_its_member(member: Member, visitor: Any) -> None:
    conversation = factories.start(visitor.visitor)
    said = callers.tokens_of(member)
    assert (said["token_type"], said["expires_in"]) == ("Bearer", 900)
    assert said["workspaces"] == [{"id": str(member.workspace_id), "name": "Shop", "role": "agent"}]
    app = App(member, said["access_token"])
    assert app.get("/session").json()["member"]["id"] == str(member.pk)
    assert app.say(conversation).json()["author"]["name"] == "Ada"
    assert app.get("/conversations").json()["items"][0]["id"] == str(conversation.pk)
    assert "session" not in app.client.cookies


def test_a_wrong_password_is_answered_as_on_the_way_in_by_cookie(member: Member) -> None:
    with nothing_happens(but={"core_effect"}):
        for email, password in ((member.user.email, "wrong"), ("nobody@team.example", PASSWORD)):
            assert refusal(nobody().post("/tokens", {"email": email, "password": password})) == (401, "sign_in_refused")


def test_the_workspace_is_named_with_each_request_and_the_seat_is_looked_up_each_time(member: Member) -> None:
    other, foreign = factories.make_workspace("Other"), factories.make_workspace("Foreign")
    seat = actions.add_member(other, member.user, "viewer", by=System())
    app = callers.app_of(member)
    assert app.get("/workspace").json()["name"] == "Shop"
    app.headers["X-Workspace"] = str(other.pk)
    assert app.get("/workspace").json()["name"] == "Other"
    for named in (foreign.pk, uuid4(), "x", ""):
        app.headers["X-Workspace"] = str(named)
        assert refusal(app.get("/workspace")) == (404, "not_found")
    del app.headers["X-Workspace"]
    assert refusal(app.get("/workspace")) == (400, "workspace_required")
    actions.remove_member(seat, by=System())
    assert app.get("/workspace").json()["name"] == "Shop", "one seat needs no name"
    app.headers["X-Workspace"] = str(other.pk)
    assert refusal(app.get("/workspace")) == (404, "not_found")


def forged(
    session: str, user: str, *, key: bytes | None = None, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    """Make a token as we do, but for what is named."""
    said = {
        "iss": settings.PUBLIC_URL,
        "aud": tokens.AUDIENCE,
        "sub": user,
        "sid": session,
        "iat": int(now().timestamp()),
        "exp": int(now().timestamp()) + 900,
        **claims,
    }
    said = {name: value for name, value in said.items() if value is not None}
    signing = OctKey.import_key(key) if key is not None else tokens._key(settings.SECRET_KEY)
    return jwt.encode(header or {"alg": "HS256", "typ": "at+jwt"}, said, signing, algorithms=["HS256", "HS512"])


def unsigned(header: dict[str, Any], session: str, user: str) -> str:
    parts = [header, {"iss": settings.PUBLIC_URL, "aud": tokens.AUDIENCE, "sub": user, "sid": session, "exp": 4e9}]
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""])


def test_a_token_that_isn_t_one_of_ours_opens_nothing(member: Member) -> None:
    said = callers.tokens_of(member)
    ids = (said["session"], str(member.user_id))
    stranger = factories.make_member(member.workspace)
    past = int(now().timestamp()) - 1
    header, payload, signature = said["access_token"].split(".")
    bad = {
        "another key": forged(*ids, key=b"x" * 32),
        "the bare secret": forged(*ids, key=settings.SECRET_KEY.encode()),
        "expired": forged(*ids, exp=past),
        "without expiry": forged(*ids, exp=None),
        "expiry as text": forged(*ids, exp="4000000000"),
        "another audience": forged(*ids, aud="opencom-files"),
        "no audience": forged(*ids, aud=None),
        "another issuer": forged(*ids, iss="https://evil.example"),
        "another algorithm": forged(*ids, header={"alg": "HS512", "typ": "at+jwt"}),
        "another type": forged(*ids, header={"alg": "HS256", "typ": "JWT"}),
        "no algorithm": unsigned({"alg": "none", "typ": "at+jwt"}, *ids),
        "no signature": unsigned({"alg": "HS256", "typ": "at+jwt"}, *ids),
        "another person's session": forged(ids[0], str(stranger.user_id)),
        "a session that never was": forged(str(uuid4()), ids[1]),
        "a session that can't be": forged("x", ids[1]),
        "cut": said["access_token"][:-1],
        "changed": f"{header}.{payload[:-2]}xx.{signature}",
        "too long": said["access_token"] + "x" * 3000,
        "a refresh token": said["refresh_token"],
        "nothing": "",
    }
    outcomes = {}
    with nothing_happens():
        for name, token in bad.items():
            answer = App(member, token).get("/session")
            outcomes[name] = answer.status_code
    assert outcomes == dict.fromkeys(bad, 401)
    assert App(member, forged(*ids)).get("/session").status_code == 200
    assert App(member, said["access_token"]).get("/session").status_code == 200


def test_a_token_outlives_a_change_of_the_secret_as_long_as_the_old_one_is_a_fallback(
    member: Member, settings: Any
) -> None:
    app = callers.app_of(member)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another secret of thirty-two letters"
    # The password's stamp in the session depends on the secret too; Django has its own fallbacks for a cookie.
    settings.SECRET_KEY_FALLBACKS = [old]
    assert app.get("/session").status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert refusal(app.get("/session")) == (401, "session_expired")


def test_two_credentials_are_one_too_many(agent: SignedIn) -> None:
    access = callers.tokens_of(agent.member)["access_token"]
    with nothing_happens():
        refused = agent.call("GET", "/session", Authorization=f"Bearer {access}")
        assert refusal(refused) == (400, "ambiguous_credentials")
        for token in (access, "ort_x", "oca_x"):
            assert refusal(nobody().get("/session", token=token)) == (400, "credential_in_url")
    assert agent.get("/session").status_code == 200


def test_a_refresh_token_is_exchanged_once_and_the_session_goes_on(member: Member) -> None:
    first = callers.tokens_of(member)
    second = refresh(first["refresh_token"]).json()
    assert second["session"] == first["session"]
    assert second["refresh_token"] != first["refresh_token"]
    third = refresh(second["refresh_token"]).json()
    assert App(member, third["access_token"]).get("/session").status_code == 200
    assert UserSession.objects.count() == 1


def test_a_used_refresh_token_that_comes_again_ends_the_session_for_everybody(member: Member) -> None:
    first = callers.tokens_of(member)
    second = refresh(first["refresh_token"]).json()
    third = refresh(second["refresh_token"]).json()
    assert refusal(refresh(first["refresh_token"])) == (401, "token_refused")
    assert refusal(refresh(third["refresh_token"])) == (401, "token_refused")
    assert refusal(App(member, third["access_token"]).get("/session")) == (401, "session_expired")
    assert not UserSession.objects.exists()


def test_an_app_that_lost_the_answer_may_ask_again_for_half_a_minute(member: Member) -> None:
    first = callers.tokens_of(member)
    lost = refresh(first["refresh_token"]).json()
    again = refresh(first["refresh_token"])
    assert again.status_code == 200
    assert refresh(again.json()["refresh_token"]).status_code == 200
    # What was lost is void: whoever uses it has picked it up.
    assert refusal(refresh(lost["refresh_token"])) == (401, "token_refused")
    assert not UserSession.objects.exists()


def test_after_half_a_minute_the_same_token_is_a_stolen_one(member: Member) -> None:
    first = callers.tokens_of(member)
    second = refresh(first["refresh_token"]).json()
    RefreshToken.objects.exclude(used_at=None).update(
        used_at=now() - timedelta(seconds=limits.REFRESH_GRACE_SECONDS + 1)
    )
    assert refusal(refresh(first["refresh_token"])) == (401, "token_refused")
    assert refusal(refresh(second["refresh_token"])) == (401, "token_refused")


@pytest.mark.parametrize("token", ["ort_" + "0" * 64, "ort_", "x", "wst_" + "0" * 64])
def test_an_unknown_refresh_token_gets_and_ends_nothing(member: Member, token: str) -> None:
    kept = callers.tokens_of(member)
    with nothing_happens():
        assert refusal(refresh(token)) == (401, "token_refused")
        assert nobody().post("/tokens/revoke", {"refresh_token": token}).status_code == 204
    assert refresh(kept["refresh_token"]).status_code == 200


def test_an_app_signs_out_by_its_refresh_token_or_its_access_token(member: Member) -> None:
    for out in (
        lambda said: nobody().post("/tokens/revoke", {"refresh_token": said["refresh_token"]}),
        lambda said: App(member, said["access_token"]).delete("/session"),
    ):
        said = callers.tokens_of(member)
        assert out(said).status_code == 204
        assert refusal(App(member, said["access_token"]).get("/session")) == (401, "session_expired")
        assert refusal(refresh(said["refresh_token"])) == (401, "token_refused")


def test_no_token_is_kept_in_clear(member: Member) -> None:
    said = callers.tokens_of(member)
    kept = str([list(RefreshToken.objects.values()), list(UserSession.objects.values())])
    for secret in (said["access_token"], said["refresh_token"], said["refresh_token"][4:]):
        assert secret not in kept
    assert fingerprint()["workspaces_refreshtoken"][0] == 1
    assert len(said["refresh_token"]) == 4 + 64


def test_an_apps_ticket_opens_a_socket_without_a_page(live: LiveThread, member: Member) -> None:
    app = callers.app_of(member)
    socket = live.connect(None)
    socket.send(type="hello", ticket=app.post("/live/tickets").json()["ticket"])
    assert socket.receive()["actor"] == {"kind": "member", "id": str(member.pk)}
    assert socket.subscribe("a", "workspaces.get")["type"] == "snapshot"
    app.delete("/session")
    assert socket.closed() == 4401
