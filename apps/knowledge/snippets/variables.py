"""Variables in snippets: ``{{ visitor.first_name | there }}`` stands for what is known of whom it is sent to, else for what follows the bar."""

from __future__ import annotations

import re
from collections.abc import Mapping

from apps.visitors.models import Visitor
from apps.workspaces.models import Member

KNOWN = {
    "visitor.name": "Their name",
    "visitor.first_name": "Their first name",
    "visitor.email": "Their e-mail address",
    "agent.name": "Your name",
    "agent.first_name": "Your first name",
    "workspace.name": "The workspace's name",
}
"""What always has a meaning; every other ``visitor.…`` is an attribute of the visitor's."""

_VARIABLE = re.compile(
    r"\{\{[ \t]*(?P<name>(?:visitor|agent|workspace)\.[\w\-]{1,100})[ \t]*(?:\|[ \t]*(?P<fallback>[^{}\n]{0,200}?)[ \t]*)?\}\}"
)
_LIKE_ONE = re.compile(r"\{\{[^{}\n]{0,400}\}\}")


class BadVariable(ValueError):
    """Something in double braces that stands for nothing."""


def check(body: str) -> None:
    """Raise BadVariable where a text has something in double braces that can't be filled in, whoever it is sent to."""
    for found in _LIKE_ONE.finditer(body):
        variable = _VARIABLE.fullmatch(found.group())
        if variable is None or not _has_a_meaning(variable["name"]):
            names = ", ".join(KNOWN)
            raise BadVariable(f"{found.group()} stands for nothing. Use {names}, or visitor. and an attribute's name.")


def _has_a_meaning(name: str) -> bool:
    return name in KNOWN or name.startswith("visitor.")


def filled(body: str, values: Mapping[str, str]) -> str:
    """Return the text with every variable replaced by its value, else by its fallback; one that has neither stays as it is."""

    def value(found: re.Match[str]) -> str:
        return values.get(found["name"]) or found["fallback"] or found.group()

    return _VARIABLE.sub(value, body)


def unresolved(text: str) -> list[str]:
    """Return the variables that stand in a text, as they are written, each once."""
    return list(dict.fromkeys(found.group() for found in _VARIABLE.finditer(text)))


def values_for(visitor: Visitor, member: Member) -> dict[str, str]:
    """Return what the variables stand for when this member writes to this visitor. What isn't known is empty or missing."""
    attributes = {f"visitor.{name}": _written(value) for name, value in visitor.attributes.items()}
    return {
        **attributes,
        "visitor.name": visitor.name,
        "visitor.first_name": _first(visitor.name),
        "visitor.email": visitor.email,
        **values_of(member),
    }


def values_of(member: Member) -> dict[str, str]:
    """Return what the variables stand for that don't depend on whom a member writes to."""
    return {
        "agent.name": member.user.name,
        "agent.first_name": _first(member.user.name),
        "workspace.name": member.workspace.name,
    }


def _first(name: str) -> str:
    return name.split(maxsplit=1)[0] if name.strip() else ""


def _written(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case str() | int() | float():
            return str(value)
    return ""
