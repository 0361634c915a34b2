"""How apps meet without importing one another: families and their kinds, slots and what fills them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from apps.core import kinds, slots
from apps.core.kinds import Family, UnknownKind


@pytest.fixture
def family() -> Iterator[Family[str]]:
    yield Family("test colours")
    del kinds.families["test colours"]


def test_a_kind_is_found_by_its_slug(family: Family[str]) -> None:
    family.register("red", "#f00")
    assert family["red"] == "#f00"
    assert family.all() == {"red": "#f00"}
    with pytest.raises(UnknownKind, match="blue"):
        family["blue"]


def test_a_slug_and_a_family_belong_to_one(family: Family[str]) -> None:
    family.register("red", "#f00")
    with pytest.raises(TypeError, match="red"):
        family.register("red", "#e00")
    assert family["red"] == "#f00"
    with pytest.raises(TypeError, match="test colours"):
        Family("test colours")


def test_a_plug_in_joins_by_its_entry_point(family: Family[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def entry_points(*, group: str) -> list[EntryPoint]:
        assert group == "opencom.test colours"
        return [EntryPoint("decimal", "decimal:Decimal", group)]

    monkeypatch.setattr(kinds, "entry_points", entry_points)
    family.register("red", "#f00")
    assert set(family.all()) == {"red", "decimal"}
    assert family["decimal"]("1.5") * 2 == 3


def test_a_slot_gets_what_every_filler_has_to_offer_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(slots._fillers, "test", [])
    slots.fill("test")(lambda number: number + 1)
    slots.fill("test")(lambda number: None)
    slots.fill("test")(lambda number: number * 10)
    assert slots.ask("test", 4) == [5, 40]


def test_a_slot_that_nobody_fills_is_empty() -> None:
    assert slots.ask("a slot that nobody fills") == []
