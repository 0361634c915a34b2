"""The family; what each of its kinds can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from apps.core.kinds import Family

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

    Vectors = NDArray[float32]
"""A matrix, a vector a row."""

DIMENSIONS_MOST = 4000
"""What Postgres can index."""


class Unavailable(Exception):
    """There was no vector this time: later there may be."""


class Rejected(Exception):
    """There will be no vector until somebody changes the settings. The message says which, to those who may."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a workspace reaches a provider."""

    model: str
    url: str = ""
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Scale:
    """Each model has its own idea of near. ``relevant`` is the least cosine of a passage that has something to do with a question, ``spread`` the
    standard deviation among the passages nearest to one."""

    relevant: float
    spread: float


class Provider(ABC):
    """A kind of embeddings."""

    label: ClassVar[str]
    models: ClassVar[tuple[str, ...]] = ()
    """The models to choose from; none: whatever the server has, by name."""
    needs_key: ClassVar[bool] = False
    takes_key: ClassVar[bool] = False
    needs_url: ClassVar[bool] = False
    batch: ClassVar[int] = 32
    """How many passages are embedded at once."""

    @abstractmethod
    def passages(self, access: Access, texts: Sequence[str]) -> Vectors:
        """Return a vector of length 1 for each text. Raises Unavailable, Rejected."""

    def scale(self, access: Access) -> Scale:
        """Return how this model's cosines are to be read."""
        return Scale(relevant=0.3, spread=0.05)

    @abstractmethod
    def query(self, access: Access, text: str, english: float) -> Vectors:
        """Return the vector of a question, as a matrix of one row. Raises Unavailable, Rejected.

        ``english`` is the part of its words that the workspace's articles in English have, from 0 to 1.
        """


providers: Family[Provider] = Family("embeddings")


def checked(rows: Sequence[Sequence[float]], count: int) -> Vectors:
    """Return what a server answered as vectors of length 1. Raises Unavailable where it isn't as many vectors as were asked for."""
    import numpy

    try:
        vectors = numpy.asarray(rows, dtype=numpy.float32)
    except (TypeError, ValueError, OverflowError):
        raise Unavailable("The server's answer has no vectors.") from None
    if vectors.ndim != 2 or vectors.shape[0] != count or not 0 < vectors.shape[1] <= DIMENSIONS_MOST:
        raise Unavailable("The server's answer has not the vectors that were asked for.")
    lengths = numpy.linalg.norm(vectors, axis=1, keepdims=True)
    if not numpy.isfinite(vectors).all() or (lengths == 0).any():
        raise Unavailable("The server's answer has vectors that point nowhere.")
    unit: Vectors = vectors / lengths
    return unit
