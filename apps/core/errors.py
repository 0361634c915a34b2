"""What can go wrong at the REST edge, and the one shape in which it is said."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from psycopg.errors import ForeignKeyViolation
from psycopg_pool import PoolTimeout
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import FactorNeeded, FactorRequired
from apps.core.cursors import BadCursor
from apps.core.live import NotVisible

logger = logging.getLogger(__name__)


class Conflict(exceptions.APIException):
    """The request fits no longer what is stored. ``code`` says how, ``extra`` adds fields to the error."""

    status_code = 409
    default_code = "conflict"
    default_detail = "This has changed meanwhile."

    def __init__(self, detail: str | None = None, code: str | None = None, **extra: Any) -> None:
        super().__init__(detail, code)
        self.extra = extra


class Invalid(exceptions.APIException):
    """What was sent can't be used, for a reason that isn't one field's."""

    status_code = 400
    default_code = "invalid"
    default_detail = "This can't be used."


class OriginRefused(exceptions.APIException):
    """The page's origin isn't among those that the workspace allows."""

    status_code = 403
    default_code = "origin_refused"
    default_detail = "This workspace doesn't allow the messenger on this origin. Add it under Settings, Security."


class SessionExpired(exceptions.AuthenticationFailed):
    """The visitor's token is unknown, expired or revoked. One answer for all three."""

    default_code = "session_expired"
    default_detail = "The session has ended. Boot again."


class TooLarge(exceptions.APIException):
    """The body is larger than anything that is accepted here."""

    status_code = 413
    default_code = "too_large"
    default_detail = "This is too large."


class NoSpace(exceptions.APIException):
    """The disk that keeps files is full."""

    status_code = 507
    default_code = "no_space"
    default_detail = "There is no room for this file at the moment. Everything else works."


def error_response(exc: Exception, context: Mapping[str, Any]) -> Response:
    """Turn an exception into the error shape. What isn't foreseen goes on to Django and becomes a bare 500."""
    request = context["request"]
    status, code, message, extra, headers = _explained(exc)
    body = {"code": code, "message": message, "request_id": getattr(request._request, "request_id", ""), **extra}
    return Response({"error": body}, status=status, headers=headers)


def _explained(exc: Exception) -> tuple[int, str, str, dict[str, Any], dict[str, str]]:
    match exc:
        case limits.Limited():
            return 429, "rate_limited", "Too many requests. Wait a moment.", {}, {"Retry-After": str(exc.retry_after)}
        case Http404() | NotVisible():
            return 404, "not_found", "This doesn't exist, or not for you.", {}, {}
        case BadCursor():
            return 400, "invalid_cursor", "This cursor isn't one of ours.", {}, {}
        case serializers.ValidationError():
            return 400, "invalid", "Some of this can't be used.", {"fields": exc.detail}, {}
        case ValidationError():
            return 400, "invalid", " ".join(exc.messages), {}, {}
        case exceptions.NotAuthenticated():
            return 401, "not_authenticated", "Sign in, or send a session token.", {}, {"WWW-Authenticate": "Bearer"}
        case exceptions.AuthenticationFailed():
            return 401, _code(exc), str(exc.detail), {}, {"WWW-Authenticate": "Bearer"}
        case exceptions.PermissionDenied():
            return 403, _code(exc, "forbidden"), str(exc.detail), {}, {}
        case FactorRequired():
            return 403, "mfa_required", str(exc), {}, {}
        case FactorNeeded():
            challenge = {"challenge": exc.challenge} if exc.challenge else {}
            extra = {"methods": exc.methods, "expires_in": limits.STEP_SECONDS, **challenge}
            return 401, "mfa_required", str(exc), extra, {"WWW-Authenticate": "Bearer"}
        case PermissionDenied():
            return 403, "forbidden", str(exc) or "You may not do this.", {}, {}
        case Conflict():
            return 409, _code(exc), str(exc.detail), exc.extra, {}
        case exceptions.UnsupportedMediaType():
            return 415, "unsupported_type", "Send application/json.", {}, {}
        case RequestDataTooBig():
            return 413, "too_large", "This is too large.", {}, {}
        case SuspiciousOperation() | DataError():
            return 400, "invalid", "This can't be used.", {}, {}
        case exceptions.APIException():
            return exc.status_code, _code(exc), str(exc.detail), {}, {}
        case OperationalError() | InterfaceError() | PoolTimeout():
            logger.warning("the database is away: %s", type(exc).__name__)
            return 503, "unavailable", "Try again in a moment.", {}, {"Retry-After": "1"}
        case IntegrityError() if isinstance(exc.__cause__, ForeignKeyViolation):
            # What this would have pointed at was merged or erased a moment ago: asked again, it is found where it is now, or not at all.
            return 503, "unavailable", "Try again in a moment.", {}, {"Retry-After": "1"}
        case _:
            raise exc


def _code(exc: exceptions.APIException, default: str | None = None) -> str:
    code = exc.get_codes()
    return default if default and code == exc.default_code else str(code)
