"""Who may call what."""

from __future__ import annotations

from apps.core.access import ANY, Access
from apps.core.endpoints import Endpoint, endpoints
from apps.core.reference.pages import page, table

HEADS = ("verb", "handler", "members with", "keys with", "visitors", "anybody")


def access_table() -> str:
    """Return every handler with who may call it. A row with nobody in it was forgotten."""
    return table(HEADS, (_row(endpoint) for endpoint in endpoints()))


def blank() -> list[Endpoint]:
    """Return the handlers that nobody may call, because nobody has said who may."""
    return [endpoint for endpoint in endpoints() if endpoint.access is None]


def _row(endpoint: Endpoint) -> tuple[object, ...]:
    access = endpoint.access or Access()
    permission = "any permission" if access.member == ANY else access.member
    if access.enrolling:
        permission = f"{permission}, enrolling"
    return endpoint.verb, endpoint.name, permission, access.key, access.visitor, access.public


@page("access.md")
def access_page() -> str:
    return f"""# Who may call what

`manage.py access` prints this table. `LIVE` is a [live query](live-queries.md), `TELL` what a client may tell over its socket. A member needs the
permission that is named, “any permission” means every member;
“enrolling” also one who has yet to set up the second factor that their workspace asks for;
an API key needs the scope that is named. Which role holds which permission: [roles.md](roles.md).
May somebody call a handler, they still see only what is theirs; anything else is a 404, as for an id that never was.

{access_table()}"""
