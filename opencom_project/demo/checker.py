"""Judges a run by its history: was an acknowledged message lost, doubled, changed or moved, did anybody see another order?

One pass over what was sent, one over what was seen, against the logs as they are when all is quiet. Sequence numbers come from the server
and ids are unique, so no search is needed: each promise is decided by looking up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from opencom_project.demo.history import Event, digest

INFINITY = float("inf")


class Entry(NamedTuple):
    """One entry of a log, as read at the end. ``cid`` is empty for what no client sent."""

    seq: int
    id: str
    cid: str
    h: str


class LogKey(NamedTuple):
    """A conversation in one of its two numberings."""

    conv: str
    log: str


Final = Mapping[LogKey, Sequence[Entry]]


class Wait(NamedTuple):
    """When a message was first tried (the history's clock), and how many milliseconds later which other client saw it on its socket."""

    sent: int
    milliseconds: float
    client: str


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A promise that was broken: which, and how that shows."""

    kind: str
    detail: str


@dataclass
class Verdict:
    """What came of a run."""

    anomalies: list[Anomaly] = field(default_factory=list)
    acknowledged: int = 0
    refused: int = 0
    replayed: int = 0
    seen: int = 0
    unsettled: int = 0
    waits: list[Wait] = field(default_factory=list)

    @property
    def milliseconds(self) -> dict[str, float]:
        """The waits' p50, p95, p99 and the longest."""
        return percentiles([wait.milliseconds for wait in self.waits])

    @property
    def valid(self) -> bool:
        return not self.anomalies

    def count(self, *kinds: str) -> int:
        """Return how many anomalies are of these kinds."""
        return sum(anomaly.kind in kinds for anomaly in self.anomalies)

    @property
    def lost(self) -> int:
        return self.count("lost", "not caught up", "gap in the log", "stale snapshot")

    @property
    def doubled(self) -> int:
        return self.count("stored twice", "two answers", "number used twice", "sent again")

    @property
    def reordered(self) -> int:
        return self.count("overtaken", "fork", "numberings disagree", "skipped", "went back")


def entries(items: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """Return a log as the API lists it, for the checker. What was done to a conversation was sent by no client."""
    return [
        Entry(
            item["seq"],
            item["id"],
            item.get("client_id", "") if item["kind"] != "event" else "",
            digest(item["body"]),
        )
        for item in items
    ]


def check(
    history: Iterable[Event],
    final: Final,
    *,
    followers: Iterable[tuple[str, LogKey]] = (),
    held: Mapping[tuple[str, str, str], Any] | None = None,
) -> Verdict:
    """Judge a run.

    ``final``: every conversation's logs at the end. ``followers``: which client must have seen which log to its end. ``held``: by client,
    query and key, what each client must hold of the rest.
    """
    events = sorted(history, key=lambda event: event["t"])
    sends = _Sends(events)
    verdict = Verdict(acknowledged=len(sends.answered), refused=len(sends.refused), replayed=sends.replayed)
    verdict.unsettled = len(sends.invoked.keys() - sends.answered.keys() - sends.refused.keys())
    for rule in (_logs, _numberings, _stored, _real_time):
        verdict.anomalies += rule(sends, final)
    sights = _Sights(events, final, sends)
    verdict.anomalies += [*sights.anomalies, *sights.not_caught_up(followers)]
    verdict.anomalies += _holdings(events, held or {})
    verdict.seen, verdict.waits = sights.seen, sights.waits
    return verdict


class _Sends:
    """What was sent, and what was answered."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.invoked: dict[str, Event] = {}
        self.answered: dict[str, Event] = {}
        self.refused: dict[str, Event] = {}
        self.contradicted: list[tuple[Event, Event]] = []
        self.replayed = 0
        for event in events:
            match event["k"]:
                case "invoke":
                    self.invoked.setdefault(event["cid"], event)
                case "ok":
                    self.replayed += bool(event.get("replay"))
                    first = self.answered.setdefault(event["cid"], event)
                    if (first["seq"], first["id"]) != (event["seq"], event["id"]):
                        self.contradicted.append((first, event))
                case "fail":
                    self.refused.setdefault(event["cid"], event)

    def conversation(self, cid: str) -> str:
        """Return which conversation a message went to: as it was sent, or, for a first one, as it was answered."""
        return str(self.invoked[cid]["conv"] or self.answered.get(cid, {}).get("conv", ""))

    def acknowledged_at(self, cid: str) -> float:
        """Return when a message was acknowledged first; never is infinitely late."""
        return float(self.answered[cid]["t"]) if cid in self.answered else INFINITY


def _logs(sends: _Sends, final: Final) -> Iterator[Anomaly]:
    """Every log is 1..n, nothing in it came from nowhere, and nothing is in it twice."""
    for key, log in final.items():
        numbers = [entry.seq for entry in log]
        for number, times in Counter(numbers).items():
            if times > 1:
                yield Anomaly("number used twice", f"{key} has {times} entries {number}")
        if set(numbers) != set(range(1, len(set(numbers)) + 1)) or numbers != sorted(numbers):
            yield Anomaly("gap in the log", f"{key} has {len(numbers)} entries up to {max(numbers)}")
        for cid, times in Counter(entry.cid for entry in log if entry.cid).items():
            if times > 1:
                yield Anomaly("stored twice", f"{cid} is {times} entries of {key}")
            if cid not in sends.invoked:
                yield Anomaly("from nowhere", f"{cid} is in {key} and nobody sent it")
    places: dict[str, set[str]] = defaultdict(set)
    for key, log in final.items():
        for entry in log:
            if entry.cid:
                places[entry.cid].add(key.conv)
    for cid, conversations in places.items():
        if len(conversations) > 1:
            yield Anomaly("stored twice", f"{cid} is in {len(conversations)} conversations")


def _numberings(sends: _Sends, final: Final) -> Iterator[Anomaly]:
    """What the visitor sees is a part of the whole log, in the same order."""
    for key, log in final.items():
        whole = final.get(LogKey(key.conv, "all"))
        if key.log == "public" and whole is not None:
            place = {entry.id: entry.seq for entry in whole}
            shown = [place.get(entry.id, 0) for entry in log]
            if shown != sorted(set(shown)) or 0 in shown:
                yield Anomaly("numberings disagree", f"{key} shows the entries {shown[:20]} of the whole")


def _stored(sends: _Sends, final: Final) -> Iterator[Anomaly]:
    """What was acknowledged is there, where and as it was acknowledged; what was refused isn't."""
    for first, second in sends.contradicted:
        yield Anomaly(
            "two answers", f"{first['cid']} is {first['seq']} {first['id']}, and {second['seq']} {second['id']}"
        )
    rows = {(key.log, entry.cid): (key.conv, entry) for key, log in final.items() for entry in log if entry.cid}
    for cid, answer in sends.answered.items():
        sent = sends.invoked.get(cid)
        if sent is None:
            yield Anomaly("from nowhere", f"{cid} was answered and nobody sent it")
            continue
        found = rows.get((answer["log"], cid))
        if found is None:
            yield Anomaly(
                "lost", f"{cid} was acknowledged as {answer['seq']} of {sends.conversation(cid)} and isn't there"
            )
            continue
        conversation, entry = found
        if (conversation, entry.seq, entry.id) != (sends.conversation(cid), answer["seq"], answer["id"]):
            yield Anomaly("moved", f"{cid} was acknowledged as {answer['seq']} {answer['id']} and is {entry}")
        if entry.h != sent["h"]:
            yield Anomaly("changed", f"{cid} has another text than was sent")
    present = {cid for _, cid in rows}
    for cid in sends.refused.keys() - sends.answered.keys():
        if cid in present:
            yield Anomaly("effect of a refusal", f"{cid} was refused and is there")
    for cid in sends.invoked.keys() - sends.answered.keys() - sends.refused.keys():
        yield Anomaly("never settled", f"{cid} was neither acknowledged nor refused")


def _real_time(sends: _Sends, final: Final) -> Iterator[Anomaly]:
    """What was acknowledged before another message was first sent comes before it."""
    for key, log in final.items():
        if key.log != "all" and LogKey(key.conv, "all") in final:
            continue
        spans = [
            (sends.invoked[entry.cid]["t"], sends.acknowledged_at(entry.cid), entry.seq, entry.cid)
            for entry in log
            if entry.cid in sends.invoked and sends.conversation(entry.cid) == key.conv
        ]
        acknowledged = sorted((answered, seq, cid) for _, answered, seq, cid in spans if answered != INFINITY)
        highest, by, taken = 0, "", 0
        for invoked, _, seq, cid in sorted(spans):
            while taken < len(acknowledged) and acknowledged[taken][0] < invoked:
                if acknowledged[taken][1] > highest:
                    highest, by = acknowledged[taken][1], acknowledged[taken][2]
                taken += 1
            if highest > seq and by != cid:
                yield Anomaly(
                    "overtaken", f"{by} was acknowledged as {highest} of {key} before {cid} was sent, which is {seq}"
                )


class _Sights:
    """What every client was sent, one after the other."""

    def __init__(self, events: Iterable[Event], final: Final, sends: _Sends) -> None:
        self.final = {key: {entry.seq: entry for entry in log} for key, log in final.items()}
        self.sends = sends
        self.at: dict[tuple[str, LogKey], int] = {}
        self.anomalies: list[Anomaly] = []
        self.seen = 0
        self.waits: list[Wait] = []
        self._known: set[tuple[str, str]] = set()
        self._acknowledged: dict[LogKey, list[tuple[int, int]]] = defaultdict(list)
        self._index_acknowledged()
        for event in events:
            if event["k"] == "see":
                self._see(event)
            elif event["k"] == "snap":
                self._snap(event)

    def _index_acknowledged(self) -> None:
        """Note for each log how high it was known to be at each moment: whoever asks later must be shown that much."""
        for key, log in self.final.items():
            known = [
                (self.sends.answered[entry.cid]["t"], entry.seq)
                for entry in log.values()
                if entry.cid in self.sends.answered and self.sends.conversation(entry.cid) == key.conv
            ]
            highest = 0
            for at, seq in sorted(known):
                if seq > highest:
                    highest = seq
                    self._acknowledged[key].append((at, seq))

    def _see(self, event: Event) -> None:
        key = LogKey(event["conv"], event["log"])
        client, at = event["client"], self.at.get((event["client"], key), 0)
        self.seen += 1
        if event["seq"] <= at:
            self._add("sent again", f"{client} was sent {event['seq']} of {key} and had {at}")
        elif event["seq"] > at + 1:
            self._add("skipped", f"{client} was sent {event['seq']} of {key} and had {at}")
        self.at[client, key] = max(at, event["seq"])
        self._compare(client, key, event["seq"], event["id"], event["h"])
        self._measure(event)

    def _snap(self, event: Event) -> None:
        key = LogKey(event["conv"], event["log"])
        client, at = event["client"], self.at.get((event["client"], key), 0)
        if event["head"] < at:
            self._add("went back", f"{client} had {at} of {key} and was shown {event['head']}")
        for asked_at, seq in self._acknowledged[key]:
            if asked_at < event["asked"] and seq > event["head"]:
                self._add("stale snapshot", f"{client} was shown {event['head']} of {key} after {seq} was acknowledged")
                break
        numbers = [seq for seq, _, _ in event["items"]]
        if numbers != list(range(event["head"] - len(numbers) + 1, event["head"] + 1)):
            self._add("skipped", f"{client} was shown the entries {numbers} of {key} at once")
        for seq, id_, h in event["items"]:
            self._compare(client, key, seq, id_, h)
        self.at[client, key] = max(at, event["head"])

    def _compare(self, client: str, key: LogKey, seq: int, id_: str, h: str) -> None:
        entry = self.final.get(key, {}).get(seq)
        if entry is None or (entry.id, entry.h) != (id_, h):
            self._add(
                "fork", f"{client} saw {id_} as {seq} of {key}, where there is {entry.id if entry else 'nothing'}"
            )

    def _measure(self, event: Event) -> None:
        entry = self.final.get(LogKey(event["conv"], event["log"]), {}).get(event["seq"])
        sent = self.sends.invoked.get(entry.cid) if entry is not None else None
        if sent is not None and sent["client"] != event["client"] and (event["client"], sent["cid"]) not in self._known:
            self._known.add((event["client"], sent["cid"]))
            self.waits.append(Wait(sent["t"], (event["t"] - sent["t"]) / 1e6, event["client"]))

    def not_caught_up(self, followers: Iterable[tuple[str, LogKey]]) -> Iterator[Anomaly]:
        """Name whoever follows a log and hasn't come to its end."""
        for client, key in followers:
            at, end = self.at.get((client, key), 0), len(self.final.get(key, ()))
            if at != end:
                yield Anomaly("not caught up", f"{client} has {at} of the {end} entries of {key}")

    def _add(self, kind: str, detail: str) -> None:
        self.anomalies.append(Anomaly(kind, detail))


def _holdings(events: Iterable[Event], held: Mapping[tuple[str, str, str], Any]) -> Iterator[Anomaly]:
    """What clients hold of lists and values, when all is quiet, is what there is."""
    last: dict[tuple[str, str, str], Any] = {}
    for event in events:
        if event["k"] == "hold":
            last[event["client"], event["query"], event["key"]] = event["value"]
    for key, value in held.items():
        if last.get(key) != value:
            yield Anomaly("holds what isn't so", f"{key}: {last.get(key)} instead of {value}")


def percentiles(waits: Sequence[float]) -> dict[str, float]:
    """Return p50, p95, p99 and the longest; nothing of nothing."""
    if not waits:
        return {}
    ordered = sorted(waits)
    at = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "longest": 1.0}
    return {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in at.items()}
