"""Signing out, and the settings' pages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.clickjacking import xframe_options_sameorigin

from apps.core import live
from apps.core.access import ANY, allow
from apps.core.views import Page
from apps.workspaces import actions, installation, invitations, origins, policy
from apps.workspaces.accounts_forms import InviteForm, SignInPolicyForm
from apps.workspaces.forms import MessengerForm, SecurityForm
from apps.workspaces.models import Invitation, Member, Messenger, Workspace
from apps.workspaces.sessions import sign_out

DONE = {
    "invited": "The invitation is on its way.",
    "revoked": "The invitation was taken back. Its link opens nothing now.",
}
"""What the members' page says after it was sent back to."""
SAVED = "saved"
"""Marks, in a page's address, that it comes back from saving."""


class SignOut(Page):
    """The way out."""

    actor: Member

    @allow(member=ANY, enrolling=True)
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
    actor: Member

    @allow(member="users.read")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the members, and to whoever may invite more the invitations."""
        return members_page(self, InviteForm(invitations.roles_for(self.actor)))


def members_page(page: Page, form: InviteForm, status: int = 200) -> HttpResponse:
    """Render the members' page, with the form as it is."""
    assert isinstance(page.actor, Member)
    invited = Invitation.objects.visible_to(page.actor).open().select_related("invited_by__user").order_by("-sent_at")
    return page.render(
        status=status,
        members=live.snapshot(page.actor, "workspaceMembers.list", {}).data,
        invitations=invited if "users.invite" in page.actor.held else None,
        form=form,
        done=DONE.get(page.request.GET.get("done", "")),
    )


class Security(Page):
    """Where the messenger may run, and how long a visitor stays recognised."""

    template = "workspaces/security.html"
    actor: Member

    @allow(member="settings.security")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the forms."""
        return security_page(self, SecurityForm(self.actor.workspace))

    @allow(member="settings.security")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Save the form."""
        form = SecurityForm(self.actor.workspace, request.POST)
        if not form.is_valid():
            return security_page(self, form, status=422)
        actions.change_security(self.actor.workspace, by=self.actor, **form.cleaned_data)
        return _saved("settings-security")


def security_page(
    page: Page, form: SecurityForm, policy_form: SignInPolicyForm | None = None, status: int = 200
) -> HttpResponse:
    """Render the security page, with the forms as they are."""
    assert isinstance(page.actor, Member)
    return page.render(
        status=status,
        form=form,
        policy_form=policy_form or SignInPolicyForm(policy.policy_of(page.actor.workspace)),
        saved=page.request.GET.get(SAVED),
    )


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
