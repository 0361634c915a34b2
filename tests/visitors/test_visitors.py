"""What is known of a visitor: readable ids, what they say of themselves, what they do, and whether they are here."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from apps.core import limits
from apps.core.clock import now
from apps.visitors import presence, tracking
from apps.visitors.models import TrackedEvent, Visitor
from apps.visitors.readable_ids import ADJECTIVES, NOUNS, readable_id
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn, refusal
from tests.database import nothing_happens

pytestmark = pytest.mark.django_db


# Readable ids


def test_the_word_lists_are_append_only() -> None:
    """A change to the first 200 and 300 words would give people other names. Add at the end, or not at all."""
    assert len(ADJECTIVES) >= 200
    assert len(NOUNS) >= 300
    digest = hashlib.sha256("\n".join([*ADJECTIVES[:200], "", *NOUNS[:300]]).encode()).hexdigest()
    assert digest == "683fbc735f3b8d517bd937b40f9f34d269e7bf469fb9d5267c43664a4aa7a07e"


@pytest.mark.parametrize(
    ("id_", "name"),
    [
        ("00000000-0000-7000-8000-000000000000", "creamy-radish-44"),
        ("01938a9f-5b2c-7def-8abc-0123456789ab", "cool-crab-64"),
        ("ffffffff-ffff-7fff-bfff-ffffffffffff", "ivory-creek-15"),
    ],
)
def test_a_visitor_has_the_same_readable_id_for_ever(id_: str, name: str) -> None:
    assert readable_id(UUID(id_)) == name


def test_readable_ids_are_well_spread() -> None:
    names = {readable_id(factories.uuid.uuid4()) for _ in range(2000)}
    assert len(names) > 1990
    assert all(len(name) <= 60 and name.isascii() and name.count("-") == 2 for name in names)


def test_words_are_simple_and_each_is_there_once() -> None:
    for words in (ADJECTIVES, NOUNS):
        assert len(set(words)) == len(words)
        assert all(word.isascii() and word.isalpha() and word.islower() for word in words)


def test_a_visitor_is_called_by_name_else_address_else_readable_id(visitor: Booted, agent: SignedIn) -> None:
    def label() -> str:
        return str(agent.get(f"/visitors/{visitor.visitor.pk}").json()["label"])

    assert label() == visitor.visitor.readable_id == readable_id(visitor.visitor.pk)
    visitor.patch("/widget/visitor", {"email": "grete@home.example"})
    assert label() == "grete@home.example"
    visitor.patch("/widget/visitor", {"name": "Grete"})
    assert label() == "Grete"


# What visitors say of themselves


def test_attributes_merge_and_null_removes_one(visitor: Booted) -> None:
    visitor.patch("/widget/visitor", {"attributes": {"plan": "gold", "seats": 3}})
    body = visitor.patch("/widget/visitor", {"attributes": {"seats": 4, "trial": True}}).json()
    assert body["attributes"] == {"plan": "gold", "seats": 4, "trial": True}
    body = visitor.patch("/widget/visitor", {"attributes": {"plan": None, "never there": None}}).json()
    assert body["attributes"] == {"seats": 4, "trial": True}
    body = visitor.patch("/widget/visitor", {"name": "Grete"}).json()
    assert (body["name"], body["attributes"]) == ("Grete", {"seats": 4, "trial": True})


def test_an_update_says_no_more_than_it_must(visitor: Booted) -> None:
    visitor.patch("/widget/visitor", {"name": "Grete", "email": "grete@home.example"})
    body = visitor.patch("/widget/visitor", {"page": {"url": "https://shop.example/a"}, "locale": "de"}).json()
    assert (body["name"], body["email"]) == ("Grete", "grete@home.example")
    visitor.visitor.refresh_from_db()
    assert (visitor.visitor.page_url, visitor.visitor.locale) == ("https://shop.example/a", "de")


def test_an_update_to_what_is_already_known_is_no_change(visitor: Booted) -> None:
    visitor.patch("/widget/visitor", {"name": "Grete"})
    with nothing_happens():
        assert visitor.patch("/widget/visitor", {"name": "Grete"}).status_code == 200
        assert visitor.patch("/widget/visitor", {}).status_code == 200


def test_an_address_is_a_claim_and_is_shown_as_one(workspace: Workspace, agent: SignedIn, visitor: Booted) -> None:
    other = callers.booted(workspace, email="grete@home.example", name="Grete")
    assert visitor.patch("/widget/visitor", {"email": "grete@home.example"}).status_code == 200
    shown = agent.get(f"/visitors/{visitor.visitor.pk}").json()
    assert (shown["email"], shown["email_proven"]) == ("grete@home.example", False)
    assert visitor.get("/widget/session").json()["visitor"]["name"] == ""
    assert agent.get(f"/visitors/{other.visitor.pk}").json()["name"] == "Grete"
    assert Visitor.objects.filter(workspace=workspace).count() == 2


def test_attributes_may_grow_to_their_limit_and_not_beyond(visitor: Booted) -> None:
    many = {f"a{number}": number for number in range(limits.ATTRIBUTES)}
    assert visitor.patch("/widget/visitor", {"attributes": many}).status_code == 200
    with nothing_happens():
        assert refusal(visitor.patch("/widget/visitor", {"attributes": {"one more": 1}})) == (400, "invalid")
    assert visitor.patch("/widget/visitor", {"attributes": {"a0": None, "one more": 1}}).status_code == 200
    long = "x" * (limits.ATTRIBUTE_BYTES - 2)
    assert visitor.patch("/widget/visitor", {"attributes": {"a1": long}}).status_code == 200
    with nothing_happens():
        assert refusal(visitor.patch("/widget/visitor", {"attributes": {"a1": long + "x"}})) == (400, "invalid")


@pytest.mark.parametrize(
    "change",
    [
        {"readable_id": "calm-otter-42"},
        {"id": "x"},
        {"blocked": False},
        {"external_id": "7"},
        {"email_proven": True},
        {"last_seen_at": "2030-01-01T00:00:00Z"},
        {"workspace": "x"},
        {"device": {"type": "mobile"}},
        {"attributes": {"x": {"y": 1}}},
        {"attributes": {"x": "\x00"}},
        {"name": ["Grete"]},
        {"email": "grete@"},
        {"page": {}},
    ],
)
def test_an_update_of_what_is_not_the_visitors_to_say_is_refused(visitor: Booted, change: dict[str, Any]) -> None:
    with nothing_happens():
        assert visitor.patch("/widget/visitor", {"name": "changed", **change}).status_code == 400


def test_heads_and_text_come_back_as_they_were_sent(visitor: Booted, agent: SignedIn) -> None:
    name = "Żółć <script>alert(1)</script> \u202e 🦦 'quotes\" \\"
    assert visitor.patch("/widget/visitor", {"name": name, "attributes": {name[:40]: name}}).json()["name"] == name
    assert agent.get(f"/visitors/{visitor.visitor.pk}").json()["attributes"] == {name[:40]: name}


# What visitors do


def event(**changes: Any) -> dict[str, Any]:
    return {"id": str(factories.uuid.uuid4()), "name": "bought", "at": timezone.now().isoformat(), **changes}


def test_events_are_stored_and_one_sent_twice_is_stored_once(visitor: Booted) -> None:
    first, second = event(properties={"price": 9.5}, url="https://shop.example/"), event()
    assert visitor.post("/widget/events", {"events": [first, second]}).json() == {"accepted": 2, "duplicates": 0}
    assert visitor.post("/widget/events", {"events": [second, event()]}).json() == {"accepted": 1, "duplicates": 1}
    third = event()
    assert visitor.post("/widget/events", {"events": [third, third]}).json() == {"accepted": 1, "duplicates": 1}
    assert TrackedEvent.objects.filter(visitor=visitor.visitor).count() == 4
    assert TrackedEvent.objects.get(client_id=first["id"]).properties == {"price": 9.5}


def test_one_visitors_event_ids_are_no_business_of_anothers(workspace: Workspace, visitor: Booted) -> None:
    same = event()
    other = callers.booted(workspace)
    for caller in (visitor, other):
        assert caller.post("/widget/events", {"events": [same]}).json()["accepted"] == 1


def test_a_batch_has_at_most_a_hundred_events(visitor: Booted) -> None:
    assert visitor.post("/widget/events", {"events": [event() for _ in range(100)]}).json()["accepted"] == 100
    with nothing_happens():
        assert visitor.post("/widget/events", {"events": [event() for _ in range(101)]}).status_code == 400
        assert visitor.post("/widget/events", {"events": []}).status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"id": "1"},
        {"id": None},
        {"name": ""},
        {"name": "x" * 101},
        {"at": "yesterday"},
        {"at": 7},
        {"properties": {"deep": {"er": 1}}},
        {"properties": []},
        {"url": "x" * 2001},
        {"visitor": "x"},
    ],
)
def test_one_bad_event_refuses_its_batch(visitor: Booted, change: dict[str, Any]) -> None:
    with nothing_happens():
        assert refusal(visitor.post("/widget/events", {"events": [event(), event(**change)]})) == (400, "invalid")


# Presence


def test_who_was_seen_within_two_minutes_is_online(workspace: Workspace, agent: SignedIn, visitor: Booted) -> None:
    def online() -> bool:
        return bool(agent.get(f"/visitors/{visitor.visitor.pk}").json()["online"])

    assert online()
    Visitor.objects.update(last_seen_at=now() - timedelta(seconds=limits.PRESENCE_SECONDS + 1))
    assert not online()
    presence.touch_visitors([visitor.visitor.pk])
    assert online()


def test_coming_back_moves_the_last_time_and_not_the_first(workspace: Workspace) -> None:
    mine = factories.session_id()
    first = factories.boot(workspace, session_id=mine).visitor
    long_ago = now() - timedelta(days=3)
    Visitor.objects.update(first_seen_at=long_ago, last_seen_at=long_ago)
    factories.boot(workspace, session_id=mine)
    first.refresh_from_db()
    assert first.first_seen_at == long_ago
    assert now() - first.last_seen_at < timedelta(minutes=1)


def test_coming_back_after_a_while_is_told_and_staying_is_not(workspace: Workspace, visitor: Booted) -> None:
    from apps.core import streams

    Visitor.objects.update(last_seen_at=now() - timedelta(seconds=60))
    fence = streams.look(None).fence
    topic = f"visitor:{visitor.visitor.pk}"
    presence.touch_visitors([visitor.visitor.pk])
    assert topic not in [move[1] for move in streams.look(fence).moves]
    Visitor.objects.update(last_seen_at=now() - timedelta(seconds=limits.PRESENCE_SECONDS + 1))
    presence.touch_visitors([visitor.visitor.pk])
    assert topic in [move[1] for move in streams.look(fence).moves]


# The directory


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["name"] for item in answer.json()["items"]]


@pytest.fixture
def people(workspace: Workspace) -> Workspace:
    """Four visitors, each last seen a minute before the one after; and one elsewhere."""
    seen = now() - timedelta(minutes=10)
    for number, (name, email) in enumerate(
        [
            ("Żaneta Łoś", "zaneta@home.example"),
            ("Bob O'Brien", "bob@work.example"),
            ("100% Real_Name", ""),
            ("Ada", "ada@work.example"),
        ]
    ):
        visitor = factories.make_visitor(workspace, name=name, email=email)
        Visitor.objects.filter(pk=visitor.pk).update(last_seen_at=seen + timedelta(minutes=number))
    factories.make_visitor(factories.make_workspace("Other"), name="Ada Elsewhere", email="ada@elsewhere.example")
    return workspace


def test_the_directory_lists_whoever_was_here_last_first(people: Workspace) -> None:
    agent = callers.signed_in(people)
    answer = agent.get("/visitors")
    assert names(answer) == ["Ada", "100% Real_Name", "Bob O'Brien", "Żaneta Łoś"]
    assert answer.json()["next_cursor"] is None
    assert set(answer.json()["items"][0]) == {
        "key", "id", "readable_id", "label", "name", "email", "email_proven", "external_id", "external_id_proven", "location",
        "proven", "blocked", "attributes", "device", "page",
        "referrer", "locale", "timezone", "online", "first_seen_at", "last_seen_at",
    }  # fmt: skip


def test_the_directory_can_be_narrowed_to_who_is_here(people: Workspace) -> None:
    agent = callers.signed_in(people)
    Visitor.objects.filter(name="Ada").update(last_seen_at=now())
    assert names(agent.get("/visitors", presence="online")) == ["Ada"]
    assert names(agent.get("/visitors", presence="offline")) == ["100% Real_Name", "Bob O'Brien", "Żaneta Łoś"]
    assert refusal(agent.get("/visitors", presence="asleep")) == (400, "invalid")


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("ada", ["Ada"]),
        ("ADA", ["Ada"]),
        ("zaneta", ["Żaneta Łoś"]),
        ("żaneta", ["Żaneta Łoś"]),
        ("ŁOŚ", ["Żaneta Łoś"]),
        ("łoś żan", ["Żaneta Łoś"]),
        ("work.example", ["Ada", "Bob O'Brien"]),
        ("bob@work", ["Bob O'Brien"]),
        ("O'Brien", ["Bob O'Brien"]),
        ("100%", ["100% Real_Name"]),
        ("Real_Name", ["100% Real_Name"]),
        ("%", ["100% Real_Name"]),
        ("_", ["100% Real_Name"]),
        ("RealXName", []),
        ("elsewhere", []),
        ("' OR 1=1 --", []),
        ("'||pg_sleep(5)||'", []),
        ("ada & bob", []),
        ("ada | bob", []),
        ("!ada", ["Ada"]),
        ("\\", []),
        ("<->", []),
    ],
)
def test_a_search_finds_the_words_and_takes_everything_else_literally(
    people: Workspace, q: str, found: list[str]
) -> None:
    assert names(callers.signed_in(people).get("/visitors", q=q)) == found


def test_a_search_by_readable_id_finds_its_visitor(people: Workspace) -> None:
    visitor = factories.make_visitor(people)
    assert [
        item["id"] for item in callers.signed_in(people).get("/visitors", q=visitor.readable_id).json()["items"]
    ] == [str(visitor.pk)]


def test_pages_of_the_directory_hold_everybody_once(people: Workspace) -> None:
    same = now() - timedelta(days=1)
    for _ in range(5):
        Visitor.objects.filter(pk=factories.make_visitor(people).pk).update(last_seen_at=same)
    agent = callers.signed_in(people)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = agent.get("/visitors", limit=2, **cursor).json()
        seen += [item["id"] for item in page["items"]]
        factories.make_visitor(people)  # somebody arrives between two pages
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == 9


def test_a_visitor_of_another_workspace_is_not_there(people: Workspace) -> None:
    agent = callers.signed_in(people)
    theirs = Visitor.objects.get(name="Ada Elsewhere")
    answers = [agent.get(f"/visitors/{id_}") for id_ in (theirs.pk, factories.uuid.uuid4())]
    assert {refusal(answer) for answer in answers} == {(404, "not_found")}
    assert len({answer.json()["error"]["message"] for answer in answers}) == 1
    ours = Visitor.objects.get(name="Ada")
    assert agent.get(f"/visitors/{ours.pk}").json()["name"] == "Ada"


def test_what_a_visitor_did_is_kept_for_thirty_days(workspace: Workspace, visitor: Booted) -> None:
    for age in (29, 31):
        event = {"id": factories.uuid.uuid4(), "name": f"{age} days ago", "at": now()}
        tracking.track(visitor.visitor, [event])
        TrackedEvent.objects.filter(name=event["name"]).update(received_at=now() - timedelta(days=age))
    assert tracking.forget_old_events() == 1
    assert TrackedEvent.objects.get().name == "29 days ago"
