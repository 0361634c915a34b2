"""Everyone asks every live query and tells everything, over real sockets: the access table again."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from apps.core import live as queries
from apps.core import whispers
from apps.core.access import ANY, Access
from tests.callers import App, Booted, Keyed
from tests.core.test_poll import poll
from tests.live import LiveSocket, LiveThread, credential_of
from tests.security.cases import case
from tests.security.scene import Person, Scene


@pytest.fixture
def everybody(live: LiveThread, media: Any) -> Scene:
    return Scene()


NAMED = {"conversation", "visitor", "erasure"}
"""Arguments that name what must be the caller's to see."""


def may(access: Access, person: Person) -> bool:
    if person.kind == "visitor":
        return access.visitor
    return access.member == ANY or access.member in person.held


def arguments(params: type[queries.Params], scene: Scene, person: Person, *, random: bool = False) -> dict[str, Any]:
    """Return arguments that name what the scene is about; a visitor has no way to name a visitor."""
    known: dict[str, Any] = {"conversation": scene.conversation, "url": "https://shop.example/bikes"}
    if person.kind == "member":
        known["visitor"] = str(scene.visitor.visitor.pk)
        known["erasure"] = scene.erasure
    if random:
        known |= {name: str(uuid4()) for name in NAMED if name in known}
    return {name: known[name] for name in params.__struct_fields__ if name in known}


def greeted(live: LiveThread, person: Person) -> LiveSocket:
    caller: Any = person.caller
    socket = live.connect(caller.headers.get("Origin"))
    credential: dict[str, str]
    if isinstance(caller, Keyed):
        credential = {"token": caller.token}
    elif person.kind == "nobody" or (isinstance(caller, App) and person.kind == "ended"):
        credential = {"ticket": uuid4().hex * 2}
    else:
        credential = credential_of(caller)
    socket.send(type="hello", **credential)
    return socket


OUTSIDE = ("nobody", "ended", "key")
"""Who opens no socket: a key asks by REST alone."""


def expected(name: str, person: Person, scene: Scene) -> str:
    query = queries.registry[name]
    if not may(type(query).access, person):  # type: ignore[attr-defined]
        return "forbidden"
    names_something = set(arguments(query.Params, scene, person)) & NAMED
    return "snapshot" if person.own or not names_something else "not_found"


def outcome(frame: dict[str, Any]) -> str:
    return str(frame["code"] if frame["type"] == "error" else frame["type"])


@case("T01", "W04", "W05")
def test_everyone_is_answered_what_the_access_table_promises(live: LiveThread, everybody: Scene) -> None:
    scene = everybody
    secret = {scene.conversation, str(scene.visitor.visitor.pk), scene.attachment, "Where is my bike?"}
    for person in scene.people:
        with greeted(live, person) as socket:
            if person.kind in OUTSIDE:
                assert socket.closed() == 4401, person.name
                continue
            assert socket.receive()["type"] == "ready"
            frames = {
                name: socket.subscribe(name, name, **arguments(query.Params, scene, person))
                for name, query in queries.registry.items()
            }
            promised = {name: expected(name, person, scene) for name in frames}
            assert {name: outcome(frame) for name, frame in frames.items()} == promised, person.name
            if not person.own:
                told = json.dumps([frame.get("data") for frame in frames.values()])
                assert [word for word in secret if word in told] == [], person.name
            for name in [name for name, came in promised.items() if came == "not_found"]:
                params = arguments(queries.registry[name].Params, scene, person, random=True)
                assert socket.subscribe(name, name, **params) == frames[name], "not like an id that never was"


@case("T01", "W10")
def test_everyone_may_tell_what_the_access_table_promises(live: LiveThread, everybody: Scene) -> None:
    scene = everybody
    for person in scene.people:
        if person.kind in OUTSIDE:
            continue
        with greeted(live, person) as socket:
            assert socket.receive()["type"] == "ready"
            for what, known in whispers.registry.items():
                params = arguments(known.params, scene, person)
                allowed = may(known.teller.access, person) and (person.own or "conversation" not in params)  # type: ignore[attr-defined]
                socket.tell(what, **params)
                promised = [] if allowed else ["not_found"]
                assert [outcome(frame) for frame in socket.settle()] == promised, (person.name, what)
                whispered = allowed and "conversation" in params
                assert bool(heard_from(person, what)) is whispered, (person.name, what)


def heard_from(person: Person, what: str) -> list[str]:
    """Return what the live process has heard of this from this person."""
    caller: Any = person.caller
    actor = caller.visitor if isinstance(caller, Booted) else caller.member
    return [who for said in whispers.memory._heard.values() for who in said if who == f"{what}:{actor.pk}"]


POLLED = {"snapshot": 200, "forbidden": 403, "not_found": 404}


@case("T01", "W04")
def test_everyone_is_polled_what_the_access_table_promises(live: LiveThread, everybody: Scene) -> None:
    scene = everybody
    for person in scene.people:
        bearer = person.caller if isinstance(person.caller, Booted) else None
        for name, query in queries.registry.items():
            params = arguments(query.Params, scene, person)
            answer = poll(live, bearer, name, params=params, wait="2")
            if bearer is None:
                assert (answer.status, answer.frame["error"]["code"]) == (401, "not_authenticated"), person.name
            elif person.kind == "ended":
                assert (answer.status, answer.frame["error"]["code"]) == (401, "session_expired"), person.name
            else:
                assert answer.status == POLLED[expected(name, person, scene)], (person.name, name)
