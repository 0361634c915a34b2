"""Slots: named gaps that a lower app leaves for higher apps to fill."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

Filler = TypeVar("Filler", bound=Callable[..., Any])

_fillers: dict[str, list[Callable[..., Any]]] = defaultdict(list)


def fill(slot: str) -> Callable[[Filler], Filler]:
    """Offer this function's result wherever ``slot`` is asked for."""

    def register(function: Filler) -> Filler:
        _fillers[slot].append(function)
        return function

    return register


def ask(slot: str, *args: Any, **kwargs: Any) -> list[Any]:
    """Return what every filler of ``slot`` has to offer, in the order of the apps, leaving out ``None``."""
    offers = (function(*args, **kwargs) for function in _fillers[slot])
    return [offer for offer in offers if offer is not None]
