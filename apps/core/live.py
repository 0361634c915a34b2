"""Live queries: reads that re-run when what they depend on changes.

A query is a class registered by ``@live("name")`` beside its ``@allow(…)``. It names its topics (chosen by the server from the arguments
and the actor; no client ever names one) and answers in one of three ways:

- a ``Log`` is append-only and contiguous by ``seq``: a client that holds n asks for what comes after n;
- ``Rows`` are a page of rows, each with its own version: the highest version wins;
- a ``Value`` is replaced whole.

The same answer goes out as data (JSON) or as HTML, rendered by the page's own template partial.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, TypeVar

import msgspec
from django.template.loader import render_to_string

from apps.core import access
from apps.core.access import Actor
from apps.core.models import Installation

Item = Mapping[str, Any]
Query = TypeVar("Query", bound="type[LiveQuery]")


class Params(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The arguments of a query; a subclass declares them."""


class BadParams(ValueError):
    """The arguments don't fit the query. The message says which and why."""


class UnknownQuery(LookupError):
    """There is no query of that name."""


class NotVisible(LookupError):
    """What the query is about doesn't exist for this actor."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query answers: ``data`` for a snapshot, ``items`` for a delta. ``at`` is the log's head."""

    data: Item | None = None
    items: Sequence[Item] = ()
    at: int = 0


class LiveQuery:
    """What the three ways of answering share. One instance a query; it holds no state."""

    name: ClassVar[str]
    Params: ClassVar[type[Params]] = Params
    template: ClassVar[str] = ""
    context_name: ClassVar[str] = "item"
    pause: ClassVar[float] = 0.0
    """The least time in seconds between two runs for one set of subscribers."""
    ephemeral: ClassVar[bool] = False
    """Answered from what the process has heard whispered, not from the database."""

    def topics(self, actor: Actor, params: Any) -> Iterable[str]:
        """Name what this answer depends on."""
        raise NotImplementedError

    def resolve(self, actor: Actor, params: Any) -> Any:
        """Replace what stands for the actor in the arguments ("me"), so that equal arguments mean the same."""
        return params

    def view(self, actor: Actor) -> str:
        """Return the key under which actors share one answer."""
        return actor.view

    def render(self, item: Item, actor: Actor) -> str:
        """Render one item (of a Value: the whole) with the page's own partial."""
        # A SafeString is a str that the encoder refuses; adding to one gives a plain str.
        return render_to_string(self.template, {self.context_name: item, "actor": actor}) + ""


class Log(LiveQuery):
    """An append-only log, contiguous by ``seq``."""

    def head(self, actor: Actor, params: Any) -> int:
        """Return the log's last number for this actor. Raises NotVisible."""
        raise NotImplementedError

    def last(self, actor: Actor, params: Any) -> Answer:
        """Return the newest page: data {items, more} in ascending order. Raises NotVisible."""
        raise NotImplementedError

    def after(self, actor: Actor, params: Any, seq: int) -> Answer:
        """Return what comes after ``seq``, contiguous, ascending. Raises NotVisible."""
        raise NotImplementedError


class Rows(LiveQuery):
    """A page of rows; each carries ``key``, ``version`` and ``sort`` (an order key, descending)."""

    def page(self, actor: Actor, params: Any) -> Answer:
        """Return the first page: data {items, more}. Raises NotVisible."""
        raise NotImplementedError

    def changed(self, actor: Actor, params: Any, keys: Sequence[str]) -> Answer:
        """Return these rows as they are now; one that is no longer of this list as {key, version, removed: True}."""
        raise NotImplementedError


class Value(LiveQuery):
    """One object, replaced whole."""

    def get(self, actor: Actor, params: Any) -> Item:
        """Return the object. Raises NotVisible."""
        raise NotImplementedError


registry: dict[str, LiveQuery] = {}


def live(name: str) -> Callable[[Query], Query]:
    """Register a live query under the name that clients subscribe to."""

    def register(query: Query) -> Query:
        if name in registry:
            raise TypeError(f"Two live queries are called {name!r}")
        query.name = name
        registry[name] = query()
        return query

    return register


def find(actor: Actor | None, name: str, params: object) -> tuple[LiveQuery, Any]:
    """Return the query and its checked arguments.

    Raises UnknownQuery, BadParams, and what ``access.check`` raises.
    """
    query = registry.get(name)
    if query is None:
        raise UnknownQuery(name)
    access.check(type(query), actor)
    try:
        checked = msgspec.convert(params, query.Params, strict=False)
    except msgspec.ValidationError as error:
        raise BadParams(str(error)) from error
    assert actor is not None
    return query, query.resolve(actor, checked)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An answer as a page shows it first: ``version`` is what its socket subscribes ``from``."""

    version: str
    data: Item

    @property
    def items(self) -> Sequence[Item]:
        items: Sequence[Item] = self.data["items"]
        return items


def snapshot(actor: Actor, name: str, params: dict[str, Any]) -> Snapshot:
    """Answer a query once, for a page. Raises as ``find`` does, and NotVisible."""
    query, checked = find(actor, name, params)
    answer = run(query, actor, checked)
    assert answer.data is not None
    return Snapshot(version=version_of(query, answer), data=answer.data)


def run(query: LiveQuery, actor: Actor, params: Any) -> Answer:
    """Answer with a snapshot. Raises NotVisible."""
    if isinstance(query, Log):
        return query.last(actor, params)
    if isinstance(query, Rows):
        return query.page(actor, params)
    assert isinstance(query, Value)
    return Answer(data=query.get(actor, params))


def version_of(query: LiveQuery, answer: Answer) -> str:
    """Return the version of a snapshot: a log's head, else the hash of what it says."""
    if isinstance(query, Log):
        return f"{epoch()}.{answer.at}"
    return digest(encode(answer.data))


@cache
def epoch() -> str:
    """Return this installation's epoch, short. Read once a process: a restore restarts them all."""
    return Installation.objects.get_or_create(pk=1)[0].epoch.hex[:8]


_encoder = msgspec.json.Encoder()


def encode(value: object) -> bytes:
    """Serialise as JSON; times as ISO 8601, UUIDs as text."""
    return _encoder.encode(value)


def digest(data: bytes) -> str:
    """Return a short fingerprint of serialised data: equal data, equal version."""
    return hashlib.blake2b(data, digest_size=9).hexdigest()
