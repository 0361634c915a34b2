"""What a load balancer asks: does this process answer, and does it reach the database?"""

from __future__ import annotations

from typing import Any

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse

from apps.core import hub


def web(request: HttpRequest) -> HttpResponse:
    """Answer 200, or 503 where the database can't be reached."""
    try:
        _reach_database()
    except DatabaseError:
        return HttpResponse("the database is away", status=503, content_type="text/plain")
    return HttpResponse("ok", content_type="text/plain")


async def live(scope: Any, receive: Any, send: Any) -> None:
    """Answer for the live process, as ``web`` does, through the hub's own threads."""
    try:
        await hub.current().work(_reach_database)
        status, body = 200, b"ok"
    except DatabaseError:
        status, body = 503, b"the database is away"
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


def _reach_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
