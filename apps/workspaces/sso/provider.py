"""A provider as it describes itself, its keys, and what it answers to a code. Every request goes by ``safe_fetch``."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from apps.core import limits
from apps.core.limits import Limited
from apps.core.outbound import Fetched, FetchFailed, Refused, safe_fetch

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""What an id token may be signed with: only what the provider's public key verifies."""
RSA_BITS_LEAST = 2048
BASIC, POST = "client_secret_basic", "client_secret_post"

Value = TypeVar("Value")
VerifyingKey = RSAKey | ECKey


class ProviderFailed(Exception):
    """The provider can't be asked, or answers what can't be used. ``reason`` is for the record, the message for people."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Provider:
    """What a provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str | None
    jwks_uri: str
    algorithms: tuple[str, ...]
    client_authentication: str
    names_itself: bool
    """Whether it names its issuer when it sends somebody back (RFC 9207)."""


class _Kept(Generic[Value]):
    """Values by key, each for a while, in this process."""

    MOST = 1000

    def __init__(self) -> None:
        self._values: dict[str, tuple[float, Value]] = {}
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        with self._lock:
            until, value = self._values.get(key, (0.0, None))
        if value is not None and until > time.monotonic():
            return value
        return self.renew(key, make)

    def renew(self, key: str, make: Callable[[], Value]) -> Value:
        value = make()
        with self._lock:
            if len(self._values) >= self.MOST:
                self._values.clear()
            self._values[key] = (time.monotonic() + limits.SSO_METADATA_SECONDS, value)
        return value


_providers: _Kept[Provider] = _Kept()
_keys: _Kept[list[VerifyingKey]] = _Kept()


def discover(issuer: str) -> Provider:
    """Return what an issuer says of itself, known for an hour. Raises ProviderFailed."""
    return _providers.get(issuer, lambda: describe(issuer))


def describe(issuer: str) -> Provider:
    """Ask an issuer now what it says of itself. Raises ProviderFailed."""
    said = fetch_json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if said.get("issuer") != issuer:
        raise ProviderFailed("other_issuer", f"It calls itself {_short(said.get('issuer'))}, not {_short(issuer)}.")
    algorithms = _texts(said, "id_token_signing_alg_values_supported") or ["RS256"]
    ours = tuple(each for each in ALGORITHMS if each in algorithms)
    if not ours:
        raise ProviderFailed("algorithms", "It signs in no way that is safe to accept, such as RS256 or ES256.")
    if "code" not in (_texts(said, "response_types_supported") or ["code"]):
        raise ProviderFailed("no_code_flow", "It doesn't offer the authorization code flow.")
    methods = _texts(said, "code_challenge_methods_supported")
    if methods and "S256" not in methods:
        raise ProviderFailed("no_pkce", "It doesn't take PKCE with S256.")
    authentications = _texts(said, "token_endpoint_auth_methods_supported") or [BASIC]
    authentication = next((each for each in (BASIC, POST) if each in authentications), None)
    if authentication is None:
        raise ProviderFailed("client_authentication", "It doesn't take a client's secret.")
    return Provider(
        issuer=issuer,
        authorization_endpoint=_endpoint(said, "authorization_endpoint"),
        token_endpoint=_endpoint(said, "token_endpoint"),
        userinfo_endpoint=_endpoint(said, "userinfo_endpoint") if said.get("userinfo_endpoint") else None,
        jwks_uri=_endpoint(said, "jwks_uri"),
        algorithms=ours,
        client_authentication=authentication,
        names_itself=said.get("authorization_response_iss_parameter_supported") is True,
    )


def key_of(provider: Provider, kid: str | None, algorithm: str) -> VerifyingKey:
    """Return the provider's key of this name; without a name its only one. An unknown one is asked for anew, but not often. Raises ProviderFailed."""
    known = _keys.get(provider.jwks_uri, lambda: fetch_keys(provider))
    found = _chosen(known, kid, algorithm)
    if found is None:
        try:
            limits.spend(limits.SSO_KEY_FETCHES, limits.account_subject(provider.issuer))
        except Limited:
            raise ProviderFailed("unknown_key", "It signs with a key that it doesn't publish.") from None
        found = _chosen(_keys.renew(provider.jwks_uri, lambda: fetch_keys(provider)), kid, algorithm)
    if found is None:
        raise ProviderFailed("unknown_key", "It signs with a key that it doesn't publish.")
    return found


def _chosen(keys: Sequence[VerifyingKey], kid: str | None, algorithm: str) -> VerifyingKey | None:
    kind = "EC" if algorithm.startswith("ES") else "RSA"
    fitting = [key for key in keys if key.key_type == kind and key.get("alg") in (None, algorithm)]
    if kid is not None:
        return next((key for key in fitting if key.get("kid") == kid), None)
    return fitting[0] if len(fitting) == 1 else None


def fetch_keys(provider: Provider) -> list[VerifyingKey]:
    """Ask the provider for its keys now; returns those that can verify a signature. Raises ProviderFailed."""
    listed = fetch_json(provider.jwks_uri).get("keys")
    found = [_verifying(each) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    if not (usable := [key for key in found if key is not None]):
        raise ProviderFailed("no_keys", "It publishes no key that is safe to accept.")
    return usable


def _verifying(said: dict[str, Any]) -> VerifyingKey | None:
    if said.get("kty") not in ("RSA", "EC") or said.get("use", "sig") != "sig" or "d" in said:
        return None
    try:
        key = import_key(said)
    except (JoseError, ValueError, TypeError):
        return None
    if isinstance(key, RSAKey):
        return key if key.public_key.key_size >= RSA_BITS_LEAST else None
    return key if isinstance(key, ECKey) else None


def exchange(
    provider: Provider, *, client_id: str, client_secret: str, code: str, verifier: str, redirect_uri: str
) -> tuple[str, str | None]:
    """Exchange a code for an id token and, where there is one, an access token. Raises ProviderFailed."""
    answer = ask_for_tokens(
        provider,
        client_id=client_id,
        client_secret=client_secret,
        code=code,
        verifier=verifier,
        redirect_uri=redirect_uri,
    )
    if answer.status != 200:
        raise ProviderFailed(error_of(answer) or "no_tokens", "It didn't accept what it was asked for a token with.")
    said = _json(answer)
    id_token, access_token = said.get("id_token"), said.get("access_token")
    if not isinstance(id_token, str):
        raise ProviderFailed("no_id_token", "It answered without an id token.")
    return id_token, access_token if isinstance(access_token, str) else None


def ask_for_tokens(
    provider: Provider, *, client_id: str, client_secret: str, code: str, verifier: str, redirect_uri: str
) -> Fetched:
    """Ask the token endpoint, as this client. Returns its answer, whatever its status. Raises ProviderFailed."""
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": redirect_uri,
    }
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    if provider.client_authentication == BASIC:
        pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        fields |= {"client_id": client_id, "client_secret": client_secret}
    return _fetched(provider.token_endpoint, method="POST", headers=headers, body=urlencode(fields).encode())


def error_of(answer: Fetched) -> str | None:
    """Return why a token endpoint refused, where it says so in one of the known words. Raises ProviderFailed for what isn't JSON."""
    error = _json(answer).get("error")
    return error if error in ("invalid_client", "invalid_grant", "unauthorized_client") else None


def userinfo(provider: Provider, access_token: str) -> dict[str, Any]:
    """Return what the provider says of whom an access token is of. Raises ProviderFailed."""
    assert provider.userinfo_endpoint is not None
    return fetch_json(provider.userinfo_endpoint, {"Authorization": f"Bearer {access_token}"})


def fetch_json(url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Fetch a JSON object. Raises ProviderFailed."""
    answer = _fetched(url, headers={"Accept": "application/json", **(headers or {})})
    if answer.status != 200:
        raise ProviderFailed("no_answer", f"It answered {answer.status} at {_short(urlsplit(url).path)}.")
    return _json(answer)


def _fetched(url: str, **request: Any) -> Fetched:
    try:
        return safe_fetch(url, **request)
    except Refused as error:
        raise ProviderFailed("address_refused", str(error)) from error
    except FetchFailed as error:
        raise ProviderFailed("no_answer", "It didn't answer.") from error


def _json(answer: Fetched) -> dict[str, Any]:
    try:
        said = None if answer.cut else json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ProviderFailed("not_json", "What it answered isn't what OpenID Connect says.")
    return said


def _endpoint(said: Mapping[str, Any], name: str) -> str:
    url = said.get(name)
    schemes = ("https", "http") if settings.OUTBOUND_HTTP else ("https",)
    try:
        parts = urlsplit(url) if isinstance(url, str) and len(url) <= limits.URL_CHARACTERS else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in schemes or not parts.hostname or parts.username or parts.fragment:
        raise ProviderFailed("bad_endpoint", f"Its {name.replace('_', ' ')} is missing or isn't an https address.")
    return str(url)


def _texts(said: Mapping[str, Any], name: str) -> list[str]:
    values = said.get(name)
    return [each for each in values if isinstance(each, str)] if isinstance(values, list) else []


def _short(text: object) -> str:
    return f"“{str(text)[:120]}”"
