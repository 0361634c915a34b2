"""Origins: which pages may run a workspace's messenger. A filter against misuse, not a proof of who somebody is."""

from __future__ import annotations

from urllib.parse import urlsplit

from apps.workspaces.models import Workspace

PORTS = {"http": 80, "https": 443}


class BadOrigin(ValueError):
    """This isn't an origin. The message says what is wrong."""


def normalise(text: str) -> str:
    """Return an origin as browsers send it, or ``*.domain``'s pattern with its scheme.

    Accepts ``https://example.com``, ``http://localhost:3000`` and ``https://*.example.com``. Raises BadOrigin.
    """
    try:
        parts = urlsplit(text.strip())
    except ValueError as error:
        raise BadOrigin(f"{text!r} has a host that can't be read.") from error
    if parts.scheme not in PORTS:
        raise BadOrigin(f"{text!r} needs https:// or http:// in front.")
    if parts.username or parts.password or parts.path.strip("/") or parts.query or parts.fragment:
        raise BadOrigin(f"{text!r} must be scheme and host only, such as https://example.com.")
    host = (parts.hostname or "").rstrip(".")
    bare = host.removeprefix("*.")
    if not bare or "*" in bare or any(not label for label in bare.split(".")) or any(char.isspace() for char in bare):
        raise BadOrigin(f"{text!r} has no host we can use. A star may only stand for what comes before the first dot.")
    try:
        port, bare = parts.port, bare.encode("idna").decode()
    except (ValueError, UnicodeError) as error:
        raise BadOrigin(f"{text!r} has a port or a host that doesn't exist.") from error
    host = f"*.{bare}" if host.startswith("*.") else bare
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != PORTS[parts.scheme] else "")


def allows(workspace: Workspace, origin: str | None) -> bool:
    """Say whether a page of this origin may run the messenger. No origin (a native app) only where any is allowed."""
    if workspace.any_origin:
        return origin != "null"
    if not origin:
        return False
    try:
        asked = normalise(origin)
    except BadOrigin:
        return False
    return "*" not in asked and any(_matches(pattern, asked) for pattern in workspace.allowed_origins)


def _matches(pattern: str, origin: str) -> bool:
    if "://*." not in pattern:
        return pattern == origin
    scheme, _, domain = pattern.partition("://*.")
    asked_scheme, _, asked_host = origin.partition("://")
    return scheme == asked_scheme and asked_host.endswith(f".{domain}")
