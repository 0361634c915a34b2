"""What snippets announce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.core.events import Event
from apps.knowledge.snippets.models import Snippet


@dataclass(frozen=True, kw_only=True)
class SnippetEvent(Event):
    """What every event about a snippet shares."""

    audited = True
    snippet: Snippet

    def subject(self) -> Snippet:
        return self.snippet


@dataclass(frozen=True, kw_only=True)
class SnippetMade(SnippetEvent):
    """There is a new snippet."""

    name = "snippet.created"
    phrase = "made the snippet {subject}"


@dataclass(frozen=True, kw_only=True)
class SnippetChanged(SnippetEvent):
    """A snippet has another name, shortcut, folder or text. ``changed`` names the fields."""

    name = "snippet.changed"
    phrase = "changed {changed} of the snippet {subject}"
    changed: Sequence[str]

    def details(self) -> dict[str, Any]:
        return {"changed": ", ".join(self.changed)}


@dataclass(frozen=True, kw_only=True)
class SnippetDeleted(SnippetEvent):
    """A snippet is about to be deleted, in this transaction."""

    name = "snippet.deleted"
    phrase = "deleted the snippet {subject}"
