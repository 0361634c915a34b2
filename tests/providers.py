"""A provider of OpenID Connect as the tests need one: discovery, authorization, tokens, keys and userinfo, over HTTP on loopback, with real keys.

Honest unless it is told otherwise: ``claims`` and ``discovery`` are mixed into what it says, ``sign`` replaces how.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

Key = RSAKey | ECKey | OctKey
CLIENT, SECRET = "opencom-client", "the client's s+cret/with signs"


class Provider:
    """A provider with one client and whoever ``person`` says is at the browser. Use it as a context."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self.keys: list[RSAKey | ECKey] = [_new_key()]
        self.algorithm = "RS256"
        self.person: dict[str, Any] = {
            "sub": "248289761001",
            "email": "ada@corp.example",
            "email_verified": True,
            "name": "Ada Lovelace",
        }
        self.claims: dict[str, Any] = {}
        """Mixed into each id token; None leaves one out."""
        self.discovery: dict[str, Any] = {}
        self.refuses = False
        """Whether it sends people back without a code."""
        self.by_userinfo = False
        """Whether what it knows of people beyond their subject is asked for at userinfo."""
        self.userinfo: dict[str, Any] = {}
        self.sends_back: dict[str, str] = {}
        """Mixed into what it sends people back with."""
        self.sign: Callable[[dict[str, Any]], str] = self._sign
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider._get(self)

            def do_POST(self) -> None:
                provider._post(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def turn_keys(self) -> None:
        """Sign with a new key from now on, and forget the former."""
        self.keys = [_new_key()]

    def authorize(self, url: str) -> str:
        """Do what a browser does that is sent here: the person signs in. Returns where they are sent back to."""
        return self._authorized(parse_qs(urlsplit(url).query))

    def _get(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        self.asked.append(parts.path)
        match parts.path:
            case "/.well-known/openid-configuration":
                _answer(handler, 200, self._described())
            case "/keys":
                _answer(handler, 200, {"keys": [key.as_dict(private=False) for key in self.keys]})
            case "/userinfo" if handler.headers.get("Authorization") == "Bearer at-for-userinfo":
                _answer(handler, 200, {**self.person, **self.userinfo})
            case "/authorize":
                handler.send_response(302)
                handler.send_header("Location", self._authorized(parse_qs(parts.query)))
                handler.send_header("Content-Length", "0")
                handler.end_headers()
            case _:
                _answer(handler, 404, {"error": "not_found"})

    def _described(self) -> dict[str, Any]:
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "code_challenge_methods_supported": ["S256"],
            **self.discovery,
        }
        return {name: value for name, value in said.items() if value is not None}

    def _authorized(self, asked: dict[str, list[str]]) -> str:
        sent = {name: values[0] for name, values in asked.items()}
        assert sent["client_id"] == CLIENT
        assert sent["response_type"] == "code"
        assert sent["code_challenge_method"] == "S256"
        assert {"openid", "email"} <= set(sent["scope"].split())
        back = {"state": sent["state"]}
        if self.refuses:
            back["error"] = "access_denied"
        else:
            back["code"] = secrets.token_urlsafe(16)
            with self._lock:
                self._codes[back["code"]] = sent
        return f"{sent['redirect_uri']}?{urlencode({**back, **self.sends_back})}"

    def _post(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0))).decode()
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        self.asked.append(urlsplit(handler.path).path)
        if not self._knows(handler.headers.get("Authorization", ""), sent):
            _answer(handler, 401, {"error": "invalid_client"})
            return
        with self._lock:
            begun = self._codes.pop(sent.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent.get("code_verifier", "").encode()).digest())
        if (
            begun is None
            or begun["code_challenge"] != challenge.rstrip(b"=").decode()
            or begun["redirect_uri"] != sent.get("redirect_uri")
        ):
            _answer(handler, 400, {"error": "invalid_grant"})
            return
        now = int(time.time())
        known = {"sub": self.person["sub"]} if self.by_userinfo else self.person
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": begun["nonce"], **known}
        said = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        _answer(handler, 200, {"id_token": self.sign(said), "access_token": "at-for-userinfo", "token_type": "Bearer"})

    def _knows(self, authorization: str, sent: dict[str, str]) -> bool:
        if authorization.startswith("Basic "):
            client, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
            return (unquote(client), unquote(secret)) == (CLIENT, SECRET)
        return (sent.get("client_id"), sent.get("client_secret")) == (CLIENT, SECRET)

    def _sign(self, claims: dict[str, Any]) -> str:
        return signed(claims, self.keys[0], self.algorithm)


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"}, private=True)


def signed(claims: dict[str, Any], key: Key, algorithm: str, **header: Any) -> str:
    """Sign claims with a key, as the header then says."""
    return jwt.encode({"alg": algorithm, "kid": key.kid, **header}, claims, key, algorithms=[algorithm])


def unsigned(claims: dict[str, Any]) -> str:
    """Return a token that says of itself that nobody signed it."""
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}."


def _part(said: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()


def _answer(handler: BaseHTTPRequestHandler, status: int, said: dict[str, Any]) -> None:
    body = json.dumps(said).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
