"""Attributes: what customers' sites tell about their visitors beyond name and address. Typed, and within limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from apps.core import limits

RESERVED = frozenset(
    {
        *(
            "id",
            "key",
            "name",
            "email",
            "user_id",
            "user_hash",
            "user_token",
            "external_id",
            "readable_id",
            "workspace",
        ),
        *("workspace_id", "visitor", "visitor_id", "session_id", "proven", "proven_at", "email_proven", "blocked"),
        *("created_at", "first_seen_at", "last_seen_at", "page", "device", "referrer", "locale", "timezone", "online"),
        *("merged_into", "attributes", "constructor", "prototype", "__proto__"),
    }
)
"""Names that stand for something else about a visitor, or that some language takes for something else."""
DATE = "date"
SAFE_INTEGER = 2**53


class BadAttributes(ValueError):
    """An attribute can't be kept. The message says which and why."""


class TooManyAttributes(BadAttributes):
    """The visitor would have more attributes than are kept."""


def checked(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as they will be kept: text, numbers, true or false, dates (``{"date": "2026-01-31T12:00:00Z"}``), lists of these, or None.

    Raises BadAttributes.
    """
    return {_name(name): None if value is None else value_of(name, value) for name, value in attributes.items()}


def merged(kept: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept afterwards: what is told replaces what had its name, None removes it. Raises TooManyAttributes."""
    after = {name: value for name, value in {**kept, **told}.items() if value is not None}
    if len(after) > limits.ATTRIBUTES and len(after) > len(kept):
        raise TooManyAttributes(f"A visitor has at most {limits.ATTRIBUTES} attributes.")
    return after


def _name(name: str) -> str:
    if not name.strip() or len(name) > limits.ATTRIBUTE_NAME_CHARACTERS:
        raise BadAttributes(f"An attribute's name has 1 to {limits.ATTRIBUTE_NAME_CHARACTERS} characters.")
    if name.lower() in RESERVED:
        raise BadAttributes(f"“{name}” is reserved: give the attribute another name.")
    return name


def value_of(name: str, value: Any) -> Any:
    """Return one attribute's value as it will be kept. Raises BadAttributes."""
    kept = [_scalar(name, entry) for entry in value] if isinstance(value, list) else _scalar(name, value)
    if len(json.dumps(kept, ensure_ascii=False).encode()) > limits.ATTRIBUTE_BYTES:
        raise BadAttributes(f"“{name}” is too large: an attribute has at most {limits.ATTRIBUTE_BYTES} bytes.")
    return kept


def _scalar(name: str, value: Any) -> Any:
    match value:
        case None | bool() | str():
            return value
        case int() | float() if -SAFE_INTEGER <= value <= SAFE_INTEGER:
            return value
        case int() | float():
            raise BadAttributes(f"“{name}” is beyond ±2^53: send it as text.")
        case {"date": str() as text, **rest} if not rest:
            return {DATE: _moment(name, text)}
    raise BadAttributes(
        f"“{name}” can't be kept: use text, a number, true or false, a date ({{“date”: “2026-01-31T12:00:00Z”}}), null, or a list."
    )


def _moment(name: str, text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise BadAttributes(f"“{name}” is a date without a time zone: end it with Z or an offset.")
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError) as error:
        if isinstance(error, BadAttributes):
            raise
        raise BadAttributes(f"“{name}” isn't a date in ISO 8601.") from error
