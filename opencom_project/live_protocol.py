"""Our side of uvicorn's WebSocket protocol: frames that are made once go to the transport as they are."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from apps.core.frames import Frame
from apps.core.wires import EXTENSION

CLOSE_SECONDS = 5.0


class LiveProtocol(WebSocketsSansIOProtocol):
    """Offers itself to the endpoint as a Wire. Without compression all receivers of a frame get the same bytes."""

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if (scope := getattr(self, "scope", None)) is not None:
            scope["extensions"][EXTENSION] = self

    def write(self, frame: Frame) -> None:
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(frame.wire)

    def lag(self) -> int:
        return self.transport.get_write_buffer_size()

    def close(self, code: int) -> None:
        """Say why, then let go of a client that doesn't answer in time, however much it hasn't read."""
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.send_close(code)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)
