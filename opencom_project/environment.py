"""Settings from the environment: typed, and loud where something is missing or makes no sense."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

SMTP_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
_KEY = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default).strip()


def secret(name: str) -> str:
    """Return a secret that must be there."""
    value = text(name)
    if not value:
        raise ImproperlyConfigured(
            f"Set {name}. A good one: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
    return value


def encryption_keys(name: str) -> list[str]:
    """Return keys for secrets at rest, by commas, the one that encrypts first. There must be one."""
    keys = listing(name)
    if not keys:
        raise ImproperlyConfigured(
            f"Set {name}. A good one: python -c 'import secrets; print(secrets.token_urlsafe(32))'. Keep a copy: "
            "without it what it encrypted is lost."
        )
    for key in keys:
        if not _KEY.fullmatch(key):
            raise ImproperlyConfigured(f"Each of {name} must be 32 random bytes as base64url: 43 characters.")
    return keys


def flag(name: str, default: bool = False) -> bool:
    value = text(name).lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    if value:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")
    return default


def number(name: str, default: int) -> int:
    value = text(name)
    try:
        return int(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def listing(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def networks(name: str) -> list[Network]:
    try:
        return [ipaddress.ip_network(part) for part in listing(name)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be addresses or networks separated by commas: {error}") from None


def refuse(wrong: bool, why: str) -> None:
    """Don't start with settings that nobody can mean."""
    if wrong:
        raise ImproperlyConfigured(why)


def mailer(name: str, folder: Path) -> dict[str, Any]:
    """Return Django's settings for ``smtp://user:password@host:port`` (``smtp+tls://`` for STARTTLS, ``smtps://`` for TLS), or ``resend://key``.

    Without any, mail is kept in ``folder``.
    """
    address = text(name)
    if not address:
        return {"BACKEND": "apps.core.mail.folder.FolderMailer", "OPTIONS": {"folder": str(folder)}}
    url = urlsplit(address)
    if url.scheme == "resend" and url.netloc:
        return {"BACKEND": "apps.core.mail.resend.ResendMailer", "OPTIONS": {"api_key": url.netloc}}
    if url.scheme not in SMTP_PORTS or not url.hostname:
        raise ImproperlyConfigured(
            f"{name} must be like smtp+tls://user:password@mail.example.com:587, smtps://…, smtp://… or resend://key."
        )
    return {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": url.hostname,
            "port": url.port or SMTP_PORTS[url.scheme],
            "username": unquote(url.username or ""),
            "password": unquote(url.password or ""),
            "use_tls": url.scheme == "smtp+tls",
            "use_ssl": url.scheme == "smtps",
            "timeout": 10,
        },
    }


def database(name: str, otherwise: str = "") -> dict[str, Any]:
    """Return Django's settings for ``postgresql://user:password@host:port/name?option=…``; ``?host=`` may be a socket's folder.

    Where this variable is unset, the one named ``otherwise`` is taken.
    """
    url = urlsplit(text(name) or text(otherwise or name))
    if url.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured(
            f"Set {name}, such as postgresql://opencom:secret@127.0.0.1:5432/opencom, or start with “make up”."
        )
    options = dict(parse_qsl(url.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": options.pop("host", unquote(url.hostname or "")),
        "PORT": options.pop("port", str(url.port or "")),
        "OPTIONS": options,
    }
