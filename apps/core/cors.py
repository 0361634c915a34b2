"""CORS for messengers on customers' pages: the bearer of a token may read the answer on the origin that the workspace allows."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]

EXPOSED = "Retry-After, Idempotent-Replay, X-Request-Id"
WIDGET = "/widget/"
BOOT = "/api/v1/widget/boot"


class CorsMiddleware:
    """Answers preflights of the API, and marks answers to a visitor readable for the page that asked.

    Never with credentials: a cookie doesn't travel here. ``request.allowed_origin`` is set by whoever checked the workspace's list.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(WIDGET):
            response = self.get_response(request)
            response.headers["Access-Control-Allow-Origin"] = "*"
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            return response
        if not request.path.startswith("/api/"):
            return self.get_response(request)
        origin = request.headers.get("Origin")
        if request.method == "OPTIONS" and origin and "Access-Control-Request-Method" in request.headers:
            return self._preflight(origin)
        response = self.get_response(request)
        response.headers["Vary"] = "Origin, Cookie"
        if origin and (getattr(request, "allowed_origin", None) == origin or self._says_nothing(request, response)):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED
        return response

    def _says_nothing(self, request: HttpRequest, response: HttpResponse) -> bool:
        """Say whether this is a refusal that a messenger must understand and that tells nobody anything: expired, too fast, unavailable."""
        return response.status_code in (400, 401, 429, 503) and (
            "Authorization" in request.headers or request.path == BOOT
        )

    def _preflight(self, origin: str) -> HttpResponse:
        """Let the browser ask; whether it may read is decided on the request itself."""
        return HttpResponse(
            status=204,
            headers={
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
                "Access-Control-Allow-Headers": "Authorization, Content-Type",
                "Access-Control-Max-Age": "86400",
                "Vary": "Origin",
            },
        )
