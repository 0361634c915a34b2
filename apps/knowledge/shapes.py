"""What the API answers about articles, collections and the help centre."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from apps.core.shapes import Named


class ArticleRowShape(TypedDict):
    """An article in a list. A published one's title and summary are what readers see."""

    id: UUID
    title: str
    slug: str
    summary: str
    status: str
    audience: str
    language: str
    translations: UUID
    collection: UUID | None
    position: int
    tags: list[str]
    has_unpublished_changes: bool
    publish_at: datetime | None
    published_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ArticleShape(ArticleRowShape):
    """An article with its newest text. ``version`` is the base of the next save."""

    body: str
    version: int
    published_version: int | None
    authors: list[Named]


class ArticlesShape(TypedDict):
    """A page of articles, changed last first."""

    items: list[ArticleRowShape]
    next_cursor: str | None


class VersionShape(TypedDict):
    """An article's text at one time."""

    id: UUID
    number: int
    kind: str
    title: str
    summary: str
    body: str
    by: str
    published_at: datetime | None
    written_at: datetime


class VersionsShape(TypedDict):
    """An article's versions, the newest first."""

    items: list[VersionShape]


class SavedShape(TypedDict):
    """The number of the version that was written: the base of the next save."""

    version: int


class CollectionShape(TypedDict):
    """A collection. ``depth`` is 0 at the top."""

    id: UUID
    name: str
    slug: str
    description: str
    parent: UUID | None
    position: int
    depth: int


class CollectionsShape(TypedDict):
    """The tree of collections, each before those within it."""

    items: list[CollectionShape]


class AssetShape(TypedDict):
    """A picture or file. ``reference`` is how a text names it; ``url`` opens it for five minutes."""

    id: UUID
    name: str
    content_type: str
    size: int
    width: int | None
    height: int | None
    reference: str
    url: str


class AssetsShape(TypedDict):
    """Pictures and files, the newest first."""

    items: list[AssetShape]
    next_cursor: str | None


class PreviewShape(TypedDict):
    """A text as safe HTML."""

    html: str


class HelpCenterShape(TypedDict):
    """The public pages of a workspace's articles."""

    slug: str
    url: str
    mode: str
    title: str
    tagline: str
    language: str
