"""Every handler there is, with the access it declares: REST and pages by URL, live queries, and what clients may tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from apps.core import live, whispers
from apps.core.access import Access

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, order=True)
class Endpoint:
    """One handler: what calls it, and who may (None: nobody, it was forgotten)."""

    verb: str
    name: str
    access: Access | None


def endpoints() -> Iterator[Endpoint]:
    """Yield every handler of ours."""
    yield from _routes(get_resolver().url_patterns, "/")
    for name, query in sorted(live.registry.items()):
        yield Endpoint("LIVE", name, getattr(type(query), "access", None))
    for name, known in sorted(whispers.registry.items()):
        yield Endpoint("TELL", name, getattr(known.teller, "access", None))


def _routes(patterns: Iterable[URLPattern | URLResolver], prefix: str) -> Iterator[Endpoint]:
    for pattern in patterns:
        route = f"{prefix}{str(pattern.pattern).removeprefix('^')}"
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
            continue
        view: Any = pattern.callback
        kind = getattr(view, "cls", None) or getattr(view, "view_class", None)
        if not (kind or view).__module__.startswith("apps."):
            continue
        if kind is None:
            yield Endpoint("ANY", route, getattr(view, "access", None))
            continue
        for method in METHODS:
            if (handler := getattr(kind, method, None)) is not None:
                yield Endpoint(method.upper(), route, getattr(handler, "access", None))
