"""Cuts an article into the passages that are searched: about 120 words each, never across a heading, each with the headings above it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

WORDS = 120
"""Long enough to hold an answer, short enough for a small model to tell one from another."""
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])|\n")

_markdown = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage. ``path`` is the title and the headings that it stands under, outermost first."""

    path: tuple[str, ...]
    text: str

    @property
    def heading(self) -> str:
        """The path, as it is shown and embedded with the text."""
        return " › ".join(self.path)

    @property
    def embedded(self) -> str:
        """What an embedding is made of: short passages say little without the headings above them."""
        return f"{self.heading}\n{self.text}"

    @property
    def digest(self) -> bytes:
        """Tells whether a passage reads as before."""
        return hashlib.sha256(self.embedded.encode()).digest()


def chunks(title: str, body: str) -> list[Chunk]:
    """Cut Markdown into passages. An article without text is one passage of its title alone."""
    found: list[Chunk] = []
    for path, blocks in _sections(title, body):
        found += [Chunk(path, text) for text in _packed(blocks)]
    return found or [Chunk((title,), "")]


def _sections(title: str, body: str) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield the blocks of plain text under each heading."""
    above: list[tuple[int, str]] = []
    blocks: list[str] = []
    tokens = _markdown.parse(body)
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            if blocks:
                yield _path(title, above), blocks
            level = int(token.tag[1])
            above = [(depth, text) for depth, text in above if depth < level]
            above.append((level, _plain(tokens[place + 1])))
            blocks = []
        elif token.type == "inline" and tokens[place - 1].type != "heading_open":
            blocks.append(_plain(token))
        elif token.type in ("fence", "code_block"):
            blocks.append(token.content.strip())
    if blocks:
        yield _path(title, above), blocks


def _path(title: str, above: list[tuple[int, str]]) -> tuple[str, ...]:
    """Return the title and what stands under it; a first heading that repeats the title counts once."""
    return (title, *(text for _level, text in above if text and text.casefold() != title.casefold()))


def _plain(inline: Token) -> str:
    parts = []
    for token in inline.children or ():
        match token.type:
            case "text" | "code_inline":
                parts.append(token.content)
            case "softbreak" | "hardbreak":
                parts.append(" ")
            case "image":
                parts.append(token.content)
    return "".join(parts).strip()


def _packed(blocks: list[str]) -> Iterator[str]:
    """Put whole sentences together up to the length of a passage; a sentence that is longer by itself is cut between words."""
    lines: list[str] = []
    length = 0
    for block in blocks:
        for nth, sentence in enumerate(_sentences(block)):
            words = _length(sentence)
            if lines and length + words > WORDS:
                yield "\n".join(lines)
                lines, length = [], 0
            if nth and lines:
                lines[-1] = f"{lines[-1]} {sentence}"
            else:
                lines.append(sentence)
            length += words
    if lines:
        yield "\n".join(lines)


def _sentences(block: str) -> Iterator[str]:
    for sentence in _SENTENCE_END.split(block):
        rest = sentence.strip() if sentence else ""
        while _length(rest) > WORDS:
            cut = _cut(rest)
            yield rest[:cut].strip()
            rest = rest[cut:].strip()
        if rest:
            yield rest


def _length(text: str) -> int:
    """Count words; where a script has no spaces between them, two characters are about one."""
    return max(text.count(" ") + 1, len(text) // 8) if text else 0


def _cut(text: str) -> int:
    """Return where the longest beginning of a passage's length ends: after a word, or within what has no spaces."""
    end = 0
    for space in re.finditer(r"\s+|\Z", text):
        if _length(text[: space.start()]) > WORDS:
            break
        end = space.end()
    return end or WORDS * 8
