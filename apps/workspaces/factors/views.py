"""Pages: the second step of signing in, one's own factors, and a workspace that asks for them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe

from apps.core.access import ANY, Actor, allow
from apps.core.limits import Limited
from apps.core.slots import fill
from apps.core.views import Page
from apps.workspaces import confirmation, entry, seats, user_sessions
from apps.workspaces.accounts_views import NEXT_KEY, SignIn, onwards_of, wait
from apps.workspaces.factors import authenticators, enrolment, passkeys, possession, requirement, sign_in, steps
from apps.workspaces.factors.forms import AppCodeForm, FactorCodeForm, PasskeyForm, RequirementForm
from apps.workspaces.factors.items import factors_item, requirement_item
from apps.workspaces.factors.models import Authenticator, Passkey
from apps.workspaces.forms import SignInForm
from apps.workspaces.models import Member

SAVED = "saved"
SECONDS_A_DAY = 24 * 3600
IN_SETTINGS, ALONE = "workspaces/settings.html", "workspaces/entry.html"
"""Where a page about one's factors stands: among the settings, or alone where nothing else opens."""


# Signing in


class SecondStep(Page):
    """Where whoever has a second factor is asked for it."""

    template = "workspaces/factors/second_step.html"

    @allow(public=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        try:
            return self._form(steps.in_browser(request).user_id, FactorCodeForm())
        except steps.StepEnded:
            return redirect("sign-in")

    @allow(public=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Go on where the factor is right."""
        try:
            user_id = steps.in_browser(request).user_id
        except steps.StepEnded:
            return redirect("sign-in")
        form, credential = FactorCodeForm(request.POST), request.POST.get("credential", "")
        try:
            if credential:
                form = FactorCodeForm()
                sign_in.by_factor(request, possession.PASSKEY, passkeys.credential_in(credential))
            elif form.is_valid():
                code = form.cleaned_data["code"]
                sign_in.by_factor(request, _method_of(code), code)
            else:
                return self._form(user_id, form, status=422)
        except (steps.FactorRefused, passkeys.PasskeyRefused) as error:
            return self._form(user_id, form, status=422, refused=str(error))
        except Limited as limited:
            return self._form(user_id, form, status=422, refused=f"Too many tries. {wait(limited)}")
        except (steps.StepEnded, entry.NoSeat, entry.MethodRefused):
            return redirect("sign-in")
        return redirect(onwards_of(request, request.session.pop(NEXT_KEY, "")))

    def _form(self, user_id: UUID, form: FactorCodeForm, status: int = 200, **context: Any) -> HttpResponse:
        methods = possession.methods_of(user_id)
        by_passkey = possession.PASSKEY in methods and passkeys.are_possible()
        return self.render(status=status, form=form, methods=methods, by_passkey=by_passkey, **context)


def _method_of(code: str) -> str:
    """Return what a code is of: six digits are an app's."""
    return possession.TOTP if authenticators.CODE.fullmatch("".join(code.split())) else possession.RECOVERY


class PasskeySignIn(SignIn):
    """Signing in by a passkey alone, from the sign-in page."""

    @allow(public=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Go to the sign-in page."""
        return redirect("sign-in")

    @allow(public=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Sign in, or show the sign-in page again."""
        onwards, form = request.POST.get("next", ""), SignInForm({})
        form.errors.clear()
        try:
            sign_in.by_passkey(request, passkeys.credential_in(request.POST.get("credential", "")))
        except (passkeys.PasskeyRefused, entry.NoSeat):
            form.add_error(None, "This passkey wasn't taken. Sign in another way.")
        except entry.MethodRefused:
            form.add_error(None, "Your workspace takes no passkey alone. Sign in another way.")
        except Limited as limited:
            form.add_error(None, f"Too many tries. {wait(limited)}")
        else:
            return redirect(onwards_of(request, onwards))
        return self._form(form, onwards, status=422)


class Confirm(Page):
    """Says by a factor who this is, before what is sensitive."""

    actor: Member

    @allow(member=ANY, enrolling=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Go on where the factor is right."""
        onwards, credential = request.POST.get("next", ""), request.POST.get("credential", "")
        method = possession.PASSKEY if credential else possession.TOTP
        try:
            confirmation.confirm(request, self.actor, method, credential or request.POST.get("code", "")[:40])
        except confirmation.NotProven:
            said = "wrong"
        except Limited:
            said = "limited"
        else:
            ours = url_has_allowed_host_and_scheme(onwards, {request.get_host()}, require_https=request.is_secure())
            return redirect(onwards if ours else reverse("settings-factors"))
        return HttpResponseRedirect(f"{reverse('settings-confirm')}?{urlencode({'next': onwards, 'factor': said})}")


@fill("confirmation.methods")
def confirmation_by_factor(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Offer to confirm by a factor to whoever has one."""
    methods = confirmation.open_to(actor.user) if isinstance(actor, Member) else []
    by_app, by_passkey = possession.TOTP in methods, possession.PASSKEY in methods
    if not by_app and not by_passkey:
        return None
    return "workspaces/factors/confirm.html", {"by_app": by_app, "by_passkey": by_passkey}


# One's own


class Factors(Page):
    """What the signed-in person has besides a password; also the one page that opens to whoever has yet to set it up."""

    template = "workspaces/factors/factors.html"
    actor: Member

    @allow(member=ANY, enrolling=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show them."""
        return factors_page(self, PasskeyForm())


def factors_page(page: Page, form: PasskeyForm, status: int = 200, **context: Any) -> HttpResponse:
    """Render one's factors, with the form for a passkey as it is."""
    member = page.actor
    assert isinstance(member, Member)
    return page.render(
        status=status,
        factors=factors_item(member),
        form=form,
        layout=layout_for(member),
        seats=len(user_sessions.seats_of(member.user_id)),
        saved=page.request.GET.get(SAVED),
        **context,
    )


def layout_for(member: Member) -> str:
    return ALONE if member.is_factor_due else IN_SETTINGS


def _ask_again(onwards: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('settings-confirm')}?{urlencode({'next': onwards})}")


class AppDraft(Page):
    """The beginning of an authenticator app."""

    actor: Member

    @allow(member=ANY, enrolling=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Make a secret, and go where it is shown. Whoever begins is asked first who they are."""
        if not self.actor.is_confirmed:
            return _ask_again(reverse("settings-factors"))
        authenticators.draft(self.actor.user)
        return redirect("settings-app")


class App(Page):
    """Setting an authenticator app up."""

    template = "workspaces/factors/app.html"
    actor: Member

    @allow(member=ANY, enrolling=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the code to scan, as long as it waits for its first code."""
        if not self.actor.is_confirmed:
            return _ask_again(reverse("settings-app"))
        draft = authenticators.draft_of(self.actor.user_id)
        return redirect("settings-factors") if draft is None else self._form(draft, AppCodeForm())

    @allow(member=ANY, enrolling=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Let the app count, by its first code."""
        if not self.actor.is_confirmed:
            return _ask_again(reverse("settings-app"))
        draft, form = authenticators.draft_of(self.actor.user_id), AppCodeForm(request.POST)
        if draft is None:
            return redirect("settings-factors")
        layout = layout_for(self.actor)
        if form.is_valid():
            try:
                enrolled = enrolment.confirm_app(self.actor, form.cleaned_data["code"])
            except enrolment.NothingBegun:
                return redirect("settings-factors")
            except enrolment.WrongCode as error:
                form.add_error("code", str(error))
            except Limited as limited:
                form.add_error(None, f"Too many tries. {wait(limited)}")
            else:
                return codes_page(self, enrolled.recovery_codes, layout, saved="app")
        return self._form(draft, form, status=422)

    def _form(self, draft: Authenticator, form: AppCodeForm, status: int = 200) -> HttpResponse:
        address = authenticators.address_of(draft, self.actor.user)
        secret = authenticators.secret_of(draft)
        return self.render(
            status=status,
            form=form,
            layout=layout_for(self.actor),
            # Of segno, from an address that is percent-encoded: nothing of it is markup.
            picture=_svg(authenticators.picture_of(address)),
            secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        )


def _svg(text: str) -> SafeString:
    return mark_safe(text)  # noqa: S308


def codes_page(page: Page, codes: list[str], layout: str, *, saved: str) -> HttpResponse:
    """Show new recovery codes, this once; or go back to one's factors where there are none."""
    if not codes:
        return HttpResponseRedirect(f"{reverse('settings-factors')}?{SAVED}={saved}")
    return render(
        page.request, "workspaces/factors/codes.html", {"actor": page.actor, "codes": codes, "layout": layout}
    )


class AppRemoval(Page):
    """The end of an authenticator app."""

    template = "workspaces/factors/factors.html"
    actor: Member

    @allow(member=ANY)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Remove it."""
        if not self.actor.is_confirmed:
            return _ask_again(reverse("settings-factors"))
        try:
            enrolment.remove_app(self.actor)
        except enrolment.NothingBegun:
            return redirect("settings-factors")
        except enrolment.LastFactor as error:
            return factors_page(self, PasskeyForm(), status=422, refused=str(error))
        return HttpResponseRedirect(f"{reverse('settings-factors')}?{SAVED}=removed")


class Passkeys(Page):
    """A new passkey, from the page of one's factors."""

    template = "workspaces/factors/factors.html"
    actor: Member

    @allow(member=ANY, enrolling=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Keep it."""
        if not self.actor.is_confirmed:
            return _ask_again(reverse("settings-factors"))
        form, layout = PasskeyForm(request.POST), layout_for(self.actor)
        if not form.is_valid():
            return factors_page(self, form, status=422)
        try:
            credential = passkeys.credential_in(form.cleaned_data["credential"])
            enrolled = enrolment.add_passkey(self.actor, form.cleaned_data["name"], credential)
        except (passkeys.PasskeyRefused, passkeys.TooManyPasskeys) as error:
            return factors_page(self, form, status=422, refused=str(error))
        return codes_page(self, enrolled.recovery_codes, layout, saved="passkey")


class PasskeyRemoval(Page):
    """The end of a passkey."""

    template = "workspaces/factors/factors.html"
    actor: Member

    @allow(member=ANY)
    def post(self, request: HttpRequest, passkey_id: UUID) -> HttpResponse:
        """Remove it."""
        if not Passkey.objects.filter(pk=passkey_id, user_id=self.actor.user_id).exists():
            raise Http404
        if not self.actor.is_confirmed:
            return _ask_again(reverse("settings-factors"))
        try:
            enrolment.remove_passkey(self.actor, passkey_id)
        except Passkey.DoesNotExist as error:
            raise Http404 from error
        except enrolment.LastFactor as error:
            return factors_page(self, PasskeyForm(), status=422, refused=str(error))
        return HttpResponseRedirect(f"{reverse('settings-factors')}?{SAVED}=removed")


class RecoveryCodes(Page):
    """New recovery codes."""

    actor: Member

    @allow(member=ANY, enrolling=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Make them, and show them this once."""
        if not self.actor.is_confirmed:
            return _ask_again(reverse("settings-factors"))
        try:
            codes = enrolment.renew_recovery_codes(self.actor)
        except enrolment.NoFactor:
            return redirect("settings-factors")
        return codes_page(self, codes, layout_for(self.actor), saved="codes")


# The workspace


class Requirement(Page):
    """Whether everybody needs a second factor, from the security page."""

    actor: Member

    @allow(member="settings.security")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Ask everybody, or leave it to them."""
        back = f"{reverse('settings-security')}#second-factor"
        if not self.actor.is_confirmed:
            return _ask_again(back)
        form = RequirementForm(request.POST)
        change = requirement.ask_everybody if form["required"].data else requirement.ask_nobody
        try:
            change(by=self.actor)
        except requirement.NoFactorYourself:
            return HttpResponseRedirect(f"{reverse('settings-security')}?{SAVED}=no-factor#second-factor")
        return HttpResponseRedirect(f"{reverse('settings-security')}?{SAVED}=second-factor#second-factor")


@fill("settings.security")
def requirement_form(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Offer to ask everybody for a second factor."""
    if not isinstance(actor, Member):
        return None
    item = requirement_item(actor.workspace)
    without = Member.objects.visible_to(actor).count() - len(_enrolled_of(actor))
    form = RequirementForm(initial={"required": item["everyone"]})
    context = {"form": form, "requirement": item, "without": without, "has_one": possession.has_one(actor.user_id)}
    return "workspaces/factors/requirement.html", context


def _enrolled_of(actor: Member) -> frozenset[UUID]:
    return possession.enrolled(list(Member.objects.visible_to(actor).values_list("user_id", flat=True)))


class MemberFactors(Page):
    """A locked-out member's factors, from their seat's page."""

    actor: Member

    @allow(member="settings.billing")
    def post(self, request: HttpRequest, member_id: UUID) -> HttpResponse:
        """Remove them all."""
        members = Member.objects.visible_to(self.actor).select_related("user", "workspace")
        if (member := members.filter(pk=member_id).first()) is None:
            raise Http404
        page = reverse("settings-member", args=(member.pk,))
        if not self.actor.is_confirmed:
            return _ask_again(page)
        try:
            enrolment.reset_member(member, by=self.actor)
        except enrolment.WorksElsewhere:
            return HttpResponseRedirect(f"{page}?factors=elsewhere#second-factor")
        return HttpResponseRedirect(f"{page}?factors=reset#second-factor")


@fill("member.more")
def factors_of_member(actor: Actor, member: Member) -> tuple[str, dict[str, Any]] | None:
    """Show an owner whether somebody has a second factor, and let them reset it."""
    if not isinstance(actor, Member) or actor.role != Member.Role.OWNER or not seats.may_change(actor, member):
        return None
    return "workspaces/factors/member.html", {"member": member, "has_one": possession.has_one(member.user_id)}


@fill("settings.banner")
def grace_banner(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Tell how many days are left to set a second factor up."""
    days = _days_left(actor)
    return None if days is None else ("workspaces/factors/grace.html", {"days": days})


@fill("rail")
def grace_mark(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Tell it on every other page too, small."""
    days = _days_left(actor)
    return None if days is None else ("workspaces/factors/grace_mark.html", {"days": days})


def _days_left(actor: Actor) -> int | None:
    if not isinstance(actor, Member) or actor.factor_due_in is None or actor.is_factor_due:
        return None
    return -(-int(actor.factor_due_in.total_seconds()) // SECONDS_A_DAY)
