"""The local models with a memory, in a file: a second run then measures the search, not the models."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy

from apps.knowledge.embeddings import e5, minilm


class Remembered:
    """What the models have made of which text."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._known: dict[bytes, Any] = pickle.loads(path.read_bytes()) if path is not None and path.exists() else {}

    def keep(self) -> None:
        """Write it down."""
        if self.path is not None:
            self.path.write_bytes(pickle.dumps(self._known))

    def asked_of(self, name: str, model: Callable[[Sequence[str]], Any]) -> Callable[[Sequence[str]], Any]:
        """Return the model as it answers from memory, and otherwise by itself."""

        def vectors(texts: Sequence[str]) -> Any:
            keys = [hashlib.sha256(f"{name} {text}".encode()).digest() for text in texts]
            missing = [place for place, key in enumerate(keys) if key not in self._known]
            if missing:
                made = model([texts[place] for place in missing])
                self._known |= {keys[place]: vector for place, vector in zip(missing, made, strict=True)}
            return numpy.stack([self._known[key] for key in keys])

        return vectors


def remember(path: Path | None) -> Remembered:
    """Let the local models remember in this file."""
    memory = Remembered(path)
    query = e5.query
    minilm.embedded = memory.asked_of("minilm", minilm.embedded)
    e5.passages = memory.asked_of("e5 passage", e5.passages)
    asked = memory.asked_of("e5 query", lambda texts: numpy.concatenate([query(text) for text in texts]))
    e5.query = lambda text: asked([text])
    return memory
