"""Fixtures for the machinery itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from apps.core import effects, hub, rumours
from apps.core.effects import Policy
from apps.core.models import Effect


class Payer:
    """A kind of effect made for one test: what it was paid with, and what it does instead of paying."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.paid: list[dict[str, Any]] = []
        self.behaves: list[Any] = []
        """What the next payments do: an exception is raised, a function called; beyond the list they succeed."""

    def __call__(self, owed: Effect) -> None:
        behaviour = self.behaves.pop(0) if self.behaves else None
        if isinstance(behaviour, Exception):
            raise behaviour
        if behaviour is not None:
            behaviour(owed)
        self.paid.append(owed.payload)


@pytest.fixture
def payer() -> Iterator[Payer]:
    """A registered kind of effect in the normal lane, tried three times."""
    made = Payer("test.normal")
    effects.registry[made.kind] = Policy(made, Effect.Lane.NORMAL, pauses=(10, 100))
    yield made
    del effects.registry[made.kind]


@pytest.fixture
def urgent() -> Iterator[Payer]:
    """A registered kind of effect in the interactive lane."""
    made = Payer("test.urgent")
    effects.registry[made.kind] = Policy(made, Effect.Lane.INTERACTIVE)
    yield made
    del effects.registry[made.kind]


@pytest.fixture
def bulky() -> Iterator[Payer]:
    """A registered kind of effect in the bulk lane."""
    made = Payer("test.bulk")
    effects.registry[made.kind] = Policy(made, Effect.Lane.BULK)
    yield made
    del effects.registry[made.kind]


class QuickTime:
    """asyncio, with a sleep that is over twenty times as fast: for the hub's looks and sweeps."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    def sleep(self, seconds: float) -> Any:
        return asyncio.sleep(seconds / 20)


@pytest.fixture
def quick_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub looks for what moved every tenth of a second, and sweeps twenty times a second. Ask for it before ``live``."""
    monkeypatch.setattr(hub, "asyncio", QuickTime())


@pytest.fixture
def no_rumours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rumour gets lost on its way."""
    monkeypatch.setattr(rumours, "_publish", lambda rumour: False)
