"""Proof of identity: what is proven opens, what is only claimed doesn't, whatever the mode."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.db import connection
from django.db.models.functions import Now
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from apps.audit.models import AuditEntry
from apps.core import clock, envelope, limits
from apps.visitors import identity
from apps.visitors.models import IdentityHour, IdentitySecret, Visitor, VisitorSession
from apps.workspaces.models import UserSession, Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn, refusal
from tests.database import nothing_happens
from tests.factories import ORIGIN

pytestmark = pytest.mark.django_db

MODES = ["off", "optional", "required"]
ASKING = ["optional", "required"]


class Host:
    """A customer's server: knows its secret, signs who its user is."""

    def __init__(self, workspace: Workspace, secret: IdentitySecret | None = None) -> None:
        self.workspace = workspace
        self.owner = callers.signed_in(workspace, "owner")
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.secret_row = secret or self.new_secret()

    def new_secret(self, grace_days: int = 7) -> IdentitySecret:
        made = self.owner.post("/workspace/identity/secrets", {"grace_days": grace_days})
        assert made.status_code == 201, made.content
        return IdentitySecret.objects.get(pk=made.json()["id"])

    def mode(self, mode: str) -> None:
        answer = self.owner.put("/workspace/identity", {"mode": mode, "accept_unsigned": True})
        assert answer.status_code == 200, answer.content

    def secret(self, row: IdentitySecret | None = None) -> str:
        return envelope.reveal(row or self.secret_row, "secret")

    def hash(self, user_id: str, row: IdentitySecret | None = None) -> str:
        return hmac.new(self.secret(row).encode(), user_id.encode(), hashlib.sha256).hexdigest()

    @property
    def pem(self) -> str:
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def add_key(self) -> Any:
        return self.owner.post("/workspace/identity/keys", {"public_key": self.pem})

    def claims(self, user_id: str = "u1", **more: Any) -> dict[str, Any]:
        now = int(clock.now().timestamp())
        claims = {"sub": user_id, "aud": str(self.workspace.pk), "exp": now + 3600, **more}
        return {name: value for name, value in claims.items() if value is not ...}

    def token(self, user_id: str = "u1", header: dict[str, Any] | None = None, **more: Any) -> str:
        key = OctKey.import_key(self.secret())
        return jwt.encode({"alg": "HS256", **(header or {})}, self.claims(user_id, **more), key)

    def es_token(self, user_id: str = "u1", **more: Any) -> str:
        private = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return jwt.encode({"alg": "ES256"}, self.claims(user_id, **more), ECKey.import_key(private))

    def boot(self, session_id: str = "", **body: Any) -> Any:
        body = {"workspace": str(self.workspace.pk), "session_id": session_id or factories.session_id(), **body}
        return callers.nobody().post("/widget/boot", body)

    def arrive(self, session_id: str = "", **body: Any) -> Booted:
        answer = self.boot(session_id, **body)
        assert answer.status_code == 200, answer.content
        booted = answer.json()
        return Booted(booted["token"], Visitor.objects.get(pk=booted["visitor"]["id"]))

    def proven(self, user_id: str = "u1", session_id: str = "", **body: Any) -> Booted:
        return self.arrive(session_id, user_id=user_id, user_hash=self.hash(user_id), **body)


@pytest.fixture
def host(workspace: Workspace) -> Host:
    host = Host(workspace)
    host.mode("optional")
    return host


def test_whoever_is_proven_is_recognised_on_every_device(host: Host) -> None:
    first = host.proven(name="Grete")
    first.start("On my phone.")
    second = host.proven()
    assert second.visitor.pk == first.visitor.pk
    assert second.token != first.token
    assert [row["last_message"]["preview"] for row in second.get("/conversations").json()["items"]] == ["On my phone."]
    shown = host.owner.get(f"/visitors/{first.visitor.pk}").json()
    assert (shown["external_id"], shown["external_id_proven"]) == ("u1", True)


def test_a_visitor_becomes_proven_and_stays_who_they_were(host: Host) -> None:
    mine = factories.session_id()
    before = host.arrive(mine)
    before.start("Not signed in yet.")
    after = host.proven(session_id=mine)
    assert after.visitor.pk == before.visitor.pk
    assert before.get("/conversations").json()["items"], "the token from before goes on"


@pytest.mark.parametrize("mode", MODES)
def test_an_id_without_proof_never_reaches_who_was_proven(host: Host, mode: str) -> None:
    victim = host.proven(email="grete@home.example", attributes={"plan": "gold"})
    victim.start("My secret.")
    host.mode(mode)
    answer = host.boot(user_id="u1")
    if mode == "required":
        assert refusal(answer) == (403, "identity_required")
        return
    thief = Booted(answer.json()["token"], Visitor.objects.get(pk=answer.json()["visitor"]["id"]))
    assert thief.visitor.pk != victim.visitor.pk
    assert thief.get("/conversations").json()["items"] == []
    assert thief.get("/widget/session").json()["visitor"]["attributes"] == {}
    shown = host.owner.get(f"/visitors/{thief.visitor.pk}").json()
    assert (shown["external_id"], shown["external_id_proven"]) == ("u1", False), "a claim, and shown as one"
    assert victim.get("/conversations").json()["items"]


def test_two_who_claim_one_id_stay_two(host: Host) -> None:
    assert host.arrive(user_id="u1").visitor.pk != host.arrive(user_id="u1").visitor.pk


def test_required_refuses_an_unproven_id_and_nothing_is_stored(host: Host) -> None:
    host.mode("required")
    IdentityHour.objects.all().delete()
    before = Visitor.objects.count(), VisitorSession.objects.count(), AuditEntry.objects.count()
    answer = host.boot(user_id="u1")
    assert refusal(answer) == (403, "identity_required")
    assert "user_hash" in answer.json()["error"]["message"]
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN, "the page can read why"
    assert (Visitor.objects.count(), VisitorSession.objects.count(), AuditEntry.objects.count()) == before
    assert host.proven().visitor.external_id == "u1"


def test_in_required_mode_anonymous_visitors_stay_anonymous_and_get_nothing_of_anybodys(host: Host) -> None:
    victim = host.proven(email="grete@home.example")
    victim.start("My secret.")
    host.mode("required")
    guest = host.arrive(email="grete@home.example", name="Grete")
    assert guest.visitor.pk != victim.visitor.pk
    assert guest.get("/conversations").json()["items"] == []
    assert guest.start().status_code == 201
    shown = host.owner.get(f"/visitors/{guest.visitor.pk}").json()
    assert (shown["external_id"], shown["email_proven"]) == ("", False)


@pytest.mark.parametrize("mode", MODES)
def test_an_email_opens_nothing_in_any_mode(host: Host, mode: str) -> None:
    victim = host.proven(email="grete@home.example", attributes={"plan": "gold"})
    host.mode(mode)
    for email in ("grete@home.example", "GRETE@home.example"):
        thief = host.arrive(email=email)
        assert thief.visitor.pk != victim.visitor.pk
        thief.patch("/widget/visitor", {"email": email})
        assert thief.get("/widget/session").json()["visitor"]["attributes"] == {}
    assert Visitor.objects.get(pk=victim.visitor.pk).attributes == {"plan": "gold"}


def wrong_proofs(host: Host) -> dict[str, dict[str, Any]]:
    other = Host(factories.make_workspace("Other"))
    right = host.hash("u1")
    return {
        "another's hash": {"user_id": "u1", "user_hash": host.hash("u2")},
        "of another workspace": {"user_id": "u1", "user_hash": other.hash("u1")},
        "empty": {"user_id": "u1", "user_hash": ""},
        "null": {"user_id": "u1", "user_hash": None},
        "zero": {"user_id": "u1", "user_hash": "0"},
        "63 digits": {"user_id": "u1", "user_hash": right[:-1]},
        "65 digits": {"user_id": "u1", "user_hash": right + "0"},
        "base64": {"user_id": "u1", "user_hash": base64.b64encode(bytes.fromhex(right)).decode()},
        "a space before": {"user_id": "u1", "user_hash": " " + right},
        "a space behind": {"user_id": "u1", "user_hash": right + " "},
        "a line behind": {"user_id": "u1", "user_hash": right + "\n"},
        "other digits": {"user_id": "u1", "user_hash": "١" * 64},
        "an id with a space": {"user_id": " u1", "user_hash": right},
        "no id": {"user_hash": right},
        "the hash of nothing": {"user_hash": host.hash("")},
        "the secret itself": {"user_id": "u1", "user_hash": host.secret()},
    }


@pytest.mark.parametrize("mode", ASKING)
def test_a_hash_that_is_wrong_in_any_way_is_refused_and_put_on_record_once(host: Host, mode: str) -> None:
    victim = host.proven()
    host.mode(mode)
    proofs = wrong_proofs(host)
    visitors, sessions = Visitor.objects.count(), VisitorSession.objects.count()
    for what, proof in proofs.items():
        assert refusal(host.boot(**proof)) == (403, "identity_refused"), what
        assert refusal(host.arrive().patch("/widget/visitor", proof)) == (403, "identity_refused"), what
        visitors, sessions = visitors + 1, sessions + 1
    assert (Visitor.objects.count(), VisitorSession.objects.count()) == (visitors, sessions)
    assert AuditEntry.objects.filter(action="identity.refused").count() == 1
    assert host.proven().visitor.pk == victim.visitor.pk
    assert host.arrive(user_id="u1", user_hash=host.hash("u1").upper()).visitor.pk == victim.visitor.pk, "either case"


def test_a_flood_of_wrong_proofs_is_two_entries_in_an_hour(host: Host) -> None:
    for _ in range(130):
        identity.refused(host.workspace, "user_hash is wrong")
    actions = list(
        AuditEntry.objects.filter(action__startswith="identity.ref")
        .values_list("action", flat=True)
        .order_by("created_at")
    )
    assert actions == ["identity.refused", "identity.refusals_rose"]


def test_when_verification_is_off_any_hash_is_taken_for_none(host: Host) -> None:
    host.mode("off")
    for proof in ("0" * 64, "", host.hash("u1")):
        visitor = host.arrive(user_id="u1", user_hash=proof).visitor
        assert (visitor.external_id, visitor.proven_at) == ("u1", None)


def test_a_hash_or_a_token_not_both_and_ids_are_text(host: Host) -> None:
    with nothing_happens():
        both = {"user_id": "u1", "user_hash": host.hash("u1"), "user_token": host.token()}
        assert refusal(host.boot(**both)) == (400, "invalid")
        for user_id in (7, "", None, ["u1"], "u" * 201):
            assert refusal(host.boot(user_id=user_id)) == (400, "invalid")


# Another person


def test_a_browser_that_proves_somebody_else_leaves_the_first_ones_session_dead(host: Host) -> None:
    mine = factories.session_id()
    first = host.proven("u1", mine)
    first.start("Mine alone.")
    elsewhere = host.proven("u1")
    second = host.proven("u2", mine)
    assert second.visitor.pk != first.visitor.pk
    assert second.get("/conversations").json()["items"] == []
    assert refusal(first.get("/conversations")) == (401, "session_expired")
    assert elsewhere.get("/conversations").json()["items"], "the first one's other devices go on"


def test_a_token_of_one_user_cannot_become_anothers(host: Host) -> None:
    first = host.proven("u1")
    host.proven("u2")
    for claim in (
        {"user_id": "u2", "user_hash": host.hash("u2")},
        {"user_id": "u3", "user_hash": host.hash("u3")},
        {"user_id": "u2"},
    ):
        answer = first.patch("/widget/visitor", claim)
        assert refusal(answer) == (409, "identity_changed")
    assert first.get("/widget/session").json()["visitor"]["id"] == str(first.visitor.pk)
    assert Visitor.objects.get(pk=first.visitor.pk).external_id == "u1"


def test_the_browsers_secret_alone_does_not_bring_back_who_was_proven(host: Host) -> None:
    mine = factories.session_id()
    known = host.proven("u1", mine)
    known.start("My secret.")
    after = host.arrive(mine)
    assert after.visitor.pk != known.visitor.pk
    assert after.get("/conversations").json()["items"] == []
    assert known.get("/conversations").json()["items"], "the token does"
    again = host.proven("u1", mine)
    assert again.visitor.pk == known.visitor.pk


def test_who_was_proven_first_takes_in_what_this_browser_did_before(host: Host) -> None:
    known = host.proven("u1")
    mine = factories.session_id()
    guest = host.arrive(mine, name="Somebody")
    conversation = guest.start("As a guest.").json()["conversation"]["id"]
    host.proven("u1", mine)
    assert not Visitor.objects.filter(pk=guest.visitor.pk).exists()
    listed = guest.get("/conversations").json()["items"]
    assert [row["id"] for row in listed] == [conversation], "the token from before opens the one they are now"
    assert guest.get("/widget/session").json()["visitor"]["id"] == str(known.visitor.pk)
    entry = AuditEntry.objects.get(action="visitor.merged")
    assert entry.details["source"] == str(guest.visitor.pk)
    assert entry.details["target"] == str(known.visitor.pk)
    assert entry.details["counts"]["conversations.conversation.visitor"] == 1


def test_what_somebody_else_did_in_this_browser_stays_theirs(host: Host) -> None:
    known, mine = host.proven("u1"), factories.session_id()
    other = host.arrive(mine, user_id="u9")
    other.start("I said I am u9.")
    after = host.proven("u1", mine)
    assert after.visitor.pk == known.visitor.pk
    assert after.get("/conversations").json()["items"] == []
    assert Visitor.objects.filter(pk=other.visitor.pk).exists()


def test_identify_proves_too(host: Host) -> None:
    known, guest = host.proven("u1"), host.arrive()
    guest.start("As a guest.")
    body = guest.patch("/widget/visitor", {"user_id": "u1", "user_hash": host.hash("u1"), "name": "Grete"}).json()
    assert body["id"] == str(known.visitor.pk)
    assert guest.get("/conversations").json()["items"][0]["last_message"]["preview"] == "As a guest."
    assert Visitor.objects.get(pk=known.visitor.pk).name == "Grete"


def test_a_blocked_user_is_blocked_on_every_device(host: Host) -> None:
    known = host.proven("u1")
    host.owner.put(f"/visitors/{known.visitor.pk}/block")
    guest, mine = host.arrive(), factories.session_id()
    host.arrive(mine)
    assert refusal(host.boot(mine, user_id="u1", user_hash=host.hash("u1"))) == (403, "blocked")
    proof = {"user_id": "u1", "user_hash": host.hash("u1")}
    assert refusal(guest.patch("/widget/visitor", proof)) == (403, "blocked")
    host.owner.delete(f"/visitors/{known.visitor.pk}/block")
    assert host.proven("u1", mine).visitor.pk == known.visitor.pk


def test_a_block_is_left_neither_by_signing_in_nor_by_signing_out_and_is_nobody_elses(host: Host) -> None:
    mine, theirs = factories.session_id(), factories.session_id()
    guest, known = host.arrive(mine), host.proven("u1", theirs)
    for visitor in (guest, known):
        host.owner.put(f"/visitors/{visitor.visitor.pk}/block")
    proof = {"user_id": "u2", "user_hash": host.hash("u2")}
    assert refusal(host.boot(mine, **proof)) == (403, "blocked")
    assert refusal(host.boot(theirs)) == (403, "blocked")
    assert host.arrive(theirs, **proof).visitor.external_id == "u2", "another person at the same screen"


# Tokens


def test_a_token_proves_address_name_and_attributes(host: Host) -> None:
    token = host.token("u1", email="grete@home.example", name="Grete", attributes={"plan": "gold"})
    visitor = host.arrive(user_token=token).visitor
    assert (visitor.external_id, visitor.email, visitor.name) == ("u1", "grete@home.example", "Grete")
    shown = host.owner.get(f"/visitors/{visitor.pk}").json()
    assert shown["email_proven"] is True
    assert shown["proven"] == ["attributes.plan", "email", "name"]
    assert host.arrive(user_id="u1", user_token=host.token("u1")).visitor.pk == visitor.pk


def test_a_key_whose_private_half_we_never_saw_proves_the_same(host: Host) -> None:
    assert refusal(host.boot(user_token=host.es_token())) == (403, "identity_refused")
    assert host.add_key().status_code == 201
    assert host.arrive(user_token=host.es_token()).visitor.proven_at is not None


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: str = "") -> str:
    def part(data: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()

    return f"{part(header)}.{part(claims)}.{signature}"


def bad_tokens(host: Host) -> dict[str, str]:
    now = int(clock.now().timestamp())
    other = Host(factories.make_workspace("Other"))
    # Libraries refuse to make this one; an attacker needs none.
    confused = unsigned({"alg": "HS256"}, host.claims())
    forged = hmac.new(host.pem.encode(), confused[:-1].encode(), hashlib.sha256).digest()
    confused += base64.urlsafe_b64encode(forged).rstrip(b"=").decode()
    short = jwt.encode({"alg": "HS256"}, host.claims(), OctKey.import_key("k" * 32))
    hs512 = jwt.encode({"alg": "HS512"}, host.claims(), OctKey.import_key(host.secret()), algorithms=["HS512"])
    good = host.token()
    return {
        "none": unsigned({"alg": "none"}, host.claims()),
        "None": unsigned({"alg": "None"}, host.claims()),
        "no algorithm": unsigned({"typ": "JWT"}, host.claims()),
        "the public key as a secret": confused,
        "another secret": short,
        "another algorithm": hs512,
        "another workspace's secret": other.token(aud=str(host.workspace.pk)),
        "no exp": host.token(exp=...),
        "exp is text": host.token(exp=str(now + 60)),
        "expired": host.token(exp=now - 1),
        "exp beyond a day": host.token(exp=now + 25 * 3600),
        "no aud": host.token(aud=...),
        "wrong aud": host.token(aud=str(other.workspace.pk)),
        "aud is a number": host.token(aud=7),
        "no sub": host.token(sub=...),
        "empty sub": host.token(""),
        "sub is a number": host.token(sub=7),
        "long sub": host.token("u" * 201),
        "not yet": host.token(nbf=now + 600),
        "made in the future": host.token(iat=now + 600),
        "unknown kid": host.token(header={"kid": "0190a0a0-0000-7000-8000-000000000000"}),
        "critical header": unsigned({"alg": "HS256", "crit": ["x"], "x": 1}, host.claims(), good.rsplit(".", 1)[1]),
        "changed claims": good.split(".")[0]
        + "."
        + unsigned({}, host.claims("u2")).split(".")[1]
        + "."
        + good.rsplit(".", 1)[1],
        "cut": good[:-5],
        "no signature": good.rsplit(".", 1)[0] + ".",
        "empty": "",
        "words": "not a token",
        "dots": "...",
        "an address that is none": host.token(email="not an address"),
        "an address that is a list": host.token(email=["a@b.example"]),
        "a name too long": host.token(name="x" * 201),
        "attributes that aren't": host.token(attributes=[1]),
        "a reserved attribute": host.token(attributes={"email": "a@b.example"}),
        "deep attributes": host.token(attributes={"a": {"b": 1}}),
    }


@pytest.mark.parametrize("mode", ASKING)
def test_a_token_that_is_wrong_in_any_way_is_refused(host: Host, mode: str) -> None:
    host.add_key()
    host.mode(mode)
    before = Visitor.objects.count()
    for what, token in bad_tokens(host).items():
        assert refusal(host.boot(user_token=token)) == (403, "identity_refused"), what
    assert refusal(host.boot(user_id="u2", user_token=host.token("u1"))) == (403, "identity_refused")
    assert Visitor.objects.count() == before
    kid = {"kid": str(host.secret_row.pk)}
    assert host.arrive(user_token=host.token("u1", header=kid)).visitor.external_id == "u1"
    assert host.arrive(user_token=host.token("u1", nbf=1, iat=1)).visitor.external_id == "u1"


def test_a_token_too_long_to_be_one_is_refused_before_it_is_looked_at(host: Host) -> None:
    with nothing_happens():
        assert refusal(host.boot(user_token="a." * 5000)) == (400, "invalid")


def test_what_was_signed_nothing_unsigned_changes(host: Host) -> None:
    mine = factories.session_id()
    signed = {"email": "grete@home.example", "attributes": {"plan": "gold"}}
    visitor = host.arrive(mine, user_token=host.token("u1", **signed))
    told = {"email": "evil@x.example", "name": "Free", "attributes": {"plan": "free", "seen": 1}}
    assert visitor.patch("/widget/visitor", told).status_code == 200
    row = Visitor.objects.get(pk=visitor.visitor.pk)
    assert (row.email, row.name, row.attributes) == ("grete@home.example", "Free", {"plan": "gold", "seen": 1})
    assert visitor.patch("/widget/visitor", {"attributes": {"plan": None}}).status_code == 200
    assert Visitor.objects.get(pk=row.pk).attributes["plan"] == "gold"
    host.mode("required")
    with nothing_happens():
        answer = visitor.patch("/widget/visitor", told)
        assert refusal(answer) == (400, "invalid")
        assert set(answer.json()["error"]["fields"]) == {"email", "attributes.plan"}
        assert refusal(host.boot(mine, user_token=host.token("u1"), **told)) == (400, "invalid")
    same = {"email": "grete@home.example", "attributes": {"plan": "gold"}}
    assert visitor.patch("/widget/visitor", same).status_code == 200, "to say the same contradicts nothing"
    host.arrive(mine, user_token=host.token("u1", email="grete@new.example"))
    assert Visitor.objects.get(pk=row.pk).email == "grete@new.example", "who signs may change it"


# Secrets


def test_a_replaced_secret_is_good_until_its_grace_is_over(host: Host) -> None:
    old = host.secret_row
    new = host.new_secret(grace_days=1)
    proof = {"user_id": "u1", "user_hash": host.hash("u1", old)}
    visitor = host.arrive(**proof).visitor
    assert host.arrive(user_id="u1", user_hash=host.hash("u1", new)).visitor.pk == visitor.pk
    assert IdentitySecret.objects.get(pk=old.pk).last_used_at is not None
    IdentitySecret.objects.filter(pk=old.pk).update(expires_at=Now() - timedelta(seconds=1))
    assert refusal(host.boot(**proof)) == (403, "identity_refused")
    assert host.arrive(user_id="u1", user_hash=host.hash("u1", new)).visitor.pk == visitor.pk
    assert identity.forget_old() == 1


def test_there_are_two_secrets_at_most(host: Host) -> None:
    host.new_secret()
    with nothing_happens():
        assert refusal(host.owner.post("/workspace/identity/secrets", {})) == (409, "two_secrets")
    host.owner.delete(f"/workspace/identity/secrets/{host.secret_row.pk}")
    host.new_secret(grace_days=0)


def test_a_revoked_secret_and_every_session_it_opened_are_dead_at_once(host: Host) -> None:
    host.new_secret()
    by_old = host.proven("u1")
    by_new = host.arrive(
        user_id="u2", user_hash=host.hash("u2", IdentitySecret.objects.exclude(pk=host.secret_row.pk).get())
    )
    renewed = Booted(by_old.post("/widget/session/refresh").json()["token"], by_old.visitor)
    guest = host.arrive()
    secret_hash = host.hash("u1")
    assert host.owner.delete(f"/workspace/identity/secrets/{host.secret_row.pk}").status_code == 204
    assert refusal(renewed.get("/conversations")) == (401, "session_expired"), "also after it was renewed"
    assert refusal(host.boot(user_id="u1", user_hash=secret_hash)) == (403, "identity_refused")
    for other in (by_new, guest):
        assert other.get("/conversations").status_code == 200
    assert refusal(host.owner.delete(f"/workspace/identity/secrets/{host.secret_row.pk}")) == (404, "not_found")


@pytest.mark.parametrize("role", ["agent", "viewer"])
def test_secrets_are_for_owners_and_admins_only(host: Host, role: str) -> None:
    caller = callers.signed_in(host.workspace, role)
    path = f"/workspace/identity/secrets/{host.secret_row.pk}"
    with nothing_happens():
        for answer in (
            caller.get("/workspace/identity"),
            caller.put("/workspace/identity", {"mode": "off"}),
            caller.post("/workspace/identity/secrets", {}),
            caller.post("/workspace/identity/keys", {"public_key": host.pem}),
            caller.post(f"{path}/reveal"),
            caller.delete(path),
        ):
            assert refusal(answer) == (403, "forbidden")
    admin = callers.signed_in(host.workspace, "admin")
    assert admin.get("/workspace/identity").status_code == 200


def test_a_secret_is_shown_on_demand_alone_and_that_it_was_is_on_record(host: Host) -> None:
    listed = host.owner.get("/workspace/identity")
    assert host.secret() not in listed.content.decode()
    assert listed.json()["secrets"][0]["hint"] == host.secret()[-4:]
    assert not AuditEntry.objects.filter(action="identity.secret_shown").exists()
    shown = host.owner.post(f"/workspace/identity/secrets/{host.secret_row.pk}/reveal").json()
    assert shown == {"secret": host.secret()}
    assert AuditEntry.objects.filter(action="identity.secret_shown").count() == 1
    stranger = callers.signed_in(factories.make_workspace("Other"), "owner")
    with nothing_happens():
        assert refusal(stranger.post(f"/workspace/identity/secrets/{host.secret_row.pk}/reveal")) == (404, "not_found")


def test_a_secret_is_shown_and_revoked_by_whoever_has_proven_lately_who_they_are(host: Host) -> None:
    path = f"/workspace/identity/secrets/{host.secret_row.pk}"
    UserSession.objects.update(confirmed_at=clock.now() - timedelta(seconds=limits.CONFIRMED_SECONDS + 1))
    with nothing_happens():
        assert refusal(host.owner.post(f"{path}/reveal")) == (403, "reauth_required")
        assert refusal(host.owner.delete(path)) == (403, "reauth_required")
        page = host.owner.client.post(f"/settings/identity/secrets/{host.secret_row.pk}/revoke/")
    assert (page.status_code, page["Location"]) == (302, "/settings/confirm/?next=/settings/identity/")
    assert host.owner.post("/session/confirmation", {"proof": factories.PASSWORD}).status_code == 204
    assert host.owner.post(f"{path}/reveal").status_code == 200
    assert host.owner.delete(path).status_code == 204


def test_a_secret_is_nowhere_in_clear(host: Host) -> None:
    host.owner.post(f"/workspace/identity/secrets/{host.secret_row.pk}/reveal")
    secret = host.secret()
    from tests.database import tables

    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} AS t")
            text = cursor.fetchone()[0]
            assert secret not in text, table
            assert secret.encode().hex() not in text, table


@pytest.mark.parametrize("what", ["private", "rsa", "another curve", "words", "a certificate"])
def test_what_is_no_public_key_for_es256_is_refused(host: Host, what: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    def public(key: Any) -> str:
        return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())

    pems = {
        "private": host.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "rsa": public(rsa.generate_private_key(65537, 2048)),
        "another curve": public(ec.generate_private_key(ec.SECP384R1())),
        "words": "not a key",
        "a certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    }
    with nothing_happens():
        assert refusal(host.owner.post("/workspace/identity/keys", {"public_key": pems[what]})) == (400, "invalid")


# Modes and coverage


def test_nothing_can_be_asked_for_before_there_is_a_secret(workspace: Workspace, owner: SignedIn) -> None:
    with nothing_happens():
        for mode in ASKING:
            assert refusal(owner.put("/workspace/identity", {"mode": mode})) == (409, "no_secret")
    owner.post("/workspace/identity/secrets", {})
    assert owner.put("/workspace/identity", {"mode": "optional"}).json()["mode"] == "optional"


def test_required_is_switched_on_only_with_the_signed_share_in_view(host: Host) -> None:
    with nothing_happens():
        answer = host.owner.put("/workspace/identity", {"mode": "required"})
        assert refusal(answer) == (409, "too_few_signed"), "nobody has come with proof yet"
    host.proven("u1")
    host.arrive(user_id="u2")
    answer = host.owner.put("/workspace/identity", {"mode": "required"})
    assert answer.json()["error"]["coverage"] == {"proven": 1, "claimed": 1, "refused": 0, "share": 0.5}
    for _ in range(20):
        host.proven("u1")
    assert host.owner.put("/workspace/identity", {"mode": "required"}).json()["mode"] == "required"


def test_anonymous_boots_count_for_nothing(host: Host) -> None:
    host.arrive()
    host.arrive(email="a@b.example")
    assert host.owner.get("/workspace/identity").json()["coverage"]["share"] is None


def test_one_workspaces_policy_is_not_anothers(host: Host) -> None:
    host.mode("required")
    other = factories.make_workspace("Other")
    body = {"workspace": str(other.pk), "session_id": factories.session_id(), "user_id": "u1"}
    assert callers.nobody().post("/widget/boot", body).status_code == 200
