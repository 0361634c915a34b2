"""What the API answers about snippets."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID


class SnippetShape(TypedDict):
    """A text for answers, with its variables as they are written."""

    id: UUID
    name: str
    shortcut: str
    folder: str
    body: str
    shared: bool
    yours_to_change: bool
    updated_at: datetime


class SnippetsShape(TypedDict):
    """All of them."""

    items: list[SnippetShape]


class FilledShape(TypedDict):
    """A snippet as it would be sent to one visitor; what nothing is known of still stands in it, and is named."""

    id: UUID
    name: str
    shortcut: str
    folder: str
    shared: bool
    text: str
    unresolved: list[str]


class FilledSnippetsShape(TypedDict):
    """Those that fit, best first."""

    items: list[FilledShape]


class ReadingShape(TypedDict):
    """How a text reads to somebody; ``name`` is empty for one of whom nothing is known."""

    name: str
    text: str
    unresolved: list[str]


class SnippetPreviewShape(TypedDict):
    """A text as two people would read it."""

    unknown: ReadingShape
    known: ReadingShape | None
