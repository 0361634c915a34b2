"""What the API answers about search: what was found, what wasn't, and what makes it understand meaning."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID


class FoundShape(TypedDict):
    """An article that was found. ``title_html`` and ``passage_html`` have the words marked; nothing else in them is HTML."""

    id: UUID
    title: str
    slug: str
    language: str
    audience: str
    title_html: str
    passage_html: str


class FoundListShape(TypedDict):
    """What was found, the best first."""

    items: list[FoundShape]


class GapShape(TypedDict):
    """What was searched for and not found."""

    id: UUID
    words: str
    times: int
    first_at: datetime
    last_at: datetime


class GapsShape(TypedDict):
    """What was searched for and not found, the most often first."""

    items: list[GapShape]


class IndexShape(TypedDict):
    """Embeddings by one model. ``key`` says whether one is kept, never which."""

    id: UUID
    provider: str
    model: str
    url: str
    key: bool
    state: str
    done: int
    of: int
    problem: str


class ProviderShape(TypedDict):
    """A kind of embeddings that can be chosen. Without ``models`` the server's own are named as it names them."""

    provider: str
    label: str
    models: list[str]
    needs_key: bool
    takes_key: bool
    needs_url: bool


class EmbeddingsShape(TypedDict):
    """What serves, what is being built to take its place, and what there is to choose from."""

    indexes: list[IndexShape]
    providers: list[ProviderShape]
