"""Whoever carries mail, on this machine: an SMTP server and Resend's HTTP API, each of which can refuse."""

from __future__ import annotations

import json
import threading
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.processes import free_port


class SmtpServer:
    """Speaks SMTP. ``answer`` is said to each recipient, ``end`` to each mail's end; what is taken is in ``taken``."""

    def __init__(self, *, login: tuple[str, str] | None = None) -> None:
        self.taken: list[EmailMessage] = []
        self.answer = "250 OK"
        self.end = "250 OK"
        self.login = login
        options: dict[str, Any] = {}
        if login:
            options = {"authenticator": self._authenticate, "auth_required": True, "auth_require_tls": False}
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port(), **options)

    @property
    def port(self) -> int:
        return int(self._controller.port)

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == self.login
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.end.startswith("250"):
            self.taken.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return self.end

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()


class ResendServer:
    """Speaks Resend's protocol, idempotency included. ``fails`` is answered instead, ``slow`` waited for before."""

    def __init__(self) -> None:
        self.sent: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, str]] = []
        self.fails: tuple[int, str] | None = None
        self.slow = 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(dict(self.headers))
                status, said = outer.answer(self.path, self.headers["Idempotency-Key"], body)
                time.sleep(outer.slow)
                content = json.dumps(said).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except BrokenPipeError:
                    return

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, path: str, key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer as the API does: what had a key before is not sent again, and must be the same."""
        assert path == "/emails"
        if self.fails is not None:
            status, name = self.fails
            return status, {"statusCode": status, "name": name, "message": f"about {body['to'][0]}"}
        if key in self.sent and self.sent[key] != body:
            return 409, {"statusCode": 409, "name": "invalid_idempotent_request", "message": "not the same"}
        self.sent[key] = body
        return 200, {"id": key}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
