"""Who is behind a REST request."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.core.access import Actor
from apps.core.errors import Invalid, SessionExpired
from apps.core.slots import ask

TOKENS = ("wst_", "oca_", "ort_", "eyJ")
"""How the credentials begin that nobody may write into an address: visitors' tokens, API keys, refresh tokens, access tokens."""


class ActorAuthentication(BaseAuthentication):
    """Find the one actor behind a request: by bearer token a visitor, an API key or a member's app, by session cookie a member; never two."""

    def authenticate(self, request: Request) -> tuple[None, Actor] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        cookie = settings.SESSION_COOKIE_NAME in request.COOKIES
        if any(value.startswith(TOKENS) for values in request.GET.lists() for value in values[1]):
            raise Invalid(
                "A token in an address ends up in logs. Send it as Authorization: Bearer.", "credential_in_url"
            )
        if header and cookie:
            raise Invalid("Send either a token or a session cookie, not both.", "ambiguous_credentials")
        if header:
            scheme, _, token = header.partition(" ")
            actors = ask("api.token", request._request, token) if scheme == "Bearer" else []
            if not actors:
                raise SessionExpired()
            return None, actors[0]
        if cookie and (actors := ask("api.session", request._request)):
            _enforce_csrf(request._request)
            return None, actors[0]
        return None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class _CSRFCheck(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def _enforce_csrf(request: HttpRequest) -> None:
    check = _CSRFCheck(lambda _request: None)  # type: ignore[arg-type]
    check.process_request(request)
    if reason := check.process_view(request, None, (), {}):  # type: ignore[arg-type]
        raise exceptions.PermissionDenied(f"CSRF failed: {reason}", "csrf_failed")
