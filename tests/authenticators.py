"""What people prove with: an app that shows codes, and a device that keeps passkeys, both in software."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any
from uuid import UUID

import cbor2
import pyotp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from apps.core import clock
from apps.workspaces.factors import authenticators, recovery
from apps.workspaces.factors.models import Authenticator
from apps.workspaces.models import Member

UP, UV, AT = 0x01, 0x04, 0x40


def code_of(secret: str, *, steps: int = 0) -> str:
    """Return what an app shows now, or showed some intervals ago, or will."""
    return pyotp.TOTP(secret).at(int(clock.now().timestamp()) + steps * authenticators.SECONDS)


def with_app(member: Member) -> tuple[str, list[str]]:
    """Give a member an authenticator app that has long been there; returns its secret and their recovery codes."""
    Authenticator.objects.filter(user=member.user).delete()
    row = authenticators.draft(member.user)
    row.confirmed_at = clock.now()
    row.save(update_fields=["confirmed_at"])
    return authenticators.secret_of(row), recovery.renew(member.user_id)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Device:
    """A device with one passkey, which asks who is there unless it is told not to."""

    def __init__(self, origin: str = "http://localhost:8000", host: str = "localhost") -> None:
        self.origin, self.host = origin, host
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.count = 0
        self.handle: str | None = None
        self.flags = UP | UV

    def make(self, options: dict[str, Any], **said: Any) -> dict[str, Any]:
        """Make the passkey; returns what the browser sends."""
        self.handle = options["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        key = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})
        data = self._data(AT) + bytes(16) + len(self.id).to_bytes(2) + self.id + key
        made = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options, said)
        return self._credential({"clientDataJSON": b64(client), "attestationObject": b64(made), "transports": ["usb"]})

    def use(self, options: dict[str, Any], **said: Any) -> dict[str, Any]:
        """Use the passkey; returns what the browser sends."""
        self.count += 1
        data, client = self._data(), self._client("webauthn.get", options, said)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature)}
        return self._credential({**response, "userHandle": self.handle})

    def _data(self, more: int = 0) -> bytes:
        return hashlib.sha256(self.host.encode()).digest() + bytes([self.flags | more]) + self.count.to_bytes(4)

    def _client(self, what: str, options: dict[str, Any], said: dict[str, Any]) -> bytes:
        return json.dumps({"type": what, "challenge": options["challenge"], "origin": self.origin, **said}).encode()

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": response}


def handle_of(user_id: UUID) -> str:
    return b64(user_id.bytes)
