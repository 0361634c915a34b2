"""Embeddings made by ourselves, without key, download or network: the default.

Two small models disagree usefully: one knows English better, the other a hundred languages. A vector is both, one after the other, so that one
comparison weighs them, and a question may weigh them as suits it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from apps.knowledge.embeddings import e5, minilm
from apps.knowledge.embeddings.family import Access, Provider, Rejected, Scale, providers

if TYPE_CHECKING:
    from apps.knowledge.embeddings.family import Vectors

ENGLISH, BOTH, E5 = "minilm", "minilm+e5", "e5"


ENGLISH_SHARE, ENGLISH_POWER = 0.15, 2.0
"""What the English model weighs in a question all of whose words the English articles have, and how quickly less where they have fewer."""


class Local(Provider):
    """What runs where it is asked for; loaded with the first text."""

    label = "This server"
    batch = 16

    @property
    def models(self) -> tuple[str, ...]:  # type: ignore[override]
        """Both models where both are there; English alone elsewhere."""
        return (BOTH, E5, ENGLISH) if e5.is_there() else (ENGLISH,)

    def passages(self, access: Access, texts: Sequence[str]) -> Vectors:
        if self._model(access) == E5:
            return e5.passages(texts)
        if self._model(access) == ENGLISH:
            return minilm.embedded(texts)
        return _together(minilm.embedded(texts), e5.passages(texts))

    def query(self, access: Access, text: str, english: float) -> Vectors:
        if self._model(access) == E5:
            return e5.query(text)
        if self._model(access) == ENGLISH:
            return minilm.embedded([text])
        import numpy

        share = ENGLISH_SHARE * english**ENGLISH_POWER
        both = numpy.concatenate([share * minilm.embedded([text]), (1 - share) * e5.query(text)], axis=1)
        vector: Vectors = (both * 2**0.5).astype(numpy.float32)
        return vector

    def scale(self, access: Access) -> Scale:
        # All of e5's cosines are high: nineteen in twenty right answers lie above this, one in four wrong ones.
        return Scale(relevant=0.35, spread=0.07) if access.model == ENGLISH else Scale(relevant=0.77, spread=0.02)

    def _model(self, access: Access) -> str:
        if access.model not in self.models:
            raise Rejected(f"This server has no model {access.model}.")
        return access.model


def _together(english: Vectors, multilingual: Vectors) -> Vectors:
    import numpy

    both = numpy.concatenate([english, multilingual], axis=1) / 2**0.5
    vectors: Vectors = both.astype(numpy.float32)
    return vectors


providers.register("local", Local())
