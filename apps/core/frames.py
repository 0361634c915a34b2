"""Frames: what goes over the live socket, made once and written many times."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from apps.core.live import encode


class Frame:
    """One JSON text message, with its bytes as a WebSocket frame: a server's frames carry no mask, so all receivers get the same."""

    __slots__ = ("_wire", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._wire: bytes | None = None

    @property
    def wire(self) -> bytes:
        """The frame as RFC 6455 §5.2 puts it on the wire: FIN, opcode text, length, payload."""
        if self._wire is None:
            size = len(self.text)
            if size < 126:
                head = struct.pack("!BB", 0x81, size)
            elif size < 65536:
                head = struct.pack("!BBH", 0x81, 126, size)
            else:
                head = struct.pack("!BBQ", 0x81, 127, size)
            self._wire = head + self.text
        return self._wire


def ready(epoch: str, actor_kind: str, actor_id: object) -> Frame:
    return Frame(encode({"type": "ready", "epoch": epoch, "actor": {"kind": actor_kind, "id": actor_id}, "ping": 25}))


def snapshot(id_: str, version: str, data: bytes) -> Frame:
    return Frame(b'{"type":"snapshot","id":%b,"version":%b,"data":%b}' % (encode(id_), encode(version), data))


def delta(id_: str, version: str, items: Iterable[bytes]) -> Frame:
    return Frame(
        b'{"type":"delta","id":%b,"version":%b,"items":[%b]}' % (encode(id_), encode(version), b",".join(items))
    )


def resync(id_: str) -> Frame:
    return Frame(encode({"type": "resync", "id": id_}))


def pong(heads: dict[str, str]) -> Frame:
    return Frame(encode({"type": "pong", "heads": heads}))


def error(code: str, message: str, id_: str | None = None, retry_after: int | None = None) -> Frame:
    body: dict[str, object] = {"type": "error", "code": code, "message": message}
    if id_ is not None:
        body["id"] = id_
    if retry_after is not None:
        body["retry_after"] = retry_after
    return Frame(encode(body))
