"""What every request gets: an id, and an answer in our error shape where Django would give a page of HTML."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from urllib.parse import unquote

import msgspec
from django.core.exceptions import PermissionDenied
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from psycopg.errors import ForeignKeyViolation
from psycopg_pool import PoolTimeout

from apps.core.access import allow
from apps.core.isolation import scopes

logger = logging.getLogger(__name__)

NO_TEXT = re.compile(r"%00|\x00")

GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestMiddleware:
    """Give each request an id (in the log line, the error body and the ``X-Request-Id`` header) and no workspace to begin with."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.request_id = uuid.uuid4().hex[:16]  # type: ignore[attr-defined]
        # Whoever calls enters their workspace by the look-up that finds them, and leaves it with the answer.
        with scopes.closed():
            response = _refusal(request) or self.get_response(request)
        response.headers["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 503 where the database is away, 400 where it can't take what was sent, and JSON where the API is asked."""
        if isinstance(exception, (OperationalError, InterfaceError, PoolTimeout)):
            logger.warning("the database is away: %s", type(exception).__name__)
            return _error(request, 503, "unavailable", "Try again in a moment.", {"Retry-After": "1"})
        if isinstance(exception, IntegrityError) and isinstance(exception.__cause__, ForeignKeyViolation):
            # What this would have pointed at was merged or erased a moment ago.
            return _error(request, 503, "unavailable", "Try again in a moment.", {"Retry-After": "1"})
        if isinstance(exception, DataError):
            # A cookie or a parameter that no database takes, such as text with NUL in it.
            return _error(request, 400, "invalid", "This can't be used.", {})
        if request.path.startswith("/api/") and not isinstance(exception, (Http404, PermissionDenied)):
            logger.error("unforeseen %s in %s", type(exception).__name__, request.resolver_match, exc_info=exception)
            return _error(request, 500, "internal", "Something went wrong on our side.", {})
        return None


def _refusal(request: HttpRequest) -> HttpResponse | None:
    """Refuse an address with NUL in it, or bytes that aren't text: no database takes them, and no client of ours sends them."""
    asked = request.META.get("QUERY_STRING", "")
    if "\x00" in request.path or NO_TEXT.search(asked) or "\ufffd" in unquote(asked, errors="replace"):
        return _error(request, 400, "invalid", "This address isn't text.", {})
    return None


@allow(public=True)
def not_found(request: HttpRequest) -> HttpResponse:
    """Answer for an API address that doesn't exist."""
    return _error(request, 404, "not_found", "This doesn't exist, or not for you.", {})


def _error(request: HttpRequest, status: int, code: str, message: str, headers: dict[str, str]) -> HttpResponse:
    body = {"error": {"code": code, "message": message, "request_id": getattr(request, "request_id", "")}}
    return HttpResponse(msgspec.json.encode(body), status=status, content_type="application/json", headers=headers)
