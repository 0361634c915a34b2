"""Authenticator apps and recovery codes: set up by a first code, asked for after the first proof, each code good once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.audit.models import AuditEntry
from apps.core import limits
from apps.core.clock import now
from apps.workspaces import seats, user_sessions
from apps.workspaces.factors.models import Authenticator, RecoveryCode, SignInStep
from apps.workspaces.models import Member, UserSession, Workspace
from tests import callers, factories
from tests.authenticators import code_of, with_app
from tests.callers import App, Caller, SignedIn, nobody, refusal
from tests.database import nothing_happens
from tests.factories import PASSWORD
from tests.mailing import code_for, mails_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(workspace: Workspace) -> Member:
    return factories.make_member(workspace, name="Ada")


def begin(member: Member, caller: Caller | None = None) -> Any:
    return (caller or nobody()).post("/session", {"email": member.user.email, "password": PASSWORD})


def step(caller: Caller, method: str, proof: str) -> Any:
    return caller.post("/session/factor", {"method": method, "proof": proof})


def grow_old(caller: SignedIn) -> None:
    UserSession.objects.filter(user=caller.member.user).update(confirmed_at=now() - timedelta(minutes=11))


# Setting up


def test_an_app_counts_after_its_first_code_and_its_secret_is_shown_once(agent: SignedIn) -> None:
    begun = agent.post("/factors/app")
    assert begun.status_code == 201
    secret, address = begun.json()["secret"], urlsplit(begun.json()["address"])
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert parse_qs(address.query)["secret"] == [secret]
    assert begun.json()["picture"].startswith("<svg")
    assert agent.get("/factors").json()["app"] is None
    assert begin(agent.member).status_code == 200, "what is only begun isn't asked for"

    done = agent.put("/factors/app", {"code": code_of(secret)})
    assert done.status_code == 200
    codes = done.json()["recovery_codes"]
    assert len(set(codes)) == 10
    said = agent.get("/factors").json()
    assert said["app"]["confirmed_at"] is not None
    assert said["recovery_codes_left"] == 10
    assert secret not in agent.get("/factors").content.decode()
    assert "added" in mails_to(agent.member.user.email)[-1].subject


def test_a_wrong_first_code_changes_nothing(agent: SignedIn) -> None:
    assert refusal(agent.put("/factors/app", {"code": "123456"})) == (409, "nothing_begun")
    secret = agent.post("/factors/app").json()["secret"]
    for wrong in (code_of(secret, steps=5), "12345", "abcdef", "１２３４５６"):
        with nothing_happens():
            assert refusal(agent.put("/factors/app", {"code": wrong})) == (400, "invalid")
    assert agent.get("/factors").json()["app"] is None
    assert agent.put("/factors/app", {"code": code_of(secret)}).status_code == 200


def test_factors_are_changed_by_whoever_has_proven_lately_who_they_are(agent: SignedIn) -> None:
    secret, _ = with_app(agent.member)
    grow_old(agent)
    with nothing_happens():
        for refused in (
            agent.post("/factors/app"),
            agent.put("/factors/app", {"code": "000000"}),
            agent.delete("/factors/app"),
            agent.post("/factors/recovery-codes"),
            agent.post("/factors/passkeys/options"),
            agent.post("/factors/passkeys", {"name": "Mine", "credential": {}}),
        ):
            assert refusal(refused) == (403, "reauth_required")
    confirmed = agent.post("/session/confirmation", {"method": "totp", "proof": code_of(secret)})
    assert confirmed.status_code == 204, "the factor proves it as a password does"
    assert len(agent.post("/factors/recovery-codes").json()["recovery_codes"]) == 10
    assert agent.delete("/factors/app").status_code == 204
    assert "removed" in mails_to(agent.member.user.email)[-1].subject
    assert RecoveryCode.objects.count() == 0


def test_the_first_factor_ends_what_a_password_alone_began_elsewhere(agent: SignedIn) -> None:
    elsewhere, app = SignedIn(agent.member), callers.app_of(agent.member)
    secret = agent.post("/factors/app").json()["secret"]
    agent.put("/factors/app", {"code": code_of(secret)})
    assert elsewhere.get("/session").status_code == 401
    assert app.get("/session").status_code == 401
    assert agent.get("/session").status_code == 200


def test_neither_the_secret_nor_a_recovery_code_is_kept_in_clear(member: Member) -> None:
    secret, codes = with_app(member)
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM workspaces_authenticator AS t")
        kept = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(t::text, ' ') FROM workspaces_recoverycode AS t")
        hashes = cursor.fetchone()[0]
    assert secret not in kept
    assert secret.encode().hex() not in kept
    assert not any(code in hashes or code.replace("-", "") in hashes for code in codes)


# The second step


def test_whoever_has_a_factor_is_asked_for_it_before_a_session_begins(member: Member) -> None:
    secret, _ = with_app(member)
    caller = nobody()
    asked = begin(member, caller)
    assert refusal(asked) == (401, "mfa_required")
    assert asked.json()["error"]["methods"] == ["totp", "recovery_code"]
    assert caller.get("/session").status_code == 401, "the half opens nothing"
    with nothing_happens(but={"core_effect"}):
        assert refusal(step(caller, "totp", code_of(secret, steps=9))) == (401, "factor_refused")
    done = step(caller, "totp", code_of(secret))
    assert done.status_code == 200
    assert caller.get("/session").json()["user"]["email"] == member.user.email
    assert AuditEntry.objects.filter(action="member.signed_in").latest("pk").details == {"method": "password and totp"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"method": "telepathy", "proof": "000000"},
        {"method": "totp"},
        {"method": "totp", "credential": {}},
        {"method": "passkey", "proof": "000000"},
        {"method": "totp", "proof": 123456},
        {"method": "totp", "proof": "000000", "user": "1"},
    ],
)
def test_what_is_no_proof_at_all_is_not_even_tried(member: Member, body: dict[str, Any]) -> None:
    secret, _ = with_app(member)
    caller = nobody()
    begin(member, caller)
    with nothing_happens():
        assert refusal(caller.post("/session/factor", body)) == (400, "invalid")
        assert refusal(caller.post("/session/passkey", body)) == (400, "invalid")
    assert step(caller, "totp", code_of(secret)).status_code == 200


def test_a_code_in_the_mail_is_a_first_proof_too(member: Member) -> None:
    secret, _ = with_app(member)
    caller = nobody()
    caller.post("/session/codes", {"email": member.user.email})
    body = {"email": member.user.email, "code": code_for(member.user.email)}
    assert refusal(caller.post("/session/code", body)) == (401, "mfa_required")
    assert caller.get("/session").status_code == 401
    assert step(caller, "totp", code_of(secret)).status_code == 200


def test_a_code_can_not_be_used_twice(member: Member) -> None:
    secret, _ = with_app(member)
    first, second = nobody(), nobody()
    begin(member, first)
    begin(member, second)
    code = code_of(secret)
    assert step(first, "totp", code).status_code == 200
    assert refusal(step(second, "totp", code)) == (401, "factor_refused")
    assert refusal(step(second, "totp", code_of(secret, steps=-1))) == (401, "factor_refused"), "nor one before it"
    assert step(second, "totp", code_of(secret, steps=1)).status_code == 200


def test_a_step_is_for_one_browser_one_sign_in_and_ten_minutes(member: Member) -> None:
    secret, _ = with_app(member)
    caller = nobody()
    begin(member, caller)
    assert refusal(step(nobody(), "totp", code_of(secret))) == (401, "step_ended"), "another browser"
    SignInStep.objects.update(expires_at=now() - timedelta(seconds=1))
    assert refusal(step(caller, "totp", code_of(secret))) == (401, "step_ended")
    begin(member, caller)
    assert step(caller, "totp", code_of(secret)).status_code == 200
    assert refusal(step(caller, "totp", code_of(secret, steps=1))) == (401, "step_ended"), "once"


def test_a_new_password_voids_a_step_that_was_begun_with_the_old_one(member: Member) -> None:
    secret, _ = with_app(member)
    caller = nobody()
    begin(member, caller)
    member.user.set_password("nine lamps in a row")
    member.user.save()
    assert refusal(step(caller, "totp", code_of(secret))) == (401, "step_ended")


def test_the_sessions_id_is_another_one_at_each_step(member: Member) -> None:
    secret, _ = with_app(member)
    caller = nobody()
    begin(member, caller)
    between = caller.client.cookies["session"].value
    step(caller, "totp", code_of(secret))
    assert caller.client.cookies["session"].value != between


def test_an_app_gets_its_tokens_for_the_challenge_and_the_factor(member: Member) -> None:
    secret, codes = with_app(member)
    body = {"email": member.user.email, "password": PASSWORD}
    asked = nobody().post("/tokens", body)
    assert refusal(asked) == (401, "mfa_required")
    challenge = asked.json()["error"]["challenge"]
    assert challenge.startswith("mfa_")
    assert Caller(Authorization=f"Bearer {challenge}").get("/session").status_code == 401, "it is no token"

    def answered(method: str, proof: str) -> Any:
        return nobody().post("/tokens/factor", {"challenge": challenge, "method": method, "proof": proof})

    assert refusal(answered("totp", "000000")) == (401, "factor_refused")
    done = answered("totp", code_of(secret))
    assert done.status_code == 201
    assert App(member, done.json()["access_token"]).get("/session").status_code == 200
    assert refusal(answered("recovery_code", codes[0])) == (401, "step_ended"), "once"
    refused = nobody().post("/tokens/factor", {"challenge": "mfa_" + "0" * 64, "method": "totp", "proof": "000000"})
    assert refusal(refused) == (401, "step_ended")


def test_the_challenge_of_a_browser_is_not_an_apps_nor_the_other_way_round(member: Member) -> None:
    secret, _ = with_app(member)
    caller = nobody()
    challenge = caller.post("/tokens", {"email": member.user.email, "password": PASSWORD}).json()["error"]["challenge"]
    assert refusal(step(caller, "totp", code_of(secret))) == (401, "step_ended")
    body = {"challenge": challenge, "method": "totp", "proof": code_of(secret)}
    assert nobody().post("/tokens/factor", body).status_code == 201


def test_after_five_wrong_codes_the_right_one_waits(member: Member, limits_enforced: None) -> None:
    secret, _ = with_app(member)
    caller = nobody()
    begin(member, caller)
    for _ in range(5):
        assert refusal(step(caller, "totp", code_of(secret, steps=9))) == (401, "factor_refused")
    held = step(caller, "totp", code_of(secret))
    assert refusal(held) == (429, "rate_limited")
    assert int(held.headers["Retry-After"]) <= 180
    limits.refund(limits.FACTOR_FAILURES, limits.account_subject(member.user.email))
    assert step(caller, "totp", code_of(secret)).status_code == 200
    failed = AuditEntry.objects.filter(action="member.sign_in_failed")
    mails_to(member.user.email)
    assert failed.count() == 5


def test_djangos_admin_is_no_way_around_it(member: Member) -> None:
    member.user.is_staff = True
    member.user.save()
    secret, _ = with_app(member)
    caller, body = nobody(), {"username": member.user.email, "password": PASSWORD}
    refused = caller.client.post("/admin/login/?next=/admin/", body)
    assert b"You have a second factor" in refused.content
    assert caller.client.get("/admin/").status_code == 302
    begin(member, caller)
    assert step(caller, "totp", code_of(secret)).status_code == 200
    assert caller.client.get("/admin/").status_code == 200


# Recovery codes


def test_a_recovery_code_works_once_and_its_owner_hears_of_it(member: Member) -> None:
    _, codes = with_app(member)
    caller, again = nobody(), nobody()
    begin(member, caller)
    begin(member, again)
    written_otherwise = codes[0].upper().replace("-", " ")
    assert step(caller, "recovery_code", written_otherwise).status_code == 200
    assert caller.get("/factors").json()["recovery_codes_left"] == 9
    told = mails_to(member.user.email)[-1]
    assert "recovery code" in told.subject
    assert "9 of your codes are left" in str(told.body)
    assert codes[0] not in str(told.body)
    assert refusal(step(again, "recovery_code", codes[0])) == (401, "factor_refused")
    assert refusal(step(again, "recovery_code", "aaaa-bbbb-cccc")) == (401, "factor_refused")
    assert step(again, "recovery_code", codes[1]).status_code == 200


def test_new_recovery_codes_void_those_before(agent: SignedIn) -> None:
    _, codes = with_app(agent.member)
    new = agent.post("/factors/recovery-codes").json()["recovery_codes"]
    caller = nobody()
    begin(agent.member, caller)
    assert refusal(step(caller, "recovery_code", codes[0])) == (401, "factor_refused")
    assert step(caller, "recovery_code", new[0]).status_code == 200


def test_there_are_no_recovery_codes_without_a_factor(agent: SignedIn) -> None:
    with nothing_happens():
        assert refusal(agent.post("/factors/recovery-codes")) == (409, "no_factor")


def test_recovery_codes_survive_the_rotation_of_the_secret_key(member: Member, settings: Any) -> None:
    _, codes = with_app(member)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key for everything, of more than thirty-two characters"
    caller = nobody()
    begin(member, caller)
    assert step(caller, "recovery_code", codes[0]).status_code == 200


# Moving, and losing them


def test_another_app_takes_the_place_of_the_one_before(agent: SignedIn) -> None:
    old, _ = with_app(agent.member)
    new = agent.post("/factors/app").json()["secret"]
    done = agent.put("/factors/app", {"code": code_of(new)})
    assert done.json()["recovery_codes"] == [], "the codes of the first one still hold"
    assert Authenticator.objects.count() == 1
    caller = nobody()
    begin(agent.member, caller)
    assert refusal(step(caller, "totp", code_of(old, steps=1))) == (401, "factor_refused")
    assert step(caller, "totp", code_of(new, steps=1)).status_code == 200


def test_an_owner_resets_the_factors_of_who_is_locked_out(owner: SignedIn, agent: SignedIn) -> None:
    with_app(agent.member)
    assert owner.delete(f"/members/{agent.member.pk}/factors").status_code == 204
    assert agent.get("/session").status_code == 401, "their sessions end"
    assert begin(agent.member).status_code == 200
    told = mails_to(agent.member.user.email)[-1]
    assert "reset" in told.subject
    entry = AuditEntry.objects.get(action="member.factors_reset")
    assert (entry.actor_id, entry.subject_id) == (owner.member.pk, agent.member.pk)


def test_nobody_but_an_owner_who_has_proven_it_resets_anothers_factors(owner: SignedIn, agent: SignedIn) -> None:
    workspace = owner.member.workspace
    admin, viewer = callers.signed_in(workspace, "admin"), callers.signed_in(workspace, "viewer")
    stranger = callers.signed_in(factories.make_workspace("Elsewhere"), "owner")
    with_app(agent.member)
    path = f"/members/{agent.member.pk}/factors"
    agent = SignedIn(agent.member)
    with nothing_happens():
        for caller in (admin, viewer, agent):
            assert caller.delete(path).status_code == 403
        assert refusal(stranger.delete(path)) == (404, "not_found")
        assert owner.delete(f"/members/{owner.member.pk}/factors").status_code == 403
    grow_old(owner)
    with nothing_happens():
        assert refusal(owner.delete(path)) == (403, "reauth_required")
    assert Authenticator.objects.count() == 1


def test_an_owner_can_not_weaken_how_another_workspace_is_entered(owner: SignedIn, agent: SignedIn) -> None:
    with_app(agent.member)
    elsewhere = factories.make_workspace("Elsewhere")
    Member.objects.create(workspace=elsewhere, user=agent.member.user, role="agent")
    with nothing_happens():
        assert refusal(owner.delete(f"/members/{agent.member.pk}/factors")) == (409, "works_elsewhere")
    assert len(user_sessions.seats_of(agent.member.user_id)) == 2
    assert seats.may_change(owner.member, agent.member), "the twin: their seat here can still be changed"


def test_an_operator_resets_them_by_command_and_it_is_on_record(member: Member, capsys: Any) -> None:
    with_app(member)
    call_command("factors", "reset", member.user.email.upper())
    assert "Removed" in capsys.readouterr().out
    assert begin(member).status_code == 200
    assert AuditEntry.objects.get(action="member.factors_reset").actor_kind == "system"
    call_command("factors", "reset", member.user.email)
    assert "no second factor" in capsys.readouterr().out
    assert AuditEntry.objects.filter(action="member.factors_reset").count() == 1
    with pytest.raises(CommandError):
        call_command("factors", "reset", "nobody@team.example")


def test_the_members_list_shows_who_has_one(owner: SignedIn, agent: SignedIn) -> None:
    with_app(agent.member)
    shown = {item["id"]: item["second_factor"] for item in owner.get("/members").json()["items"]}
    assert shown == {str(agent.member.pk): True, str(owner.member.pk): False}


def test_no_mail_says_a_secret(agent: SignedIn) -> None:
    secret = agent.post("/factors/app").json()["secret"]
    codes = agent.put("/factors/app", {"code": code_of(secret)}).json()["recovery_codes"]
    said = " ".join(f"{message.subject} {message.body}" for message in mails_to(agent.member.user.email))
    assert "second factor" in said
    assert not any(each in said for each in (secret, *codes))
