"""What people wrote, as HTML for the dashboard: a Markdown subset, and nothing they could use against the reader."""

from __future__ import annotations

import html
import re

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

TAGS = {"p", "br", "strong", "em", "s", "a", "ul", "ol", "li", "blockquote", "code", "pre"}
SCHEMES = {"https", "http", "mailto"}

_ADDRESS = re.compile(r"https?://[^\s<>\"'`]+", re.IGNORECASE)
_SCHEME = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        """Refuse what names no scheme of ours; a refused link stays the text that was typed."""
        return _SCHEME.match(url) is not None


def _link_addresses(state: StateCore) -> None:
    """Make links of the bare addresses in running text, but not inside a link."""
    for block in state.tokens:
        if block.type != "inline" or block.children is None:
            continue
        depth = 0
        children: list[Token] = []
        for token in block.children:
            depth += {"link_open": 1, "link_close": -1}.get(token.type, 0)
            children += _linked(token.content) if token.type == "text" and depth == 0 else [token]
        block.children = children


def _linked(text: str) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    for match in _ADDRESS.finditer(text):
        address = _without_punctuation(match.group())
        tokens += [
            _text(text[position : match.start()]),
            Token("link_open", "a", 1, attrs={"href": address}),
            _text(address),
            Token("link_close", "a", -1),
        ]
        position = match.start() + len(address)
    return [*tokens, _text(text[position:])]


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _without_punctuation(address: str) -> str:
    """Leave to the sentence what ends it: a stop, or the bracket that was opened before the address."""
    while address[-1] in ".,;:!?*_~" or (address[-1] == ")" and address.count(")") > address.count("(")):
        address = address[:-1]
    return address


# "zero" opens nothing; each rule here is one that a chat message may use. Headings, images, tables and HTML stay text.
_markdown = _Markdown("zero", {"breaks": True, "html": False}).enable(
    ["newline", "emphasis", "strikethrough", "backticks", "link", "autolink", "escape", "list", "blockquote", "fence"]
)
_markdown.core.ruler.push("link_addresses", _link_addresses)


def rendered(body: str) -> SafeString:
    """Return ``body`` as safe HTML: Markdown from its syntax tree, then an allow-list of tags and of link schemes."""
    clean = nh3.clean(
        _markdown.render(body),
        tags=TAGS,
        attributes={"a": {"href"}, "ol": {"start"}},
        url_schemes=SCHEMES,
        link_rel="noopener nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return mark_safe(clean)  # noqa: S308 - nh3 has just cleaned it


def plain(body: str) -> str:
    """Return ``body`` as one line of text, without its marks: for a preview."""
    return " ".join(html.unescape(nh3.clean(_markdown.render(body), tags=set())).split())
