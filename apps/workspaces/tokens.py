"""Tokens for apps: an access token for a quarter of an hour, and a refresh token that gets the next one, once.

An access token is a JWT (RFC 9068): whoever reads it learns the user's and the session's id. It opens nothing by itself: each request looks its
session up, so that ending a session ends its tokens at once. A refresh token is 256 random bits; only its hash is kept.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from apps.core import clock, limits
from apps.core.errors import Invalid
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.live import NotVisible
from apps.core.slots import fill
from apps.core.tokens import hash_token
from apps.workspaces import entry, policy, sessions, user_sessions
from apps.workspaces.actions import record_sign_in
from apps.workspaces.events import TokenReused
from apps.workspaces.factors import steps
from apps.workspaces.models import Member, RefreshToken, SignInMethod, User, UserSession

ALGORITHM = "HS256"
TYPE = "at+jwt"
AUDIENCE = "opencom-api"
REFRESH_PREFIX = "ort_"
TOKEN_CHARACTERS_MOST = 2000


class TokenRefused(Exception):
    """Unknown, used, ended: one answer for all of them."""

    def __str__(self) -> str:
        return "This refresh token isn't valid any more. Sign in again."


@dataclass(frozen=True, slots=True)
class Pair:
    """What an app gets: both tokens, and the session that they are of."""

    access: str
    refresh: str
    session: UserSession


def sign_in(request: HttpRequest, email: str, password: str) -> tuple[Pair, Member]:
    """Begin an app's session. Raises SignInRefused, Limited after too many wrong tries, MethodRefused where no workspace takes a password,
    and FactorNeeded, with a challenge that the second factor answers."""
    user = entry.authenticated(request, email, password)
    seat = entry.seat_for(user, SignInMethod.PASSWORD)
    steps.require_in_app(user, SignInMethod.PASSWORD, seat)
    return begin(request, user, seat)


def begin(request: HttpRequest, user: User, seat: Member, *, factor: str = "") -> tuple[Pair, Member]:
    """Begin the session of an app whose person has proven all that is asked of them."""
    member = sessions.enter(user, seat.workspace_id)
    with transaction.atomic():
        session = user_sessions.begin_app(request, user)
        method = str(SignInMethod.PASSWORD)
        record_sign_in(member, f"{method} and {factor}" if factor else method)
        return _issue(session, None), member


def refresh(token: str) -> Pair:
    """Exchange a refresh token for a new pair. Raises TokenRefused.

    One that comes a second time has been copied: its session ends, for whoever holds the newer one too. But where the answer got lost
    on its way, the app can't know: within half a minute the same token is exchanged again, as long as nobody has used what it was exchanged for,
    and that is void from then on.
    """
    pair = _exchange(hash_token(token)) if token.startswith(REFRESH_PREFIX) else None
    if pair is None:
        raise TokenRefused
    return pair


@transaction.atomic
def _exchange(token_hash: bytes) -> Pair | None:
    found = RefreshToken.objects.filter(pk=token_hash).values_list("session_id", flat=True).first()
    session = (
        found and UserSession.objects.select_for_update(of=("self",)).select_related("user").filter(pk=found).first()
    )
    if not session:
        return None
    token = RefreshToken.objects.get(pk=token_hash)
    now = clock.now()
    if token.used_at is not None:
        unused = RefreshToken.objects.filter(parent_hash=token_hash, used_at=None)
        in_time = token.used_at > now - timedelta(seconds=limits.REFRESH_GRACE_SECONDS)
        if not in_time or not unused.update(used_at=now):
            _end_family(session)
            return None
    if not _goes_on(session):
        return None
    RefreshToken.objects.filter(pk=token_hash, used_at=None).update(used_at=now)
    UserSession.objects.filter(pk=session.pk).update(seen_at=now)
    return _issue(session, token_hash)


def _goes_on(session: UserSession) -> bool:
    user = session.user
    alive = user_sessions.alive(user.pk).filter(pk=session.pk).exists()
    return alive and user.is_active and user_sessions.is_of_password(user, session.auth_hash)


def _end_family(session: UserSession) -> None:
    user_sessions.forget([session.pk])
    with scopes.every_workspace(user_sessions.SEATS):
        for member in user_sessions.seats_of(session.user_id):
            emit(TokenReused(actor=member, member=member, device=session.device))


@transaction.atomic
def revoke(token: str) -> None:
    """End the session that a refresh token is of. One that is unknown ends nothing, and nobody learns which it was."""
    session = UserSession.objects.filter(refresh_tokens=hash_token(token)).select_related("user").first()
    if session is None:
        return
    seats = user_sessions.seats_of(session.user_id)
    if not seats:
        user_sessions.forget([session.pk])
        return
    user_sessions.end(session.user, by=seats[0], ids=[session.pk])


def _issue(session: UserSession, parent_hash: bytes | None) -> Pair:
    token = REFRESH_PREFIX + secrets.token_hex(32)
    RefreshToken.objects.create(token_hash=hash_token(token), session=session, parent_hash=parent_hash)
    return Pair(access_token(session), token, session)


def access_token(session: UserSession) -> str:
    """Sign an access token for a session, valid from now on for a quarter of an hour."""
    now = int(clock.now().timestamp())
    claims = {
        "iss": settings.PUBLIC_URL,
        "aud": AUDIENCE,
        "sub": str(session.user_id),
        "sid": str(session.pk),
        "iat": now,
        "exp": now + limits.ACCESS_TOKEN_SECONDS,
        "jti": secrets.token_hex(8),
    }
    return jwt.encode({"alg": ALGORITHM, "typ": TYPE}, claims, _key(settings.SECRET_KEY))


def _key(secret: str) -> OctKey:
    """Derive the signing key: nothing else is ever signed with it."""
    return OctKey.import_key(salted_hmac("opencom.access-token", "HS256", secret=secret, algorithm="sha256").digest())


@fill("api.token")
def member_of_token(request: HttpRequest, token: str) -> Member | None:
    """Return the member whose app sends this access token, in the workspace that ``X-Workspace`` names.

    Raises NotVisible where they have no seat in it, Invalid where none is named and they have several.
    """
    claims = _claims(token)
    if claims is None:
        return None
    named = named_workspace(request)
    member = sessions.member_by_session(claims["sid"], workspace_id=named)
    if member is None:
        if named is not None and sessions.member_by_session(claims["sid"]) is not None:
            scopes.leave()
            raise NotVisible
        return None
    if str(member.user_id) != claims["sub"] or claims["exp"] <= clock.now().timestamp():
        scopes.leave()
        return None
    if named is None and len(user_sessions.seats_of(member.user_id)) > 1:
        scopes.leave()
        raise Invalid("You work in several workspaces: name one as X-Workspace.", "workspace_required")
    if not policy.takes(member, SignInMethod.PASSWORD):
        scopes.leave()
        return None
    if member.is_session_stale:
        user_sessions.note_seen([claims["sid"]])
    return member


def _claims(token: str) -> dict[str, Any] | None:
    """Return what a token of ours says, None for any other. Whether it is still good is for the database's clock to say."""
    if not token.startswith("eyJ") or len(token) > TOKEN_CHARACTERS_MOST:
        return None
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            decoded = jwt.decode(token, _key(secret), algorithms=[ALGORITHM])
        except (JoseError, ValueError):
            continue
        claims: dict[str, Any] = decoded.claims
        ours = (decoded.header.get("typ"), claims.get("iss"), claims.get("aud")) == (
            TYPE,
            settings.PUBLIC_URL,
            AUDIENCE,
        )
        whole = all(_is_id(claims.get(name)) for name in ("sub", "sid")) and isinstance(claims.get("exp"), int)
        return claims if ours and whole else None
    return None


def _is_id(claim: object) -> bool:
    try:
        return isinstance(claim, str) and bool(UUID(claim))
    except ValueError:
        return False


def named_workspace(request: HttpRequest) -> UUID | None:
    """Return the workspace that a request names, None for none. Raises NotVisible for what can't be one."""
    named = request.headers.get("X-Workspace")
    if named is None:
        return None
    try:
        return UUID(named)
    except ValueError:
        raise NotVisible from None
