"""Where a request comes from. Headers count only when a trusted proxy set them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, MutableMapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest


def request_address(request: HttpRequest) -> str:
    """Return the client's address: the socket's peer, or what the nearest untrusted hop behind our proxies is."""
    return _resolve(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))


def request_origin(request: HttpRequest) -> str | None:
    """Return the origin of the page that asks. Browsers leave the header out when a page reads from its own origin, and say so otherwise."""
    origin = request.headers.get("Origin")
    if origin is None and request.headers.get("Sec-Fetch-Site") == "same-origin":
        return f"{request.scheme}://{request.get_host()}"
    return origin


def client_address(scope: MutableMapping[str, Any]) -> str:
    """Return the client's address of an ASGI scope, as ``request_address`` does."""
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    peer = scope.get("client")
    return _resolve(peer[0] if peer else "", headers.get(b"x-forwarded-for", b"").decode("latin-1"))


def _resolve(peer: str, forwarded: str) -> str:
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    address = peer
    while hops and _trusted(address):
        address = hops.pop()
    return address


def _trusted(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        # A peer on a Unix socket has no address: only our own proxy can reach it.
        return address == "" and bool(settings.TRUSTED_PROXIES)
    return any(ip in network for network in settings.TRUSTED_PROXIES)
