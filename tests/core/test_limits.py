"""Limits: each lets its number through and refuses the next, says when to come back, and counts on when Redis is gone."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import RequestFactory
from django.utils import timezone

from apps.conversations import actions
from apps.core import envelope, limits
from apps.core.failpoints import FailpointReached
from apps.core.limits import Gone, Limit
from apps.core.models import Bucket, Effect
from apps.core.volatile import volatile
from apps.core.webhooks import WebhookMessage, WebhookReceiver
from apps.workspaces.models import Member, Workspace
from apps.workspaces.sso.models import SsoConnection
from tests import callers, factories
from tests.authenticators import with_app
from tests.callers import Booted, SignedIn, refusal
from tests.database import nothing_happens
from tests.live import LiveThread, wait_until
from tests.visitors.test_proof import Host

pytestmark = pytest.mark.usefixtures("limits_enforced", "media")

Call = Callable[[], Any]


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest) -> None:
    if "committed" not in request.fixturenames:
        request.getfixturevalue("db")


class People:
    """Everybody whose calls are counted, and one more of each kind whose aren't."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.visitor, self.other_visitor = callers.booted(workspace), callers.booted(workspace)
        self.agent, self.other_agent = callers.signed_in(workspace), callers.signed_in(workspace)
        self.conversations = [factories.start(self.visitor.visitor) for _ in range(8)]
        self.others = factories.start(self.other_visitor.visitor)

    def wrong_password(self, member: SignedIn, address: str = "192.0.2.1") -> Any:
        body = {"email": member.member.user.email, "password": "not this one"}
        caller = callers.nobody()
        caller.client.defaults["REMOTE_ADDR"] = address
        return caller.post("/session", body)

    def boot(self, address: str = "192.0.2.1") -> Any:
        caller = callers.nobody()
        caller.client.defaults["REMOTE_ADDR"] = address
        return caller.post("/widget/boot", {"workspace": str(self.workspace.pk), "session_id": factories.session_id()})


@pytest.fixture
def people(workspace: Workspace) -> People:
    return People(workspace)


def upload(caller: Any) -> Any:
    return caller.upload(SimpleUploadedFile("a.txt", b"text"))


def event() -> dict[str, str]:
    return {"id": str(uuid.uuid4()), "name": "looked", "at": timezone.now().isoformat()}


def receive(provider: str) -> Any:
    """Send a provider's receiver something that nobody signed."""

    class Receiver(WebhookReceiver):
        receiver = provider

        def secrets(self) -> list[str]:
            return ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]

        def received(self, message: WebhookMessage) -> None:
            raise AssertionError

    answer: Any = Receiver.as_view()(RequestFactory().post("/", {}, "application/json")).render()
    answer.json = lambda: json.loads(answer.content)
    return answer


def half_in(member: SignedIn) -> callers.Caller:
    """Return a browser in which a member has given their password, and is asked for their second factor."""
    with_app(member.member)
    caller = callers.nobody()
    caller.post("/session", {"email": member.member.user.email, "password": factories.PASSWORD})
    return caller


def calls(people: People, name: str) -> tuple[Call, Call]:
    """Return a call that the limit counts, and the same call by somebody whom it doesn't count."""
    numbers = iter(range(10_000))
    to_spread = people.conversations
    match name:
        case "login_failures":
            # From another address each time, so that only the account's limit is reached.
            return (
                lambda: people.wrong_password(people.agent, f"192.0.2.{next(numbers) + 1}"),
                lambda: people.wrong_password(people.other_agent, "198.51.100.1"),
            )
        case "logins_by_address":
            members = [callers.signed_in(people.workspace) for _ in range(20)]
            return (
                lambda: people.wrong_password(members[next(numbers)]),
                lambda: people.wrong_password(people.other_agent, "198.51.100.1"),
            )
        case "boots_by_address":
            return people.boot, lambda: people.boot("198.51.100.1")
        case "failed_identities":
            host = Host(people.workspace)
            host.mode("optional")

            def lie(address: str) -> Any:
                caller = callers.nobody()
                caller.client.defaults["REMOTE_ADDR"] = address
                body = {"workspace": str(people.workspace.pk), "session_id": factories.session_id()}
                return caller.post("/widget/boot", {**body, "user_id": "u1", "user_hash": "0" * 64})

            return lambda: lie("192.0.2.1"), lambda: lie("198.51.100.1")
        case "visitor_exports":
            path = f"/visitors/{people.visitor.visitor.pk}/exports"
            exporter = callers.signed_in(people.workspace, "owner")
            elsewhere = callers.signed_in(factories.make_workspace("Elsewhere"), "owner")
            theirs = f"/visitors/{factories.make_visitor(elsewhere.member.workspace).pk}/exports"
            return lambda: exporter.post(path), lambda: elsewhere.post(theirs)
        case "identify":

            def name_it(who: Booted) -> Any:
                return who.patch("/widget/visitor", {"name": str(next(numbers))})

            return lambda: name_it(people.visitor), lambda: name_it(people.other_visitor)
        case "new_conversations":
            return people.visitor.start, people.other_visitor.start
        case "visitor_messages":
            return (
                lambda: people.visitor.say(to_spread[next(numbers) % 8]),
                lambda: people.other_visitor.say(people.others),
            )
        case "member_messages":
            return (
                lambda: people.agent.say(to_spread[next(numbers) % 8]),
                lambda: people.other_agent.say(to_spread[next(numbers) % 8]),
            )
        case "conversation_messages":
            writers = [callers.signed_in(people.workspace) for _ in range(4)]
            return (
                lambda: writers[next(numbers) % 4].say(to_spread[0]),
                lambda: writers[next(numbers) % 4].say(to_spread[1]),
            )
        case "tracked_events":

            def track(who: Booted) -> Any:
                return who.post("/widget/events", {"events": [event() for _ in range(10)]})

            return lambda: track(people.visitor), lambda: track(people.other_visitor)
        case "visitor_uploads":
            return lambda: upload(people.visitor), lambda: upload(people.other_visitor)
        case "member_uploads":
            return lambda: upload(people.agent), lambda: upload(people.other_agent)
        case "searches":
            return lambda: people.agent.get("/visitors", q="x"), lambda: people.other_agent.get("/conversations", q="x")
        case "member_requests":
            return lambda: people.agent.get("/session"), lambda: people.other_agent.get("/session")
        case "code_failures":

            def wrong_code(who: SignedIn, address: str) -> Any:
                caller = callers.nobody()
                caller.client.defaults["REMOTE_ADDR"] = address
                return caller.post("/session/code", {"email": who.member.user.email, "code": "000000"})

            return (
                lambda: wrong_code(people.agent, f"192.0.2.{next(numbers) + 1}"),
                lambda: wrong_code(people.other_agent, "198.51.100.1"),
            )
        case "code_failures_by_address":

            def try_code(address: str) -> Any:
                caller = callers.nobody()
                caller.client.defaults["REMOTE_ADDR"] = address
                return caller.post("/session/code", {"email": f"{next(numbers)}@team.example", "code": "000000"})

            return lambda: try_code("192.0.2.1"), lambda: try_code("198.51.100.1")
        case "email_code_failures":

            def type_wrongly(who: Booted) -> Any:
                who.client.defaults["REMOTE_ADDR"] = f"192.0.2.{next(numbers) + 1}"
                return who.put("/widget/visitor/email", {"code": "000000"})

            return lambda: type_wrongly(people.visitor), lambda: type_wrongly(people.other_visitor)
        case "factor_failures":

            def wrong_factor(caller: callers.Caller) -> Any:
                # From another address each time, so that only the account's limit is reached.
                caller.client.defaults["REMOTE_ADDR"] = f"192.0.2.{next(numbers) + 1}"
                return caller.post("/session/factor", {"method": "totp", "proof": "no code"})

            steps = [half_in(people.agent), half_in(people.other_agent)]
            return lambda: wrong_factor(steps[0]), lambda: wrong_factor(steps[1])
        case "passkey_challenges":
            path = "/session/confirmation/options"
            return lambda: people.agent.post(path), lambda: people.other_agent.post(path)
        case "password_changes":

            def guess(who: SignedIn) -> Any:
                return who.put("/password", {"present": "not this one", "password": "nine lamps in a row"})

            return lambda: guess(people.agent), lambda: guess(people.other_agent)
        case "invitations" | "invitations_new":
            inviter, other = (callers.signed_in(factories.make_workspace(), "owner") for _ in range(2))
            if name == "invitations":
                Workspace.objects.update(created_at=timezone.now() - timedelta(days=8))

            def invite(who: SignedIn) -> Any:
                body = {"email": f"{next(numbers)}@guest.example", "role": "agent"}
                return SignedIn(Member.objects.get(pk=who.member.pk)).post("/invitations", body)

            return lambda: invite(inviter), lambda: invite(other)
        case "key_requests":
            owner, admin = factories.owner_of(people.workspace), factories.owner_of(factories.make_workspace("Else"))
            key, other = callers.keyed(owner, "users.read"), callers.keyed(admin, "users.read")
            return lambda: key.get("/members"), lambda: other.get("/members")
        case "workspace_key_requests":
            # From another key each time, so that only the workspace's limit is reached.
            owner, admin = factories.owner_of(people.workspace), factories.owner_of(factories.make_workspace("Else"))
            several = [callers.keyed(owner, "users.read") for _ in range(10)]
            elsewhere_key = callers.keyed(admin, "users.read")
            return lambda: several[next(numbers) % 10].get("/members"), lambda: elsewhere_key.get("/members")
        case "refreshes_by_address":

            def refresh(address: str = "192.0.2.1") -> Any:
                caller = callers.nobody()
                caller.client.defaults["REMOTE_ADDR"] = address
                return caller.post("/tokens/refresh", {"refresh_token": "ort_unknown"})

            return refresh, lambda: refresh("198.51.100.1")
        case "keys_made":
            owner = callers.signed_in(people.workspace, "owner")
            elsewhere = callers.signed_in(factories.make_workspace("Elsewhere"), "owner")
            key_body = {"name": "Importer", "scopes": ["users.read"]}
            return lambda: owner.post("/keys", key_body), lambda: elsewhere.post("/keys", key_body)
        case "sso_tests":
            owner = callers.signed_in(people.workspace, "owner")
            elsewhere = callers.signed_in(factories.make_workspace("Elsewhere"), "owner")
            for member in (owner.member, elsewhere.member):
                # Refused before anybody is asked.
                row = SsoConnection(workspace=member.workspace, issuer="https://10.1.2.3", client_id="x", label="x")
                envelope.seal(row, "client_secret", "x")
                row.save()
            return lambda: owner.post("/workspace/sso/test"), lambda: elsewhere.post("/workspace/sso/test")
        case "audit_exports":
            owner = callers.signed_in(people.workspace, "owner")
            elsewhere = callers.signed_in(factories.make_workspace("Elsewhere"), "owner")
            copy = {"format": "json"}
            return lambda: owner.post("/audit/exports", copy), lambda: elsewhere.post("/audit/exports", copy)
        case "webhooks":
            return lambda: receive("one provider"), lambda: receive("another")
    raise LookupError(name)


COSTS = {"tracked_events": 10}
OVER_SOCKETS = {"sockets_by_address", "tells"}
DAILY = {
    "new_conversations_daily": 20,
    "visitor_messages_daily": 500,
    "tracked_events_daily": 5000,
    "visitor_upload_bytes": 100 * 1024 * 1024,
    "member_upload_bytes": 5 * 1024**3,
}
"""What one may do in a day, by the security design; tried with smaller numbers."""
ARRIVALS = {"boots_by_workspace"}
"""More for a busy workspace: tried by itself."""
OF_EFFECTS = {"location_lookups"}
"""Kept by a worker, who then waits (tests/visitors/test_location.py)."""
MAILED_TO_VISITORS = {
    "email_proofs",
    "email_proofs_daily",
    "email_proofs_by_visitor",
    "email_proofs_by_address",
}
IN_SILENCE = {
    *MAILED_TO_VISITORS,
    *("code_requests", "code_requests_hourly", "code_requests_daily", "mails_by_address", "resets", "resets_daily"),
}
"""Over these nothing is said, because it would tell something of somebody else."""
BY_PAGE = {"sign_ups", "sso_by_address", "sso_key_fetches", "help_pages", "help_searches", "help_feedback"}
"""Tried where the page is (tests/workspaces/test_sign_up.py, tests/security/test_sso.py, tests/knowledge/test_help_limits.py)."""
OF_RECORDS = {"refusals_recorded"}
"""What is then left out is only a record (tests/workspaces/test_seats.py)."""
ELSEWHERE = OVER_SOCKETS | IN_SILENCE | BY_PAGE | OF_RECORDS | set(DAILY) | ARRIVALS | OF_EFFECTS
BY_HTTP = sorted(set(limits.RATES) - ELSEWHERE)


def let_pass(seconds: float) -> None:
    """Let every bucket be so much older."""

    def age(client: Any) -> None:
        for key in client.scan_iter("limit:*"):
            client.hset(key, "t", float(client.hget(key, "t")) - seconds)

    volatile.call(age)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_bucket SET filled_at = filled_at - make_interval(secs => %s)", [seconds])


def spend_whole(limit: Limit, call: Call) -> Any:
    """Call until the limit is reached: its burst, and what has trickled in meanwhile, passes. Returns the refusal."""
    started, passed = time.monotonic(), 0
    while True:
        answer = call()
        if answer.status_code == 429:
            break
        passed += COSTS.get(limit.name, 1)
        assert passed <= limit.burst + (time.monotonic() - started) * limit.amount / limit.seconds + 1, "never refused"
    assert passed >= limit.burst, f"refused after {passed} of {limit.burst}"
    return answer


@pytest.mark.parametrize("name", BY_HTTP)
def test_a_limit_lets_its_number_through_and_refuses_the_next_for_as_long_as_it_says(people: People, name: str) -> None:
    limit = limits.RATES[name]
    call, by_somebody_else = calls(people, name)
    answer = spend_whole(limit, call)
    assert refusal(answer) == (429, "rate_limited")
    retry_after = int(answer.headers["Retry-After"])
    assert 1 <= retry_after <= limit.seconds * COSTS.get(name, 1) / limit.amount + 1
    assert by_somebody_else().status_code != 429, "one's limit is not another's"
    let_pass(retry_after)
    assert call().status_code != 429, "it said when to come back"


@pytest.mark.parametrize(
    "name",
    [
        *("visitor_messages", "new_conversations", "identify", "visitor_uploads", "tracked_events", "boots_by_address"),
        *("failed_identities", "visitor_exports", "factor_failures", "passkey_challenges"),
    ],
)
def test_what_is_refused_is_not_done(people: People, name: str) -> None:
    call, _ = calls(people, name)
    spend_whole(limits.RATES[name], call)
    with nothing_happens():
        answer = call()
    assert answer.status_code == 429


def test_every_rate_is_tried() -> None:
    assert set(BY_HTTP) | ELSEWHERE == set(limits.RATES)


@pytest.mark.parametrize("name", sorted(IN_SILENCE))
@pytest.mark.parametrize("with_redis", [True, False], ids=["Redis", "no Redis"])
def test_over_a_silent_limit_nothing_is_done_and_nothing_is_said(
    people: People, name: str, with_redis: bool, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_redis:
        settings.REDIS_URL = ""
    limit = limits.RATES[name]
    for other in IN_SILENCE - {name}:
        wide = replace(limits.RATES[other], amount=100_000, burst=100_000)
        monkeypatch.setattr(limits, other.upper(), wide)
    numbers = iter(range(1000))
    visitors = [callers.booted(people.workspace) for _ in range(2 * limit.burst + 10)]
    by_reset, by_visitor = name.startswith("resets"), name in MAILED_TO_VISITORS
    kind = "workspaces.mail_reset" if by_reset else "workspaces.mail_code"
    if by_visitor:
        kind = "visitors.mail_code"

    def ask(email: str = "", address: str = "") -> Any:
        caller = callers.nobody()
        caller.client.defaults["REMOTE_ADDR"] = address or f"192.0.2.{next(numbers) + 1}"
        if name == "mails_by_address":
            email, caller.client.defaults["REMOTE_ADDR"] = f"{next(numbers)}@team.example", address or "192.0.2.1"
        if by_visitor:
            return _ask_as_visitor(name, next(numbers), email, address)
        body = {"email": email or "ada@team.example"}
        return caller.client.post("/reset/", body) if by_reset else caller.post("/session/codes", body)

    def _ask_as_visitor(name: str, number: int, email: str, address: str) -> Any:
        """Ask for a code, so that this limit alone is reached: by another visitor, to another address, from another one, but for what it counts."""
        elsewhere = bool(email)
        who = people.visitor if name == "email_proofs_by_visitor" and not elsewhere else visitors[number]
        to = "ada@team.example" if name in ("email_proofs", "email_proofs_daily") else f"{number}@team.example"
        whence = "192.0.2.1" if name == "email_proofs_by_address" else f"192.0.2.{number + 1}"
        who.client.defaults["REMOTE_ADDR"] = address or whence
        return who.post("/widget/visitor/email/codes", {"email": email or to})

    said = {ask().status_code for _ in range(limit.burst)}
    assert Effect.objects.filter(kind=kind).count() == limit.burst
    with nothing_happens():
        said |= {ask().status_code}
    assert len(said) == 1
    ask("other@team.example", "198.51.100.1")
    assert Effect.objects.filter(kind=kind).count() == limit.burst + 1, "one's limit is not another's"
    let_pass(limit.seconds)
    ask()
    assert Effect.objects.filter(kind=kind).count() == limit.burst + 2


def test_a_day_has_the_numbers_of_the_design() -> None:
    for name, amount in DAILY.items():
        limit = limits.RATES[name]
        assert (limit.amount, limit.seconds, limit.gone) == (amount, 24 * 3600, Gone.OPEN), name


def daily_calls(people: People, name: str) -> tuple[Call, Call, int]:
    """Return a call that a day's limit counts, the same by somebody else, and what one costs."""
    numbers = iter(range(1000))
    match name:
        case "new_conversations_daily":
            return people.visitor.start, people.other_visitor.start, 1
        case "visitor_messages_daily":
            to_spread = people.conversations
            return (
                lambda: people.visitor.say(to_spread[next(numbers) % 8]),
                lambda: people.other_visitor.say(people.others),
                1,
            )
        case "tracked_events_daily":

            def track(who: Booted) -> Any:
                return who.post("/widget/events", {"events": [event()]})

            return lambda: track(people.visitor), lambda: track(people.other_visitor), 1
        case "visitor_upload_bytes":
            return lambda: upload(people.visitor), lambda: upload(people.other_visitor), len(b"text")
        case "member_upload_bytes":
            return lambda: upload(people.agent), lambda: upload(people.other_agent), len(b"text")
    raise LookupError(name)


@pytest.mark.parametrize("with_redis", [True, False], ids=["Redis", "no Redis"])
@pytest.mark.parametrize("name", sorted(DAILY))
def test_what_one_may_do_in_a_day_is_limited(
    people: People, name: str, with_redis: bool, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_redis:
        settings.REDIS_URL = ""
        monkeypatch.setattr(limits, "_own", limits.OwnBuckets())
    call, by_somebody_else, cost = daily_calls(people, name)
    small = replace(limits.RATES[name], amount=3 * cost, burst=3 * cost)
    monkeypatch.setattr(limits, name.upper(), small)
    for _ in range(3):
        assert call().status_code in (200, 201)
    with nothing_happens():
        answer = call()
    assert refusal(answer) == (429, "rate_limited")
    assert 3600 < int(answer.headers["Retry-After"]) <= 8 * 3600 + 1, "a third of a day for a third of its number"
    assert by_somebody_else().status_code != 429, "one's limit is not another's"
    if with_redis:
        let_pass(int(answer.headers["Retry-After"]))
        assert call().status_code in (200, 201), "it said when to come back"


def test_a_replay_costs_nothing_of_the_day_s_conversations(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NEW_CONVERSATIONS_DAILY", replace(limits.NEW_CONVERSATIONS_DAILY, amount=2, burst=2))
    client_id = str(uuid.uuid4())
    statuses = [people.visitor.start("Once.", client_id=client_id).status_code for _ in range(4)]
    assert statuses == [201, 200, 200, 200]
    assert [people.visitor.start().status_code for _ in range(2)] == [201, 429]


# New browsers of a workspace


def few_arrivals(monkeypatch: pytest.MonkeyPatch, most: int = 3) -> None:
    monkeypatch.setattr(limits, "BOOTS_BY_WORKSPACE", replace(limits.BOOTS_BY_WORKSPACE, amount=most, burst=most))


@pytest.mark.parametrize("with_redis", [True, False], ids=["Redis", "no Redis"])
def test_a_flood_of_new_browsers_is_refused_and_whoever_was_here_before_gets_in(
    people: People, with_redis: bool, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (limits.BOOTS_BY_WORKSPACE.amount, limits.BOOTS_BY_WORKSPACE.seconds) == (600, 3600)
    assert limits.BOOTS_BY_WORKSPACE.gone is Gone.OPEN
    few_arrivals(monkeypatch)
    if not with_redis:
        settings.REDIS_URL = ""
        monkeypatch.setattr(limits, "_own", limits.OwnBuckets())
    mine, numbers = factories.session_id(), iter(range(1, 100))

    def boot(session_id: str = "", workspace: Workspace = people.workspace) -> Any:
        caller = callers.nobody()
        caller.client.defaults["REMOTE_ADDR"] = f"192.0.2.{next(numbers)}"
        return caller.post(
            "/widget/boot", {"workspace": str(workspace.pk), "session_id": session_id or factories.session_id()}
        )

    assert boot(mine).status_code == 200
    assert [boot().status_code for _ in range(2)] == [200, 200]
    with nothing_happens():
        assert refusal(boot()) == (429, "rate_limited")
    assert boot(mine).status_code == 200
    assert boot(workspace=factories.make_workspace("Elsewhere")).status_code == 200


def test_a_busy_workspace_may_have_ten_times_its_mean_hour(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    few_arrivals(monkeypatch)
    last_hour = int(time.time()) // 3600 - 1
    volatile.call(lambda client: client.set(f"arrivals:{people.workspace.pk}:{last_hour}", 24, ex=60))
    answers = [people.boot(f"192.0.2.{number}").status_code for number in range(1, 13)]
    assert answers[:10] == [200] * 10
    assert answers[-1] == 429


def test_a_replay_is_answered_and_starts_no_new_conversation(people: People) -> None:
    client_id = str(uuid.uuid4())
    first = people.visitor.start("Once.", client_id=client_id)
    for _ in range(limits.NEW_CONVERSATIONS.burst):
        people.visitor.start()
    let_pass(10)  # messages have trickled in again, conversations have not
    assert refusal(people.visitor.start()) == (429, "rate_limited")
    again = people.visitor.start("Once.", client_id=client_id)
    assert (again.status_code, again.json()["message"]["id"]) == (200, first.json()["message"]["id"])


def test_what_an_outage_kept_from_being_stored_is_not_counted(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    client_id = str(uuid.uuid4())

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as outage:
        outage.setattr(actions, "start_conversation", away)
        for _ in range(limits.NEW_CONVERSATIONS.burst + 2):
            assert refusal(people.visitor.start("At last.", client_id=client_id)) == (503, "unavailable")
    assert people.visitor.start("At last.", client_id=client_id).status_code == 201
    for _ in range(limits.NEW_CONVERSATIONS.burst - 1):
        assert people.visitor.start().status_code == 201
    assert refusal(people.visitor.start()) == (429, "rate_limited")


def ask_again_after_deaths(visitor: Booted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start a conversation that is stored only after several deaths; then start as many others as are left."""
    client_id = str(uuid.uuid4())

    def dies(*_: Any, **__: Any) -> None:
        raise FailpointReached("before_commit")

    with monkeypatch.context() as deaths:
        deaths.setattr(actions, "start_conversation", dies)
        for _ in range(limits.NEW_CONVERSATIONS.burst + 2):
            assert visitor.start("At last.", client_id=client_id).status_code == 500
    assert visitor.start("At last.", client_id=client_id).status_code == 201
    for _ in range(limits.NEW_CONVERSATIONS.burst - 1):
        assert visitor.start().status_code == 201
    assert refusal(visitor.start()) == (429, "rate_limited")


def test_a_first_message_asked_for_again_is_charged_once(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_again_after_deaths(people.visitor, monkeypatch)


def test_what_was_refused_for_the_rate_is_not_free_afterwards(people: People) -> None:
    client_id = str(uuid.uuid4())
    for _ in range(limits.NEW_CONVERSATIONS.burst):
        people.visitor.start()
    let_pass(10)
    for _ in range(3):
        assert refusal(people.visitor.start("More.", client_id=client_id)) == (429, "rate_limited")


# Signing in


def test_after_five_wrong_passwords_the_right_one_has_to_wait_too(people: People) -> None:
    for number in range(5):
        assert refusal(people.wrong_password(people.agent, f"192.0.2.{number + 1}")) == (401, "sign_in_refused")
    right = {"email": people.agent.member.user.email, "password": factories.PASSWORD}
    with nothing_happens():
        answer = callers.nobody().post("/session", right)
        assert refusal(answer) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) > 60
    let_pass(int(answer.headers["Retry-After"]))
    assert callers.nobody().post("/session", right).status_code == 200


def test_a_right_password_forgives_the_wrong_ones_before_it(people: People) -> None:
    right = {"email": people.agent.member.user.email.upper(), "password": factories.PASSWORD}
    for round_ in range(2):
        for number in range(4):
            assert people.wrong_password(people.agent, f"192.0.2.{round_ * 10 + number + 1}").status_code == 401
        caller = callers.nobody()
        caller.client.defaults["REMOTE_ADDR"] = f"192.0.2.{round_ + 100}"
        assert caller.post("/session", right).status_code == 200


def test_an_address_header_of_ones_own_making_changes_nothing(people: People) -> None:
    def boot(forwarded: str) -> Any:
        body = {"workspace": str(people.workspace.pk), "session_id": factories.session_id()}
        return callers.nobody().post("/widget/boot", body, X_Forwarded_For=forwarded)

    for number in range(limits.BOOTS_BY_ADDRESS.burst):
        boot(f"203.0.113.{number}")
    assert refusal(boot("203.0.113.200")) == (429, "rate_limited")


def test_behind_our_own_proxy_the_address_is_the_one_it_saw(people: People, settings: Any) -> None:
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.0/8")]

    def boot(forwarded: str) -> int:
        body = {"workspace": str(people.workspace.pk), "session_id": factories.session_id()}
        return int(callers.nobody().post("/widget/boot", body, X_Forwarded_For=forwarded).status_code)

    for number in range(limits.BOOTS_BY_ADDRESS.burst):
        assert boot(f"10.9.8.{number}, 203.0.113.7") == 200, (
            "what a client wrote before the proxy's own entry counts for nothing"
        )
    assert boot("203.0.113.7") == 429
    assert boot("203.0.113.8") == 200


def test_neighbours_in_one_ipv6_network_are_one_address(people: People) -> None:
    for number in range(limits.BOOTS_BY_ADDRESS.burst):
        assert people.boot(f"2001:db8:1:2::{number + 1:x}").status_code == 200
    assert people.boot("2001:db8:1:2:ffff::1").status_code == 429
    assert people.boot("2001:db8:1:3::1").status_code == 200


def test_no_address_and_no_account_is_kept_by_name(people: People, settings: Any) -> None:
    settings.REDIS_URL = ""
    people.wrong_password(people.agent, "192.0.2.77")
    keys = list(Bucket.objects.values_list("key", flat=True))
    assert len(keys) == 2
    assert not any("192.0.2.77" in key or "@" in key for key in keys)


# Over the socket


@pytest.mark.usefixtures("committed")
class TestSockets:
    """The same buckets over the live socket."""

    def test_one_socket_too_many_from_an_address_is_refused_before_it_is_known(
        self, live: LiveThread, visitor: Booted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "SOCKETS_BY_ADDRESS", replace(limits.SOCKETS_BY_ADDRESS, burst=2, amount=2))
        first, second = (live.socket_of(visitor) for _ in range(2))
        third = live.connect(visitor.headers["Origin"])
        third.send(type="hello", token=visitor.token)
        assert third.closed() == 4429
        assert first.settle() == second.settle() == []
        let_pass(31)
        assert live.socket_of(visitor).settle() == []

    def test_more_typing_than_anybody_types_is_dropped_in_silence(
        self, live: LiveThread, visitor: Booted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "TELLS", replace(limits.TELLS, burst=2, amount=2))
        conversation = factories.start(visitor.visitor)
        socket = live.socket_of(visitor)
        heard: list[bool] = []
        monkeypatch.setattr(live.hub, "whisper", lambda whisper: heard.append(whisper.news is not None))
        for _ in range(4):
            socket.tell("typing", conversation=conversation.pk)
        assert socket.settle() == []
        wait_until(lambda: len(heard) >= 2, "the first two are heard")
        assert heard == [True, True]

    def test_a_socket_that_asks_again_and_again_for_the_rest_of_a_list_is_closed(
        self, live: LiveThread, visitor: Booted
    ) -> None:
        first, second = (factories.start(visitor.visitor) for _ in range(2))
        socket = live.socket_of(visitor)
        for _ in range(limits.RESUMES_PER_MINUTE):
            for conversation in (first, second):
                socket.sub(f"{conversation.pk}", "messages.list", "0", conversation=conversation.pk)
        assert not [frame for frame in socket.settle() if frame["type"] == "error"], "each list is counted by itself"
        for copy in range(limits.RESUMES_PER_MINUTE + 1):
            socket.sub(f"copy {copy}", "messages.list", "0", conversation=first.pk)
        assert not [frame for frame in socket.settle() if frame["type"] == "error"], (
            "who comes back asks for all at once"
        )
        socket.sub(f"{first.pk}", "messages.list", "0", conversation=first.pk)
        assert socket.closed() == 4429
        assert live.socket_of(visitor).settle() == [], "on another socket it goes on"


# With Redis gone


@pytest.fixture(params=["none is used", "it doesn't answer"])
def without_redis(request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Redis, by choice or by accident; and nothing remembered by this process."""
    settings.REDIS_URL = "" if request.param == "none is used" else "redis://127.0.0.1:1/0"
    monkeypatch.setattr(volatile, "_client", None)
    monkeypatch.setattr(volatile, "_resting_until", 0.0)
    monkeypatch.setattr(limits, "_own", limits.OwnBuckets())


def be_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_own", limits.OwnBuckets())


def test_without_redis_too_a_first_message_asked_for_again_is_charged_once(
    without_redis: None, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_again_after_deaths(people.visitor, monkeypatch)


@pytest.mark.parametrize("name", BY_HTTP)
def test_without_redis_a_limit_still_holds(
    without_redis: None, people: People, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = limits.RATES[name]
    call, by_somebody_else = calls(people, name)
    answer = spend_whole(limit, call)
    assert int(answer.headers["Retry-After"]) >= 1
    assert by_somebody_else().status_code != 429
    be_another_process(monkeypatch)
    if limit.gone is Gone.CLOSED:
        assert call().status_code == 429, "counted in Postgres, whichever process asks"
        assert Bucket.objects.filter(key__startswith=f"limit:{name}:").exists()
        let_pass(limit.seconds)
    assert call().status_code != 429
    if limit.gone is Gone.OPEN:
        assert not Bucket.objects.filter(key__startswith=f"limit:{name}:").exists()


def test_what_lets_people_in_stays_closed_without_redis_and_what_lets_them_talk_stays_open() -> None:
    closed = {name for name, limit in limits.RATES.items() if limit.gone is Gone.CLOSED}
    assert closed == {
        *("login_failures", "logins_by_address", "audit_exports", "code_failures", "code_failures_by_address"),
        *("password_changes", "sign_ups", "invitations", "invitations_new", "keys_made", *IN_SILENCE),
        *("failed_identities", "visitor_exports", "email_code_failures", "location_lookups"),
        *("factor_failures", "passkey_challenges", "sso_by_address", "sso_key_fetches", "sso_tests"),
    }


def test_buckets_that_are_full_again_are_forgotten(without_redis: None, people: People) -> None:
    people.wrong_password(people.agent)
    assert limits.forget_full() == 0
    let_pass(24 * 3600 + 1)
    assert limits.forget_full() == 2
    assert not Bucket.objects.exists()


def test_a_process_remembers_a_bounded_number_of_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    own = limits.OwnBuckets()
    monkeypatch.setattr(limits.OwnBuckets, "MOST", 100)
    for number in range(1000):
        own.spend(limits.SEARCHES, f"limit:searches:{number}", 1)
    assert len(own._buckets) <= 102


# Not a limit's business


def test_where_limits_are_switched_off_nothing_is_counted(people: People, settings: Any) -> None:
    settings.LIMITS_ENFORCED = False
    for _ in range(limits.VISITOR_MESSAGES.burst + 5):
        assert people.visitor.say(people.conversations[0]).status_code == 201
