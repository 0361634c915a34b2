"""Articles' Markdown as HTML: from its syntax tree, then an allow-list of tags, attributes and schemes (``docs/adr/0017-articles-are-markdown.md``).

``article:<id>`` leads to where an article is now, ``asset:<id>`` to a picture or file; whoever renders says where that is. What they don't say
isn't there for this reader: then a link is its words, and a picture its description.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from apps.knowledge.slugs import slug_of

TAGS = {"p", "br", "hr", "strong", "em", "s", "a", "ul", "ol", "li", "blockquote", "code", "pre", "img"}
TAGS |= {"h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {
    "a": {"href", "title", "rel"},
    "ol": {"start"},
    "img": {"src", "alt", "title", "width", "height", "loading"},
    "code": {"class"},
    **{f"h{level}": {"id"} for level in range(2, 7)},
}
SCHEMES = {"https", "http", "mailto", "tel"}
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_OWN = re.compile(rf"\A(article|asset):({_UUID})(#[\w-]*)?\Z")
_MENTIONED = re.compile(rf"(article|asset):({_UUID})")
_ALLOWED = re.compile(rf"\A(?:https?://|mailto:|tel:|#|(?:article|asset):{_UUID})", re.IGNORECASE)
SNIPPET_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Picture:
    """Where a picture or file is, and how large it is drawn."""

    url: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a text, for its list of contents."""

    level: int
    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text as HTML, with its headings."""

    html: SafeString
    headings: Sequence[Heading]


@dataclass(frozen=True, slots=True)
class Places:
    """Where what a text mentions is, for one reader."""

    articles: Mapping[UUID, str]
    assets: Mapping[UUID, Picture]


NOWHERE = Places({}, {})


def mentioned(body: str, kind: str) -> list[UUID]:
    """Return the ids of the articles, or of the assets, that a text mentions, each once."""
    return list(dict.fromkeys(UUID(id_) for what, id_ in _MENTIONED.findall(body) if what == kind))


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        """Refuse what names no scheme of ours; a refused link stays the text that was typed."""
        return _ALLOWED.match(url) is not None

    def normalizeLink(self, url: str) -> str:
        return url if _OWN.match(url) else super().normalizeLink(url)


def _place(state: StateCore) -> None:
    places: Places = state.env["places"]
    for block in state.tokens:
        if block.type == "inline" and block.children is not None:
            block.children = list(_placed(block.children, places))


def _placed(tokens: Iterable[Token], places: Places) -> Iterable[Token]:
    dropped: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            dropped.append(not _lead(token, places))
            if not dropped[-1]:
                yield token
        elif token.type == "link_close":
            if not dropped.pop():
                yield token
        elif token.type == "image":
            yield from _shown(token, places)
        else:
            yield token


def _lead(token: Token, places: Places) -> bool:
    """Let a link lead to where it belongs. Returns whether there is such a place."""
    match = _OWN.match(str(token.attrs.get("href", "")))
    if match is None:
        if not str(token.attrs.get("href", "")).startswith("#"):
            token.attrs["rel"] = "noopener nofollow"
        return True
    kind, id_, fragment = match.groups()
    if kind == "article":
        url = places.articles.get(UUID(id_))
    else:
        asset = places.assets.get(UUID(id_))
        url = asset.url if asset else None
    if url is None:
        return False
    token.attrs["href"] = url + (fragment or "")
    return True


def _shown(token: Token, places: Places) -> Iterable[Token]:
    """Show a picture of ours; one from elsewhere becomes a link, because loading it would tell its host who reads."""
    source = str(token.attrs.get("src", ""))
    match = _OWN.match(source)
    words = Token("text", "", 0, content=token.content or "")
    if match is None:
        words.content = words.content or source
        yield from (
            Token("link_open", "a", 1, attrs={"href": source, "rel": "noopener nofollow"}),
            words,
            Token("link_close", "a", -1),
        )
        return
    picture = places.assets.get(UUID(match.group(2))) if match.group(1) == "asset" else None
    if picture is None:
        yield words
        return
    token.attrs["src"] = picture.url
    token.attrs["loading"] = "lazy"
    if picture.width and picture.height:
        token.attrs |= {"width": picture.width, "height": picture.height}
    yield token


def _head(state: StateCore) -> None:
    """Give headings ids to lead to, and leave the first level to the article's title."""
    taken: set[str] = set()
    for number, token in enumerate(state.tokens):
        if token.type not in ("heading_open", "heading_close"):
            continue
        level = max(2, int(token.tag[1]))
        token.tag = f"h{level}"
        if token.type == "heading_close":
            continue
        title = _words(state.tokens[number + 1].children or [])
        stem = "s-" + slug_of(title)
        id_ = next(name for n in range(1, len(taken) + 2) if (name := stem if n == 1 else f"{stem}-{n}") not in taken)
        taken.add(id_)
        token.attrs["id"] = id_
        state.env["headings"].append(Heading(level, id_, title))


def _words(tokens: Iterable[Token]) -> str:
    return "".join(token.content for token in tokens if token.type in ("text", "code_inline")).strip()


_markdown = _Markdown("commonmark", {"html": False, "linkify": False, "maxNesting": 40}).enable(
    ["table", "strikethrough"]
)
_markdown.core.ruler.push("place", _place)
_markdown.core.ruler.push("head", _head)


def rendered(body: str, places: Places = NOWHERE) -> Rendered:
    """Return a text as safe HTML with its headings."""
    headings: list[Heading] = []
    drawn = _markdown.render(body, {"places": places, "headings": headings})
    clean = nh3.clean(
        drawn,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel=None,
        allowed_classes=None,
    )
    return Rendered(mark_safe(clean), headings)  # noqa: S308 - nh3 has just cleaned it


def plain(body: str) -> str:
    """Return a text as one line without its marks."""
    drawn = _markdown.render(body, {"places": NOWHERE, "headings": []})
    # A space for each tag that ends: what stands in two cells or items isn't one word.
    return " ".join(html.unescape(nh3.clean(drawn.replace("</", " </"), tags=set())).split())


def summary_of(summary: str, body: str) -> str:
    """Return an article's summary, or the beginning of its text."""
    if summary:
        return summary
    text = plain(body[:2000])
    return text if len(text) <= SNIPPET_CHARACTERS else text[:SNIPPET_CHARACTERS].rsplit(" ", 1)[0] + "…"
