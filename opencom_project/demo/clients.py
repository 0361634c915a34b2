"""The two kinds of people: a visitor with a messenger and a member with a dashboard, each over HTTP and one socket.

They know the public interface and nothing else, keep what they send until it is answered, and write down all they do and see.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from opencom_project.demo.caller import Caller, Refused, Reply
from opencom_project.demo.history import History, digest
from opencom_project.demo.live_client import LiveClient, LogView, Pass, RowsView, ValueView, View


@dataclass(frozen=True, slots=True)
class Place:
    """A running installation, and how to be somebody there. ``live`` replaces the live address that the installation names."""

    web: str
    origin: str
    live: str = ""
    addresses: bool = False
    """Whether each client may say its own address: only a proxy that the installation trusts can."""

    def socket_url(self, named: str) -> str:
        if not self.live:
            return named
        live = urlsplit(self.live)
        scheme = {"http": "ws", "https": "wss"}[live.scheme]
        return urlunsplit((scheme, live.netloc, urlsplit(named).path, "", ""))


@dataclass
class Client:
    """What both kinds share."""

    name: str
    place: Place
    history: History
    log: str = ""
    ping_seconds: float = 25.0
    pong_seconds: float = 10.0
    receive_bytes: int = 0
    caller: Caller = field(init=False)
    live: LiveClient = field(init=False)

    def __post_init__(self) -> None:
        headers = {"Origin": self.place.origin, "Referer": self.place.origin + "/"}
        if self.place.addresses:
            headers["X-Forwarded-For"] = self._address()
        self.caller = Caller(self.place.web, headers)
        self.live = LiveClient(
            self.open_pass,
            self.enter,
            ping_seconds=self.ping_seconds,
            pong_seconds=self.pong_seconds,
            receive_bytes=self.receive_bytes,
        )

    def _address(self) -> str:
        number = int(digest(self.name), 16)
        return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"

    async def enter(self) -> None:
        """Identify anew."""
        raise NotImplementedError

    async def open_pass(self) -> Pass:
        """Return what opens a socket now."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Close everything."""
        await self.live.stop()
        self.caller.close()

    async def request(self, method: str, path: str, body: object | None = None) -> Reply:
        """Make a request that may come twice, for as long as it takes; identify anew where the session has ended. Raises Refused."""
        while True:
            try:
                return await self.caller.insist(method, path, body)
            except Refused as refused:
                if refused.status != 401:
                    raise
                await self.enter()

    async def request_any(self, method: str, path: str, body: object | None = None) -> Reply:
        """Make a request as ``request`` does, and return a refusal as it is."""
        try:
            return await self.request(method, path, body)
        except Refused as refused:
            return refused.reply

    async def send(
        self, conversation: str, body: str, *, kind: str = "message", attachments: list[str] | None = None
    ) -> Reply:
        """Send a message until it is stored, or refused for good (then Refused is raised)."""
        content: dict[str, Any] = {"body": body, **({"kind": kind} if kind != "message" else {})}
        if attachments:
            content["attachments"] = attachments
        return await self._deliver(f"/conversations/{conversation}/messages", content, conversation, body)

    async def _deliver(self, path: str, content: dict[str, Any], conversation: str, body: str) -> Reply:
        client_id = str(uuid.uuid4())
        self.history.record("invoke", cid=client_id, client=self.name, conv=conversation, log=self.log, h=digest(body))
        try:
            reply = await self.request("POST", path, {"client_id": client_id, **content})
        except Refused as refused:
            self.history.record("fail", cid=client_id, status=refused.status, code=refused.code)
            raise
        self.note_stored(client_id, reply)
        return reply

    def note_stored(self, client_id: str, reply: Reply) -> None:
        """Write down that the server says a message is stored."""
        data = reply.data
        message = data.get("message", data)
        conversation = data["conversation"]["id"] if "conversation" in data else ""
        self.history.record(
            "ok",
            cid=client_id,
            log=self.log,
            conv=conversation,
            seq=message["seq"],
            id=message["id"],
            replay=reply.headers.get("idempotent-replay") == "true",
        )

    async def follow(self, conversation: str) -> LogView:
        """Hold a conversation's log live."""
        view = LogView(
            f"log:{conversation}",
            "messages.list",
            {"conversation": conversation},
            client=self.name,
            log=self.log,
            history=self.history,
        )
        await self.live.subscribe(view)
        return view

    async def hold_rows(self, id_: str, query: str, params: dict[str, Any]) -> RowsView:
        """Hold a list live."""
        view = RowsView(id_, query, params)
        await self.live.subscribe(view)
        return view

    async def hold_value(self, id_: str, query: str, params: dict[str, Any]) -> ValueView:
        """Hold a value live."""
        view = ValueView(id_, query, params)
        await self.live.subscribe(view)
        return view

    async def whole_log(self, conversation: str) -> list[dict[str, Any]]:
        """Read a conversation's log from its beginning to its end."""
        items: list[dict[str, Any]] = []
        while True:
            after = items[-1]["seq"] if items else 0
            reply = await self.request("GET", f"/conversations/{conversation}/messages?after={after}&limit=100")
            items += reply.data["items"]
            if not reply.data["more"]:
                return items


@dataclass
class VisitorClient(Client):
    """Somebody on a customer's page."""

    workspace: str = ""
    shown_name: str = ""
    log: str = "public"
    token: str = ""
    live_url: str = ""
    visitor: str = ""
    session_id: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _entering: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def enter(self) -> None:
        """Boot, as the visitor this client has always been."""
        refused = self.token
        async with self._entering:
            if self.token != refused:
                return
            body: dict[str, Any] = {"workspace": self.workspace, "session_id": self.session_id}
            body |= {"page": {"url": self.place.origin + "/bikes", "title": "Bikes"}, "locale": "en"}
            if self.shown_name:
                body["name"] = self.shown_name
            self.caller.headers.pop("Authorization", None)
            booted = (await self.caller.insist("POST", "/widget/boot", body)).data
            self.token, self.visitor = booted["token"], booted["visitor"]["id"]
            self.live_url = self.place.socket_url(booted["live_url"])
            self.caller.headers["Authorization"] = f"Bearer {self.token}"

    async def open_pass(self) -> Pass:
        """Return the token: it opens sockets as it opens requests."""
        if not self.token:
            await self.enter()
        kept = {name: self.caller.headers[name] for name in ("X-Forwarded-For",) if name in self.caller.headers}
        return Pass(self.live_url, {"token": self.token}, self.place.origin, kept)

    async def start(self, body: str) -> str:
        """Start a conversation with its first message and return its id."""
        reply = await self._deliver("/conversations", {"body": body}, "", body)
        return str(reply.data["conversation"]["id"])


@dataclass
class MemberClient(Client):
    """Somebody of the team."""

    email: str = ""
    password: str = ""
    log: str = "all"
    member: str = ""
    workspace: str = ""
    _entering: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def enter(self) -> None:
        """Sign in."""
        refused = self.caller.headers.get("X-CSRFToken")
        async with self._entering:
            if self.caller.headers.get("X-CSRFToken") != refused:
                return
            self.caller.cookies.clear()
            self.caller.headers.pop("X-CSRFToken", None)
            session = (
                await self.caller.insist("POST", "/session", {"email": self.email, "password": self.password})
            ).data
            self.member, self.workspace = session["member"]["id"], session["workspace"]["id"]
            self.caller.headers["X-CSRFToken"] = session["csrf"]

    async def open_pass(self) -> Pass:
        """Fetch a ticket: it opens one socket."""
        ticket = (await self.request("POST", "/live/tickets", {})).data
        kept = {name: self.caller.headers[name] for name in ("X-Forwarded-For",) if name in self.caller.headers}
        return Pass(self.place.socket_url(ticket["live_url"]), {"ticket": ticket["ticket"]}, self.place.origin, kept)

    async def start_with(self, visitor: str, body: str) -> str:
        """Write to a visitor first and return the conversation's id."""
        reply = await self._deliver("/conversations", {"visitor": visitor, "body": body}, "", body)
        return str(reply.data["conversation"]["id"])


def missing(views: list[View]) -> list[str]:
    """Name the views that the present connection hasn't answered yet."""
    return [view.id for view in views if not view.answered]
