"""Customers' sites: pages of another origin than ours, with the messenger's script on them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from uuid import UUID, uuid4

PLAIN = "<h1>Acme Bikes</h1><p>Bikes for the way you actually ride.</p>"


@dataclass(frozen=True)
class HostPage:
    """What one address of the site, and everything below it, answers."""

    html: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Site:
    """A web server for the pages of one origin."""

    def __init__(self, web: str) -> None:
        self.web = web
        self.pages: dict[str, HostPage] = {}
        pages = self.pages

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                page = pages.get(self.path.split("?")[0].split("/")[1])
                content = page.html.encode() if page else b""
                self.send_response(200 if page else 404)
                for name, value in {
                    "Content-Type": "text/html; charset=utf-8",
                    **(page.headers if page else {}),
                }.items():
                    self.send_header(name, value)
                self.send_header("Cache-Control", "no-store")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        """Its address. The same pages are at ``elsewhere``, which browsers take for another origin."""
        self.elsewhere = f"http://localhost:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, name="site", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def script(self, workspace: UUID, **attributes: str) -> str:
        """Return the snippet as the installation page gives it, with more ``data-opencom-*`` attributes."""
        more = "".join(f' data-opencom-{name.replace("_", "-")}="{value}"' for name, value in attributes.items())
        return f'<script async src="{self.web}/widget/opencom.js" data-opencom-workspace="{workspace}"{more}></script>'

    def page(
        self,
        workspace: UUID,
        body: str = PLAIN,
        *,
        before: str = "",
        after: str = "",
        title: str = "Acme Bikes",
        lang: str = "en",
        headers: Mapping[str, str] | None = None,
        **attributes: str,
    ) -> str:
        """Put up a page with the messenger's script between ``before`` and ``after``; returns its address."""
        return self.put(
            f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
            f'<link rel="icon" href="data:,">{before}{self.script(workspace, **attributes)}{after}</head><body>{body}</body></html>',
            headers,
        )

    def put(self, html: str, headers: Mapping[str, str] | None = None) -> str:
        """Put up any page; returns its address."""
        name = uuid4().hex[:12]
        self.pages[name] = HostPage(html, headers or {})
        return f"{self.origin}/{name}/"
