"""Passkeys: made once, tied to our host, used for one challenge at a time by whoever their device has recognised."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apps.audit.models import AuditEntry
from apps.core import limits
from apps.core.clock import now
from apps.workspaces import policy
from apps.workspaces.factors.models import Passkey, PasskeyChallenge
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.authenticators import UP, Device, handle_of, with_app
from tests.callers import Caller, SignedIn, nobody, refusal
from tests.database import nothing_happens
from tests.factories import PASSWORD
from tests.mailing import mails_to

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("on_localhost")]


@pytest.fixture
def on_localhost(settings: Any) -> None:
    settings.PUBLIC_URL = "http://localhost:8000"
    settings.OWN_ORIGINS = settings.CSRF_TRUSTED_ORIGINS = ["http://localhost:8000"]


def add(caller: SignedIn, device: Device, name: str = "My laptop") -> Any:
    options = caller.post("/factors/passkeys/options").json()["options"]
    return caller.post("/factors/passkeys", {"name": name, "credential": device.make(options)})


def begin(caller: Caller, owner: SignedIn) -> dict[str, Any]:
    """Sign in by password, up to the step, and ask what a passkey is to answer."""
    asked = caller.post("/session", {"email": owner.member.user.email, "password": PASSWORD})
    assert "passkey" in asked.json()["error"]["methods"]
    said: dict[str, Any] = caller.post("/session/factor/options").json()["options"]
    return said


def step(caller: Caller, credential: Any) -> Any:
    return caller.post("/session/factor", {"method": "passkey", "credential": credential})


def alone(caller: Caller, device: Device) -> Any:
    options = caller.post("/session/passkey/options").json()["options"]
    return caller.post("/session/passkey", {"credential": device.use(options)})


def test_a_passkey_is_made_for_an_account_and_asks_who_is_there(agent: SignedIn) -> None:
    options = agent.post("/factors/passkeys/options").json()["options"]
    assert options["rp"]["id"] == "localhost"
    assert options["user"]["id"] == handle_of(agent.member.user_id)
    selection = options["authenticatorSelection"]
    assert (selection["residentKey"], selection["userVerification"]) == ("required", "required")
    device = Device()
    made = agent.post("/factors/passkeys", {"name": "My laptop", "credential": device.make(options)})
    assert made.status_code == 201
    assert len(made.json()["recovery_codes"]) == 10, "it is the first factor"
    shown = agent.get("/factors").json()["passkeys"]
    assert [each["name"] for each in shown] == ["My laptop"]
    assert "passkey" in str(mails_to(agent.member.user.email)[-1].body)
    again = agent.post("/factors/passkeys/options").json()["options"]
    assert len(again["excludeCredentials"]) == 1


MAKING_GONE_WRONG: dict[str, Callable[[Device, dict[str, Any]], Any]] = {
    "another origin": lambda device, options: device.make(options, origin="https://evil.example"),
    "another challenge": lambda device, options: device.make(options, challenge="AAAA"),
    "a passkey that is used, not made": lambda device, options: device.make(options, type="webauthn.get"),
    "nothing": lambda device, options: {},
    "no client data": lambda device, options: {**device.make(options), "response": {"attestationObject": "AA"}},
    "lists for text": lambda device, options: {**device.make(options), "response": {"clientDataJSON": []}},
    "no attestation": lambda device, options: {
        **(made := device.make(options)),
        "response": {**made["response"], "attestationObject": "AAAA"},
    },
}


@pytest.mark.parametrize("wrong", MAKING_GONE_WRONG)
def test_what_is_not_a_new_passkey_for_this_place_is_refused(agent: SignedIn, wrong: str) -> None:
    options = agent.post("/factors/passkeys/options").json()["options"]
    credential = MAKING_GONE_WRONG[wrong](Device(), options)
    with nothing_happens(but={"workspaces_passkeychallenge"}):
        refused = agent.post("/factors/passkeys", {"name": "Mine", "credential": credential})
        assert refusal(refused) == (400, "passkey_refused")


def test_another_host_and_a_device_that_did_not_ask_are_refused(agent: SignedIn) -> None:
    stranger, silent = Device(host="evil.example"), Device()
    silent.flags = UP
    for device in (stranger, silent):
        assert refusal(add(agent, device)) == (400, "passkey_refused")
    assert Passkey.objects.count() == 0
    assert add(agent, Device()).status_code == 201


def test_a_challenge_is_good_once_for_one_session_and_five_minutes(agent: SignedIn, owner: SignedIn) -> None:
    options = agent.post("/factors/passkeys/options").json()["options"]
    with nothing_happens():
        refused = owner.post("/factors/passkeys", {"name": "Mine", "credential": Device().make(options)})
        assert refusal(refused) == (400, "passkey_refused"), "another's"
    assert agent.post("/factors/passkeys", {"name": "Mine", "credential": Device().make(options)}).status_code == 201
    again = agent.post("/factors/passkeys", {"name": "Mine", "credential": Device().make(options)})
    assert refusal(again) == (400, "passkey_refused"), "once"
    late = agent.post("/factors/passkeys/options").json()["options"]
    PasskeyChallenge.objects.update(expires_at=now() - timedelta(seconds=1))
    refused = agent.post("/factors/passkeys", {"name": "Mine", "credential": Device().make(late)})
    assert refusal(refused) == (400, "passkey_refused")
    assert Passkey.objects.count() == 1


def test_a_passkey_is_the_second_step(agent: SignedIn) -> None:
    device = Device()
    add(agent, device)
    caller = nobody()
    options = begin(caller, agent)
    assert len(options["allowCredentials"]) == 1
    assert caller.get("/session").status_code == 401
    assert step(caller, device.use(options)).status_code == 200
    assert caller.get("/session").status_code == 200
    assert Passkey.objects.get().used_at is not None


USING_GONE_WRONG: dict[str, Callable[[Device, dict[str, Any]], Any]] = {
    "another origin": lambda device, options: device.use(options, origin="https://evil.example"),
    "another challenge": lambda device, options: device.use(options, challenge="AAAA"),
    "one that is made": lambda device, options: device.use(options, type="webauthn.create"),
    "another's key": lambda device, options: {**Device().use(options), "id": device.use(options)["id"]},
    "an unknown one": lambda device, options: Device().use(options),
    "nothing": lambda device, options: {},
    "a signature of something else": lambda device, options: {
        **(used := device.use(options)),
        "response": {**used["response"], "signature": "AAAA"},
    },
    "another account's": lambda device, options: {
        **(used := device.use(options)),
        "response": {**used["response"], "userHandle": "AAAA"},
    },
    "no id": lambda device, options: {**device.use(options), "rawId": None},
}


@pytest.mark.parametrize("wrong", USING_GONE_WRONG)
def test_what_does_not_prove_it_begins_no_session(agent: SignedIn, wrong: str) -> None:
    device = Device()
    add(agent, device)
    caller = nobody()
    credential = USING_GONE_WRONG[wrong](device, begin(caller, agent))
    with nothing_happens(but={"workspaces_passkeychallenge", "core_effect"}):
        assert refusal(step(caller, credential)) == (401, "factor_refused")
    options = caller.post("/session/factor/options").json()["options"]
    assert step(caller, device.use(options)).status_code == 200, "the step still waits"


def test_a_device_that_does_not_ask_who_is_there_is_refused(agent: SignedIn) -> None:
    device = Device()
    add(agent, device)
    device.flags = UP
    caller = nobody()
    assert refusal(step(caller, device.use(begin(caller, agent)))) == (401, "factor_refused")


def test_a_count_that_falls_is_a_copy(agent: SignedIn) -> None:
    device = Device()
    add(agent, device)
    caller = nobody()
    device.count = 7
    assert step(caller, device.use(begin(caller, agent))).status_code == 200
    device.count = 5
    caller = nobody()
    assert refusal(step(caller, device.use(begin(caller, agent)))) == (401, "factor_refused")
    device.count = 8
    caller = nobody()
    assert step(caller, device.use(begin(caller, agent))).status_code == 200


def test_an_answer_is_good_once(agent: SignedIn) -> None:
    device = Device()
    add(agent, device)
    caller, other = nobody(), nobody()
    used = device.use(begin(caller, agent))
    begin(other, agent)
    assert refusal(step(other, used)) == (401, "factor_refused"), "it was asked of another browser"
    assert step(caller, used).status_code == 200


def test_somebody_elses_passkey_is_no_second_step(agent: SignedIn, owner: SignedIn) -> None:
    mine, theirs = Device(), Device()
    add(agent, mine)
    add(owner, theirs)
    caller = nobody()
    assert refusal(step(caller, theirs.use(begin(caller, agent)))) == (401, "factor_refused")


def test_a_passkey_signs_in_alone_without_an_address(agent: SignedIn) -> None:
    device = Device()
    add(agent, device)
    caller = nobody()
    options = caller.post("/session/passkey/options").json()["options"]
    assert options["allowCredentials"] == []
    done = caller.post("/session/passkey", {"credential": device.use(options)})
    assert done.status_code == 200
    assert caller.get("/session").json()["user"]["email"] == agent.member.user.email
    assert AuditEntry.objects.filter(action="member.signed_in").latest("pk").details == {"method": "passkey"}


def test_a_passkey_alone_must_answer_what_this_browser_was_asked(agent: SignedIn) -> None:
    device = Device()
    add(agent, device)
    caller, other = nobody(), nobody()
    used = device.use(caller.post("/session/passkey/options").json()["options"])
    other.post("/session/passkey/options")
    assert refusal(other.post("/session/passkey", {"credential": used})) == (401, "factor_refused")
    assert refusal(nobody().post("/session/passkey", {"credential": used})) == (401, "factor_refused")
    assert other.get("/session").status_code == 401
    assert caller.post("/session/passkey", {"credential": used}).status_code == 200


def test_a_workspace_that_takes_passwords_only_is_not_entered_by_a_passkey_alone(
    agent: SignedIn, owner: SignedIn, workspace: Workspace
) -> None:
    device = Device()
    add(agent, device)
    change: Callable[[list[str]], Any] = lambda methods: policy.change_policy(  # noqa: E731
        workspace, methods=methods, sign_up="invited", domains=[], by=owner.member
    )
    change(["password"])
    assert refusal(alone(nobody(), device)) == (401, "method_refused")
    with pytest.raises(policy.NoMethod):
        change(["passkey"])
    change(["password", "passkey"])
    assert alone(nobody(), device).status_code == 200


def test_who_is_locked_out_is_not_let_in_by_a_passkey(agent: SignedIn) -> None:
    device = Device()
    add(agent, device)
    agent.member.user.is_active = False
    agent.member.user.save()
    assert refusal(alone(nobody(), device)) == (401, "factor_refused")


def test_a_passkey_confirms_a_session(agent: SignedIn) -> None:
    device = Device()
    add(agent, device)
    assert "passkey" in agent.get("/session/confirmation").json()["methods"]
    options = agent.post("/session/confirmation/options").json()["options"]
    used = json.dumps(device.use(options))
    assert agent.post("/session/confirmation", {"method": "passkey", "proof": used}).status_code == 204
    again = agent.post("/session/confirmation", {"method": "passkey", "proof": used})
    assert refusal(again) == (403, "not_proven")
    for nonsense in ("{", "[]", "x" * 7999):
        refused = agent.post("/session/confirmation", {"method": "passkey", "proof": nonsense})
        assert refusal(refused) == (403, "not_proven")


def test_passkeys_are_renamed_and_removed_by_their_owner_alone(agent: SignedIn, owner: SignedIn) -> None:
    add(agent, Device())
    id_ = Passkey.objects.get().pk
    with nothing_happens():
        assert refusal(owner.delete(f"/factors/passkeys/{id_}")) == (404, "not_found")
        assert refusal(owner.patch(f"/factors/passkeys/{id_}", {"name": "X"})) == (404, "not_found")
        assert refusal(agent.patch(f"/factors/passkeys/{id_}", {"name": " "})) == (400, "invalid")
    assert agent.patch(f"/factors/passkeys/{id_}", {"name": "Phone"}).json()["name"] == "Phone"
    assert agent.delete(f"/factors/passkeys/{id_}").status_code == 204
    assert refusal(agent.delete(f"/factors/passkeys/{id_}")) == (404, "not_found")
    assert agent.get("/factors").json()["recovery_codes_left"] == 0
    caller = nobody()
    assert caller.post("/session", {"email": agent.member.user.email, "password": PASSWORD}).status_code == 200


def test_one_has_at_most_twenty(agent: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PASSKEYS", 1)
    assert add(agent, Device()).status_code == 201
    assert refusal(add(agent, Device())) == (409, "too_many_passkeys")
    assert Passkey.objects.count() == 1


def test_one_credential_belongs_to_one_account(agent: SignedIn, owner: SignedIn) -> None:
    device = Device()
    assert add(agent, device).status_code == 201
    assert refusal(add(owner, device)) == (400, "passkey_refused")


def test_an_app_answers_its_challenge_by_a_passkey(agent: SignedIn) -> None:
    device = Device()
    add(agent, device)
    asked = nobody().post("/tokens", {"email": agent.member.user.email, "password": PASSWORD})
    challenge = asked.json()["error"]["challenge"]
    options = nobody().post("/tokens/factor/options", {"challenge": challenge}).json()["options"]
    body = {"challenge": challenge, "method": "passkey", "credential": device.use(options)}
    assert nobody().post("/tokens/factor", body).status_code == 201
    assert refusal(nobody().post("/tokens/factor/options", {"challenge": challenge})) == (401, "step_ended")


def test_an_address_that_is_no_name_has_no_passkeys(agent: SignedIn, settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    with nothing_happens():
        assert refusal(agent.post("/factors/passkeys/options")) == (400, "no_passkeys_here")
        assert refusal(nobody().post("/session/passkey/options")) == (400, "no_passkeys_here")
    assert agent.get("/factors").json()["passkeys_possible"] is False
    with_app(agent.member)
    assert factories.owner_of(agent.member.workspace) != agent.member
    assert (
        callers.nobody().post("/session", {"email": agent.member.user.email, "password": PASSWORD}).status_code == 401
    )
