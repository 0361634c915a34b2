"""Single sign-on: what a provider's answer must be to let anybody in, and whom. Each refusal leaves everything as it was."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from django.test import Client
from joserfc.jwk import ECKey, OctKey, RSAKey

from apps.audit.models import AuditEntry
from apps.core.access import System
from apps.workspaces import actions
from apps.workspaces.models import Member, User, UserSession, Workspace
from apps.workspaces.sso.models import LinkedIdentity, SsoConnection
from tests import callers, factories
from tests.authenticators import code_of, with_app
from tests.callers import SignedIn, nobody, refusal
from tests.database import nothing_happens
from tests.mailing import code_for, link_for, mails_to
from tests.providers import CLIENT, SECRET, Provider, signed, unsigned
from tests.security.cases import case
from tests.single_sign_on import allow, arrive, connection, go, link, path_of, set_up, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def loopback(settings: Any) -> None:
    """Providers may be on this machine, as an installation for development says."""
    settings.OUTBOUND_HTTP = True
    settings.OUTBOUND_PORTS = range(1, 65536)
    settings.OUTBOUND_NETWORKS = [ip_network("127.0.0.0/8")]


@pytest.fixture
def provider(loopback: None) -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture
def linked(workspace: Workspace, owner: SignedIn, agent: SignedIn, provider: Provider) -> SignedIn:
    """An agent whom the provider lets in."""
    set_up(owner, provider)
    assert link(agent, provider).status_code == 302
    return agent


def is_refused(client: Client, answer: Any, reason: str, status: int = 403) -> None:
    assert answer.status_code == status, (reason, answer.content)
    assert signed_in(client) is None
    assert AuditEntry.objects.filter(action="workspace.sso_failed").latest("created_at").details["reason"] == reason


def refuses(workspace: Workspace, provider: Provider, reason: str, status: int = 403) -> None:
    """Sign in, and be refused; then, the provider being honest again, be let in."""
    client, sessions, people = Client(), UserSession.objects.count(), User.objects.count()
    is_refused(client, arrive(client, workspace, provider), reason, status)
    assert (UserSession.objects.count(), User.objects.count()) == (sessions, people)


# The token


FORGED = ("unsigned", "by a stranger", "by the public key", "by the client's secret", "changed", "a curve for RSA")


@case("SO01")
@pytest.mark.parametrize("how", FORGED)
def test_a_token_that_the_provider_did_not_sign_proves_nothing(
    workspace: Workspace, linked: SignedIn, provider: Provider, how: str
) -> None:
    honest, own = provider.sign, provider.keys[0]

    def sign(claims: dict[str, Any]) -> str:
        kid = {"kid": own.kid}
        match how:
            case "unsigned":
                return unsigned(claims)
            case "by a stranger":
                return signed(claims, RSAKey.generate_key(2048, private=True), "RS256", **kid)
            case "by the public key":
                return signed(claims, OctKey.import_key(own.as_pem(private=False)), "HS256", **kid)
            case "by the client's secret":
                return signed(claims, OctKey.import_key(SECRET), "HS256", **kid)
            case "a curve for RSA":
                return signed(claims, ECKey.generate_key("P-256", private=True), "ES256", **kid)
        head, _, signature = honest(claims).split(".")
        return f"{head}.{honest({**claims, 'sub': 'another'}).split('.')[1]}.{signature}"

    provider.sign = sign
    client = Client()
    answer = arrive(client, workspace, provider)
    assert answer.status_code in (403, 503)
    assert signed_in(client) is None
    provider.sign = honest
    assert arrive(client, workspace, provider).status_code == 302
    assert signed_in(client) == linked.member


@case("SO02")
@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "another-client"}, "wrong_audience"),
        ({"aud": ["another-client"]}, "wrong_audience"),
        ({"aud": None}, "wrong_audience"),
        ({"aud": [CLIENT, "another-client"]}, "wrong_party"),
        ({"aud": [CLIENT, "another-client"], "azp": "another-client"}, "wrong_party"),
        ({"azp": "another-client"}, "wrong_party"),
    ],
)
def test_a_token_for_others_opens_nothing(
    workspace: Workspace, linked: SignedIn, provider: Provider, claims: dict[str, Any], reason: str
) -> None:
    provider.claims = claims
    refuses(workspace, provider, reason)
    provider.claims = {"aud": [CLIENT, "another-client"], "azp": CLIENT}
    client = Client()
    assert arrive(client, workspace, provider).status_code == 302
    assert signed_in(client) == linked.member


@case("SO03")
@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://another.example"}, "wrong_issuer"),
        ({"iss": None}, "wrong_issuer"),
        ({"nonce": "of another sign-in"}, "wrong_nonce"),
        ({"nonce": None}, "wrong_nonce"),
        ({"sub": None}, "no_subject"),
        ({"sub": ""}, "no_subject"),
        ({"sub": 7}, "no_subject"),
        ({"sub": "x" * 256}, "no_subject"),
        ({"exp": int(time.time()) - 90}, "expired"),
        ({"exp": None}, "no_times"),
        ({"exp": "tomorrow"}, "no_times"),
        ({"exp": float("nan")}, "no_times"),
        ({"iat": None}, "no_times"),
        ({"iat": int(time.time()) + 3600}, "not_yet"),
        ({"iat": int(time.time()) - 7200}, "too_old"),
        ({"nbf": int(time.time()) + 3600}, "not_yet"),
    ],
)
def test_a_token_of_another_issuer_moment_or_sign_in_opens_nothing(
    workspace: Workspace, linked: SignedIn, provider: Provider, claims: dict[str, Any], reason: str
) -> None:
    provider.claims = claims
    refuses(workspace, provider, reason)
    provider.claims = {}
    client = Client()
    arrive(client, workspace, provider)
    assert signed_in(client) == linked.member


@case("SO04")
def test_a_provider_s_new_key_is_found_and_unknown_ones_are_not_looked_for_without_end(
    workspace: Workspace, linked: SignedIn, provider: Provider, limits_enforced: None
) -> None:
    provider.turn_keys()
    client = Client()
    assert arrive(client, workspace, provider).status_code == 302
    assert signed_in(client) == linked.member
    stranger = RSAKey.generate_key(2048, {"kid": "unknown"}, private=True)
    provider.sign = lambda claims: signed(claims, stranger, "RS256")
    for _ in range(8):
        refuses(workspace, provider, "unknown_key", 503)
    assert provider.asked.count("/keys") <= 4


@case("SO04")
def test_a_key_that_is_too_short_or_secret_is_no_key(owner: SignedIn, workspace: Workspace, provider: Provider) -> None:
    provider.keys = [RSAKey.generate_key(1024, {"kid": "short"}, private=True)]
    set_up(owner, provider)
    refuses(workspace, provider, "no_keys", 503)
    found = {item["about"]: item["right"] for item in owner.post("/workspace/sso/test").json()["items"]}
    assert found == {"Provider": True, "Keys": False, "Client": True}


# The way back


@case("SO05")
def test_a_state_counts_once_in_the_browser_that_began(
    workspace: Workspace, linked: SignedIn, provider: Provider
) -> None:
    client, thief = Client(), Client()
    back = path_of(provider.authorize(go(client, workspace)))
    with nothing_happens():
        assert thief.get(back).status_code == 400
        assert thief.get(f"/sso/{workspace.pk}/callback/", {"code": "x", "state": "x" * 43}).status_code == 400
        assert client.get(f"/sso/{workspace.pk}/callback/", {"code": "x"}).status_code == 400
        assert client.get(f"{back}&state=twice").status_code == 400
    assert signed_in(thief) is None
    assert client.get(back).status_code == 302
    assert signed_in(client) == linked.member
    with nothing_happens():
        assert client.get(back).status_code == 400


@case("SO05")
def test_a_sign_in_that_takes_too_long_is_over(
    workspace: Workspace, linked: SignedIn, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    back = path_of(provider.authorize(go(client, workspace)))
    session = client.session
    session["sso"] = {state: {**kept, "until": time.time() - 1} for state, kept in session["sso"].items()}
    session.save()
    assert client.get(back).status_code == 400
    assert signed_in(client) is None


@case("SO06")
def test_a_code_of_another_sign_in_is_worth_nothing(workspace: Workspace, linked: SignedIn, provider: Provider) -> None:
    mine, theirs = Client(), Client()
    stolen = provider.authorize(go(theirs, workspace)).split("code=")[1].split("&")[0]
    own = go(mine, workspace)
    state = own.split("state=")[1].split("&")[0]
    answer = mine.get(f"/sso/{workspace.pk}/callback/", {"state": state, "code": stolen})
    is_refused(mine, answer, "invalid_grant", 503)


@case("SO07")
def test_an_answer_of_one_provider_is_not_taken_for_another_s(
    workspace: Workspace, linked: SignedIn, provider: Provider
) -> None:
    elsewhere = callers.signed_in(factories.make_workspace("Elsewhere"), "owner")
    with Provider() as other:
        set_up(elsewhere, other)
        client = Client()
        state = go(client, workspace).split("state=")[1].split("&")[0]
        # The state of one workspace at the callback of the other.
        answer = client.get(f"/sso/{elsewhere.member.workspace_id}/callback/", {"state": state, "code": "x"})
        assert answer.status_code == 400
        provider.sends_back = {"iss": other.issuer}
        refuses(workspace, provider, "mixed_up")
    provider.sends_back = {"iss": provider.issuer}
    assert arrive(client, workspace, provider).status_code == 302
    assert signed_in(client) == linked.member


@case("SO07")
def test_a_provider_that_names_itself_must_do_so(owner: SignedIn, workspace: Workspace, provider: Provider) -> None:
    provider.discovery = {"authorization_response_iss_parameter_supported": True}
    set_up(owner, provider)
    refuses(workspace, provider, "mixed_up")


@case("SO07")
def test_a_connection_that_was_changed_meanwhile_ends_what_was_begun(
    workspace: Workspace, owner: SignedIn, linked: SignedIn, provider: Provider
) -> None:
    client = Client()
    back = path_of(provider.authorize(go(client, workspace)))
    changed = connection(provider, client_id="another", client_secret="another")
    assert owner.put("/workspace/sso", changed).status_code == 200
    is_refused(client, client.get(back), "changed_meanwhile")


@case("SO08")
@pytest.mark.parametrize(
    "onwards", ["https://evil.example/", "//evil.example", "\\\\evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_nobody_is_led_elsewhere_afterwards(
    workspace: Workspace, linked: SignedIn, provider: Provider, onwards: str
) -> None:
    client = Client()
    assert arrive(client, workspace, provider, next=onwards)["Location"] == "/inbox/"
    assert arrive(Client(), workspace, provider, next="/settings/profile/")["Location"] == "/settings/profile/"


# Whose account


@case("SO09")
@pytest.mark.parametrize("joins_as", ["", "agent"])
def test_an_account_is_never_linked_because_of_its_address(
    workspace: Workspace, owner: SignedIn, agent: SignedIn, provider: Provider, joins_as: str
) -> None:
    set_up(owner, provider, joins_as=joins_as)
    for person in (agent, owner):
        provider.person = {"sub": f"of {person.member.pk}", "email": person.member.user.email, "email_verified": True}
        refuses(workspace, provider, "not_linked")
    assert not LinkedIdentity.objects.exists()
    assert link(agent, provider).status_code == 302
    client = Client()
    arrive(client, workspace, provider)
    assert signed_in(client) == agent.member


@case("SO09")
def test_an_address_that_changes_at_the_provider_is_still_the_same_person(
    workspace: Workspace, owner: SignedIn, linked: SignedIn, provider: Provider
) -> None:
    provider.person |= {"email": owner.member.user.email}
    client = Client()
    arrive(client, workspace, provider)
    assert signed_in(client) == linked.member
    provider.person |= {"sub": "another", "email": linked.member.user.email}
    refuses(workspace, provider, "not_linked")


@case("SO10")
@pytest.mark.parametrize(
    "person",
    [
        {"email": "new@other.example"},
        {"email": "new@team.example.evil.example"},
        {"email": "new@sub.team.example"},
        {"email": "new@team.example", "email_verified": False},
        {"email": "new@team.example", "email_verified": "true"},
        {"email": "new@team.example", "email_verified": None},
        {"email": "not an address@team.example"},
        {"email": None},
    ],
)
def test_only_a_verified_address_of_the_workspace_s_domains_joins(
    workspace: Workspace, owner: SignedIn, provider: Provider, person: dict[str, Any]
) -> None:
    set_up(owner, provider, joins_as="viewer")
    honest = provider.person
    provider.person = {**honest, **person}
    refuses(workspace, provider, "not_linked")
    provider.person = {**honest, "email": "New@team.example"}
    client = Client()
    arrive(client, workspace, provider)
    joined = signed_in(client)
    assert joined is not None
    assert (joined.role, joined.user.email, joined.user.has_usable_password()) == ("viewer", "new@team.example", False)


@case("SO10")
@pytest.mark.parametrize("role", ["owner", "admin"])
def test_nobody_joins_as_more_than_an_agent(owner: SignedIn, provider: Provider, role: str) -> None:
    with nothing_happens():
        assert refusal(owner.put("/workspace/sso", connection(provider, joins_as=role))) == (400, "invalid")
    assert owner.put("/workspace/sso", connection(provider, joins_as="agent")).status_code == 200


@case("SO10")
def test_a_workspace_speaks_for_its_own_people_s_domains_alone(owner: SignedIn, provider: Provider) -> None:
    factories.workspace_actions.add_member(
        owner.member.workspace, factories.make_user(email="ada@gmail.com"), "agent", by=System()
    )
    for domain in ("victim.example", "gmail.com", "not a domain"):
        with nothing_happens():
            answer = owner.put("/workspace/sso", connection(provider, domains=[domain]))
        assert "domains" in answer.json()["error"]["fields"], domain


@case("SO11")
def test_a_workspace_s_provider_lets_nobody_into_another(
    workspace: Workspace, owner: SignedIn, linked: SignedIn, provider: Provider
) -> None:
    elsewhere = factories.make_workspace("Elsewhere")
    seat = actions.add_member(elsewhere, linked.member.user, "admin", by=System())
    client = Client()
    arrive(client, workspace, provider)
    assert signed_in(client) == linked.member
    with nothing_happens():
        assert client.post("/workspaces/", {"workspace": str(elsewhere.pk)}).status_code == 422
    assert signed_in(client) == linked.member
    # Nor by the other's own provider, if it is another: whom that one knows is for them to link.
    theirs = callers.signed_in(elsewhere, "owner")
    with Provider() as other:
        set_up(theirs, other)
        arrive(client, elsewhere, other)
        assert signed_in(client) == linked.member
        assert link(SignedIn(seat), other).status_code == 302
        arrive(client, elsewhere, other)
    assert signed_in(client) == seat


@case("SO11")
def test_a_session_by_single_sign_on_is_not_confirmed(
    workspace: Workspace, linked: SignedIn, provider: Provider
) -> None:
    client = Client()
    arrive(client, workspace, provider)
    caller = callers.Caller(client, Origin=linked.headers["Origin"])
    assert caller.get("/session/confirmation").json()["confirmed"] is False
    [identity] = caller.get("/profile/identities").json()["items"]
    with nothing_happens():
        assert refusal(caller.delete(f"/profile/identities/{identity['id']}")) == (403, "reauth_required")
    assert caller.post("/session/confirmation", {"proof": factories.PASSWORD}).status_code == 204
    assert caller.delete(f"/profile/identities/{identity['id']}").status_code == 204


@case("SO11")
def test_a_provider_makes_nobody_a_passkey_that_opens_their_other_workspaces(
    workspace: Workspace, linked: SignedIn, provider: Provider
) -> None:
    client = Client()
    arrive(client, workspace, provider)
    caller = callers.Caller(client, Origin=linked.headers["Origin"])
    with nothing_happens():
        assert refusal(caller.post("/factors/app")) == (403, "reauth_required")
        assert refusal(caller.post("/factors/passkeys/options")) == (403, "reauth_required")
    assert caller.post("/session/confirmation", {"proof": factories.PASSWORD}).status_code == 204
    assert caller.post("/factors/app").status_code == 201


@case("SO11")
def test_a_second_factor_is_asked_for_after_the_provider_too(
    workspace: Workspace, linked: SignedIn, provider: Provider
) -> None:
    app, _ = with_app(linked.member)
    client = Client()
    answer = arrive(client, workspace, provider)
    assert answer["Location"].startswith("/sign-in/factor/")
    assert signed_in(client) is None
    assert client.post("/sign-in/factor/", {"code": "000000"}).status_code == 422
    assert signed_in(client) is None
    assert client.post("/sign-in/factor/", {"code": code_of(app)}).status_code == 302
    assert signed_in(client) == linked.member


@case("SO12")
def test_an_account_is_linked_by_whoever_asked_for_it_alone(
    workspace: Workspace, owner: SignedIn, agent: SignedIn, provider: Provider
) -> None:
    set_up(owner, provider)
    # Led there by somebody else's page, without having asked: no link, but a sign-in of nobody.
    assert arrive(agent.client, workspace, provider).status_code == 403
    # Begun by one, ended by another in the same browser.
    assert agent.client.post("/settings/profile/sso/").status_code == 200
    back = path_of(provider.authorize(go(agent.client, workspace)))
    kept = agent.client.session["sso"]
    session = owner.client.session
    session["sso"] = kept
    session.save()
    assert owner.client.get(back).status_code == 403
    assert not LinkedIdentity.objects.exists()
    assert link(agent, provider).status_code == 302
    # Linked to one, it is nobody else's.
    assert link(owner, provider).status_code == 403
    assert LinkedIdentity.objects.get().user_id == agent.member.user_id


@case("SO12")
def test_linking_asks_first_who_it_is(owner: SignedIn, agent: SignedIn, provider: Provider) -> None:
    set_up(owner, provider)
    UserSession.objects.update(confirmed_at="2020-01-01T00:00:00Z")
    with nothing_happens():
        answer = agent.client.post("/settings/profile/sso/")
        assert answer["Location"].startswith("/settings/confirm/?next=")
        assert "Continue" not in answer.content.decode()
    assert agent.post("/session/confirmation", {"proof": factories.PASSWORD}).status_code == 204
    # Asked for, and left lying until nobody knows who sits there.
    assert agent.client.post("/settings/profile/sso/").status_code == 200
    UserSession.objects.update(confirmed_at="2020-01-01T00:00:00Z")
    assert arrive(agent.client, agent.member.workspace, provider).status_code == 403
    assert not LinkedIdentity.objects.exists()
    assert agent.post("/session/confirmation", {"proof": factories.PASSWORD}).status_code == 204
    assert link(agent, provider).status_code == 302


# Only single sign-on


@case("SO13")
def test_where_only_single_sign_on_is_allowed_nothing_else_lets_in_but_owners(
    workspace: Workspace, owner: SignedIn, linked: SignedIn, provider: Provider
) -> None:
    allow(owner, "oidc")
    email = linked.member.user.email
    right = {"email": email, "password": factories.PASSWORD}
    assert refusal(nobody().post("/session", right)) == (401, "code_required")
    assert refusal(nobody().post("/tokens", right)) == (401, "code_required")
    nobody().post("/session/codes", {"email": email})
    Client().post("/reset/", {"email": email})
    assert [mail.subject for mail in mails_to(email)] == ["Signing in to Opencom"], "no code, no link"
    client = Client()
    arrive(client, workspace, provider)
    assert signed_in(client) == linked.member
    boss = owner.member.user.email
    assert nobody().post("/session", {"email": boss, "password": factories.PASSWORD}).status_code == 200
    nobody().post("/session/codes", {"email": boss})
    assert nobody().post("/session/code", {"email": boss, "code": code_for(boss)}).status_code == 200


@case("SO13")
def test_an_open_session_elsewhere_does_not_go_over_into_it(
    workspace: Workspace, owner: SignedIn, linked: SignedIn
) -> None:
    elsewhere = factories.make_workspace("Elsewhere")
    seat = actions.add_member(elsewhere, linked.member.user, "agent", by=System())
    allow(owner, "oidc")
    browser = SignedIn(seat)
    with nothing_happens():
        assert browser.client.post("/workspaces/", {"workspace": str(workspace.pk)}).status_code == 422
    allow(owner, "oidc", "password")
    assert browser.client.post("/workspaces/", {"workspace": str(workspace.pk)}).status_code == 302


@case("SO13")
def test_single_sign_on_is_required_only_where_it_is_set_up(owner: SignedIn, provider: Provider) -> None:
    body = {"methods": ["oidc"], "sign_up": "invited", "domains": []}
    with nothing_happens():
        answer = owner.put("/workspace/sign-in", body)
    assert answer.json()["error"]["fields"] == {"methods": ["Set single sign-on up first."]}
    set_up(owner, provider, "oidc")
    with nothing_happens():
        assert refusal(owner.delete("/workspace/sso")) == (409, "only_way_in")
    allow(owner, "oidc", "password")
    assert owner.delete("/workspace/sso").status_code == 204
    assert owner.get("/workspace/sign-in").json()["methods"] == ["password"]


@case("SO13")
def test_single_sign_on_that_is_not_allowed_lets_nobody_in(
    workspace: Workspace, owner: SignedIn, linked: SignedIn, provider: Provider
) -> None:
    client = Client()
    back = path_of(provider.authorize(go(client, workspace)))
    allow(owner, "password")
    assert client.get(back).status_code == 403
    assert client.get(f"/sso/{workspace.pk}/go/").status_code == 404
    assert signed_in(client) is None
    allow(owner, "password", "oidc")
    arrive(client, workspace, provider)
    assert signed_in(client) == linked.member


# Invitations


@case("SO14")
@pytest.mark.parametrize(
    "person", [{"email": "thief@guest.example"}, {"email_verified": False}, {"email": None}], ids=str
)
def test_an_invitation_is_taken_by_whom_it_is_for_alone(
    workspace: Workspace, owner: SignedIn, provider: Provider, person: dict[str, Any]
) -> None:
    set_up(owner, provider)
    assert owner.post("/invitations", {"email": "grace@guest.example", "role": "agent"}).status_code == 201
    token = link_for("grace@guest.example").rstrip("/").rsplit("/", 1)[1]
    honest = {**provider.person, "email": "grace@guest.example"}
    provider.person = {**honest, **person}
    client = Client()
    is_refused(client, arrive(client, workspace, provider, invitation=token), "other_address")
    assert not User.objects.filter(email="grace@guest.example").exists()
    provider.person = honest
    assert arrive(client, workspace, provider, invitation=token).status_code == 302
    member = signed_in(client)
    assert member is not None
    assert (member.user.email, member.role, member.workspace_id) == ("grace@guest.example", "agent", workspace.pk)


@case("SO14")
def test_an_invitation_elsewhere_is_not_taken_by_this_workspace_s_provider(
    workspace: Workspace, owner: SignedIn, provider: Provider
) -> None:
    set_up(owner, provider)
    elsewhere = callers.signed_in(factories.make_workspace("Elsewhere"), "owner")
    victim = factories.make_user(email="grace@guest.example")
    assert elsewhere.post("/invitations", {"email": victim.email, "role": "admin"}).status_code == 201
    token = link_for(victim.email).rstrip("/").rsplit("/", 1)[1]
    provider.person |= {"email": victim.email}
    client = Client()
    is_refused(client, arrive(client, workspace, provider, invitation=token), "ended")
    assert not LinkedIdentity.objects.exists()
    assert not Member.objects.filter(user=victim).exists()


# What is kept, and where we are led


@case("SO05")
def test_single_sign_ons_from_one_address_are_limited(
    workspace: Workspace, linked: SignedIn, provider: Provider, limits_enforced: None
) -> None:
    answers = {Client().get(f"/sso/{workspace.pk}/callback/").status_code for _ in range(60)}
    assert answers == {400}
    client = Client()
    with nothing_happens():
        assert client.get(f"/sso/{workspace.pk}/callback/").status_code == 429
        assert client.get(f"/sso/{workspace.pk}/go/").status_code == 429
    elsewhere = Client(REMOTE_ADDR="198.51.100.1")
    assert arrive(elsewhere, workspace, provider).status_code == 302
    assert signed_in(elsewhere) == linked.member


@case("SO15")
def test_the_client_s_secret_is_shown_to_nobody_and_sent_to_nobody_else(owner: SignedIn, provider: Provider) -> None:
    answers = [owner.put("/workspace/sso", connection(provider)), owner.get("/workspace/sso")]
    answers += [owner.client.get("/settings/security/sso/"), owner.client.post("/settings/security/sso/test/")]
    answers += [owner.post("/workspace/sso/test")]
    for answer in answers:
        assert answer.status_code == 200
        assert SECRET.split("/")[0] not in answer.content.decode()
    row = SsoConnection.objects.get()
    assert SECRET.encode() not in bytes(row.client_secret)
    assert SECRET not in str([entry.details for entry in AuditEntry.objects.all()])
    with Provider() as thief:
        moved = {**connection(thief), "client_secret": ""}
        with nothing_happens():
            assert "client_secret" in owner.put("/workspace/sso", moved).json()["error"]["fields"]
        assert thief.asked == []
    kept = {**connection(provider, label="Corporation"), "client_secret": ""}
    assert owner.put("/workspace/sso", kept).json()["label"] == "Corporation"
    assert {"about": "Client", "right": True, "text": "It knows the client id and the secret."} in owner.post(
        "/workspace/sso/test"
    ).json()["items"]


@case("SO15")
def test_whoever_changes_the_provider_proves_first_who_they_are(owner: SignedIn, provider: Provider) -> None:
    set_up(owner, provider)
    UserSession.objects.update(confirmed_at="2020-01-01T00:00:00Z")
    with nothing_happens():
        assert refusal(owner.put("/workspace/sso", connection(provider, label="X"))) == (403, "reauth_required")
        assert refusal(owner.delete("/workspace/sso")) == (403, "reauth_required")
        for path in ("/settings/security/sso/", "/settings/security/sso/remove/"):
            assert owner.client.post(path)["Location"].startswith("/settings/confirm/")
    assert owner.post("/session/confirmation", {"proof": factories.PASSWORD}).status_code == 204
    assert owner.put("/workspace/sso", connection(provider, label="X")).status_code == 200


@case("SO16")
@pytest.mark.parametrize(
    "issuer",
    [
        *("https://127.0.0.1", "https://10.1.2.3/realms/x", "https://169.254.169.254", "https://[::1]"),
        *("https://db.internal", "http://login.example.com", "ftp://login.example.com", "https://me:pw@idp.example"),
        *("https://idp.example/?a=b", "https://idp.example/#a", "idp.example", "javascript:alert(1)", ""),
    ],
)
def test_a_provider_in_our_own_network_is_never_asked(
    owner: SignedIn, provider: Provider, issuer: str, settings: Any
) -> None:
    settings.OUTBOUND_HTTP, settings.OUTBOUND_NETWORKS, settings.OUTBOUND_PORTS = False, [], [80, 443]
    with nothing_happens():
        answer = owner.put("/workspace/sso", connection(provider, issuer=issuer))
    assert "issuer" in answer.json()["error"]["fields"]
    assert provider.asked == []


@case("SO16")
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"issuer": "https://another.example"}, "other_issuer"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "bad_endpoint"),
        ({"authorization_endpoint": None}, "bad_endpoint"),
        ({"jwks_uri": "file:///etc/passwd"}, "bad_endpoint"),
        ({"token_endpoint": "https://me:pw@idp.example/token"}, "bad_endpoint"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "algorithms"),
        ({"code_challenge_methods_supported": ["plain"]}, "no_pkce"),
        ({"response_types_supported": ["id_token"]}, "no_code_flow"),
        ({"token_endpoint_auth_methods_supported": ["none"]}, "client_authentication"),
    ],
)
def test_a_provider_that_describes_itself_dangerously_is_not_used(
    workspace: Workspace, owner: SignedIn, provider: Provider, said: dict[str, Any], reason: str
) -> None:
    provider.discovery = said
    set_up(owner, provider)
    client = Client()
    answer = client.get(f"/sso/{workspace.pk}/go/")
    is_refused(client, answer, reason, 503)
    [finding] = owner.post("/workspace/sso/test").json()["items"]
    assert (finding["about"], finding["right"]) == ("Provider", False)


@case("SO16")
@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri"])
def test_an_endpoint_in_our_own_network_is_refused_when_it_is_asked(
    workspace: Workspace, owner: SignedIn, provider: Provider, name: str
) -> None:
    provider.discovery = {name: "http://10.1.2.3/"}
    set_up(owner, provider)
    refuses(workspace, provider, "address_refused", 503)


@case("SO17")
def test_the_sign_in_page_offers_by_domain_and_tells_nothing_of_accounts(
    workspace: Workspace, owner: SignedIn, linked: SignedIn
) -> None:
    known, unknown = Client(), Client()
    answers = []
    for client, email in ((known, linked.member.user.email), (unknown, "nobody-at-all@team.example")):
        sent = client.post("/sign-in/", {"email": email, "by": "oidc"})
        assert sent["Location"] == "/sso/?domain=team.example&next="
        answers.append(client.get(sent["Location"]).content)
    shown = [re.sub(rb'name="csrf-token" content="[^"]*"', b"", answer) for answer in answers]
    assert shown[0] == shown[1]
    assert f"/sso/{workspace.pk}/go/".encode() in answers[0]
    assert b"No workspace has set up" in Client().get("/sso/", {"domain": "other.example"}).content
    allow(owner, "password")
    assert b"No workspace has set up" in Client().get("/sso/", {"domain": "team.example"}).content


@case("SO18")
def test_what_userinfo_says_of_another_is_not_believed(
    workspace: Workspace, owner: SignedIn, provider: Provider
) -> None:
    set_up(owner, provider, joins_as="agent")
    provider.by_userinfo, provider.person["email"] = True, "new@team.example"
    provider.userinfo = {"sub": "another"}
    refuses(workspace, provider, "userinfo_of_another")
    provider.userinfo = {}
    client = Client()
    arrive(client, workspace, provider)
    joined = signed_in(client)
    assert joined is not None
    assert joined.user.email == "new@team.example"
