"""The pages there are, and the folder they are written to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from django.conf import settings
from django.utils.module_loading import autodiscover_modules

Writer = Callable[[], str]

GENERATED = "<!-- Written by `make docs` from the code. Change the code, not this page. -->"

_writers: dict[str, Writer] = {}


def page(name: str) -> Callable[[Writer], Writer]:
    """Register what writes the page of this file name."""

    def register(writer: Writer) -> Writer:
        if name in _writers:
            raise TypeError(f"Two reference pages are called {name!r}")
        _writers[name] = writer
        return writer

    return register


def folder() -> Path:
    """Return where the pages lie."""
    root: Path = settings.ROOT
    return root / "docs" / "reference"


def pages() -> Mapping[str, str]:
    """Return every page's text by file name, those of all apps."""
    autodiscover_modules("reference")
    return {name: f"{GENERATED}\n\n{writer().strip()}\n" for name, writer in sorted(_writers.items())}


def stale() -> list[str]:
    """Return the names of the pages that lie there with another text than the code gives, or don't."""
    return [name for name, text in pages().items() if _read(folder() / name) != text]


def write() -> list[str]:
    """Bring the folder up to date. Returns the names of the pages that have changed."""
    changed = stale()
    folder().mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        if name in changed:
            (folder() / name).write_text(text, encoding="utf-8")
    return changed


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table with aligned columns: it reads as well in a terminal."""
    lines = [tuple(heads), *(tuple(_cell(value) for value in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def _cell(value: object) -> str:
    text = "" if value is None else ("yes" if value is True else "" if value is False else str(value))
    return " ".join(text.split()).replace("|", "\\|")


def first_line(function: object) -> str:
    """Return the first sentence of what something's docstring says."""
    return " ".join((function.__doc__ or "").strip().split("\n\n")[0].split())
