"""The page edge: a Page that is closed until a handler is opened."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.views import View

from apps.core import access
from apps.core.access import Actor
from apps.core.live import NotVisible
from apps.core.slots import ask


class Page(View):
    """A dashboard page, closed until a handler is opened with ``@allow``. ``self.actor`` is who asks."""

    template: ClassVar[str]
    actor: Actor

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        handler = getattr(self, (request.method or "").lower(), None)
        if handler is None or handler == getattr(self, "options", None):
            return HttpResponseNotAllowed([name.upper() for name in self.http_method_names if hasattr(self, name)])
        actors: list[Actor] = ask("page.actor", request)
        actor = actors[0] if actors else None
        try:
            access.check(handler, actor)
        except access.NotIdentified:
            return redirect_to_login(request.get_full_path())
        except access.FactorRequired:
            return redirect(settings.ENROLMENT_URL)
        except PermissionDenied:
            ask("edge.refused", actor, request)
            raise
        if actor is not None:
            self.actor = actor
        # A form is read, and with it bounded, before anything is done, also where the handler doesn't look at it.
        _ = request.POST
        try:
            response: HttpResponseBase = handler(request, *args, **kwargs)
        except access.FactorNeeded:
            return redirect(settings.SECOND_STEP_URL)
        except NotVisible as error:
            raise Http404 from error
        except PermissionDenied:
            ask("edge.refused", actor, request)
            raise
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def render(self, fragment: str = "", status: int = 200, **context: Any) -> HttpResponse:
        """Render the page, or only its partial ``fragment``."""
        part = f"#{fragment}" if fragment else ""
        context.setdefault("actor", getattr(self, "actor", None))
        return render(self.request, f"{self.template}{part}", context, status=status)
