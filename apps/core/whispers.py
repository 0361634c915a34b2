"""Whispers: what is true for seconds only (typing, viewing). Kept in each socket process's memory, spread as rumours, never stored.

``@tell("typing")`` registers what a client may say over its socket; it names the topic, who says it and for how long it holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from apps.core import access
from apps.core.access import Actor
from apps.core.isolation import scopes
from apps.core.live import BadParams, Params, UnknownQuery


@dataclass(frozen=True, slots=True)
class Whisper:
    """``who`` says ``news`` on ``topic``, true for ``seconds``; no news takes it back. A standing one is renewed by each ping."""

    topic: str
    who: str
    news: dict[str, Any] | None
    seconds: float
    standing: bool = False


Teller = Callable[[Actor, Any], Whisper | None]


@dataclass(frozen=True, slots=True)
class Tell:
    """One thing a client may say."""

    teller: Teller
    params: type[Params]


registry: dict[str, Tell] = {}


def tell(what: str, params: type[Params]) -> Callable[[Teller], Teller]:
    """Register what clients may say under this name. The function checks what it is about and returns the whisper, if any."""

    def register(teller: Teller) -> Teller:
        if what in registry:
            raise TypeError(f"Two tells are called {what!r}")
        registry[what] = Tell(teller, params)
        return teller

    return register


def told(actor: Actor | None, what: str, params: object) -> Whisper | None:
    """Hear a client out. Raises UnknownQuery, BadParams, NotVisible, and what ``access.check`` raises."""
    known = registry.get(what)
    if known is None:
        raise UnknownQuery(what)
    access.check(known.teller, actor)
    assert actor is not None
    try:
        checked = msgspec.convert(params, known.params, strict=False)
    except msgspec.ValidationError as error:
        raise BadParams(str(error)) from error
    with scopes.workspace(actor.workspace_id):
        return known.teller(actor, checked)


class Memory:
    """What this process has heard, by topic and speaker."""

    def __init__(self) -> None:
        self._heard: dict[str, dict[str, tuple[dict[str, Any], float]]] = {}

    def hear(self, topic: str, who: str, news: dict[str, Any] | None, seconds: float) -> bool:
        """Take it in. Returns whether anything is different now."""
        said = self._heard.setdefault(topic, {})
        before = said.get(who)
        if news is None:
            said.pop(who, None)
            if not said:
                del self._heard[topic]
            return before is not None
        said[who] = (news, time.monotonic() + seconds)
        return before is None or before[0] != news

    def current(self, topic: str) -> dict[str, dict[str, Any]]:
        """Return what holds now on this topic, by speaker."""
        now = time.monotonic()
        return {who: news for who, (news, until) in self._heard.get(topic, {}).items() if until > now}

    def forget_expired(self) -> list[str]:
        """Drop what no longer holds. Returns the topics that changed."""
        now = time.monotonic()
        changed = []
        for topic, said in list(self._heard.items()):
            gone = [who for who, (_news, until) in said.items() if until <= now]
            for who in gone:
                del said[who]
            if gone:
                changed.append(topic)
            if not said:
                del self._heard[topic]
        return changed


memory = Memory()
