"""What search announces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.core.events import Event
from apps.core.isolation.scopes import Exemption
from apps.knowledge.retrieval.models import EmbeddingIndex

REINDEXING = Exemption("making search anew", "the operator names no workspace: each is entered in turn")
"""Here, where it is loaded with the events, so that it is listed."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingsChosen(Event):
    """A workspace's passages are embedded by another model, or with another key."""

    name = "embeddings.chosen"
    audited = True
    phrase = "chose {provider}, {model}, for search by meaning"
    index: EmbeddingIndex

    def subject(self) -> EmbeddingIndex:
        return self.index

    def details(self) -> dict[str, Any]:
        return {"provider": self.index.provider, "model": self.index.model}
