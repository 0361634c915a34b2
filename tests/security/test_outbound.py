"""The one way out: it is led nowhere it shouldn't go. A stub answers for names, and a guard sees every connection."""

from __future__ import annotations

import ast
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project

from apps.core import limits, outbound
from apps.core.outbound import FetchFailed, Refused, checked, safe_fetch
from tests.security.cases import case

PUBLIC = "93.184.216.34"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What each host's name stands for; one that isn't here isn't found."""
    known = {"good.example": [PUBLIC]}

    def resolve(host: str, port: int) -> list[str]:
        try:
            return known[host]
        except KeyError:
            return [str(info[4][0]) for info in socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)]

    monkeypatch.setattr(outbound, "resolve", resolve)
    return known


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every connection that anybody tries, none of which is made."""
    tried: list[Any] = []

    def connect(self: socket.socket, address: Any) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect)
    return tried


def is_refused(url: str, connects: list[Any]) -> None:
    with pytest.raises(Refused):
        checked(url)
    with pytest.raises(Refused):
        safe_fetch(url)
    assert connects == []


@case("N01")
@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1"),
        *("[::1]", "[::]", "[fc00::1]", "[fd12::1]", "[fe80::1]", "[ff02::1]", "[2001:db8::1]", "[64:ff9b:1::1]"),
        *("[::ffff:127.0.0.1]", "[::ffff:a00:1]", "[::127.0.0.1]", "[2002:7f00:1::]", "[64:ff9b::7f00:1]"),
        *("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "127.0.0.1.", "localhost.", "LOCALHOST"),
        *("db.internal", "printer.local", "router.lan", "a.localhost", "nas.home.arpa", "intranet"),
    ],
)
def test_an_address_of_a_private_network_is_never_connected_to(
    host: str, names: dict[str, list[str]], connects: list[Any]
) -> None:
    is_refused(f"https://{host}/hook", connects)


@case("N01")
@pytest.mark.parametrize(
    "found", [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::ffff:10.0.0.1"], ["64:ff9b::a00:1"], ["fe80::1%eth0"]], ids=str
)
def test_a_name_with_one_private_address_is_never_connected_to(
    found: list[str], names: dict[str, list[str]], connects: list[Any]
) -> None:
    names["evil.example"] = found
    is_refused("https://evil.example/", connects)


@case("N01")
def test_our_own_host_is_not_called(names: dict[str, list[str]], connects: list[Any], settings: Any) -> None:
    settings.PUBLIC_URL = "https://chat.example"
    outbound._own_hosts.cache_clear()
    names["chat.example"] = [PUBLIC]
    try:
        is_refused("https://chat.example/api/v1/session", connects)
    finally:
        outbound._own_hosts.cache_clear()


@case("N01")
def test_a_name_that_has_changed_since_it_was_saved_is_looked_at_anew(
    names: dict[str, list[str]], connects: list[Any]
) -> None:
    assert checked("https://good.example/hook").address == PUBLIC
    names["good.example"] = ["127.0.0.1"]
    with pytest.raises(Refused):
        safe_fetch("https://good.example/hook")
    assert connects == []


def test_the_connection_goes_to_the_very_address_that_was_checked(
    names: dict[str, list[str]], connects: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def once(host: str, port: int) -> list[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]

    monkeypatch.setattr(outbound, "resolve", once)
    with pytest.raises(FetchFailed):
        safe_fetch("https://good.example/hook")
    assert (asked, connects) == (["good.example"], [(PUBLIC, 443)])


@case("N02")
@pytest.mark.parametrize(
    "url",
    [
        *(
            f"{scheme}://good.example/"
            for scheme in ("ftp", "file", "gopher", "data", "dict", "ws", "wss", "javascript")
        ),
        *(f"https://good.example:{port}/" for port in (0, 22, 25, 5432, 6379, 8443, 65536, "abc", "-1")),
        *("http://good.example/", "//good.example/", "good.example", "", "https://", "https:///x", "data:text/html,x"),
    ],
)
def test_other_schemes_and_ports_are_refused(url: str, names: dict[str, list[str]], connects: list[Any]) -> None:
    is_refused(url, connects)


@case("N06")
@pytest.mark.parametrize(
    "url",
    [
        *("https://user:pass@good.example/", "https://user@good.example/", "https://@good.example/"),
        *(
            "https://good.example\r\nHost: evil/",
            "https://good.example/\nX: y",
            "https://good.example/a b",
            "https://good .example/",
        ),
        *("https://good.example\\@127.0.0.1/", "https://127.0.0.1\\.good.example/", "https://good.example/\x00"),
        *(
            "https://127.0.0.1#@good.example/",
            "https://good.example@127.0.0.1/",
            "https://[::1",
            "https://good..example/",
        ),
        *(
            "https://good.example/" + "a" * 2000,
            "https://" + "a" * 64 + ".example/",
            "https://-good.example/",
            "https://good.example/ü",
        ),
    ],
)
def test_addresses_that_two_programs_read_differently_are_refused(
    url: str, names: dict[str, list[str]], connects: list[Any]
) -> None:
    is_refused(url, connects)


@pytest.mark.parametrize("url", ["https://good.example", "https://GOOD.example/a?b=c", "https://good.example.:443/"])
def test_a_public_address_may_be_fetched(url: str, names: dict[str, list[str]], connects: list[Any]) -> None:
    target = checked(url)
    assert (target.host, target.port, target.authority, target.address) == ("good.example", 443, "good.example", PUBLIC)


def test_a_host_that_is_not_found_says_so_and_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(host: str, port: int) -> list[str]:
        raise socket.gaierror

    monkeypatch.setattr(outbound, "resolve", nothing)
    with pytest.raises(FetchFailed):
        checked("https://nowhere.example/")


def test_a_name_server_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OUTBOUND_CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(outbound, "resolve", lambda host, port: time.sleep(1.5) or [PUBLIC])
    started = time.monotonic()
    with pytest.raises(FetchFailed):
        checked("https://slow.example/")
    assert time.monotonic() - started < 1


# A real server, in a network that the installation allows

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def served(answer: Answer) -> Iterator[tuple[str, list[tuple[str, str, dict[str, str], bytes]]]]:
    """Serve on loopback; gives the address, and what was asked."""
    asked: list[tuple[str, str, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
            answer(self)

        do_GET = do_POST = handle_any  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()


@pytest.fixture
def allowed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback may be reached, at any port, by http."""
    settings.OUTBOUND_HTTP = True
    settings.OUTBOUND_PORTS = range(1, 65536)
    settings.OUTBOUND_NETWORKS = [ip_network("127.0.0.0/8")]


def said(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_a_network_that_the_installation_names_can_be_reached(allowed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with served(said(200, b"thanks", X_Kind="good", Set_Cookie="a=b")) as (url, asked):
        answer = safe_fetch(f"{url}/hook?a=b", method="POST", headers={"Content-Type": "text/plain"}, body=b"news")
        safe_fetch(url)
    assert (answer.status, answer.body, answer.cut, answer.headers["x-kind"]) == (200, b"thanks", False, "good")
    (method, path, headers, body), second = asked
    assert (method, path, body, headers["Host"]) == ("POST", "/hook?a=b", b"news", url.removeprefix("http://"))
    assert headers["Content-Type"] == "text/plain"
    assert "Cookie" not in second[2]


def test_without_that_the_same_address_is_refused(settings: Any, connects: list[Any]) -> None:
    settings.OUTBOUND_HTTP, settings.OUTBOUND_PORTS = True, range(1, 65536)
    is_refused("http://127.0.0.1:8000/hook", connects)


@case("N03")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_answer_that_leads_elsewhere_is_not_followed(allowed: None, status: int) -> None:
    with served(said(200)) as (elsewhere, asked_elsewhere), served(said(status, Location=elsewhere)) as (url, asked):
        answer = safe_fetch(url)
    assert (answer.status, len(asked), asked_elsewhere) == (status, 1, [])


@case("N04")
def test_a_long_answer_is_cut(allowed: None) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(20_000):
                handler.wfile.write(b"x" * 64 * 1024)
        except OSError:
            return

    with served(endless) as (url, _asked):
        answer = safe_fetch(url)
    assert (len(answer.body), answer.cut) == (limits.OUTBOUND_BYTES, True)


@case("N04")
@pytest.mark.parametrize("drips", ["nothing", "headers", "body"])
def test_an_answer_that_drips_is_given_up(allowed: None, drips: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OUTBOUND_SECONDS", 0.4)

    def slow(handler: BaseHTTPRequestHandler) -> None:
        start = {"nothing": b"", "headers": b"HTTP/1.1 200 OK\r\nX: ", "body": b"HTTP/1.1 200 OK\r\n\r\n"}[drips]
        try:
            handler.wfile.write(start)
            for _ in range(40):
                time.sleep(0.05)
                handler.wfile.write(b"" if drips == "nothing" else b"a")
        except OSError:
            return

    started = time.monotonic()
    with served(slow) as (url, _asked), pytest.raises(FetchFailed):
        safe_fetch(url)
    assert time.monotonic() - started < 1.5


@case("N04")
def test_what_is_not_http_is_a_failure_that_tells_nothing(allowed: None) -> None:
    def ssh(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    with served(ssh) as (url, _asked), pytest.raises(FetchFailed, match=r"^There was no answer\.$"):
        safe_fetch(url)
    with pytest.raises(FetchFailed, match=r"^There was no answer\.$"):
        safe_fetch("http://127.0.0.1:9/")


def test_a_header_cannot_bring_another(allowed: None) -> None:
    with served(said(200)) as (url, asked), pytest.raises(FetchFailed):
        safe_fetch(url, headers={"X-One": "a\r\nX-Two: b"})
    assert asked == []


# Nobody else

CLIENTS = {"requests", "httpx", "urllib.request", "http.client", "aiohttp", "urllib3", "pycurl"}


def imported(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if any(name == client or name.startswith(f"{client}.") for client in CLIENTS)}


@case("N09", "N08")
def test_nothing_in_the_apps_speaks_http_but_the_one_way_out() -> None:
    root: Path = project.ROOT
    speaking = {
        str(path.relative_to(root))
        for path in (root / "apps").rglob("*.py")
        if imported(path.read_text(encoding="utf-8"))
    }
    assert speaking == {"apps/core/outbound.py"}
    for line in ("import requests", "from urllib import request", "from http import client", "import httpx as h"):
        assert imported(line), "the test finds what it looks for"
