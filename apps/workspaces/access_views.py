"""Pages: a person's profile and sessions, members' seats, the workspace's keys and its owner."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from apps.core import limits
from apps.core.access import ANY, Actor, allow
from apps.core.limits import Limited
from apps.core.slots import fill
from apps.core.views import Page
from apps.workspaces import actions, confirmation, entry, keys, seats, user_sessions
from apps.workspaces.access_api import key_item, seat_items, standing_offer, user_session_item
from apps.workspaces.access_forms import ConfirmForm, KeyForm, ProfileForm, SeatForm
from apps.workspaces.models import ApiKey, Member

SAVED = "saved"


class Profile(Page):
    """What colleagues and visitors know of the signed-in person."""

    template = "workspaces/profile.html"
    actor: Member

    @allow(member=ANY)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        form = ProfileForm(initial={"name": self.actor.user.name})
        return self.render(form=form, saved=SAVED in request.GET)

    @allow(member=ANY)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Save the name."""
        form = ProfileForm(request.POST)
        if not form.is_valid():
            return self.render(status=422, form=form)
        actions.rename_user(self.actor, form.cleaned_data["name"])
        return _saved("settings-profile")


class Sessions(Page):
    """Where the signed-in person is signed in."""

    template = "workspaces/sessions.html"
    actor: Member

    @allow(member=ANY)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the sessions, this one first."""
        items = [user_session_item(row, self.actor) for row in user_sessions.alive(self.actor.user_id)]
        return self.render(sessions=sorted(items, key=lambda item: not item["current"]), saved=SAVED in request.GET)

    @allow(member=ANY)
    def post(self, request: HttpRequest) -> HttpResponse:
        """End the session that is named, or all but this one."""
        named = request.POST.get("session")
        ids = None if named is None else [_uuid(named)]
        user_sessions.end(self.actor.user, by=self.actor, ids=ids, keep=self.actor.session_id)
        return _saved("settings-sessions")


class Confirm(Page):
    """Asks who this is, before what is sensitive."""

    template = "workspaces/confirm.html"
    actor: Member

    @allow(member=ANY, enrolling=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask for the password."""
        return self.render(form=ConfirmForm(), next=request.GET.get("next", ""))

    @allow(member=ANY, enrolling=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Go on where the password is right."""
        form, onwards = ConfirmForm(request.POST), request.POST.get("next", "")
        if form.is_valid():
            try:
                confirmation.confirm(request, self.actor, "password", form.cleaned_data["password"])
            except confirmation.NotProven as error:
                form.add_error("password", str(error.detail))
            except Limited as limited:
                form.add_error(None, f"Too many tries. Wait {-(-limited.retry_after // 60)} min, then try again.")
            else:
                ours = url_has_allowed_host_and_scheme(onwards, {request.get_host()}, require_https=request.is_secure())
                return redirect(onwards if ours else reverse("settings-profile"))
        return self.render(status=422, form=form, next=onwards)


def _ask_again(page: str, *args: Any) -> HttpResponseRedirect:
    """Go to the page that asks who this is, and from there to the named one."""
    return HttpResponseRedirect(f"{reverse('settings-confirm')}?{urlencode({'next': reverse(page, args=args)})}")


class MemberSettings(Page):
    """One member's seat: role, permissions, removal."""

    template = "workspaces/member.html"
    actor: Member

    @allow(member="users.manage")
    def get(self, request: HttpRequest, member_id: UUID) -> HttpResponse:
        """Show the form, or why this member isn't the reader's to change."""
        member = self._member(member_id)
        return self._form(member, SeatForm(by=self.actor, member=member), saved=SAVED in request.GET)

    @allow(member="users.manage")
    def post(self, request: HttpRequest, member_id: UUID) -> HttpResponse:
        """Save the seat, remove the member, or offer them the workspace."""
        member = self._member(member_id)
        match request.POST.get("do"):
            case "remove":
                return self._remove(member)
            case "offer":
                if not self.actor.is_confirmed:
                    return _ask_again("settings-member", member.pk)
                seats.offer(member.pk, by=self.actor)
                return HttpResponseRedirect(reverse("settings-ownership"))
        form = SeatForm(request.POST, by=self.actor, member=member)
        if not form.is_valid():
            return self._form(member, form, status=422)
        seats.change(member.pk, by=self.actor, **form.chosen)
        return _saved("settings-member", member.pk)

    def _remove(self, member: Member) -> HttpResponse:
        if "users.remove" not in self.actor.held:
            raise PermissionDenied
        try:
            seats.remove(member.pk, by=self.actor)
        except actions.LastOwner as error:
            return self._form(member, SeatForm(by=self.actor, member=member), status=422, refused=str(error))
        return HttpResponseRedirect(reverse("settings-members"))

    def _member(self, id_: UUID) -> Member:
        member = Member.objects.visible_to(self.actor).select_related("user", "workspace").filter(pk=id_).first()
        if member is None:
            raise Http404
        return member

    def _form(self, member: Member, form: SeatForm, status: int = 200, **context: Any) -> HttpResponse:
        return self.render(
            status=status,
            member=member,
            form=form,
            may_change=seats.may_change(self.actor, member),
            may_remove="users.remove" in self.actor.held,
            may_offer=self.actor.role == Member.Role.OWNER and member.role != Member.Role.OWNER,
            **context,
        )


class Ownership(Page):
    """The offer to hand the workspace over, for whoever made it or got it."""

    template = "workspaces/ownership.html"
    actor: Member

    @allow(member=ANY)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the offer."""
        return self.render(offer=standing_offer(self.actor))

    @allow(member=ANY)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Accept the offer, or end it."""
        try:
            if request.POST.get("do") == "accept":
                if not self.actor.is_confirmed:
                    return _ask_again("settings-ownership")
                seats.accept(by=self.actor)
                return HttpResponseRedirect(reverse("settings-members"))
            seats.withdraw(by=self.actor)
        except seats.NoOffer:
            return self.render(status=422, offer=None)
        return HttpResponseRedirect(reverse("settings-members"))


class Keys(Page):
    """The workspace's API keys, and a form for a new one."""

    template = "workspaces/keys.html"
    actor: Member

    @allow(member="settings.integrations")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the keys; whoever makes one is asked first who they are."""
        if "new" in request.GET:
            return self._form(KeyForm(by=self.actor)) if self.actor.is_confirmed else self._ask_again()
        return self.render(keys=self._keys(), saved=SAVED in request.GET)

    @allow(member="settings.integrations")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Make a key, and show this once what opens it."""
        if not self.actor.is_confirmed:
            return self._ask_again()
        form = KeyForm(request.POST, by=self.actor)
        if not form.is_valid():
            return self._form(form, status=422)
        try:
            limits.spend(limits.KEYS_MADE, self.actor.workspace_id)
            data = form.cleaned_data
            key, token = keys.make(data["name"], data["scopes"], by=self.actor, expires_at=form.expires_at)
        except keys.InThePast as error:
            form.add_error("expires", str(error))
        except keys.TooManyKeys as error:
            form.add_error(None, str(error))
        except Limited:
            form.add_error(None, "That is a lot of keys for an hour. Wait a while.")
        else:
            return self.render(keys=self._keys(), made=key, token=token)
        return self._form(form, status=422)

    def _ask_again(self) -> HttpResponse:
        onwards = f"{reverse('settings-keys')}?new"
        return HttpResponseRedirect(f"{reverse('settings-confirm')}?{urlencode({'next': onwards})}")

    def _form(self, form: KeyForm, status: int = 200) -> HttpResponse:
        return self.render(status=status, form=form, keys=self._keys())

    def _keys(self) -> list[Any]:
        rows = keys.living(ApiKey.objects.visible_to(self.actor)).select_related("maker__user")
        return [key_item(row) for row in rows]


class KeyRevoke(Page):
    """The end of a key."""

    actor: Member

    @allow(member="settings.integrations")
    def post(self, request: HttpRequest, key_id: UUID) -> HttpResponse:
        """Revoke the key at once."""
        key = ApiKey.objects.visible_to(self.actor).filter(pk=key_id).first()
        if key is None:
            raise Http404
        keys.revoke(key, by=self.actor)
        return _saved("settings-keys")


class Switch(Page):
    """The workspaces that the signed-in person works in."""

    template = "workspaces/switch.html"
    actor: Member

    @allow(member=ANY, enrolling=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show them."""
        return self.render(seats=seat_items(self.actor))

    @allow(member=ANY, enrolling=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Work in another one from here on."""
        wanted = _uuid(request.POST.get("workspace", ""))
        seat = next((seat for seat in user_sessions.seats_of(self.actor.user_id) if seat.workspace_id == wanted), None)
        if seat is None:
            raise Http404
        if not entry.go_over(request, seat):
            return self.render(status=422, seats=seat_items(self.actor), refused=seat.workspace.name)
        return redirect("inbox")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


def _saved(page: str, *args: Any) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse(page, args=args)}?{SAVED}")


@fill("account.menu")
def other_workspaces(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Offer the way to the other workspaces to whoever works in several."""
    several = isinstance(actor, Member) and len(user_sessions.seats_of(actor.user_id)) > 1
    return ("workspaces/account_menu.html", {}) if several else None


@fill("settings.banner")
def ownership_banner(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Tell of an offer of ownership, where it can be answered."""
    offer = standing_offer(actor)
    return ("workspaces/ownership_banner.html", {"offer": offer}) if offer is not None else None
