"""Leaving a workspace by oneself: page and REST."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.access import ANY, Actor, allow
from apps.core.api import APIView
from apps.core.errors import Conflict
from apps.core.slots import fill
from apps.core.views import Page
from apps.workspaces import actions, confirmation, entry, user_sessions
from apps.workspaces.models import Member


class Seat(APIView):
    """The caller's own seat."""

    actor: Member

    @extend_schema(responses={204: None})
    @allow(member=ANY)
    def delete(self, request: Request) -> Response:
        """Leave the workspace: at once for requests, within seconds for sockets, with the keys that the caller made.

        The last owner can't. The session must have been confirmed lately.
        """
        confirmation.require(self.actor)
        try:
            actions.leave(self.actor)
        except actions.LastOwner as error:
            raise Conflict(str(error), "last_owner") from error
        return Response(status=204)


class Leave(Page):
    """Leaving, from the profile."""

    template = "workspaces/leave.html"
    actor: Member

    @allow(member=ANY)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask whether it is meant."""
        return self.render()

    @allow(member=ANY)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Leave; go on in another workspace where this session may, else out."""
        if not self.actor.is_confirmed:
            onwards = urlencode({"next": reverse("settings-leave")})
            return HttpResponseRedirect(f"{reverse('settings-confirm')}?{onwards}")
        try:
            actions.leave(self.actor)
        except actions.LastOwner as error:
            return self.render(status=422, refused=str(error))
        for seat in user_sessions.seats_of(self.actor.user_id):
            if entry.go_over(request, seat):
                return redirect("inbox")
        logout(request)
        return redirect("sign-in")


@fill("settings.profile.end")
def offer_to_leave(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Offer the way out of the workspace on the profile's page."""
    return ("workspaces/leave_offer.html", {}) if isinstance(actor, Member) else None
