"""The settings' pages about how people get in: invitations, who may join, one's own password."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from apps.core.access import ANY, allow
from apps.core.limits import Limited
from apps.core.views import Page
from apps.workspaces import invitations, passwords, policy, sessions
from apps.workspaces.accounts_api import open_invitation
from apps.workspaces.accounts_forms import InviteForm, PasswordForm, SignInPolicyForm
from apps.workspaces.accounts_views import wait
from apps.workspaces.forms import SecurityForm
from apps.workspaces.models import Member
from apps.workspaces.views import members_page, security_page


class Invite(Page):
    """Inviting somebody, from the members' page."""

    template = "workspaces/members.html"
    actor: Member

    @allow(member="users.invite")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Send an invitation."""
        form = InviteForm(invitations.roles_for(self.actor), request.POST)
        if form.is_valid():
            try:
                invitations.invite(**form.cleaned_data, by=self.actor)
            except invitations.AboveOneself as error:
                raise PermissionDenied from error
            except invitations.HereAlready as error:
                form.add_error("email", str(error))
            except Limited as limited:
                form.add_error(None, f"Enough invitations for today. {wait(limited)}")
            else:
                return _done("invited")
        return members_page(self, form, status=422)


class ResendInvitation(Page):
    """Sending an invitation again."""

    template = "workspaces/members.html"
    actor: Member

    @allow(member="users.invite")
    def post(self, request: HttpRequest, invitation_id: UUID) -> HttpResponse:
        """Send it again, with a new link."""
        try:
            invitations.resend(open_invitation(self.actor, invitation_id), by=self.actor)
        except invitations.AboveOneself as error:
            raise PermissionDenied from error
        except invitations.Ended as error:
            raise Http404 from error
        except Limited as limited:
            form = InviteForm(invitations.roles_for(self.actor), {})
            form.errors.clear()
            form.add_error(None, f"Enough invitations for today. {wait(limited)}")
            return members_page(self, form, status=422)
        return _done("invited")


class RevokeInvitation(Page):
    """Taking an invitation back."""

    actor: Member

    @allow(member="users.invite")
    def post(self, request: HttpRequest, invitation_id: UUID) -> HttpResponse:
        """Take it back."""
        try:
            invitations.revoke(open_invitation(self.actor, invitation_id), by=self.actor)
        except invitations.Ended as error:
            raise Http404 from error
        return _done("revoked")


def _done(what: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('settings-members')}?done={what}")


class SignInSettings(Page):
    """How people get into the workspace, from the security page."""

    template = "workspaces/security.html"
    actor: Member

    @allow(member="settings.security")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Save the policy."""
        workspace = self.actor.workspace
        form = SignInPolicyForm(policy.policy_of(workspace), request.POST)
        if form.is_valid():
            try:
                policy.change_policy(workspace, by=self.actor, **form.cleaned_data)
            except policy.NoMethod as error:
                form.add_error("methods", str(error))
            except policy.BadDomain as error:
                form.add_error("domains", str(error))
            else:
                return HttpResponseRedirect(f"{reverse('settings-security')}?saved=people#people")
        return security_page(self, SecurityForm(workspace), form, status=422)


class Password(Page):
    """One's own password."""

    template = "workspaces/password.html"
    actor: Member

    @allow(member=ANY)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        return self._form(PasswordForm())

    @allow(member=ANY)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Change it. Every other session of the member ends."""
        form = PasswordForm(request.POST)
        if form.is_valid():
            try:
                passwords.change_password(self.actor, **form.cleaned_data)
            except passwords.WrongPassword as error:
                form.add_error("present", str(error))
            except ValidationError as error:
                form.add_error("password", error)
            except Limited as limited:
                form.add_error(None, f"Too many tries. {wait(limited)}")
            else:
                sessions.go_on(request, self.actor)
                return HttpResponseRedirect(f"{reverse('settings-password')}?saved")
        return self._form(form, status=422)

    def _form(self, form: PasswordForm, status: int = 200) -> HttpResponse:
        user = self.actor.user
        return self.render(
            status=status, form=form, saved="saved" in self.request.GET, has_one=user.has_usable_password()
        )
