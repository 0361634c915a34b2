"""Pages: the way in by single sign-on, and its settings."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from apps.core import limits
from apps.core.access import ANY, Actor, allow
from apps.core.limits import Limited
from apps.core.network import request_address
from apps.core.slots import fill
from apps.core.views import Page
from apps.workspaces import entry, invitations, sign_up
from apps.workspaces.models import Member
from apps.workspaces.sso import attempts, connections, identities
from apps.workspaces.sso.api import connection_item, identity_item, required_connection
from apps.workspaces.sso.attempts import Attempt, Declined, UnknownAttempt
from apps.workspaces.sso.forms import ConnectionForm
from apps.workspaces.sso.id_tokens import Identity, TokenRefused
from apps.workspaces.sso.models import SsoConnection
from apps.workspaces.sso.provider import ProviderFailed

SAVED = "saved"
LINK_KEY = "sso_link"
"""Where a session keeps that its owner, confirmed, asked to link an account: for the next step only."""

FAILURES = {
    "unknown": "This sign-in was begun in another browser, is over already, or took too long. Begin again.",
    "declined": "Your provider sent you back without signing you in. Begin again, or sign in another way.",
    "provider": "Your provider can't be reached, or answers what can't be used. Try again in a few minutes, or sign in another way.",
    "refused": "What your provider answered couldn't be verified, so nobody was signed in. Begin again; tell your administrator if it stays so.",
    "not_linked": "This account isn't linked to anybody in this workspace. If you work here, sign in another way and link it in your profile; "
    "else ask for an invitation.",
    "somebody_elses": "This account is linked to somebody else here already.",
    "other_address": "The invitation is for another address than the one your provider vouches for.",
    "ended": "The invitation has ended meanwhile. Ask whoever invited you to send it again.",
    "method": "This workspace doesn't take single sign-on any more. Sign in another way.",
    "other_session": "Linking was begun by somebody who isn't signed in here any more. Begin again from your profile.",
    "busy": "There were too many sign-ins from here. Wait a few minutes, then begin again.",
}


class Choose(Page):
    """The providers for people of a domain."""

    template = "workspaces/sso_choose.html"

    @allow(public=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show them. Only the domain is looked at: nobody learns who has an account."""
        domain = request.GET.get("domain", "")[:255].lower()
        offered = connections.for_domain(domain) if domain else []
        return self.render(connections=offered, domain=domain, onwards=onwards_query(request.GET.get("next", "")))


class Workspace(Page):
    """The provider of one workspace, for its people's bookmarks."""

    template = "workspaces/sso_choose.html"

    @allow(public=True)
    def get(self, request: HttpRequest, workspace_id: UUID) -> HttpResponse:
        """Show the way to it."""
        offered = _usable(workspace_id)
        return self.render(connections=[offered], onwards=onwards_query(request.GET.get("next", "")))


def onwards_query(onwards: str) -> str:
    """Return the query that carries on which page was asked for."""
    return f"?{urlencode({'next': onwards})}" if onwards else ""


def _usable(workspace_id: UUID) -> SsoConnection:
    found = connections.usable(workspace_id)
    if found is None:
        raise Http404
    return found


class Go(Page):
    """The step to the provider. A link leads here, not a form: forms may lead to our own pages only."""

    template = "workspaces/sso_failed.html"

    @allow(public=True)
    def get(self, request: HttpRequest, workspace_id: UUID) -> HttpResponse:
        """Remember what is begun, and go."""
        connection = _usable(workspace_id)
        purpose, onwards, session = attempts.SIGN_IN, request.GET.get("next", "")[:2000], ""
        if token := request.GET.get("invitation", "")[:100]:
            purpose, onwards = attempts.JOIN, token
        elif request.session.pop(LINK_KEY, None) and (linker := self._linker()) is not None:
            purpose, session = attempts.LINK, str(linker.session_id)
        try:
            limits.spend(limits.SSO_BY_ADDRESS, limits.address_subject(request_address(request)))
            return HttpResponseRedirect(
                attempts.begin(request, connection, purpose=purpose, onwards=onwards, session=session)
            )
        except ProviderFailed as error:
            identities.record_failure(connection.workspace, error.reason)
            return _failed(self, "provider", 503)
        except Limited:
            return _failed(self, "busy", 429)

    def _linker(self) -> Member | None:
        """Return who may link an account now: what was asked for long ago counts no more."""
        actor = getattr(self, "actor", None)
        return actor if isinstance(actor, Member) and actor.is_confirmed else None


def _failed(page: Page, why: str, status: int) -> HttpResponse:
    return page.render(status=status, message=FAILURES[why])


class Callback(Page):
    """Where the provider sends people back to."""

    template = "workspaces/sso_failed.html"

    @allow(public=True)
    def get(self, request: HttpRequest, workspace_id: UUID) -> HttpResponse:
        """Verify what the provider says, and go on as whom it names."""
        try:
            limits.spend(limits.SSO_BY_ADDRESS, limits.address_subject(request_address(request)))
            attempt = attempts.take(request, workspace_id)
        except Limited:
            return _failed(self, "busy", 429)
        except UnknownAttempt:
            return _failed(self, "unknown", 400)
        connection = connections.usable(workspace_id)
        if connection is None:
            return _failed(self, "method", 403)
        why, reason, status = "refused", "", 403
        try:
            return self._arrive(request, attempt, connection, attempts.finish(request, attempt, connection))
        except Declined:
            why, reason = "declined", "declined"
        except ProviderFailed as error:
            why, reason, status = "provider", error.reason, 503
        except TokenRefused as error:
            reason = error.reason
        except (identities.NotLinked, identities.SomebodyElses, identities.OtherAddress) as error:
            why = reason = error.reason
        except (invitations.Ended, invitations.SomebodyElses, sign_up.AddressTaken):
            why = reason = "ended"
        except (entry.MethodRefused, entry.NoSeat):
            why = reason = "method"
        identities.record_failure(connection.workspace, reason)
        return _failed(self, why, status)

    def _arrive(
        self, request: HttpRequest, attempt: Attempt, connection: SsoConnection, identity: Identity
    ) -> HttpResponse:
        match attempt.purpose:
            case attempts.LINK:
                return self._link(attempt, identity)
            case attempts.JOIN:
                invitation = invitations.find(attempt.onwards)
                if invitation.workspace_id != connection.workspace_id:
                    raise invitations.Ended
                identities.enter(request, identities.accept(invitation, identity))
                return redirect("inbox")
        identities.sign_in(request, connection, identity)
        onwards = attempt.onwards
        ours = url_has_allowed_host_and_scheme(onwards, {request.get_host()}, require_https=request.is_secure())
        return redirect(onwards if ours else reverse("inbox"))

    def _link(self, attempt: Attempt, identity: Identity) -> HttpResponse:
        actor = getattr(self, "actor", None)
        if not isinstance(actor, Member) or str(actor.session_id) != attempt.session:
            return _failed(self, "other_session", 403)
        if str(actor.workspace_id) != attempt.workspace:
            return _failed(self, "other_session", 403)
        identities.link(actor, identity)
        return HttpResponseRedirect(f"{reverse('settings-profile')}?linked#sso")


# Settings


class Settings(Page):
    """The workspace's provider."""

    template = "workspaces/sso.html"
    actor: Member

    @allow(member="settings.security")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form; whoever changes it is asked first who they are."""
        return connection_page(self, ConnectionForm(connections.connection_of(self.actor.workspace_id)))

    @allow(member="settings.security")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Save it."""
        if not self.actor.is_confirmed:
            return _ask_again("settings-sso")
        form = ConnectionForm(connections.connection_of(self.actor.workspace_id), request.POST)
        if form.is_valid():
            try:
                limits.spend(limits.SSO_TESTS, self.actor.workspace_id)
                connections.set_up(self.actor.workspace, by=self.actor, **form.cleaned_data)
            except connections.BadIssuer as error:
                form.add_error("issuer", str(error))
            except connections.BadDomains as error:
                form.add_error("domains", str(error))
            except connections.SecretNeeded as error:
                form.add_error("client_secret", str(error))
            except Limited:
                form.add_error(None, "Too many changes in a short time. Wait a few minutes, then save again.")
            else:
                return HttpResponseRedirect(f"{reverse('settings-sso')}?{SAVED}")
        return connection_page(self, form, status=422)


def connection_page(page: Page, form: ConnectionForm, status: int = 200, **context: Any) -> HttpResponse:
    """Render the settings of single sign-on, with the form as it is."""
    assert isinstance(page.actor, Member)
    row = connections.connection_of(page.actor.workspace_id)
    return page.render(
        status=status,
        form=form,
        connection=connection_item(row) if row else None,
        redirect_uri=connections.redirect_uri(page.actor.workspace_id),
        saved=SAVED in page.request.GET,
        is_confirmed=page.actor.is_confirmed,
        confirm=f"{reverse('settings-confirm')}?{urlencode({'next': reverse('settings-sso')})}",
        **context,
    )


def _ask_again(page: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('settings-confirm')}?{urlencode({'next': reverse(page)})}")


class Test(Page):
    """Whether the provider would work."""

    template = "workspaces/sso.html"
    actor: Member

    @allow(member="settings.security")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Ask the provider now, and show what was found."""
        row = required_connection(self.actor)
        form = ConnectionForm(row)
        try:
            limits.spend(limits.SSO_TESTS, self.actor.workspace_id)
        except Limited:
            return connection_page(self, form, status=429, refused="Enough tests for now. Wait a few minutes.")
        return connection_page(self, form, findings=connections.test(row))


class Remove(Page):
    """The end of single sign-on."""

    template = "workspaces/sso.html"
    actor: Member

    @allow(member="settings.security")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Remove the provider."""
        row = required_connection(self.actor)
        if not self.actor.is_confirmed:
            return _ask_again("settings-sso")
        try:
            connections.remove(self.actor.workspace, by=self.actor)
        except connections.OnlyWayIn as error:
            return connection_page(self, ConnectionForm(row), status=422, refused=str(error))
        return HttpResponseRedirect(reverse("settings-security"))


# The signed-in person's own


class Link(Page):
    """Linking an account at the workspace's provider."""

    template = "workspaces/sso_choose.html"
    actor: Member

    @allow(member=ANY)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Show the way to the provider to whoever has proven who they are."""
        connection = _usable(self.actor.workspace_id)
        if not self.actor.is_confirmed:
            return _ask_again("settings-profile")
        request.session[LINK_KEY] = True
        return self.render(connections=[connection], linking=True)


class Unlink(Page):
    """Unlinking one."""

    actor: Member

    @allow(member=ANY)
    def post(self, request: HttpRequest, identity_id: UUID) -> HttpResponse:
        """Unlink it."""
        if not identities.of(self.actor.user_id).filter(pk=identity_id).exists():
            raise Http404
        if not self.actor.is_confirmed:
            return _ask_again("settings-profile")
        identities.unlink(self.actor, identity_id)
        return HttpResponseRedirect(f"{reverse('settings-profile')}?unlinked#sso")


@fill("settings.security")
def security_part(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Offer single sign-on on the security page."""
    if not isinstance(actor, Member):
        return None
    row = connections.connection_of(actor.workspace_id)
    return "workspaces/sso_security.html", {"connection": connection_item(row) if row else None}


@fill("settings.profile")
def profile_part(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Show the linked accounts on the profile's page, and how to link one where the workspace has a provider."""
    if not isinstance(actor, Member):
        return None
    rows = [identity_item(row) for row in identities.of(actor.user_id)]
    connection = connections.usable(actor.workspace_id)
    if connection is None and not rows:
        return None
    is_linked = connection is not None and any(row["issuer"] == connection.issuer for row in rows)
    return "workspaces/sso_profile.html", {"identities": rows, "connection": connection, "is_linked": is_linked}
