"""The checker itself: it accepts a good run, and tells each way of breaking a promise from the others."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from opencom_project.demo.checker import Entry, LogKey, check
from opencom_project.demo.history import Event, digest

pytestmark = pytest.mark.smoke

WHOLE, SHOWN, OTHER = LogKey("c1", "all"), LogKey("c1", "public"), LogKey("c2", "all")


@dataclass
class Told:
    """A run as its clients told it."""

    events: list[Event] = field(default_factory=list)
    final: dict[LogKey, list[Entry]] = field(default_factory=dict)
    followers: list[tuple[str, LogKey]] = field(default_factory=list)
    held: dict[tuple[str, str, str], Any] = field(default_factory=dict)

    def kinds(self) -> set[str]:
        verdict = check(self.events, self.final, followers=self.followers, held=self.held)
        assert verdict.valid == (not verdict.anomalies)
        return {anomaly.kind for anomaly in verdict.anomalies}

    def add(self, kind: str, **fields: Any) -> None:
        self.events.append({"t": len(self.events) * 1000, "k": kind, **fields})

    def find(self, kind: str, **wanted: Any) -> Event:
        return next(
            event for event in self.events if event["k"] == kind and all(event[name] == wanted[name] for name in wanted)
        )

    def drop(self, kind: str, **wanted: Any) -> None:
        self.events.remove(self.find(kind, **wanted))


def good() -> Told:
    """Five messages, a note and a refused one in two conversations; a retry; a client that came late, one that resumed."""
    told = Told()
    numbers = {WHOLE: 0, SHOWN: 0, OTHER: 0}
    told.final = {WHOLE: [], SHOWN: [], OTHER: []}

    def send(cid: str, key: LogKey, *, first: bool = False, note: bool = False, retried: bool = False) -> None:
        log = "public" if cid.startswith("v") else "all"
        told.add("invoke", cid=cid, client=cid[0], conv="" if first else key.conv, log=log, h=digest(cid))
        for each in (key, SHOWN) if key is WHOLE and not note else (key,):
            numbers[each] += 1
            told.final[each].append(Entry(numbers[each], f"id-{cid}", cid, digest(cid)))
        seq = numbers[SHOWN if log == "public" else key]
        for replay in (False, True) if retried else (False,):
            conv = key.conv if first else ""
            told.add("ok", cid=cid, log=log, conv=conv, seq=seq, id=f"id-{cid}", replay=replay)

    def see(client: str, key: LogKey, place: int) -> None:
        entry = told.final[key][place - 1]
        told.add("see", client=client, log=key.log, conv=key.conv, seq=entry.seq, id=entry.id, h=entry.h)

    def snap(client: str, key: LogKey) -> None:
        items = [[entry.seq, entry.id, entry.h] for entry in told.final[key]]
        asked = len(told.events) * 1000 - 1
        told.add("snap", client=client, log=key.log, conv=key.conv, head=len(items), asked=asked, items=items)

    send("v1", WHOLE, first=True)
    snap("member", WHOLE)
    snap("visitor", SHOWN)
    send("m1", WHOLE)
    see("member", WHOLE, 2)
    see("visitor", SHOWN, 2)
    send("m2", WHOLE, note=True)
    see("member", WHOLE, 3)
    send("v2", WHOLE, retried=True)
    see("visitor", SHOWN, 3)
    see("member", WHOLE, 4)
    told.add("invoke", cid="v3", client="v", conv="c1", log="public", h=digest("v3"))
    told.add("fail", cid="v3", status=409)
    send("m3", OTHER, first=True)
    send("m4", OTHER)
    snap("late", OTHER)
    told.add("hold", client="member", query="inbox", key="c1", value=4)
    told.followers = [("member", WHOLE), ("visitor", SHOWN), ("late", OTHER)]
    told.held = {("member", "inbox", "c1"): 4}
    return told


def test_a_good_run_is_accepted_and_counted() -> None:
    told = good()
    verdict = check(told.events, told.final, followers=told.followers, held=told.held)
    assert verdict.anomalies == []
    assert (verdict.acknowledged, verdict.refused, verdict.replayed, verdict.seen, verdict.unsettled) == (6, 1, 1, 5, 0)
    assert (verdict.lost, verdict.doubled, verdict.reordered) == (0, 0, 0)
    assert verdict.milliseconds["p50"] > 0


def loses_the_last_acknowledged(told: Told) -> None:
    told.final[OTHER].pop()
    told.events = [event for event in told.events if event["k"] != "snap" or event["client"] != "late"]
    told.followers.pop()


def loses_one_in_the_middle_and_closes_the_gap(told: Told) -> None:
    log = told.final[OTHER]
    told.final[OTHER] = [log[1]._replace(seq=1)]
    told.events = [event for event in told.events if event["k"] != "snap" or event["client"] != "late"]
    told.followers.pop()


def leaves_a_gap(told: Told) -> None:
    told.final[OTHER][1] = told.final[OTHER][1]._replace(seq=3)
    told.find("ok", cid="m4")["seq"] = 3
    told.find("snap", client="late").update(head=1, items=told.find("snap", client="late")["items"][:1])
    told.followers.pop()
    told.find("snap", client="late")["asked"] = 0


def uses_a_number_twice(told: Told) -> None:
    told.final[OTHER].append(told.final[OTHER][1]._replace(id="id-x", cid=""))
    told.followers.pop()


def stores_a_retry_twice(told: Told) -> None:
    told.final[WHOLE].append(Entry(5, "id-again", "v2", digest("v2")))
    told.followers.remove(("member", WHOLE))


def stores_one_message_in_two_conversations(told: Told) -> None:
    told.final[OTHER].append(Entry(3, "id-again", "v2", digest("v2")))
    told.followers.pop()


def answers_a_retry_differently(told: Told) -> None:
    told.find("ok", cid="v2", replay=True)["seq"] = 4


def changes_the_text(told: Told) -> None:
    told.final[OTHER][0] = told.final[OTHER][0]._replace(h=digest("else"))
    told.find("snap", client="late")["items"][0][2] = digest("else")


def stores_what_was_refused(told: Told) -> None:
    told.final[OTHER].append(Entry(3, "id-v3", "v3", digest("v3")))
    told.followers.pop()


def stores_what_nobody_sent(told: Told) -> None:
    told.final[OTHER].append(Entry(3, "id-ghost", "ghost", digest("ghost")))
    told.followers.pop()


def moves_what_was_acknowledged(told: Told) -> None:
    log = told.final[OTHER]
    told.final[OTHER] = [log[0], Entry(2, "id-z", "", digest("z")), log[1]._replace(seq=3)]
    told.find("snap", client="late")["items"][1] = [2, "id-z", digest("z")]
    told.find("snap", client="late")["asked"] = 0
    told.followers.pop()


def lets_a_later_message_overtake(told: Told) -> None:
    first, second = told.final[OTHER]
    told.final[OTHER] = [second._replace(seq=1), first._replace(seq=2)]
    told.find("ok", cid="m3")["seq"], told.find("ok", cid="m4")["seq"] = 2, 1
    told.find("snap", client="late")["items"].reverse()
    for number, item in enumerate(told.find("snap", client="late")["items"], start=1):
        item[0] = number


def shows_the_visitor_another_order(told: Told) -> None:
    log = told.final[SHOWN]
    told.final[SHOWN] = [log[0], log[2]._replace(seq=2), log[1]._replace(seq=3)]
    told.find("ok", cid="v2", replay=False)["seq"] = told.find("ok", cid="v2", replay=True)["seq"] = 2
    told.find("see", client="visitor", seq=2).update(id="id-v2", h=digest("v2"))
    told.find("see", client="visitor", seq=3).update(id="id-m1", h=digest("m1"))


def shows_one_client_something_else(told: Told) -> None:
    told.find("see", client="member", seq=2)["id"] = "id-other"


def skips_an_entry_on_a_socket(told: Told) -> None:
    told.drop("see", client="member", seq=3)


def sends_an_entry_twice(told: Told) -> None:
    told.events.append({**told.find("see", client="member", seq=4), "t": 10**9})


def takes_a_client_back(told: Told) -> None:
    items = told.find("snap", client="member")["items"]
    told.add("snap", client="member", log="all", conv="c1", head=1, asked=0, items=items)


def shows_a_snapshot_from_before_an_acknowledgement(told: Told) -> None:
    snap = told.find("snap", client="late")
    snap.update(head=1, items=snap["items"][:1])
    told.followers.pop()


def stops_telling_a_client(told: Told) -> None:
    told.drop("see", client="member", seq=4)


def never_answers(told: Told) -> None:
    told.drop("fail", cid="v3")


def leaves_a_list_as_it_was(told: Told) -> None:
    told.find("hold", client="member")["value"] = 3


BROKEN: list[tuple[Callable[[Told], None], set[str]]] = [
    (loses_the_last_acknowledged, {"lost"}),
    (loses_one_in_the_middle_and_closes_the_gap, {"lost", "moved"}),
    (leaves_a_gap, {"gap in the log"}),
    (uses_a_number_twice, {"number used twice", "fork"}),
    (stores_a_retry_twice, {"stored twice"}),
    (stores_one_message_in_two_conversations, {"stored twice"}),
    (answers_a_retry_differently, {"two answers"}),
    (changes_the_text, {"changed"}),
    (stores_what_was_refused, {"effect of a refusal"}),
    (stores_what_nobody_sent, {"from nowhere"}),
    (moves_what_was_acknowledged, {"moved"}),
    (lets_a_later_message_overtake, {"overtaken"}),
    (shows_the_visitor_another_order, {"numberings disagree"}),
    (shows_one_client_something_else, {"fork"}),
    (skips_an_entry_on_a_socket, {"skipped"}),
    (sends_an_entry_twice, {"sent again"}),
    (takes_a_client_back, {"went back"}),
    (shows_a_snapshot_from_before_an_acknowledgement, {"stale snapshot"}),
    (stops_telling_a_client, {"not caught up"}),
    (never_answers, {"never settled"}),
    (leaves_a_list_as_it_was, {"holds what isn't so"}),
]


@pytest.mark.parametrize(("breaking", "kinds"), BROKEN, ids=[breaking.__name__ for breaking, _ in BROKEN])
def test_a_broken_run_is_told_by_what_was_broken(breaking: Callable[[Told], None], kinds: set[str]) -> None:
    told = copy.deepcopy(good())
    breaking(told)
    assert told.kinds() == kinds


def test_no_two_ways_of_breaking_a_run_look_alike() -> None:
    looks = [
        frozenset(kinds) for breaking, kinds in BROKEN if breaking not in (stores_one_message_in_two_conversations,)
    ]
    assert len(set(looks)) == len(looks)
