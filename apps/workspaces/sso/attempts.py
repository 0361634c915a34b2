"""A single sign-on on its way: begun in one browser, ended once, in the same one, with the provider it was begun at."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest

from apps.core import limits
from apps.workspaces.sso import connections, id_tokens, provider
from apps.workspaces.sso.id_tokens import Identity, TokenRefused
from apps.workspaces.sso.models import SsoConnection

ATTEMPTS_KEY = "sso"
"""Where a browser's session keeps the single sign-ons that it has begun, by state."""
SIGN_IN, LINK, JOIN = "sign_in", "link", "join"
SCOPE = "openid email profile"
PARAMETER_CHARACTERS_MOST = 4000


class UnknownAttempt(Exception):
    """This browser began no such single sign-on, or it was ended already, or it took too long."""


class Declined(Exception):
    """The provider sent somebody back without letting them in."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a browser began: for which workspace, to what end, and what only it can know at the end."""

    workspace: str
    issuer: str
    client_id: str
    purpose: str
    nonce: str
    verifier: str
    until: float
    onwards: str = ""
    """The page that was asked for; of an invitation its token."""
    session: str = ""
    """For linking: the session of whoever began."""


def begin(
    request: HttpRequest, connection: SsoConnection, *, purpose: str, onwards: str = "", session: str = ""
) -> str:
    """Remember an attempt in this browser. Returns the provider's address to go to. Raises ProviderFailed."""
    known = provider.discover(connection.issuer)
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    attempt = Attempt(
        workspace=str(connection.workspace_id),
        issuer=connection.issuer,
        client_id=connection.client_id,
        purpose=purpose,
        nonce=secrets.token_urlsafe(32),
        verifier=verifier,
        until=time.time() + limits.SSO_ATTEMPT_SECONDS,
        onwards=onwards,
        session=session,
    )
    kept = list(request.session.get(ATTEMPTS_KEY, {}).items())[-(limits.SSO_ATTEMPTS - 1) :]
    request.session[ATTEMPTS_KEY] = {**dict(kept), state: asdict(attempt)}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": connection.client_id,
        "redirect_uri": connections.redirect_uri(connection.workspace_id),
        "scope": SCOPE,
        "state": state,
        "nonce": attempt.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    endpoint = known.authorization_endpoint
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"


def take(request: HttpRequest, workspace_id: UUID) -> Attempt:
    """Use up the attempt that this browser comes back from. Raises UnknownAttempt."""
    attempts: dict[str, Any] = request.session.get(ATTEMPTS_KEY, {})
    state = _parameter(request, "state")
    kept = attempts.pop(state, None) if state else None
    if kept is None:
        raise UnknownAttempt
    # Written at once: whatever comes of it, it is used up.
    request.session[ATTEMPTS_KEY] = attempts
    request.session.save()
    attempt = Attempt(**kept)
    if attempt.workspace != str(workspace_id) or attempt.until < time.time():
        raise UnknownAttempt
    return attempt


def finish(request: HttpRequest, attempt: Attempt, connection: SsoConnection) -> Identity:
    """Return whom the provider sent back. Raises Declined, TokenRefused, ProviderFailed."""
    if (connection.issuer, connection.client_id) != (attempt.issuer, attempt.client_id):
        raise TokenRefused("changed_meanwhile")
    known = provider.discover(connection.issuer)
    named = _parameter(request, "iss")
    if named != known.issuer and (named is not None or known.names_itself):
        raise TokenRefused("mixed_up")
    if "error" in request.GET:
        raise Declined
    code = _parameter(request, "code")
    if not code:
        raise TokenRefused("no_code")
    id_token, access_token = provider.exchange(
        known,
        client_id=connection.client_id,
        client_secret=connections.secret_of(connection),
        code=code,
        verifier=attempt.verifier,
        redirect_uri=connections.redirect_uri(connection.workspace_id),
    )
    return id_tokens.identify(
        known, client_id=connection.client_id, nonce=attempt.nonce, id_token=id_token, access_token=access_token
    )


def _parameter(request: HttpRequest, name: str) -> str | None:
    """Return a parameter that was sent once; one that comes twice is none."""
    values = request.GET.getlist(name)
    return values[0] if len(values) == 1 and len(values[0]) <= PARAMETER_CHARACTERS_MOST else None
