"""The live socket's endpoint: a bare ASGI application, one coroutine a client and nothing else.

``docs/reference/live.md`` is its documentation, complete enough to write a client from.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import Error as DatabaseError

from apps.core import frames, hub, limits, live, whispers
from apps.core.hub import Hub, Identity, Socket
from apps.core.live import BadParams, NotVisible, UnknownQuery
from apps.core.network import client_address
from apps.core.slots import ask
from apps.core.wires import EXTENSION, PlainWire, Send

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class Hello(msgspec.Struct, tag="hello", tag_field="type", forbid_unknown_fields=True):
    """The first frame: who this is."""

    token: str | None = None
    ticket: str | None = None


class Sub(
    msgspec.Struct, tag="sub", tag_field="type", forbid_unknown_fields=True, rename={"since": "from", "form": "as"}
):
    """Subscribe to a live query, from a version if the client holds one."""

    id: str
    query: str
    params: dict[str, Any] = {}
    since: str | None = None
    form: str = "data"


class Unsub(msgspec.Struct, tag="unsub", tag_field="type", forbid_unknown_fields=True):
    """End a subscription."""

    id: str


class TellFrame(msgspec.Struct, tag="tell", tag_field="type", forbid_unknown_fields=True):
    """Say something that is true for seconds."""

    what: str
    params: dict[str, Any] = {}


class Ping(msgspec.Struct, tag="ping", tag_field="type", forbid_unknown_fields=True):
    """Still here; what should I hold by now?"""


_decoder = msgspec.json.Decoder(Hello | Sub | Unsub | TellFrame | Ping)


class Refused(Exception):
    """The socket must close, with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one socket from handshake to close."""
    await receive()
    headers = dict(scope["headers"])
    origin = headers[b"origin"].decode("latin-1") if b"origin" in headers else None
    if origin == "null" or scope["query_string"]:
        await send({"type": "websocket.close", "code": 4403})
        return
    address = client_address(scope)
    await send({"type": "websocket.accept"})
    wire = scope.get("extensions", {}).get(EXTENSION) or PlainWire(send)
    socket = Socket(wire, origin, address)
    centre = hub.current()
    centre.enter(socket)
    try:
        await _converse(centre, socket, receive)
    except Refused as refusal:
        socket.close(refusal.code)
        await _until_gone(receive)
    finally:
        centre.leave(socket)


async def _converse(centre: Hub, socket: Socket, receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is None or len(text) > limits.FRAME_BYTES or socket.closed:
            raise Refused(4400)
        _count(socket)
        try:
            frame = _decoder.decode(text)
        except (msgspec.DecodeError, RecursionError):
            raise Refused(4400) from None
        await _handle(centre, socket, frame)


async def _until_gone(receive: Receive) -> None:
    """Read until the client has closed too, so that it learns the code."""
    while (await receive())["type"] != "websocket.disconnect":
        pass


def _count(socket: Socket) -> None:
    now = time.monotonic()
    socket.heard_at = now
    if now - socket.window > 10:
        socket.window, socket.frames = now, 0
    socket.frames += 1
    if settings.LIMITS_ENFORCED and socket.frames > limits.FRAMES_PER_10_SECONDS:
        raise Refused(4429)


async def _handle(centre: Hub, socket: Socket, frame: Hello | Sub | Unsub | TellFrame | Ping) -> None:
    if isinstance(frame, Hello):
        await _hello(centre, socket, frame)
    elif socket.identity is None:
        raise Refused(4401)
    elif isinstance(frame, Sub):
        _sub(centre, socket, frame)
    elif isinstance(frame, Unsub):
        if (subscription := socket.subscriptions.get(frame.id)) is not None:
            centre.unsubscribe(subscription)
    elif isinstance(frame, TellFrame):
        await _tell(centre, socket, frame)
    else:
        _pong(centre, socket)


async def _hello(centre: Hub, socket: Socket, frame: Hello) -> None:
    if socket.identity is not None or (frame.token is None) == (frame.ticket is None):
        raise Refused(4400)
    try:
        found = await centre.work(_identify, frame, socket.origin, socket.address)
    except DatabaseError:
        raise Refused(1013) from None
    except PermissionDenied:
        raise Refused(4403) from None
    except limits.Limited:
        raise Refused(4429) from None
    if found is None:
        raise Refused(4401)
    centre.welcome(socket, found)


def _identify(frame: Hello, origin: str | None, address: str) -> Identity | None:
    limits.spend(limits.SOCKETS_BY_ADDRESS, limits.address_subject(address))
    slot, credential = ("live.token", frame.token) if frame.token is not None else ("live.ticket", frame.ticket)
    identities: list[Identity] = ask(slot, credential, origin)
    live.epoch()
    return identities[0] if identities else None


def _sub(centre: Hub, socket: Socket, frame: Sub) -> None:
    assert socket.identity is not None
    if not frame.id or len(frame.id) > 64 or frame.form not in ("data", "html"):
        raise Refused(4400)
    if len(socket.subscriptions) >= limits.SUBSCRIPTIONS and frame.id not in socket.subscriptions:
        socket.send(frames.error("too_many_subscriptions", "Unsubscribe from something first.", frame.id))
        return
    actor = socket.identity.actor
    try:
        query, params = live.find(actor, frame.query, frame.params)
    except UnknownQuery:
        socket.send(frames.error("unknown_query", "There is no live query of this name.", frame.id))
    except PermissionDenied:
        socket.send(frames.error("forbidden", "You may not read this.", frame.id))
    except BadParams as error:
        socket.send(frames.error("invalid", str(error), frame.id))
    else:
        if frame.form == "html" and (not query.template or actor.kind != "member"):
            socket.send(frames.error("invalid", "This query is answered as data only.", frame.id))
            return
        if frame.since is not None:
            _count_resume(socket, frame.id)
        centre.subscribe(socket, frame.id, query, params, frame.since, frame.form == "html")


def _count_resume(socket: Socket, subscription: str) -> None:
    """Count that this socket asks again for the rest of what it subscribed to, by the minute and the subscription: whoever comes back asks
    for the rest of everything at once, and only a client in a loop asks for the rest of one thing again and again."""
    now = time.monotonic()
    if now - socket.resumes_since > 60:
        socket.resumes_since, socket.resumes = now, None
    if socket.resumes is None:
        socket.resumes = {}
    socket.resumes[subscription] = socket.resumes.get(subscription, 0) + 1
    if settings.LIMITS_ENFORCED and socket.resumes[subscription] > limits.RESUMES_PER_MINUTE:
        raise Refused(4429)


async def _tell(centre: Hub, socket: Socket, frame: TellFrame) -> None:
    assert socket.identity is not None
    try:
        whisper = await centre.work(whispers.told, socket.identity.actor, frame.what, frame.params)
    except (UnknownQuery, BadParams):
        socket.send(frames.error("invalid", "There is nothing of this name to tell, or not with these parameters."))
    except (PermissionDenied, NotVisible):
        socket.send(frames.error("not_found", "This doesn't exist, or not for you."))
    except (DatabaseError, limits.Limited):
        # Best effort: what is true for seconds isn't worth an error.
        return
    else:
        if whisper is not None:
            if whisper.standing:
                socket.standing = {**(socket.standing or {}), frame.what: whisper}
            centre.whisper(whisper)


def _pong(centre: Hub, socket: Socket) -> None:
    for whisper in (socket.standing or {}).values():
        if whisper.news is not None:
            centre.whisper(whisper)
    socket.send(frames.pong({id_: sub.feed.version_for(sub) for id_, sub in socket.subscriptions.items()}))
