"""The tags that every dashboard template uses: icons, avatars, moments, slots."""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django import template
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.core import slots
from apps.core.access import Actor

register = template.Library()

HUES = 8


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw one icon of the sprite. It is decoration: what it stands for is said by its button's label."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("icons/sprite.svg"), name
    )


@register.simple_tag
def avatar(person: dict[str, Any], size: int = 32, online: bool = False) -> SafeString:
    """Draw a person: their picture, else their initials on a colour that follows from their id. Beside a name, so unread."""
    classes = f"avatar avatar--{size} avatar--{hue(person)}" + (" avatar--online" if online else "")
    if url := person.get("avatar_url"):
        return format_html(
            '<span class="{}" aria-hidden="true"><img src="{}" alt="" loading="lazy"></span>', classes, url
        )
    return format_html('<span class="{}" aria-hidden="true">{}</span>', classes, initials(label(person)))


@register.simple_tag
def avatar_of(actor: Actor, size: int = 32, online: bool = False) -> SafeString:
    """Draw an actor itself."""
    return avatar({"id": actor.pk, "name": actor.label}, size, online)


def hue(person: dict[str, Any]) -> int:
    """Return 1..8, always the same for one person."""
    return zlib.crc32(str(person.get("id") or label(person)).encode()) % HUES + 1


@register.filter
def label(person: dict[str, Any] | None) -> str:
    """Return what to call somebody: name, e-mail address, readable id."""
    if not person:
        return ""
    return person.get("label") or person.get("name") or person.get("email") or person.get("readable_id") or ""


def initials(name: str) -> str:
    """Return one or two letters that stand for a name; of an address its first."""
    words = [
        word
        for word in name.split("@", maxsplit=1)[0].replace("-", " ").replace("_", " ").split()
        if word[:1].isalnum()
    ]
    if not words:
        return "?"
    return words[0][0] if len(words) == 1 else words[0][0] + words[-1][0]


@register.simple_tag
def moment(value: str | datetime.datetime | None, style: str = "relative") -> SafeString | str:
    """Show a time in the reader's own zone; without scripts, in UTC.

    ``style`` is relative, time, day, full or until; the browser writes it (see time-moment.js).
    """
    at = parse_datetime(value) if isinstance(value, str) else value
    if at is None:
        return ""
    at = at.astimezone(datetime.UTC)
    return format_html(
        '<time-moment data-style="{}"><time datetime="{}">{}</time></time-moment>',
        style,
        at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        at.strftime("%-d %b %Y, %H:%M UTC"),
    )


@register.simple_tag(takes_context=True, name="slot")
def slot_tag(context: template.Context, name: str, *args: Any) -> SafeString:
    """Let higher apps add to a page: each filler of the slot returns (template, context)."""
    offers = slots.ask(name, *args)
    request = context.get("request")
    rendered = (
        (render_to_string(page, {**values, "actor": context.get("actor")}, request),) for page, values in offers
    )
    return format_html_join("", "{}", rendered)


@register.filter
def iso(value: str | datetime.datetime) -> str:
    """Write a time as the API does."""
    return value if isinstance(value, str) else value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


@register.filter
def first_name(name: str) -> str:
    """Return what colleagues call somebody: the first word; of an address what stands before the @."""
    return name.split("@", maxsplit=1)[0].split(" ", maxsplit=1)[0] if name else ""


@register.filter
def get(mapping: Mapping[str, Any], key: str) -> Any:
    """Look a name up that a template has in a variable."""
    return mapping.get(key)


@register.filter
def is_web(address: str) -> bool:
    """Say whether an address that a visitor's page told us may become a link."""
    parts = _parts(address)
    return parts is not None and parts.scheme in {"http", "https"}


@register.filter
def host_of(address: str) -> str:
    """Return the host of an address, or the address where it has none."""
    parts = _parts(address)
    return (parts.netloc if parts else "") or address


def _parts(address: str) -> SplitResult | None:
    """Take an address apart. People's pages tell us anything, also what can't be."""
    try:
        return urlsplit(address)
    except ValueError:
        return None


@register.filter
def capped(number: int) -> str:
    """Write a count as a badge does: nothing for none, 99+ for many."""
    if not number:
        return ""
    return "99+" if number > 99 else str(number)


@register.filter
def items_of(mapping: dict[str, Any]) -> list[tuple[str, str]]:
    """List a visitor's attributes by name, each value as text."""
    return [(name, shown(value)) for name, value in sorted(mapping.items())]


def shown(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(shown(item) for item in value)
        case {"date": str() as moment_}:
            at = parse_datetime(moment_)
            return at.strftime("%-d %b %Y, %H:%M UTC") if at else moment_
        case None:
            return "–"
    return str(value)
