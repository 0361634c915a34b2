"""Confirming by a mailed code that it is still you: page and REST."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import ANY, Actor, allow
from apps.core.api import APIView
from apps.core.limits import Limited
from apps.core.shapes import answer
from apps.core.slots import fill
from apps.core.views import Page
from apps.workspaces import confirmation
from apps.workspaces.accounts_forms import CodeForm
from apps.workspaces.models import Member
from apps.workspaces.shapes import CodeSentShape


class ConfirmationCodes(APIView):
    """Codes by mail that confirm a session."""

    actor: Member

    @extend_schema(request=None, responses={202: answer(CodeSentShape)})
    @allow(member=ANY, enrolling=True)
    def post(self, request: Request) -> Response:
        """Have a code mailed to the caller; it is the proof of the method “code”."""
        confirmation.mail_code(request._request, self.actor)
        return Response({"expires_in": limits.CODE_SECONDS}, status=202)


class ConfirmByCode(Page):
    """Asks for a code from the mail, before what is sensitive."""

    template = "workspaces/confirm_by_code.html"
    actor: Member

    @allow(member=ANY, enrolling=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask for the code."""
        return self.render(form=CodeForm(), next=request.GET.get("next", ""))

    @allow(member=ANY, enrolling=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Mail a code, or go on where it is right."""
        form, onwards = CodeForm(request.POST), request.POST.get("next", "")
        if "mail" in request.POST:
            confirmation.mail_code(request, self.actor)
            return HttpResponseRedirect(f"{reverse('settings-confirm-code')}?{urlencode({'next': onwards})}")
        if form.is_valid():
            try:
                confirmation.confirm(request, self.actor, "code", form.cleaned_data["code"])
            except confirmation.NotProven as error:
                form.add_error("code", str(error.detail))
            except Limited as limited:
                form.add_error(None, f"Too many tries. Wait {-(-limited.retry_after // 60)} min, then try again.")
            else:
                ours = url_has_allowed_host_and_scheme(onwards, {request.get_host()}, require_https=request.is_secure())
                return redirect(onwards if ours else reverse("settings-profile"))
        return self.render(status=422, form=form, next=onwards)


@fill("confirmation.methods")
def by_code(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Offer a code to whoever may confirm by one."""
    offered = isinstance(actor, Member) and "code" in confirmation.open_to(actor.user)
    return ("workspaces/confirm_offer.html", {}) if offered else None
