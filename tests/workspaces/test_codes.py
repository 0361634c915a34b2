"""One-time codes: mailed to whoever may use one, good once, for ten minutes, for five tries; and nobody learns who has an account."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.db import connection, connections
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.core import limits
from apps.core.models import Bucket, Effect
from apps.workspaces import codes, policy
from apps.workspaces.models import SignInCode, User, Workspace
from tests import callers, factories
from tests.callers import Caller, SignedIn, refusal
from tests.database import nothing_happens, shapes_of
from tests.mailing import code_for, mails_to, pay_all


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    if not {"committed", "live"} & set(request.fixturenames):
        request.getfixturevalue("db")


@pytest.fixture
def email(workspace: Workspace) -> str:
    return factories.make_member(workspace, name="Ada").user.email


def ask(email: str, address: str = "192.0.2.1") -> Any:
    caller = callers.nobody()
    caller.client.defaults["REMOTE_ADDR"] = address
    return caller.post("/session/codes", {"email": email})


def enter(email: str, code: Any, caller: Caller | None = None) -> Any:
    return (caller or callers.nobody()).post("/session/code", {"email": email, "code": code})


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_who_enters_the_code_from_their_mail_is_signed_in(email: str, workspace: Workspace) -> None:
    answer = ask(email)
    assert (answer.status_code, answer.json()) == (202, {"expires_in": 600})
    code = code_for(email)
    caller = callers.nobody()
    signed_in = enter(email, code, caller)
    assert signed_in.status_code == 200
    assert signed_in.json()["workspace"]["id"] == str(workspace.pk)
    assert caller.get("/session").json()["user"]["email"] == email
    entry = AuditEntry.objects.get(workspace_id=workspace.pk, action="member.signed_in")
    assert entry.details == {"method": "code"}


def test_the_sessions_id_is_another_one_after_the_code(email: str, workspace: Workspace) -> None:
    caller = SignedIn(factories.owner_of(workspace))
    before = caller.client.cookies["session"].value
    ask(email)
    assert enter(email, code_for(email), Caller(caller.client, Origin=caller.headers["Origin"])).status_code == 200
    assert caller.client.cookies["session"].value != before


def test_after_five_wrong_codes_the_right_one_is_refused(email: str) -> None:
    ask(email)
    code = code_for(email)
    for _ in range(limits.CODE_TRIES):
        assert refusal(enter(email, other_than(code))) == (401, "code_refused")
    assert refusal(enter(email, code)) == (401, "code_refused")
    assert not AuditEntry.objects.filter(action="member.signed_in").exists()


def test_after_four_wrong_codes_the_right_one_is_taken(email: str) -> None:
    ask(email)
    code = code_for(email)
    for _ in range(limits.CODE_TRIES - 1):
        enter(email, other_than(code))
    assert enter(email, code).status_code == 200


def test_a_code_is_good_once(email: str) -> None:
    ask(email)
    code = code_for(email)
    assert enter(email, code).status_code == 200
    assert refusal(enter(email, code)) == (401, "code_refused")


@pytest.mark.parametrize(("seconds", "status"), [(599, 200), (601, 401)])
def test_a_code_is_good_for_ten_minutes(email: str, seconds: int, status: int) -> None:
    ask(email)
    code = code_for(email)
    SignInCode.objects.update(expires_at=F("expires_at") - timedelta(seconds=seconds))
    assert enter(email, code).status_code == status


def test_a_new_code_ends_the_one_before(email: str) -> None:
    ask(email)
    first = code_for(email)
    ask(email)
    second = code_for(email)
    if first != second:
        assert refusal(enter(email, first)) == (401, "code_refused")
    assert enter(email, second).status_code == 200


def test_a_code_is_good_for_its_own_address_only(email: str, workspace: Workspace) -> None:
    other = factories.make_member(workspace).user.email
    ask(email)
    ask(other)
    code = code_for(email)
    if code != code_for(other):
        assert refusal(enter(other, code)) == (401, "code_refused")
    assert enter(email, code).status_code == 200


@pytest.mark.parametrize("write", [int, lambda code: [code, "000000"], lambda code: f"x{code}"])
def test_what_is_no_code_is_invalid_and_no_try(email: str, write: Any) -> None:
    ask(email)
    code = code_for(email)
    with nothing_happens():
        assert refusal(enter(email, write(code))) == (400, "invalid")
        assert refusal(enter(email, "１２３４５６")) == (400, "invalid")
        assert refusal(enter(email, "12345")) == (400, "invalid")
    assert enter(email, f" {code} ").status_code == 200, "spaces around it are left out, as the documentation says"


@pytest.mark.parametrize("who", ["nobody", "disabled", "owner elsewhere by password only"])
def test_who_may_not_use_a_code_gets_no_mail_and_the_same_answer(email: str, workspace: Workspace, who: str) -> None:
    other = {
        "nobody": lambda: "nobody@team.example",
        "disabled": lambda: factories.make_member(workspace).user.email,
        "owner elsewhere by password only": lambda: factories.owner_of(password_only()).user.email,
    }[who]()
    if who == "disabled":
        User.objects.filter(email=other).update(is_active=False)
    known, unknown = ask(email), ask(other)
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    assert mails_to(other) == []
    assert len(mails_to(email)) == 1
    assert refusal(enter(other, "123456")) == (401, "code_refused")


def password_only() -> Workspace:
    workspace = factories.make_workspace("Elsewhere")
    by = factories.owner_of(workspace)
    policy.change_policy(workspace, methods=["password"], sign_up="invited", domains=[], by=by)
    return workspace


def test_asking_costs_the_same_whoever_has_the_address(email: str, monkeypatch: pytest.MonkeyPatch) -> None:
    work = [work_of(lambda each=each: ask(each), monkeypatch) for each in (email, "nobody@team.example")]
    assert work[0] == work[1]
    assert len(work[0][1]) == 1, "one slow hash"


def test_a_wrong_code_costs_the_same_whether_there_is_one(email: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(email)
    wrong = other_than(code_for(email))
    work = [work_of(lambda each=each: enter(each, wrong), monkeypatch) for each in (email, "nobody@team.example")]
    assert work[0] == work[1]
    assert len(work[0][1]) == 1, "one slow hash"


def work_of(call: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[int]]:
    """Return what a request does: its statements without their values, and its slow hashes."""
    hashed: list[int] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(len(password))
        return encode(self, password, salt)

    with monkeypatch.context() as patched, CaptureQueriesContext(connection) as captured:
        patched.setattr(MD5PasswordHasher, "encode", counted)
        call()
    return shapes_of(captured), hashed


def test_no_code_is_kept_in_clear_anywhere(email: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    ask(email)
    before = list(SignInCode.objects.values("digest", "issue")) + list(Effect.objects.values("payload", "key"))
    code = code_for(email)
    after = list(SignInCode.objects.values("digest", "issue", "salt")) + list(Effect.objects.values())
    for kept in (before, after):
        assert not any(code == part for row in kept for part in str(row).replace("'", " ").replace(":", " ").split())
    assert code not in caplog.text
    assert SignInCode.objects.get().salt is None, (
        "once the mail has left, not even the installation's key makes it again"
    )
    assert "code" not in str(Effect.objects.get(kind="workspaces.mail_code").payload)


def test_of_two_who_enter_one_code_at_once_one_gets_in(committed: None) -> None:
    email = factories.make_member(factories.make_workspace()).user.email
    ask(email)
    code = code_for(email)
    taken: list[bool] = []
    together = threading.Barrier(4)

    def redeem() -> None:
        together.wait()
        taken.append(codes.redeem_code(email, code, codes.Purpose.SIGN_IN, client_address="192.0.2.1"))
        connections.close_all()

    threads = [threading.Thread(target=redeem) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False, False, False, True]


def test_a_code_whose_mail_could_not_leave_in_time_is_dead(email: str) -> None:
    ask(email)
    SignInCode.objects.update(expires_at=F("expires_at") - timedelta(minutes=11))
    pay_all()
    owed = Effect.objects.get(kind="workspaces.mail_code")
    assert (owed.state, owed.last_error) == ("dead", "It had expired before its mail could leave.")
    assert mail.outbox == []


def test_codes_that_ended_are_forgotten(email: str) -> None:
    ask(email)
    assert codes.forget_ended() == 0
    SignInCode.objects.update(expires_at=F("expires_at") - timedelta(hours=2))
    assert codes.forget_ended() == 1


def test_failed_tries_are_on_record_where_the_person_works_and_nowhere_else(email: str, workspace: Workspace) -> None:
    factories.make_workspace("Other")
    ask(email)
    enter(email, other_than(code_for(email)))
    enter("nobody@team.example", "123456")
    callers.nobody().post("/session", {"email": email, "password": "not this one"})
    pay_all()
    entries = AuditEntry.objects.filter(action="member.sign_in_failed").order_by("created_at")
    assert [entry.details for entry in entries] == [{"method": "code"}, {"method": "password"}]
    assert {entry.workspace_id for entry in entries} == {workspace.pk}
    assert {(entry.actor_kind, entry.subject_label) for entry in entries} == {("system", "Ada")}


# Methods


def test_a_right_password_leads_to_a_code_where_only_codes_are_taken(workspace: Workspace, email: str) -> None:
    by = factories.owner_of(workspace)
    policy.change_policy(workspace, methods=["code"], sign_up="invited", domains=[], by=by)
    caller = callers.nobody()
    answer = caller.post("/session", {"email": email, "password": factories.PASSWORD})
    assert refusal(answer) == (401, "code_required")
    assert refusal(caller.get("/session")) == (401, "not_authenticated")
    wrong = caller.post("/session", {"email": email, "password": "not this one"})
    assert refusal(wrong) == (401, "sign_in_refused"), "who doesn't know the password learns nothing"
    ask(email)
    assert enter(email, code_for(email)).status_code == 200


def test_a_session_begins_in_a_workspace_that_takes_its_method(workspace: Workspace) -> None:
    second = factories.make_workspace("Second")
    owner = factories.owner_of(workspace)
    factories.workspace_actions.add_member(second, owner.user, "agent", by=factories.owner_of(second))
    policy.change_policy(workspace, methods=["code"], sign_up="invited", domains=[], by=owner)
    answer = callers.nobody().post("/session", {"email": owner.user.email, "password": factories.PASSWORD})
    assert answer.json()["workspace"]["id"] == str(second.pk)
    ask(owner.user.email)
    by_code = enter(owner.user.email, code_for(owner.user.email))
    assert by_code.json()["workspace"]["id"] == str(workspace.pk)


# Rates


@pytest.mark.usefixtures("limits_enforced")
class TestRates:
    """Over a limit nothing is sent and nothing is said."""

    def test_the_fourth_code_within_a_quarter_of_an_hour_is_not_sent(self, email: str, workspace: Workspace) -> None:
        other = factories.make_member(workspace).user.email
        for number in range(5):
            assert ask(email, f"192.0.2.{number}").json() == {"expires_in": 600}
            assert len(mails_to(email)) == min(number + 1, 3)
        ask(other, "192.0.2.9")
        assert len(mails_to(other)) == 1

    def test_a_client_has_no_more_than_five_codes_sent_at_once(self, workspace: Workspace) -> None:
        emails = [factories.make_member(workspace).user.email for _ in range(7)]
        assert {ask(each).status_code for each in emails} == {202}
        assert sum(len(mails_to(each)) for each in emails) == limits.MAILS_BY_ADDRESS.burst

    def test_without_redis_they_are_counted_in_the_database(self, email: str, settings: Any) -> None:
        settings.REDIS_URL = ""
        for number in range(5):
            ask(email, f"192.0.2.{number}")
            assert len(mails_to(email)) == min(number + 1, 3)
        assert Bucket.objects.filter(key__startswith="limit:code_requests:").exists()
        assert not any(email in bucket.key for bucket in Bucket.objects.all())
