"""Signing in, and the settings' pages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.clickjacking import xframe_options_sameorigin

from apps.core import live
from apps.core.access import ANY, allow
from apps.core.limits import Limited
from apps.core.slots import ask
from apps.core.views import Page
from apps.workspaces import actions, installation, origins
from apps.workspaces.forms import MessengerForm, SecurityForm, SignInForm
from apps.workspaces.models import Member, Messenger, Workspace
from apps.workspaces.sessions import SignInRefused, sign_in, sign_out

SAVED = "saved"
"""Marks, in a page's address, that it comes back from saving."""


class SignIn(Page):
    """The way in."""

    template = "workspaces/sign_in.html"

    @allow(public=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form; whoever is in already goes on."""
        if hasattr(self, "actor"):
            return redirect(_onwards(request, request.GET.get("next", "")))
        return self._form(SignInForm(), request.GET.get("next", ""))

    @allow(public=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Sign in by address and password."""
        form, onwards = SignInForm(request.POST), request.POST.get("next", "")
        if form.is_valid():
            try:
                sign_in(request, **form.cleaned_data)
            except SignInRefused as refused:
                form.add_error(None, str(refused))
            except Limited as limited:
                minutes = -(-limited.retry_after // 60)
                form.add_error(
                    None, f"Too many tries. Wait {minutes} minute{'' if minutes == 1 else 's'}, then try again."
                )
            else:
                return redirect(_onwards(request, onwards))
        return self._form(form, onwards, status=422)

    def _form(self, form: SignInForm, onwards: str, status: int = 200) -> HttpResponse:
        return self.render(status=status, form=form, next=onwards, account=next(iter(ask("sign-in.account")), None))


def _onwards(request: HttpRequest, address: str) -> str:
    """Return where to go after signing in: the page that was asked for, if it is one of ours."""
    ours = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if ours else reverse("inbox")


class SignOut(Page):
    """The way out."""

    actor: Member

    @allow(member=ANY)
    def post(self, request: HttpRequest) -> HttpResponse:
        """End the session on the server."""
        sign_out(request, self.actor)
        return redirect("sign-in")


class Settings(Page):
    """The settings' front door."""

    actor: Member

    @allow(member=ANY)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Go to the first page of the settings that this member may use."""
        return redirect("settings-messenger" if "settings.workspace" in self.actor.held else "settings-installation")


class MessengerSettings(Page):
    """How the messenger looks and greets, beside the messenger itself."""

    template = "workspaces/messenger.html"
    actor: Member

    @allow(member="settings.workspace")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        return self._form(request, MessengerForm(instance=self._messenger()))

    @allow(member="settings.workspace")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Save the form; open messengers follow at once."""
        form = MessengerForm(request.POST, instance=self._messenger())
        if not form.is_valid():
            return self._form(request, form, status=422)
        actions.change_messenger(self.actor.workspace, form.cleaned_data, by=self.actor)
        return _saved("settings-messenger")

    def _messenger(self) -> Messenger:
        return Messenger.objects.get(workspace_id=self.actor.workspace_id)

    def _form(self, request: HttpRequest, form: MessengerForm, status: int = 200) -> HttpResponse:
        own_origin = f"{request.scheme}://{request.get_host()}"
        return self.render(
            status=status,
            form=form,
            saved=SAVED in request.GET,
            own_origin=own_origin,
            is_preview_refused=not origins.allows(self.actor.workspace, own_origin),
        )


@method_decorator(xframe_options_sameorigin, name="dispatch")
class MessengerPreview(Page):
    """A bare page with the real messenger, framed by its settings."""

    template = "workspaces/preview.html"

    @allow(member="settings.workspace")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        response = self.render(widget_url=installation.widget_url(request))
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response


class Members(Page):
    """Who works here."""

    template = "workspaces/members.html"

    @allow(member="users.read")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the members."""
        return self.render(members=live.snapshot(self.actor, "workspaceMembers.list", {}).data)


class Security(Page):
    """Where the messenger may run, and how long a visitor stays recognised."""

    template = "workspaces/security.html"
    actor: Member

    @allow(member="settings.security")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        return self.render(form=SecurityForm(self.actor.workspace), saved=SAVED in request.GET)

    @allow(member="settings.security")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Save the form."""
        form = SecurityForm(self.actor.workspace, request.POST)
        if not form.is_valid():
            return self.render(status=422, form=form)
        actions.change_security(self.actor.workspace, by=self.actor, **form.cleaned_data)
        return _saved("settings-security")


class Installation(Page):
    """How the messenger gets onto a site, and whether it has been seen there. ``X-Fragment: signal`` asks for the latter only."""

    template = "workspaces/installation.html"
    actor: Member

    @allow(member=ANY)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the snippets."""
        workspace = Workspace.objects.get(pk=self.actor.workspace_id)
        part = "signal" if request.headers.get("X-Fragment") == "signal" else ""
        platforms = installation.platforms(workspace, installation.widget_url(request))
        return self.render(part, workspace=workspace, platforms=platforms)


def _saved(page: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse(page)}?{SAVED}")
