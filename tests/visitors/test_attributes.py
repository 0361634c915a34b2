"""Attributes: typed, merged, within limits, and never under a name that means something else."""

from __future__ import annotations

from typing import Any

import pytest

from apps.visitors.models import Visitor
from tests.callers import Booted, refusal
from tests.database import nothing_happens

pytestmark = pytest.mark.django_db


def kept(visitor: Booted) -> dict[str, Any]:
    return Visitor.objects.get(pk=visitor.visitor.pk).attributes


def tell(visitor: Booted, **attributes: Any) -> Any:
    return visitor.patch("/widget/visitor", {"attributes": attributes})


@pytest.mark.parametrize(
    "value",
    ["text", "", "7", 7, 7.5, -1, 0, 2**53, True, False, ["a", 1, True], [], {"date": "2026-01-31T12:00:00Z"}],
)
def test_a_value_keeps_its_type(visitor: Booted, value: Any) -> None:
    assert tell(visitor, plan=value).status_code == 200
    assert kept(visitor) == {"plan": value}
    assert type(kept(visitor)["plan"]) is type(value)


@pytest.mark.parametrize(
    ("told", "date"),
    [
        ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00Z"),
        ("2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500000Z"),
    ],
)
def test_a_date_is_kept_in_utc(visitor: Booted, told: str, date: str) -> None:
    tell(visitor, since={"date": told})
    assert kept(visitor) == {"since": {"date": date}}


def test_attributes_merge_and_null_removes(visitor: Booted) -> None:
    tell(visitor, plan="gold", seats=3)
    tell(visitor, seats=4, city="Graz")
    assert kept(visitor) == {"plan": "gold", "seats": 4, "city": "Graz"}
    tell(visitor, plan=None, never=None)
    assert kept(visitor) == {"seats": 4, "city": "Graz"}


@pytest.mark.parametrize(
    "attributes",
    [
        {"email": "a@b.example"}, {"Email": "x"}, {"name": "x"}, {"user_id": "x"}, {"external_id": "x"}, {"blocked": False},
        {"proven": True}, {"created_at": "x"}, {"__proto__": "x"}, {"constructor": "x"}, {"merged_into": "x"},
        {"": 1}, {" ": 1}, {"x" * 101: 1}, {"big": "x" * 2047}, {"deep": {"er": 1}}, {"deep": [[1]]},
        {"date": {"date": "2026-01-31"}}, {"date": {"date": "2026-01-31T12:00:00"}}, {"date": {"date": "0000-01-01T00:00:00Z"}},
        {"date": {"date": "10000-01-01T00:00:00Z"}}, {"date": {"date": "tomorrow"}}, {"date": {"date": 7}},
        {"date": {"date": "2026-01-31T12:00:00Z", "more": 1}},
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_whole(visitor: Booted, attributes: dict[str, Any]) -> None:
    with nothing_happens():
        answer = visitor.patch("/widget/visitor", {"name": "Ada", "attributes": {"fine": 1, **attributes}})
        assert refusal(answer) == (400, "invalid")
        assert "attributes" in answer.json()["error"]["fields"]
    assert tell(visitor, fine=1).status_code == 200


def test_there_are_a_hundred_at_most_and_one_may_go_for_another(visitor: Booted) -> None:
    tell(visitor, **{f"a{number}": number for number in range(100)})
    with nothing_happens():
        assert refusal(tell(visitor, more=1)) == (400, "invalid")
    assert tell(visitor, more=1, a0=None).status_code == 200
    assert tell(visitor, a1=2).status_code == 200
    assert len(kept(visitor)) == 100
