"""BERT's tokens, uncased: words as its vocabulary has them, or the longest pieces of them that it has."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

CLS, SEP, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
WORD_CHARACTERS = 100
"""A longer word is unknown, as it was to the model while it learned."""


class WordPiece:
    """A vocabulary: a file with one piece a line, whose number is the line's."""

    def __init__(self, path: Path) -> None:
        with path.open(encoding="utf-8") as lines:
            self._ids = {line.rstrip("\n"): number for number, line in enumerate(lines)}

    def encode(self, text: str, most: int) -> list[int]:
        """Return a text's ids, between the two marks that the model expects, cut to ``most``."""
        ids = [self._ids[CLS]]
        for word in _words(text):
            if len(ids) >= most:
                break
            ids += self._pieces(word)
        return [*ids[: most - 1], self._ids[SEP]]

    def _pieces(self, word: str) -> list[int]:
        if len(word) > WORD_CHARACTERS:
            return [self._ids[UNKNOWN]]
        found: list[int] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = self._ids.get(("##" if start else "") + word[start:end])
                if piece is not None:
                    break
            else:
                return [self._ids[UNKNOWN]]
            found.append(piece)
            start = end
        return found


def _words(text: str) -> Iterator[str]:
    """Split into words in lower case without accents; each sign and each ideograph is a word of its own."""
    word = ""
    for character in unicodedata.normalize("NFD", text.lower()):
        kind = unicodedata.category(character)
        if character.isspace() or kind == "Zs":
            if word:
                yield word
            word = ""
        elif kind in ("Mn", "Cc", "Cf") or character == "\ufffd":
            continue
        elif _is_sign(character, kind) or _is_ideograph(character):
            if word:
                yield word
            yield character
            word = ""
        else:
            word += character
    if word:
        yield word


def _is_sign(character: str, kind: str) -> bool:
    return kind.startswith("P") or (character.isascii() and not character.isalnum())


def _is_ideograph(character: str) -> bool:
    code = ord(character)
    return (
        0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x2FA1F
    )
