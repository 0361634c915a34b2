"""Everyone calls everything: the access table, to the letter.

What each handler needs to be called rightly is below; a handler that isn't there is called without a body. Whoever may not call it is refused
before the body is looked at, so the refusals hold for every handler there is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.http import HttpResponseBase

from apps.core.access import ANY, Access
from apps.core.endpoints import Endpoint, endpoints
from apps.visitors import email_proof
from apps.workspaces import codes, invitations, passwords
from apps.workspaces.factors import authenticators, enrolment, passkeys
from apps.workspaces.factors.models import Passkey
from apps.workspaces.models import Member, UserSession
from apps.workspaces.user_sessions import SESSION_ID_KEY
from tests import factories
from tests.authenticators import Device, code_of, with_app
from tests.callers import API, App, Booted, SignedIn, nobody
from tests.database import fingerprint
from tests.mailing import code_for, link_for
from tests.security.cases import case
from tests.security.scene import NAMES, PICTURE, Person, Scene, at_pages, named

ENDPOINTS = [endpoint for endpoint in endpoints() if endpoint.verb not in ("LIVE", "TELL")]
Body = Callable[[Scene, Person], Any]
NOT_FOUND = 404


@dataclass(frozen=True)
class Right:
    """How a handler is called rightly, and with what it then answers; whether the body names what must be the caller's to see."""

    answers: int = 200
    body: Body | None = None
    names_something: bool = False
    form: bool = False


def message(scene: Scene, person: Person) -> dict[str, Any]:
    return {"client_id": str(uuid4()), "body": "Hello"}


def start(scene: Scene, person: Person) -> dict[str, Any]:
    to = {"visitor": str(scene.visitor.visitor.pk)} if person.kind in ("member", "key") else {}
    return {**message(scene, person), **to}


def boot(scene: Scene, person: Person) -> dict[str, Any]:
    return {"workspace": str(scene.workspace.pk), "session_id": factories.session_id()}


def credentials(scene: Scene, person: Person) -> dict[str, Any]:
    return {"email": scene.agent.member.user.email, "password": factories.PASSWORD}


def security(scene: Scene, person: Person) -> dict[str, Any]:
    return {"allowed_origins": ["https://other.example"], "any_origin": False, "session_lifetime": 3600}


def code(scene: Scene, person: Person) -> dict[str, Any]:
    """Return the code that was mailed, as whoever reads the mail enters it."""
    email = scene.agent.member.user.email
    if person.kind == "ended":
        return {"email": email, "code": "000000"}
    codes.request_code(email, codes.Purpose.SIGN_IN, client_address="192.0.2.1")
    return {"email": email, "code": code_for(email)}


def acceptance(scene: Scene, person: Person) -> dict[str, Any]:
    """Return the token of an invitation to a third workspace, for the member who calls."""
    if not isinstance(person.caller, SignedIn | App) or person.kind != "member":
        return {"token": "inv_"}
    email = person.caller.member.user.email
    invitations.invite(email, "viewer", by=factories.owner_of(factories.make_workspace("Third")))
    return {"token": link_for(email).split("/")[2]}


def event(scene: Scene, person: Person) -> dict[str, Any]:
    return {"events": [{"id": str(uuid4()), "name": "looked", "at": "2026-01-01T00:00:00Z"}]}


def email_code(scene: Scene, person: Person) -> dict[str, Any]:
    """Return the code that was mailed to a visitor, as whoever reads the mail types it."""
    caller = person.caller
    if person.kind != "visitor" or not isinstance(caller, Booted):
        return {"code": "000000"}
    email = f"{caller.visitor.pk}@guest.example"
    email_proof.request_code(caller.visitor, email, client_address="192.0.2.1")
    return {"code": code_for(email)}


def bulk(scene: Scene, person: Person) -> dict[str, Any]:
    return {"conversations": [scene.conversation], "change": {"status": "closed"}}


def twin(scene: Scene, person: Person) -> dict[str, Any]:
    return {"other": str(scene.twin.pk)}


def public_key(scene: Scene, person: Person) -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return {"public_key": key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()}


def always(**fields: Any) -> Body:
    return lambda scene, person: fields


def to_subordinate(scene: Scene, person: Person) -> dict[str, Any]:
    return {"member": str(scene.subordinate.pk)}


def refresh_token(scene: Scene, person: Person) -> dict[str, Any]:
    return {"refresh_token": scene.refresh_token}


def ended_session(scene: Scene, person: Person) -> dict[str, Any]:
    return {"session": str(person.session or scene.session)}


def seat_in(scene: Scene, person: Person) -> dict[str, Any]:
    caller: Any = person.caller
    return {"workspace": str(caller.member.workspace_id)} if person.kind == "member" else {}


def first_code(scene: Scene, person: Person) -> dict[str, Any]:
    """Return the first code of an app that the member who calls has begun to set up."""
    if person.kind != "member":
        return {"code": "000000"}
    caller: Any = person.caller
    return {"code": code_of(authenticators.secret_of(authenticators.draft(caller.member.user)))}


def new_passkey(scene: Scene, person: Person) -> dict[str, Any]:
    """Return a passkey that the member who calls has just made, in the session that they call in."""
    if person.kind != "member":
        return {"name": "Mine", "credential": {}}
    caller: Any = person.caller
    session = UserSession.objects.filter(user=caller.member.user).earliest("created_at")
    if isinstance(caller, SignedIn):
        session = UserSession.objects.get(pk=caller.client.session[SESSION_ID_KEY])
    caller.member.session_id = session.pk
    options = passkeys.registration_options(caller.member.user, enrolment.holder_of(caller.member))
    return {"name": "Mine", "credential": Device(settings.PUBLIC_URL, passkeys.host()).make(options)}


def own_passkey(scene: Scene, person: Person) -> dict[str, Any]:
    """Give the member who calls the passkey that the address names."""
    caller: Any = person.caller
    if person.kind == "member" and person.own:
        user, id_ = caller.member.user, scene.passkey
        made = {"user": user, "name": "Old", "credential_id": id_.bytes, "public_key": b"", "sign_count": 0}
        Passkey.objects.get_or_create(pk=id_, defaults={**made, "backed_up": False})
    return {"name": "Mine"}


def challenge(scene: Scene, person: Person) -> dict[str, Any]:
    """Return what the agent's app was answered, who has a second factor."""
    if person.kind == "ended":
        return {"challenge": "mfa_"}
    with_app(scene.agent.member)
    asked = nobody().post("/tokens", credentials(scene, person))
    return {"challenge": asked.json()["error"]["challenge"]}


def answered_challenge(scene: Scene, person: Person) -> dict[str, Any]:
    """Return that challenge with the code that answers it."""
    asked = challenge(scene, person)
    app = authenticators.of(scene.agent.member.user_id)
    return {**asked, "method": "totp", "proof": code_of(authenticators.secret_of(app)) if app else "000000"}


def sign_up_code(scene: Scene, person: Person) -> dict[str, Any]:
    """Return the code that was mailed to begin with, as whoever reads the mail enters it."""
    email = scene.agent.member.user.email
    if person.kind == "ended":
        return {"email": email, "code": "000000"}
    codes.request_code(email, codes.Purpose.SIGN_UP, client_address="192.0.2.1")
    return {"email": email, "code": code_for(email)}


def reset_token(scene: Scene, person: Person) -> dict[str, Any]:
    """Return the token of a link that was mailed, with a new password."""
    body = {"token": "rst_", "password": "nine lamps in a row"}
    if person.kind == "ended":
        return body
    email = scene.agent.member.user.email
    passwords.request_reset(email, client_address="192.0.2.1")
    return {**body, "token": link_for(email).rstrip("/").rsplit("/", 1)[1]}


LEAVING = ("/api/v1/session/seat", "/settings/leave/")


SSO = {"issuer": "https://93.184.216.34", "client_id": "opencom", "client_secret": "secret", "label": "Corp"}


RIGHT: Mapping[tuple[str, str], Right] = {
    ("POST", "/api/v1/session"): Right(body=credentials),
    ("DELETE", "/api/v1/session"): Right(204),
    ("POST", "/api/v1/session/codes"): Right(202, always(email="ada@team.example")),
    ("POST", "/api/v1/session/code"): Right(body=code),
    ("PUT", "/api/v1/password"): Right(204, always(present=factories.PASSWORD, password="nine lamps in a row")),
    ("POST", "/api/v1/invitations"): Right(201, always(email="new@guest.example", role="agent")),
    ("POST", "/api/v1/invitations/accept"): Right(body=acceptance),
    ("DELETE", "/api/v1/invitations/<uuid:invitation_id>"): Right(204),
    ("POST", "/api/v1/invitations/<uuid:invitation_id>/mail"): Right(),
    ("PUT", "/api/v1/workspace/sign-in"): Right(body=always(methods=["code"], sign_up="invited", domains=[])),
    ("GET", "/mail/"): Right(404),
    ("GET", "/mail/<slug:mail>/"): Right(404),
    ("GET", "/mail/<slug:mail>/html/"): Right(404),
    ("GET", "/code/"): Right(302),
    ("POST", "/code/"): Right(302, form=True),
    ("POST", "/sign-up/"): Right(302, form=True, body=always(email="new@guest.example")),
    ("GET", "/welcome/"): Right(302),
    ("POST", "/welcome/"): Right(302, form=True),
    ("POST", "/reset/"): Right(form=True, body=always(email="new@guest.example")),
    ("GET", "/reset/<str:token>/"): Right(400),
    ("POST", "/reset/<str:token>/"): Right(400, form=True),
    ("GET", "/invitations/<str:token>/"): Right(404),
    ("POST", "/invitations/<str:token>/"): Right(404, form=True),
    ("GET", "/first-run/"): Right(302),
    ("POST", "/first-run/"): Right(302, form=True),
    ("POST", "/settings/members/invitations/"): Right(
        302, form=True, body=always(email="new@guest.example", role="agent")
    ),
    ("POST", "/settings/members/invitations/<uuid:invitation_id>/mail/"): Right(302, form=True),
    ("POST", "/settings/members/invitations/<uuid:invitation_id>/revoke/"): Right(302, form=True),
    ("POST", "/settings/security/sign-in/"): Right(302, form=True, body=always(methods="code", sign_up="invited")),
    ("POST", "/settings/password/"): Right(
        302, form=True, body=always(present=factories.PASSWORD, password="nine lamps in a row")
    ),
    ("POST", "/api/v1/factors/app"): Right(201),
    ("PUT", "/api/v1/factors/app"): Right(body=first_code),
    ("DELETE", "/api/v1/factors/app"): Right(404),
    ("POST", "/api/v1/factors/passkeys"): Right(201, new_passkey),
    ("POST", "/api/v1/factors/passkeys/options"): Right(400),
    ("PATCH", "/api/v1/factors/passkeys/<uuid:passkey_id>"): Right(body=own_passkey),
    ("DELETE", "/api/v1/factors/passkeys/<uuid:passkey_id>"): Right(404),
    ("POST", "/api/v1/factors/recovery-codes"): Right(409),
    ("POST", "/api/v1/session/confirmation/options"): Right(400),
    ("POST", "/api/v1/session/factor"): Right(400),
    ("POST", "/api/v1/session/factor/options"): Right(401),
    ("POST", "/api/v1/session/passkey"): Right(400),
    ("POST", "/api/v1/session/passkey/options"): Right(400),
    ("POST", "/api/v1/tokens/factor"): Right(201, answered_challenge),
    ("POST", "/api/v1/tokens/factor/options"): Right(body=challenge),
    ("PUT", "/api/v1/workspace/second-factor"): Right(body=always(everyone=False)),
    ("DELETE", "/api/v1/members/<uuid:member_id>/factors"): Right(204),
    ("GET", "/sign-in/factor/"): Right(302),
    ("POST", "/sign-in/factor/"): Right(302, form=True),
    ("GET", "/sign-in/passkey/"): Right(302),
    ("POST", "/sign-in/passkey/"): Right(422, form=True),
    ("GET", "/settings/second-factor/app/"): Right(302),
    ("POST", "/settings/second-factor/app/"): Right(302, form=True, body=always(code="000000")),
    ("POST", "/settings/second-factor/app/draft/"): Right(302, form=True),
    ("POST", "/settings/second-factor/app/remove/"): Right(302, form=True),
    ("POST", "/settings/second-factor/passkeys/"): Right(422, form=True),
    ("POST", "/settings/second-factor/passkeys/<uuid:passkey_id>/remove/"): Right(404, form=True),
    ("POST", "/settings/second-factor/codes/"): Right(302, form=True),
    ("POST", "/settings/confirm/factor/"): Right(302, form=True, body=always(code="000000")),
    ("POST", "/settings/security/second-factor/"): Right(302, form=True),
    ("POST", "/settings/members/<uuid:member_id>/second-factor/"): Right(302, form=True),
    ("GET", "/sso/<uuid:workspace_id>/"): Right(404),
    ("GET", "/sso/<uuid:workspace_id>/go/"): Right(404),
    ("GET", "/sso/<uuid:workspace_id>/callback/"): Right(400),
    ("POST", "/settings/security/sso/"): Right(302, form=True, body=always(**SSO)),
    ("POST", "/settings/security/sso/test/"): Right(404, form=True),
    ("POST", "/settings/security/sso/remove/"): Right(404, form=True),
    ("POST", "/settings/profile/sso/"): Right(404, form=True),
    ("POST", "/settings/profile/sso/<uuid:identity_id>/unlink/"): Right(302, form=True),
    ("GET", "/api/v1/workspace/sso"): Right(404),
    ("PUT", "/api/v1/workspace/sso"): Right(body=always(**SSO)),
    ("DELETE", "/api/v1/workspace/sso"): Right(404),
    ("POST", "/api/v1/workspace/sso/test"): Right(404),
    ("DELETE", "/api/v1/profile/identities/<uuid:identity_id>"): Right(204),
    ("POST", "/api/v1/session/confirmation/codes"): Right(409),
    ("POST", "/settings/confirm/code/"): Right(422, form=True, body=always(code="000000")),
    ("GET", "/api/v1/sign-up"): Right(401),
    ("POST", "/api/v1/sign-up"): Right(401),
    ("POST", "/api/v1/sign-up/codes"): Right(202, always(email="new@guest.example")),
    ("POST", "/api/v1/sign-up/code"): Right(body=sign_up_code),
    ("POST", "/api/v1/password/resets"): Right(202, always(email="new@guest.example")),
    ("PUT", "/api/v1/password/resets"): Right(204, reset_token),
    ("DELETE", "/api/v1/session/seat"): Right(204),
    ("POST", "/settings/leave/"): Right(302, form=True),
    ("POST", "/api/v1/session/confirmation"): Right(204, always(proof=factories.PASSWORD)),
    ("DELETE", "/api/v1/sessions"): Right(204),
    ("DELETE", "/api/v1/sessions/<uuid:session_id>"): Right(204),
    ("POST", "/api/v1/tokens"): Right(201, credentials),
    ("POST", "/api/v1/tokens/refresh"): Right(body=refresh_token),
    ("POST", "/api/v1/tokens/revoke"): Right(204, refresh_token),
    ("PATCH", "/api/v1/profile"): Right(body=always(name="Ada L.")),
    ("POST", "/api/v1/keys"): Right(201, always(name="Importer", scopes=["users.read"])),
    ("DELETE", "/api/v1/keys/<uuid:key_id>"): Right(204),
    ("PATCH", "/api/v1/members/<uuid:member_id>"): Right(body=always(role="agent")),
    ("DELETE", "/api/v1/members/<uuid:member_id>"): Right(204),
    ("GET", "/api/v1/ownership"): Right(404),
    ("POST", "/api/v1/ownership"): Right(201, to_subordinate, names_something=True),
    ("DELETE", "/api/v1/ownership"): Right(404),
    ("POST", "/api/v1/ownership/acceptance"): Right(404),
    ("POST", "/settings/profile/"): Right(302, form=True, body=always(name="Ada L.")),
    ("POST", "/settings/sessions/"): Right(302, form=True, body=ended_session),
    ("POST", "/settings/confirm/"): Right(302, form=True, body=always(password=factories.PASSWORD)),
    ("POST", "/settings/keys/"): Right(form=True, body=always(name="Importer", scopes=["users.read"])),
    ("POST", "/settings/keys/<uuid:key_id>/revoke/"): Right(302, form=True),
    ("POST", "/settings/members/<uuid:member_id>/"): Right(302, form=True, body=always(role="agent")),
    ("POST", "/settings/ownership/"): Right(422, form=True, body=always(do="end")),
    ("POST", "/workspaces/"): Right(302, form=True, body=seat_in),
    ("POST", "/api/v1/live/tickets"): Right(),
    ("GET", "/api/v1/search/articles"): Right(400),
    ("DELETE", "/api/v1/search/gaps/<uuid:gap_id>"): Right(204),
    ("PUT", "/api/v1/search/embeddings"): Right(body=always(provider="local", model="minilm")),
    ("PATCH", "/api/v1/workspace/messenger"): Right(body=always(greeting="Hello there")),
    ("PUT", "/api/v1/workspace/security"): Right(body=security),
    ("POST", "/api/v1/audit/exports"): Right(body=always(format="json")),
    ("PUT", "/api/v1/audit/retention"): Right(body=always(days=30)),
    ("POST", "/api/v1/widget/boot"): Right(body=boot),
    ("POST", "/api/v1/widget/visitor/email/codes"): Right(202, always(email="new@guest.example")),
    ("PUT", "/api/v1/widget/visitor/email"): Right(body=email_code),
    ("DELETE", "/api/v1/widget/session"): Right(204),
    ("PATCH", "/api/v1/widget/visitor"): Right(body=always(name="Maya K.")),
    ("POST", "/api/v1/widget/events"): Right(body=event),
    ("POST", "/api/v1/conversations"): Right(201, start, names_something=True),
    ("POST", "/api/v1/conversations/bulk"): Right(body=bulk, names_something=True),
    ("POST", "/api/v1/conversations/<uuid:conversation_id>/messages"): Right(201, message),
    ("PUT", "/api/v1/conversations/<uuid:conversation_id>/status"): Right(body=always(status="closed")),
    ("PUT", "/api/v1/conversations/<uuid:conversation_id>/assignee"): Right(body=always(member=None)),
    ("PUT", "/api/v1/conversations/<uuid:conversation_id>/seen"): Right(204, always(seq=1)),
    ("PUT", "/api/v1/conversations/<uuid:conversation_id>/draft"): Right(body=always(kind="message", body="We")),
    ("DELETE", "/api/v1/conversations/<uuid:conversation_id>/draft"): Right(204),
    ("POST", "/api/v1/attachments"): Right(
        201, form=True, body=lambda scene, person: {"file": named(PICTURE, "b.png")}
    ),
    ("DELETE", "/api/v1/widget/visitor"): Right(204),
    ("POST", "/api/v1/snippets"): Right(201, always(name="Welcome", body="Hello", shared=False)),
    ("PATCH", "/api/v1/snippets/<uuid:snippet_id>"): Right(body=always(name="Welcome")),
    ("DELETE", "/api/v1/snippets/<uuid:snippet_id>"): Right(204),
    ("POST", "/api/v1/snippets/<uuid:snippet_id>/uses"): Right(204),
    ("POST", "/api/v1/snippets/preview"): Right(body=always(body="Hello")),
    ("POST", "/settings/snippets/new/"): Right(422, form=True),
    ("POST", "/settings/snippets/<uuid:snippet_id>/"): Right(422, form=True),
    ("DELETE", "/api/v1/visitors/<uuid:visitor_id>"): Right(),
    ("PUT", "/api/v1/visitors/<uuid:visitor_id>/block"): Right(),
    ("DELETE", "/api/v1/visitors/<uuid:visitor_id>/block"): Right(),
    ("GET", "/api/v1/visitors/<uuid:visitor_id>/merges/preview"): Right(body=twin),
    ("POST", "/api/v1/visitors/<uuid:visitor_id>/merges"): Right(201, twin),
    ("DELETE", "/api/v1/visitors/<uuid:visitor_id>/merges/<uuid:merge_id>"): Right(),
    ("POST", "/api/v1/visitors/<uuid:visitor_id>/exports"): Right(201),
    ("PUT", "/api/v1/workspace/identity"): Right(body=always(mode="off")),
    ("POST", "/api/v1/workspace/identity/secrets"): Right(201, always(grace_days=1)),
    ("DELETE", "/api/v1/workspace/identity/secrets/<uuid:secret_id>"): Right(204),
    ("POST", "/api/v1/workspace/identity/secrets/<uuid:secret_id>/reveal"): Right(),
    ("POST", "/api/v1/workspace/identity/keys"): Right(201, public_key),
    ("POST", "/visitors/<uuid:visitor_id>/block/"): Right(302, form=True, body=always(block="")),
    ("POST", "/visitors/<uuid:visitor_id>/merge/"): Right(302, form=True, body=twin),
    ("POST", "/visitors/<uuid:visitor_id>/merges/<uuid:merge_id>/undo/"): Right(302, form=True),
    ("POST", "/visitors/<uuid:visitor_id>/export/"): Right(form=True),
    ("POST", "/visitors/<uuid:visitor_id>/erase/"): Right(422, form=True),
    ("POST", "/exports/<str:export_token>/"): Right(form=True),
    ("POST", "/settings/identity/"): Right(302, form=True, body=always(mode="off")),
    ("POST", "/settings/identity/secrets/"): Right(302, form=True, body=always(grace_days="1")),
    ("POST", "/settings/identity/keys/"): Right(302, form=True, body=public_key),
    ("POST", "/settings/identity/secrets/<uuid:secret_id>/revoke/"): Right(302, form=True),
    ("POST", "/api/v1/articles"): Right(201, always(title="Returns")),
    ("POST", "/api/v1/articles/preview"): Right(body=always(body="*Yes*")),
    ("POST", "/api/v1/articles/assets"): Right(
        201, form=True, body=lambda scene, person: {"file": named(PICTURE, "b.png")}
    ),
    ("DELETE", "/api/v1/articles/assets/<uuid:asset_id>"): Right(409),
    ("PATCH", "/api/v1/articles/<uuid:article_id>"): Right(body=always(audience="internal")),
    ("DELETE", "/api/v1/articles/<uuid:article_id>"): Right(204),
    ("PUT", "/api/v1/articles/<uuid:article_id>/text"): Right(body=always(title="Gravel", body="Newer", base=2)),
    ("PUT", "/api/v1/articles/<uuid:article_id>/status"): Right(body=always(status="draft")),
    ("POST", "/api/v1/articles/<uuid:article_id>/versions/<uuid:version_id>/restore"): Right(),
    ("POST", "/api/v1/collections"): Right(201, always(name="Orders")),
    ("PATCH", "/api/v1/collections/<uuid:collection_id>"): Right(body=always(name="Orders")),
    ("DELETE", "/api/v1/collections/<uuid:collection_id>"): Right(409),
    ("PUT", "/api/v1/collections/<uuid:collection_id>/place"): Right(body=always(parent=None, position=0)),
    ("PATCH", "/api/v1/help-center"): Right(body=always(tagline="Ask us")),
    ("POST", "/knowledge/new/"): Right(302, form=True),
    ("POST", "/knowledge/articles/<uuid:article_id>/"): Right(
        302, form=True, body=always(title="Gravel", body="Newer", base="2")
    ),
    ("POST", "/knowledge/articles/<uuid:article_id>/details/"): Right(
        302, form=True, body=always(audience="internal", slug="gravel", language="en")
    ),
    ("POST", "/knowledge/articles/<uuid:article_id>/status/"): Right(302, form=True, body=always(status="draft")),
    ("POST", "/knowledge/articles/<uuid:article_id>/translations/"): Right(302, form=True, body=always(language="de")),
    ("POST", "/knowledge/articles/<uuid:article_id>/delete/"): Right(302, form=True),
    ("POST", "/knowledge/articles/<uuid:article_id>/versions/<uuid:version_id>/restore/"): Right(302, form=True),
    ("POST", "/knowledge/collections/"): Right(302, form=True, body=always(name="Orders")),
    ("POST", "/knowledge/collections/<uuid:collection_id>/"): Right(
        302, form=True, body=always(name="Orders", slug="orders")
    ),
    ("GET", "/knowledge/collections/<uuid:collection_id>/move/"): Right(302),
    ("POST", "/knowledge/collections/<uuid:collection_id>/move/"): Right(302, form=True, body=always(to="up")),
    ("GET", "/knowledge/collections/<uuid:collection_id>/delete/"): Right(302),
    ("POST", "/knowledge/collections/<uuid:collection_id>/delete/"): Right(422, form=True),
    ("POST", "/settings/help-center/"): Right(
        302, form=True, body=always(title="", tagline="", slug="ask-us", language="en", mode="public")
    ),
    ("POST", "/help/<str:center>/articles/<str:slug>/feedback/"): Right(form=True, body=always(helpful="yes")),
    ("GET", "/knowledge-files/<str:token>/<str:name>"): Right(404),
    ("ANY", "/api/"): Right(404),
    ("GET", "/inbox/messages/<uuid:conversation_id>/"): Right(body=always(before="3")),
    ("POST", "/sign-in/"): Right(302, form=True, body=credentials),
    ("POST", "/sign-out/"): Right(302, form=True),
    ("GET", "/settings/"): Right(302),
    ("POST", "/settings/messenger/"): Right(422, form=True),
    ("POST", "/settings/security/"): Right(
        302, form=True, body=always(allowed_origins="https://a.example", session_lifetime="3600")
    ),
    ("GET", "/"): Right(302),
    ("GET", "/demo/"): Right(404),
    ("GET", "/demo/bikes/<slug:slug>/"): Right(404),
}


def member_of(person: Person) -> Member:
    assert isinstance(person.caller, (SignedIn, App))
    return person.caller.member


def is_page(endpoint: Endpoint) -> bool:
    return not endpoint.name.startswith("/api/")


def is_addressed(endpoint: Endpoint) -> bool:
    """Whether the address names something that not everybody may see."""
    return re.search("<uuid:", endpoint.name) is not None


def may(access: Access, person: Person) -> bool:
    if person.kind == "visitor":
        return access.visitor
    if person.kind == "key":
        return access.key is not None and access.key in person.held
    return person.kind == "member" and (access.member == ANY or access.member in person.held)


def expected(endpoint: Endpoint, person: Person) -> tuple[int, str | None]:
    """Return the status and the error's code that the table promises this person."""
    right = RIGHT.get((endpoint.verb, endpoint.name), Right())
    assert endpoint.access is not None
    if person.kind == "ended" and not is_page(endpoint) and endpoint.verb != "ANY":
        return 401, "session_expired"
    if endpoint.access.public:
        here_already = endpoint.verb == "GET" and endpoint.name == "/sign-in/" and at_pages(person) == "member"
        return 302 if here_already else right.answers, None
    if is_page(endpoint) and at_pages(person) != "member":
        return 302, None
    if person.kind == "nobody":
        return 401, "not_authenticated"
    if not may(endpoint.access, person):
        return 403, None if is_page(endpoint) else "forbidden"
    names = right.names_something and person.kind in ("member", "key")
    if not person.own and (is_addressed(endpoint) or names):
        return NOT_FOUND, None if is_page(endpoint) else "not_found"
    return right.answers, None


def body_of(endpoint: Endpoint, person: Person, scene: Scene) -> Any:
    """Return what a handler is rightly called with; what has to be there for it is made."""
    right = RIGHT.get((endpoint.verb, endpoint.name), Right())
    if endpoint.name in LEAVING and (at_pages(person) if is_page(endpoint) else person.kind) == "member":
        # Whoever leaves isn't the last owner.
        factories.make_member(member_of(person).workspace, "owner")
    return right.body(scene, person) if right.body else None


def call(endpoint: Endpoint, person: Person, scene: Scene, ids: Mapping[str, Any], body: Any = None) -> Any:
    """Call a handler as this person, rightly but for who they are."""
    right = RIGHT.get((endpoint.verb, endpoint.name), Right())
    known = {**ids, "session_id": person.session} if person.session and ids["session_id"] == scene.session else ids
    if person.identity and ids["identity_id"] == scene.identity.pk:
        known = {**known, "identity_id": person.identity}
    address = re.sub(r"<\w+:(\w+)>", lambda match: str(known[match.group(1)]), endpoint.name)
    verb = "GET" if endpoint.verb == "ANY" else endpoint.verb
    body = body_of(endpoint, person, scene) if body is None else body
    headers = {"Origin": "", **person.caller.headers}
    if endpoint.name.endswith("/widget/boot"):
        headers["Origin"] = factories.ORIGIN
    if right.form or verb == "GET":
        return getattr(person.caller.client, verb.lower())(address, body or {}, headers=headers)
    return person.caller.call(verb, address.removeprefix(API), {} if body is None else body, Origin=headers["Origin"])


def said(response: HttpResponseBase) -> Any:
    """Return what a refusal says, without what differs each time."""
    if response.headers.get("Content-Type") != "application/json":
        return re.sub(rb'name="(csrf-token" content|csrfmiddlewaretoken" value)="[^"]*"', b"", response.content)  # type: ignore[attr-defined]
    error = response.json()["error"]  # type: ignore[attr-defined]
    return {name: value for name, value in error.items() if name != "request_id"}


@case("T01", "V01", "V02", "V07")
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.verb} {endpoint.name}")
def test_everyone_gets_what_the_access_table_promises(scene: Scene, endpoint: Endpoint, subtests: Any) -> None:
    as_it_was = fingerprint()
    for person in scene.people:
        with subtests.test(person.name), scene.undone():
            status, code = expected(endpoint, person)
            response = call(endpoint, person, scene, scene.ids)
            assert response.status_code == status, response.content[:500]
            if is_let_in(endpoint, person, status):
                continue
            assert fingerprint() == as_it_was, "a refusal changed something"
            if code is not None:
                assert response.json()["error"]["code"] == code
            if status == 302:
                assert response["Location"].startswith("/sign-in/?next=")
            if status == NOT_FOUND:
                unknown = call(endpoint, person, scene, scene.random_ids)
                assert said(response) == said(unknown), "not like an id that never was"


def is_let_in(endpoint: Endpoint, person: Person, status: int) -> bool:
    """Whether this person may call the handler, so that what it does may be done."""
    assert endpoint.access is not None
    is_led_to_sign_in = is_page(endpoint) and at_pages(person) != "member" and not endpoint.access.public
    return status < 400 and not (status == 302 and is_led_to_sign_in)


def test_the_scene_has_everybody() -> None:
    assert len(NAMES) == len(set(NAMES)) == 26


def test_the_scenes_people_are_the_named_ones(scene: Scene) -> None:
    assert [person.name for person in scene.people] == NAMES


def test_what_is_called_rightly_still_exists() -> None:
    assert set(RIGHT) <= {(endpoint.verb, endpoint.name) for endpoint in ENDPOINTS}


def test_every_write_is_called_rightly() -> None:
    writes = {
        (endpoint.verb, endpoint.name) for endpoint in ENDPOINTS if endpoint.verb in ("POST", "PUT", "PATCH", "DELETE")
    }
    needing_no_body = {("POST", "/api/v1/widget/session/refresh")}
    assert writes - needing_no_body <= set(RIGHT), (
        "say in RIGHT how it is called, so that those who may are let through"
    )
