"""Proof of identity: what a customer's own server says about who its user is, signed so that no browser can say it.

Two forms: the HMAC-SHA256 of the user's id, as 64 hexadecimal digits, under a secret that the workspace shares with us; or a JSON Web Token that
names the user in ``sub``, signed with that secret (HS256) or with a key whose public half the workspace has given us (ES256). Only
a token can prove an address, a name or attributes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, ExpiredTokenError, JoseError
from joserfc.jwk import ECKey, OctKey

from apps.core import clock, envelope, limits
from apps.visitors import attributes
from apps.visitors.attributes import BadAttributes
from apps.visitors.models import IdentityPolicy, IdentitySecret, VisitorSession

HASH = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
ALGORITHMS = {"HS256": IdentitySecret.Kind.SHARED, "ES256": IdentitySecret.Kind.PUBLIC_KEY}
"""The algorithms a token may name, each with the one kind of key that it is checked against."""
SKEW_SECONDS = 60
"""How far a customer's clock may be ahead of ours."""

Mode = IdentityPolicy.Mode
Proof = VisitorSession.Proof


class IdentityRefused(PermissionError):
    """What was said about who the visitor is isn't believed. ``code`` for programs, the message for the customer's developer."""

    code = "identity_refused"


class IdentityRequired(IdentityRefused):
    """The workspace takes no user's id without proof."""

    code = "identity_required"


class BadPublicKey(ValueError):
    """This isn't a public key that tokens can be checked with. The message says why."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a messenger says about who its visitor is; None for what it doesn't say."""

    user_id: str | None = None
    user_hash: str | None = None
    user_token: str | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """What a customer's server has signed."""

    user_id: str
    by: VisitorSession.Proof
    secret: IdentitySecret
    details: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a visitor is said to be, and the proof of it, if there is one."""

    user_id: str = ""
    proven: Proven | None = None


def mode_of(workspace_id: UUID) -> str:
    """Return whether a workspace wants ids proven."""
    return IdentityPolicy.objects.filter(workspace_id=workspace_id).values_list("mode", flat=True).first() or Mode.OFF


def check(workspace_id: UUID, claim: Claim) -> Identity:
    """Find out whether a claim is proven. Raises IdentityRefused for a proof that is wrong, IdentityRequired for one that is missing."""
    if claim == Claim():
        return Identity()
    mode = mode_of(workspace_id)
    if mode == Mode.OFF:
        return Identity(claim.user_id or "")
    if claim.user_token is not None:
        proven = _by_token(workspace_id, claim.user_token)
        if claim.user_id is not None and claim.user_id != proven.user_id:
            raise IdentityRefused("user_id isn't the subject (sub) of user_token.")
        return Identity(proven.user_id, proven)
    if claim.user_hash is not None:
        proven = _by_hash(workspace_id, claim.user_id or "", claim.user_hash)
        return Identity(proven.user_id, proven)
    if mode == Mode.REQUIRED:
        raise IdentityRequired(
            "This workspace takes a user_id only with proof: send user_hash or user_token, made by your server. See Settings, Identity verification."
        )
    return Identity(claim.user_id or "")


def _by_hash(workspace_id: UUID, user_id: str, told: str) -> Proven:
    secrets = _active(workspace_id, IdentitySecret.Kind.SHARED)
    wanted = told.lower() if HASH.fullmatch(told) else ""
    # Every secret is tried, also after one has fit: how long this takes says nothing.
    fitting = [secret for secret in secrets if hmac.compare_digest(hash_of(secret, user_id), wanted)]
    if not fitting or not user_id:
        raise IdentityRefused("user_hash isn't the HMAC-SHA256 of user_id under a secret of this workspace.")
    return Proven(user_id, Proof.HASH, fitting[0])


def hash_of(secret: IdentitySecret, user_id: str) -> str:
    """Return what a customer's server has to send for this user."""
    return hmac.new(envelope.reveal(secret, "secret").encode(), user_id.encode(), hashlib.sha256).hexdigest()


def _by_token(workspace_id: UUID, token: str) -> Proven:
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError) as error:
        raise IdentityRefused("user_token isn't a JSON Web Token.") from error
    kind = ALGORITHMS.get(str(header.get("alg")))
    if kind is None:
        raise IdentityRefused("user_token must be signed with HS256 or ES256.")
    secrets = _active(workspace_id, kind)
    if (kid := header.get("kid")) is not None:
        secrets = [secret for secret in secrets if str(secret.pk) == kid]
    for secret in secrets:
        try:
            claims = jwt.decode(token, _key(secret), algorithms=[header["alg"]]).claims
        except BadSignatureError:
            continue
        except (JoseError, ValueError, TypeError) as error:
            raise IdentityRefused("user_token isn't a JSON Web Token that can be used here.") from error
        return _proven(workspace_id, secret, claims)
    raise IdentityRefused("user_token isn't signed by a key of this workspace.")


def _key(secret: IdentitySecret) -> Any:
    if secret.kind == IdentitySecret.Kind.SHARED:
        return OctKey.import_key(envelope.reveal(secret, "secret"))
    return ECKey.import_key(secret.public_key)


def _proven(workspace_id: UUID, secret: IdentitySecret, claims: dict[str, Any]) -> Proven:
    now = int(clock.now().timestamp())
    required = jwt.JWTClaimsRegistry(
        now=now,
        leeway=0,
        aud={"essential": True, "value": str(workspace_id)},
        sub={"essential": True},
        exp={"essential": True},
    )
    try:
        required.validate({name: claims[name] for name in ("aud", "sub", "exp") if name in claims})
        jwt.JWTClaimsRegistry(now=now, leeway=SKEW_SECONDS).validate(
            {name: claims[name] for name in ("nbf", "iat") if name in claims}
        )
    except ExpiredTokenError as error:
        raise IdentityRefused("user_token has expired.") from error
    except JoseError as error:
        raise IdentityRefused(f"A claim of user_token is missing or can't be used: {error}") from error
    if claims["exp"] - now > limits.IDENTITY_TOKEN_SECONDS + SKEW_SECONDS:
        raise IdentityRefused("user_token lives too long: let exp be at most 24 hours ahead.")
    if len(claims["sub"]) > limits.USER_ID_CHARACTERS or "\x00" in claims["sub"]:
        raise IdentityRefused(f"sub has at most {limits.USER_ID_CHARACTERS} characters.")
    return Proven(claims["sub"], Proof.TOKEN, secret, _details(claims), _attributes(claims))


def _details(claims: Mapping[str, Any]) -> dict[str, str]:
    details = {name: claims[name] for name in ("name", "email") if claims.get(name) is not None}
    if not all(isinstance(value, str) and "\x00" not in value for value in details.values()):
        raise IdentityRefused("name and email in user_token must be text.")
    if len(details.get("name", "")) > limits.NAME_CHARACTERS:
        raise IdentityRefused(f"name has at most {limits.NAME_CHARACTERS} characters.")
    if email := details.get("email"):
        try:
            validate_email(email)
        except ValidationError as error:
            raise IdentityRefused("email in user_token isn't an e-mail address.") from error
    return details


def _attributes(claims: Mapping[str, Any]) -> dict[str, Any]:
    told = claims.get("attributes")
    if told is None:
        return {}
    if not isinstance(told, dict):
        raise IdentityRefused("attributes in user_token must be an object.")
    try:
        return attributes.checked(told)
    except BadAttributes as error:
        raise IdentityRefused(f"attributes in user_token: {error}") from error


def _active(workspace_id: UUID, kind: IdentitySecret.Kind) -> Sequence[IdentitySecret]:
    return list(IdentitySecret.objects.active().filter(workspace_id=workspace_id, kind=kind).order_by("slot"))


def public_key(text: str) -> tuple[str, str]:
    """Return a public key for ES256 as it will be kept, and its fingerprint. Raises BadPublicKey."""
    if "PRIVATE" in text:
        raise BadPublicKey("This is a private key. Keep it on your server, make a new pair, and paste the public half.")
    try:
        key = load_pem_public_key(text.strip().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadPublicKey("Paste a public key in PEM form: it begins with -----BEGIN PUBLIC KEY-----.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadPublicKey("ES256 needs a key on the curve P-256 (prime256v1).")
    written = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    fingerprint = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    return written.decode(), fingerprint[:12]
