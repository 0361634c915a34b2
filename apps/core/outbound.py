"""The one way out: fetches an address that a person or a third party gave us, without being led into our own network.

The address is looked up once, every answer must be public, and the connection goes to that very answer. Nothing is followed, nobody's proxy,
cookie or password is used, and neither time nor size depends on the other side. Nothing else in the apps may speak HTTP to the outside.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from apps.core import limits

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PORTS = {"http": 80, "https": 443}
PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa", ".onion")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
COMPATIBLE = ipaddress.ip_network("::/96")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")


class Refused(ValueError):
    """An address that is never fetched. The message says why, to whoever gave it."""


class FetchFailed(Exception):
    """Nothing came of it: no connection, no answer in time, or one that isn't HTTP. Says no more, so that nobody maps our network by it."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be fetched, and the public address that its host has now."""

    scheme: str
    host: str
    port: int
    path: str
    address: str = field(repr=False)

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, whatever its status; a redirect is one like any other. ``cut`` says that there was more than is read."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name; of several the last."""
    body: bytes = field(repr=False)
    cut: bool


def checked(url: str) -> Target:
    """Return where an address leads, if it may be fetched. Raises Refused; FetchFailed where its host can't be looked up now.

    For the form or API that takes the address; ``safe_fetch`` asks again, because names change what they point at.
    """
    return _checked(url, time.monotonic() + limits.OUTBOUND_CONNECT_SECONDS)


def safe_fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    most: int = limits.OUTBOUND_BYTES,
) -> Fetched:
    """Fetch an address, and read at most so many bytes of its answer.

    Raises Refused before anything is sent, FetchFailed where there is no answer within the limits."""
    started = time.monotonic()
    until = started + limits.OUTBOUND_SECONDS
    target = _checked(url, started + limits.OUTBOUND_CONNECT_SECONDS)
    sent = {"Host": target.authority, "User-Agent": "Opencom", "Accept-Encoding": "identity", "Connection": "close"}
    try:
        with _connected(target, started + limits.OUTBOUND_CONNECT_SECONDS) as connection:
            return _exchanged(connection, target, method, sent | dict(headers or {}), body, until, most)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchFailed("There was no answer.") from error


def _checked(url: str, until: float) -> Target:
    if len(url) > limits.URL_CHARACTERS or _FORBIDDEN.search(url):
        raise Refused("This address has characters that no address has, or too many of them.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise Refused("This address can't be read.") from None
    if parts.scheme not in PORTS or (parts.scheme == "http" and not settings.OUTBOUND_HTTP):
        raise Refused("The address must begin with https://.")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise Refused("Leave name and password out of the address.")
    port = PORTS[parts.scheme] if port is None else port
    if port not in settings.OUTBOUND_PORTS:
        raise Refused("The address may not name this port.")
    host = _name(host)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise Refused("Write what isn't ASCII in the address as %XX.")
    return Target(parts.scheme, host, port, path, _public_address(host, port, until))


def _name(host: str) -> str:
    """Return the host as it is looked up. Raises Refused for one of ours, and what isn't a host."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise Refused("This address has no host that exists.") from None
    labels = name.split(".")
    # A last part that is a number would be read as an IPv4 address in one of its short or octal forms.
    if not all(_LABEL.fullmatch(label) for label in labels) or re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]):
        raise Refused("This address has no host that exists.")
    if len(labels) == 1 or name.endswith(PRIVATE_SUFFIXES) or name in _own_hosts():
        raise Refused("This address leads into a private network.")
    return name


@cache
def _own_hosts() -> frozenset[str]:
    urls = (settings.PUBLIC_URL, settings.LIVE_URL, settings.FILES_URL)
    return frozenset({(urlsplit(url).hostname or "") for url in urls} | {h.lstrip(".") for h in settings.ALLOWED_HOSTS})


def _public_address(host: str, port: int, until: float) -> str:
    """Return an address of the host. Raises Refused unless every one it has may be reached."""
    found = _looked_up(host, port, until)
    for address in found:
        if not all(_may_reach(one) for one in (address, *_embedded(address))):
            raise Refused("This address leads into a private network.")
    return str(found[0])


def _looked_up(host: str, port: int, until: float) -> list[Address]:
    # The system's resolver knows no deadline; a thread that still waits for it ends by itself.
    asked = ThreadPoolExecutor(1, thread_name_prefix="resolve")
    try:
        names = asked.submit(resolve, host, port).result(max(0.0, until - time.monotonic()))
    except (OSError, Late, UnicodeError) as error:
        raise FetchFailed("The host wasn't found.") from error
    finally:
        asked.shutdown(wait=False)
    if not names:
        raise FetchFailed("The host wasn't found.")
    return [ipaddress.ip_address(name.partition("%")[0]) for name in names]


def resolve(host: str, port: int) -> list[str]:
    """Return every address the system knows for a host, the best first."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _may_reach(address: Address) -> bool:
    public = address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
    return public or any(address in network for network in settings.OUTBOUND_NETWORKS)


def _embedded(address: Address) -> list[Address]:
    """Return the IPv4 addresses that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]


def _connected(target: Target, until: float) -> socket.socket:
    plain = socket.create_connection((target.address, target.port), _left(until))
    if target.scheme == "http":
        return plain
    try:
        plain.settimeout(_left(until))
        return _context().wrap_socket(plain, server_hostname=target.host)
    except BaseException:
        plain.close()
        raise


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _exchanged(
    connected: socket.socket,
    target: Target,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    until: float,
    most: int,
) -> Fetched:
    connection = http.client.HTTPConnection(target.host, target.port)
    connection.sock = connected
    connected.settimeout(_left(until))
    connection.request(method, target.path, body or None, headers)
    answer = http.client.HTTPResponse(_Hurried(connected, until), method=method)  # type: ignore[arg-type]
    answer.begin()
    read = answer.read(most + 1)
    named = {name.lower(): value for name, value in answer.getheaders()}
    return Fetched(answer.status, named, read[:most], len(read) > most)


class _Hurried(io.RawIOBase):
    """What is read from a socket, until a moment and no longer, however little comes at a time."""

    def __init__(self, connected: socket.socket, until: float) -> None:
        self._socket = connected
        self._until = until

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(_left(self._until))
        return self._socket.recv_into(buffer)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
