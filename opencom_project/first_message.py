"""Proof that the product does its job: a visitor's message reaches an agent, and the answer comes back, by the real sockets.

A client from outside: it knows the addresses, the sign-in and the documented protocol, and imports none of our code.
"""

import json
import re
import secrets
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

API = "/api/v1"
FRAME_SECONDS = 10.0


class Undelivered(Exception):
    """The exchange broke off; says at which step and why."""


@dataclass(frozen=True)
class SignIn:
    """An agent's way in."""

    email: str
    password: str

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Find the first e-mail address and the first password in what `manage.py demo --print-sign-in` prints."""
        found = re.search(
            r"(?P<email>[^\s:,/]+@[^\s,/]+).*?password\W+(?P<password>\S+)", text, flags=re.DOTALL | re.IGNORECASE
        )
        if found is None:
            raise Undelivered("There is no sign-in to try: `manage.py demo --print-sign-in` printed none.")
        return cls(found["email"], found["password"])


@dataclass
class Clock:
    """The steps so far and how long each took."""

    say: Callable[[str, float], None]
    steps: list[tuple[str, float]] = field(default_factory=list)
    _last: float = field(default_factory=time.perf_counter)

    def done(self, step: str) -> None:
        """Note that a step has ended just now."""
        now = time.perf_counter()
        self.steps.append((step, now - self._last))
        self.say(step, now - self._last)
        self._last = now


def exchange(web: str, sign_in: SignIn, say: Callable[[str, float], None]) -> list[tuple[str, float]]:
    """Let one message go each way and return each step with its seconds; raise `Undelivered` at the first that fails."""
    clock = Clock(say)
    agent = Caller(web)
    session = agent.call("POST", "/session", {"email": sign_in.email, "password": sign_in.password})
    agent.headers["X-CSRFToken"] = session["csrf"]
    clock.done("the agent signs in")

    ticket = agent.call("POST", "/live/tickets", {})
    with Socket(ticket["live_url"], {"ticket": ticket["ticket"]}, origin=web) as inbox:
        inbox.subscribe("inbox", "conversations.listForInbox", {"status": "open"})
        clock.done("the agent's inbox is live")

        visitor = Caller(web, origin=allowed_origin(agent, web))
        boot = visitor.call(
            "POST",
            "/widget/boot",
            {"workspace": session["workspace"]["id"], "session_id": secrets.token_urlsafe(24)},
        )
        visitor.headers["Authorization"] = f"Bearer {boot['token']}"
        clock.done("the visitor's messenger boots")

        with Socket(boot["live_url"], {"token": boot["token"]}, origin=visitor.headers["Origin"]) as messenger:
            clock.done("the visitor's socket is ready")

            question = f"Is anybody there? ({secrets.token_hex(4)})"
            started = visitor.call("POST", "/conversations", {"client_id": str(uuid.uuid4()), "body": question})
            conversation = started["conversation"]["id"]
            clock.done("the visitor's message is stored")

            inbox.wait_for("inbox", lambda row: row.get("key", row.get("id")) == conversation)
            inbox.subscribe("thread", "messages.list", {"conversation": conversation})
            inbox.wait_for("thread", lambda message: message.get("body") == question)
            clock.done("the agent sees it")

            messenger.subscribe("thread", "messages.list", {"conversation": conversation})
            answer = f"Yes, here I am. ({secrets.token_hex(4)})"
            agent.call(
                "POST", f"/conversations/{conversation}/messages", {"client_id": str(uuid.uuid4()), "body": answer}
            )
            clock.done("the agent's answer is stored")

            messenger.wait_for("thread", lambda message: message.get("body") == answer)
            clock.done("the visitor sees it")
    agent.call("PUT", f"/conversations/{conversation}/status", {"status": "closed"})
    return clock.steps


def allowed_origin(agent: "Caller", web: str) -> str:
    """Return an origin that the workspace lets its messenger run on."""
    workspace = agent.call("GET", "/workspace")
    origins: list[str] = workspace["allowed_origins"]
    return web if workspace["any_origin"] or web in origins or not origins else origins[0]


class Caller:
    """One side's HTTP client, with its cookies."""

    def __init__(self, web: str, origin: str | None = None) -> None:
        self.web = web.rstrip("/")
        self.headers = {"Content-Type": "application/json", "Origin": origin or self.web, "Referer": self.web + "/"}
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def call(self, method: str, path: str, body: object | None = None) -> Any:
        """Call an endpoint of the API and return its answer."""
        data = None if body is None else json.dumps(body).encode()
        address = f"{self.web}{API}{path}"
        request = urllib.request.Request(address, data=data, method=method, headers=self.headers)
        try:
            with self.opener.open(request, timeout=FRAME_SECONDS) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            told = error.read().decode("utf-8", "replace")[:300]
            raise Undelivered(f"{method} {API}{path} was answered with {error.code}: {told}") from None
        except OSError as error:
            raise Undelivered(f"{method} {self.web}{API}{path} could not be reached: {error}") from None
        return json.loads(text) if text else None


class Socket:
    """One side's live socket, past its greeting."""

    def __init__(self, url: str, credential: dict[str, str], origin: str) -> None:
        self.url = url
        self.credential = credential
        self.origin = origin
        self.kept: dict[str, list[dict[str, Any]]] = {}
        self.connection: ClientConnection
        self._open: ExitStack

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            try:
                # The environment's proxy is for the outside; this address is the installation's own.
                self.connection = stack.enter_context(
                    connect(
                        self.url, origin=Origin(self.origin), open_timeout=FRAME_SECONDS, compression=None, proxy=None
                    )
                )
            except (OSError, WebSocketException) as error:
                raise Undelivered(f"The socket {self.url} could not be opened: {error}") from None
            self._send({"type": "hello", **self.credential})
            self._read_until(lambda frame: frame["type"] == "ready", "its greeting")
            self._open = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()

    def subscribe(self, name: str, query: str, params: dict[str, Any]) -> None:
        """Ask for a live query and return when its first answer is there."""
        self._send({"type": "sub", "id": name, "query": query, "params": params})
        self._read_until(
            lambda frame: frame.get("id") == name and frame["type"] == "snapshot", f"a snapshot of {query}"
        )

    def wait_for(self, name: str, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Return when the query has shown such an item."""
        if any(wanted(item) for item in self.kept.get(name, [])):
            return
        self._read_until(lambda _: any(wanted(item) for item in self.kept.get(name, [])), f"the item in {name}")

    def _send(self, frame: dict[str, Any]) -> None:
        try:
            self.connection.send(json.dumps(frame))
        except WebSocketException as error:
            raise Undelivered(f"The socket {self.url} was closed: {error}") from None

    def _read_until(self, enough: Callable[[dict[str, Any]], bool], what: str) -> None:
        deadline = time.monotonic() + FRAME_SECONDS
        while True:
            try:
                frame = json.loads(self.connection.recv(timeout=max(0.0, deadline - time.monotonic())))
            except TimeoutError:
                raise Undelivered(f"The socket {self.url} did not bring {what} within {FRAME_SECONDS:.0f} s") from None
            except WebSocketException as error:
                raise Undelivered(f"The socket {self.url} was closed before {what}: {error}") from None
            if frame["type"] == "error":
                raise Undelivered(f"The socket {self.url} refused {what}: {frame['code']} {frame.get('message', '')}")
            self._keep(frame)
            if enough(frame):
                return

    def _keep(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "snapshot":
            data = frame["data"]
            self.kept[frame["id"]] = list(data.get("items", [])) if isinstance(data, dict) else []
        elif frame["type"] == "delta":
            self.kept.setdefault(frame["id"], []).extend(frame["items"])


def main(web: str) -> int:
    """Try it at this address with the sign-in given on standard input, say each step, and return the exit status."""
    try:
        steps = exchange(web, SignIn.from_text(sys.stdin.read()), say_step)
    except Undelivered as error:
        print(error)
        return 1
    print(f"{'a message went both ways':<36} {sum(seconds for _, seconds in steps) * 1000:7.0f} ms")
    return 0


def say_step(step: str, seconds: float) -> None:
    """Print a step with how long it took."""
    print(f"{step:<36} {seconds * 1000:7.0f} ms", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
