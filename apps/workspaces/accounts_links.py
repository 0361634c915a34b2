"""The pages that links in mails lead to: a new password, an invitation. Looking at one uses nothing up, since mail programs look too."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.core.access import allow
from apps.core.network import request_address
from apps.core.views import Page
from apps.workspaces import entry, invitations, passwords, policy, sign_up
from apps.workspaces.accounts_forms import AccountForm, AddressForm, NewPasswordForm
from apps.workspaces.accounts_views import enter_new, to_sign_in
from apps.workspaces.beginnings import account_of
from apps.workspaces.models import Invitation, Member, SignInMethod, User
from apps.workspaces.sso import connections


class Reset(Page):
    """Where a new password is asked for."""

    template = "workspaces/reset.html"

    @allow(public=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        return self.render(form=AddressForm(initial={"email": request.GET.get("email", "")[:254]}))

    @allow(public=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Have a link mailed. The answer is the same whether somebody has this address or not."""
        form = AddressForm(request.POST)
        if not form.is_valid():
            return self.render(status=422, form=form)
        email = form.cleaned_data["email"]
        passwords.request_reset(email, client_address=request_address(request))
        return self.render(form=form, sent_to=email)


class NewPassword(Page):
    """Where the link to a new password leads. Looking at it uses nothing up."""

    template = "workspaces/new_password.html"

    @allow(public=True)
    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Show the form, if the link is good."""
        try:
            user = passwords.user_of_link(token)
        except passwords.LinkEnded:
            return self.render(status=400, ended=True)
        return self.render(form=NewPasswordForm(), email=user.email)

    @allow(public=True)
    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Set the password. Every session of this person ends."""
        form = NewPasswordForm(request.POST)
        try:
            email = passwords.user_of_link(token).email
            if form.is_valid():
                passwords.reset_password(token, form.cleaned_data["password"])
                return to_sign_in("reset", email=email)
        except passwords.LinkEnded:
            return self.render(status=400, ended=True)
        except ValidationError as error:
            form.add_error("password", error)
        return self.render(status=422, form=form, email=email)


class InvitationPage(Page):
    """Where an invitation's link leads. Looking at it uses nothing up."""

    template = "workspaces/invitation.html"

    @allow(public=True)
    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Show who invites whom to what, and the way in."""
        try:
            invitation = invitations.find(token)
        except invitations.Ended:
            return self.render(status=404, ended=True)
        return self._page(request, invitation, AccountForm(by_code=_by_code(invitation)))

    @allow(public=True)
    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Accept: as who is signed in, as who has just proven the address, or with a new account."""
        sent = request.POST
        try:
            invitation = invitations.find(token)
            reader = self._reader(request, invitation)
            if reader is not None:
                return self._join(request, invitation, reader)
            if account_of(invitation.email) is not None or hasattr(self, "actor"):
                return self._page(request, invitation, AccountForm(), status=403)
            return self._sign_up(request, invitation, sent)
        except (invitations.Ended, invitations.SomebodyElses):
            return self.render(status=404, ended=True)

    def _reader(self, request: HttpRequest, invitation: Invitation) -> User | None:
        """Return the account that this browser may accept with: signed in, or its address proven, and invited."""
        actor = getattr(self, "actor", None)
        if isinstance(actor, Member):
            return actor.user if actor.user.email == invitation.email else None
        return account_of(invitation.email) if entry.proven_address(request) == invitation.email else None

    def _join(self, request: HttpRequest, invitation: Invitation, user: User) -> HttpResponse:
        member = invitations.accept(invitation, user)
        if not hasattr(self, "actor"):
            return enter_new(request, member, has_password=False)
        entry.go_over(request, member)
        return redirect("inbox")

    def _sign_up(self, request: HttpRequest, invitation: Invitation, sent: Any) -> HttpResponse:
        form = AccountForm(sent, by_code=_by_code(invitation))
        if form.is_valid():
            try:
                member = sign_up.accept_with_new_account(invitation, **form.cleaned_data)
            except ValidationError as error:
                form.add_error("password", error)
            except sign_up.AddressTaken:
                return self._page(request, invitation, form, status=403)
            else:
                return enter_new(request, member, has_password=bool(form.cleaned_data["password"]))
        return self._page(request, invitation, form, status=422)

    def _page(self, request: HttpRequest, invitation: Invitation, form: AccountForm, status: int = 200) -> HttpResponse:
        user = account_of(invitation.email)
        by_password = user is not None and any(policy.seats_by(user, SignInMethod.PASSWORD))
        connection = connections.usable(invitation.workspace_id)
        sso = f"{reverse('sso-go', args=[invitation.workspace_id])}?{urlencode({'invitation': self.kwargs['token']})}"
        shown = self.render(
            status=status,
            sso=sso if connection else None,
            sso_label=connection.label if connection else "",
            by_sso_only=policy.policy_of(invitation.workspace).methods == [SignInMethod.OIDC],
            invitation=invitation,
            form=form,
            has_account=user is not None,
            by_password=by_password,
            may_join=self._reader(request, invitation) is not None,
            somebody_else=hasattr(self, "actor") and self._reader(request, invitation) is None,
            sign_in=f"{reverse('sign-in')}?{urlencode({'next': request.path, 'email': invitation.email})}",
        )
        return shown


def _by_code(invitation: Invitation) -> bool:
    return policy.allows(invitation.workspace, SignInMethod.CODE)
