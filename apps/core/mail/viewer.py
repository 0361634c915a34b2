"""The page that shows what the folder holds. It shows live codes and links, so it is only for whoever sits at the machine."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import split_domain_port

from apps.core.access import allow
from apps.core.mail import folder
from apps.core.mail.folder import Kept
from apps.core.network import request_address
from apps.core.views import Page

SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


class Viewer(Page):
    """What every page of the viewer shares: where it isn't switched on, or somebody asks from elsewhere, there is none."""

    template = "core/mail.html"

    def kept(self) -> list[Kept]:
        """Return the mails of the folder, the newest first. Raises Http404 for whoever may not see them."""
        if not settings.MAIL_VIEWER or not _is_here(self.request):
            raise Http404
        return list(folder.newest())

    def find(self, name: str) -> Kept:
        """Return one of them. Raises Http404."""
        self.kept()
        if (mail := folder.find(name)) is None:
            raise Http404
        return mail


class Mails(Viewer):
    """The mails, newest first."""

    @allow(public=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """List the mails."""
        return self.render(mails=self.kept())


class MailPage(Viewer):
    """One mail beside the others: as text, and as its reader sees it."""

    @allow(public=True)
    def get(self, request: HttpRequest, mail: str) -> HttpResponse:
        """Show a mail."""
        return self.render(mails=self.kept(), shown=self.find(mail))


class MailHtml(Viewer):
    """A mail's HTML for the frame of its page, where it can do nothing."""

    @allow(public=True)
    def get(self, request: HttpRequest, mail: str) -> HttpResponse:
        """Return the HTML, sandboxed."""
        headers = {"Content-Security-Policy": SANDBOX, "X-Frame-Options": "SAMEORIGIN"}
        return HttpResponse(self.find(mail).html, headers=headers)


def _is_here(request: HttpRequest) -> bool:
    """Whether the browser runs on this machine and was told so: another name for it may be somebody's page that tries its luck."""
    host = split_domain_port(request.get_host())[0].strip("[]")
    return _is_loopback(request_address(request)) and (host == "localhost" or _is_loopback(host))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
