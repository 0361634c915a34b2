"""An id token: whether it is the provider's, for us, of now and of this very sign-in."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.crypto import constant_time_compare
from joserfc import jwt
from joserfc.errors import JoseError

from apps.core import clock, limits
from apps.workspaces.sso.provider import Provider, VerifyingKey, key_of, userinfo

TOKEN_CHARACTERS_MOST = 16_384


class TokenRefused(Exception):
    """The token doesn't prove anything. ``reason`` is for the record; whoever sent it learns no more than that."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, as a provider says. ``email`` only where the provider has verified it."""

    issuer: str
    subject: str
    email: str | None
    name: str


def identify(provider: Provider, *, client_id: str, nonce: str, id_token: str, access_token: str | None) -> Identity:
    """Return whom a provider's answer is about. Raises TokenRefused, ProviderFailed."""
    claims = verified(provider, id_token, client_id=client_id, nonce=nonce)
    about = claims
    if "email" not in claims and access_token is not None and provider.userinfo_endpoint is not None:
        about = userinfo(provider, access_token)
        if about.get("sub") != claims["sub"]:
            raise TokenRefused("userinfo_of_another")
    name = about.get("name")
    return Identity(
        issuer=provider.issuer,
        subject=claims["sub"],
        email=_verified_email(about),
        name=name.strip()[: limits.NAME_CHARACTERS] if isinstance(name, str) else "",
    )


def verified(provider: Provider, token: str, *, client_id: str, nonce: str) -> dict[str, Any]:
    """Return a token's claims once signature, issuer, audience, times and nonce are right. Raises TokenRefused, ProviderFailed."""
    claims = _signed(provider, token)
    if claims.get("iss") != provider.issuer:
        raise TokenRefused("wrong_issuer")
    _check_audience(claims, client_id)
    _check_times(claims)
    sent = claims.get("nonce")
    if not isinstance(sent, str) or not constant_time_compare(sent, nonce):
        raise TokenRefused("wrong_nonce")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= limits.SSO_SUBJECT_CHARACTERS or "\x00" in subject:
        raise TokenRefused("no_subject")
    return claims


def _signed(provider: Provider, token: str) -> dict[str, Any]:
    if len(token) > TOKEN_CHARACTERS_MOST:
        raise TokenRefused("too_long")

    def key(signed: Any) -> VerifyingKey:
        header = signed.headers()
        algorithm, kid = header.get("alg"), header.get("kid")
        # Asked before any key is looked for: what isn't pinned is never verified with anything.
        if algorithm not in provider.algorithms or not isinstance(kid, (str, type(None))):
            raise TokenRefused("wrong_algorithm")
        return key_of(provider, kid, algorithm)

    try:
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=list(provider.algorithms)).claims
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise TokenRefused("bad_signature") from error
    return claims


def _check_audience(claims: dict[str, Any], client_id: str) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise TokenRefused("wrong_audience")
    party = claims.get("azp")
    if (len(audiences) > 1 or party is not None) and party != client_id:
        raise TokenRefused("wrong_party")


def _check_times(claims: dict[str, Any]) -> None:
    now, slack = clock.now().timestamp(), limits.SSO_CLOCK_SLACK_SECONDS
    expires, issued, begins = (_time(claims.get(name)) for name in ("exp", "iat", "nbf"))
    if expires is None or issued is None or (begins is None and "nbf" in claims):
        raise TokenRefused("no_times")
    if expires <= now - slack:
        raise TokenRefused("expired")
    if issued > now + slack or (begins or 0) > now + slack:
        raise TokenRefused("not_yet")
    if issued < now - limits.SSO_ATTEMPT_SECONDS - slack:
        raise TokenRefused("too_old")


def _time(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) else None


def _verified_email(about: dict[str, Any]) -> str | None:
    email = about.get("email")
    if about.get("email_verified") is not True or not isinstance(email, str) or len(email) > 254:
        return None
    try:
        validate_email(email)
    except ValidationError:
        return None
    return email.strip().lower()
