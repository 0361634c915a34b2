"""The pages by which people get in: signing in and up, codes, new passwords, invitations, the first run."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from apps.core import limits
from apps.core.access import FactorNeeded, allow
from apps.core.limits import Limited
from apps.core.network import request_address
from apps.core.slots import ask
from apps.core.views import Page
from apps.workspaces import beginnings, codes, entry, invitations, policy, sign_up
from apps.workspaces.accounts_forms import AddressForm, CodeForm, FirstRunForm, WelcomeForm
from apps.workspaces.beginnings import NEW_WORKSPACE
from apps.workspaces.factors import passkeys
from apps.workspaces.forms import SignInForm
from apps.workspaces.models import Invitation, Member, SignInCode, SignInMethod, User

CODE_KEY = "code"
"""Where a session keeps which code its browser waits for: address, purpose, where to go then."""
NEXT_KEY = "next"
"""Where a session keeps where to go after the second step of signing in."""
NOTICES = {
    "reset": "Your password is changed. Sign in with it.",
    "password": "Your workspace takes passwords only. Sign in with yours.",
    "known": "This address has an account already. Sign in with it.",
    "joined": "You joined. Sign in to go there.",
}
Purpose = SignInCode.Purpose


def wait(limited: Limited) -> str:
    """Say how long to wait."""
    minutes = -(-limited.retry_after // 60)
    return f"Wait {minutes} minute{'' if minutes == 1 else 's'}, then try again."


class SignIn(Page):
    """The way in."""

    template = "workspaces/sign_in.html"

    @allow(public=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form; whoever is in already goes on, and where nobody is yet the first run begins."""
        if hasattr(self, "actor"):
            return redirect(onwards_of(request, request.GET.get("next", "")))
        if sign_up.is_empty():
            return redirect("first-run")
        form = SignInForm(initial={"email": request.GET.get("email", "")[:254]})
        return self._form(form, request.GET.get("next", ""))

    @allow(public=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Sign in by address and password, or have a code mailed."""
        form, onwards = SignInForm(request.POST), request.POST.get("next", "")
        valid = form.is_valid()
        if request.POST.get("by") == SignInMethod.CODE:
            form.errors.pop("password", None)
            if "email" not in form.errors:
                return _await_code(request, form.cleaned_data["email"], Purpose.SIGN_IN, onwards)
        elif request.POST.get("by") == SignInMethod.OIDC:
            form.errors.pop("password", None)
            if "email" not in form.errors:
                asked = {"domain": policy.domain_of(form.cleaned_data["email"]), "next": onwards}
                return HttpResponseRedirect(f"{reverse('sso')}?{urlencode(asked)}")
        elif valid:
            try:
                entry.sign_in(request, **form.cleaned_data)
            except entry.SignInRefused as refused:
                form.add_error(None, str(refused))
            except entry.MethodRefused:
                return _await_code(request, form.cleaned_data["email"], Purpose.SIGN_IN, onwards)
            except FactorNeeded:
                request.session[NEXT_KEY] = onwards
                raise
            except Limited as limited:
                form.add_error(None, f"Too many tries. {wait(limited)}")
            else:
                return redirect(onwards_of(request, onwards))
        return self._form(form, onwards, status=422)

    def _form(self, form: SignInForm, onwards: str, status: int = 200) -> HttpResponse:
        return self.render(
            status=status,
            form=form,
            next=onwards,
            notice=NOTICES.get(self.request.GET.get("notice", "")),
            may_sign_up=settings.SIGN_UP_OPEN,
            account=next(iter(ask("sign-in.account")), None),
            by_passkey=passkeys.are_possible(),
        )


def _await_code(request: HttpRequest, email: str, purpose: Purpose, onwards: str = "") -> HttpResponse:
    """Have a code mailed, and go where it is entered."""
    codes.request_code(email, purpose, client_address=request_address(request))
    request.session[CODE_KEY] = {"email": email.strip().lower(), "purpose": purpose.value, "next": onwards}
    return redirect("code")


def onwards_of(request: HttpRequest, address: str) -> str:
    """Return where to go after signing in: the page that was asked for, if it is one of ours."""
    ours = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if ours else reverse("inbox")


def to_sign_in(notice: str, **fields: str) -> HttpResponseRedirect:
    """Go to the sign-in page, with a word about why."""
    return HttpResponseRedirect(f"{reverse('sign-in')}?{urlencode({'notice': notice, **fields})}")


class Code(Page):
    """Where the code from the mail is entered."""

    template = "workspaces/code.html"

    @allow(public=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        if (waiting := request.session.get(CODE_KEY)) is None:
            return redirect("sign-in")
        return self._form(waiting, CodeForm())

    @allow(public=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Take the code and go on, or have another one mailed."""
        form, again = CodeForm(request.POST), "again" in request.POST
        if (waiting := request.session.get(CODE_KEY)) is None:
            return redirect("sign-in")
        email, purpose = waiting["email"], Purpose(waiting["purpose"])
        if again:
            codes.request_code(email, purpose, client_address=request_address(request))
            return HttpResponseRedirect(f"{reverse('code')}?again")
        if form.is_valid():
            try:
                return self._enter(request, email, form.cleaned_data["code"], purpose, waiting["next"])
            except entry.CodeRefused as refused:
                form.add_error("code", str(refused))
            except Limited as limited:
                form.add_error(None, f"Too many tries. {wait(limited)}")
        return self._form(waiting, form, status=422)

    def _enter(self, request: HttpRequest, email: str, code: str, purpose: Purpose, onwards: str) -> HttpResponse:
        """Go where a right code leads: into a workspace, or to where one is found. Raises CodeRefused and Limited."""
        enter = _enter_known if purpose == Purpose.SIGN_UP else entry.sign_in_by_code
        try:
            enter(request, email, code)
            target: HttpResponse = redirect(onwards_of(request, onwards))
        except entry.MethodRefused:
            target = to_sign_in("password", email=email)
        except entry.NoSeat:
            target = redirect(onwards if onwards.startswith("/invitations/") else "welcome")
        except FactorNeeded:
            request.session.pop(CODE_KEY, None)
            request.session[NEXT_KEY] = onwards
            raise
        request.session.pop(CODE_KEY, None)
        return target

    def _form(self, waiting: dict[str, str], form: CodeForm, status: int = 200) -> HttpResponse:
        return self.render(
            status=status,
            form=form,
            email=waiting["email"],
            signing_up=waiting["purpose"] == Purpose.SIGN_UP,
            is_open=settings.SIGN_UP_OPEN,
            again="again" in self.request.GET,
        )


def _enter_known(request: HttpRequest, email: str, code: str) -> Member:
    """Let somebody in who signs up with an address that has an account: they have just proven that it is theirs. Raises NoSeat for the rest."""
    entry.prove_address(request, email, code, Purpose.SIGN_UP)
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None:
        raise entry.NoSeat
    return entry.enter(request, user, SignInMethod.CODE)


class SignUp(Page):
    """The way to an account: first the address is proven."""

    template = "workspaces/sign_up.html"

    @allow(public=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        return self._form(AddressForm())

    @allow(public=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Have a code mailed. The answer is the same whether somebody has this address or not."""
        form = AddressForm(request.POST)
        if form.is_valid():
            try:
                limits.spend(limits.SIGN_UPS, limits.address_subject(request_address(request)))
            except Limited as limited:
                form.add_error(None, f"Too many tries. {wait(limited)}")
                return self._form(form, status=429)
            return _await_code(request, form.cleaned_data["email"], Purpose.SIGN_UP)
        return self._form(form, status=422)

    def _form(self, form: AddressForm, status: int = 200) -> HttpResponse:
        return self.render(status=status, form=form, is_open=settings.SIGN_UP_OPEN)


class Welcome(Page):
    """Where somebody begins who has proven an address and works nowhere yet."""

    template = "workspaces/welcome.html"

    @allow(public=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show what waits for this address."""
        if (email := entry.proven_address(request)) is None:
            return redirect("sign-up")
        places = beginnings.places(email)
        return self._form(email, places, WelcomeForm(_choices(places), is_new=beginnings.account_of(email) is None))

    @allow(public=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Make the account and take the seat that was chosen; all of it or nothing."""
        sent = request.POST
        if (email := entry.proven_address(request)) is None:
            return redirect("sign-up")
        places, user = beginnings.places(email), beginnings.account_of(email)
        form = WelcomeForm(_choices(places), sent, is_new=user is None)
        if form.is_valid():
            chosen = form.cleaned_data
            try:
                member = beginnings.begin(email, user, places[chosen["place"]], chosen)
            except ValidationError as error:
                form.add_error("password", error)
            except sign_up.AddressTaken:
                return to_sign_in("known", email=email)
            except (sign_up.Closed, invitations.Ended):
                form.add_error("place", "This isn't open to you any more.")
            else:
                return enter_new(request, member, has_password=bool(chosen.get("password")))
        return self._form(email, places, form, status=422)

    def _form(self, email: str, places: dict[str, Any], form: WelcomeForm, status: int = 200) -> HttpResponse:
        return self.render(
            status=status, form=form, email=email, places=places, only_new=set(places) == {NEW_WORKSPACE}
        )


def _choices(places: dict[str, Any]) -> list[tuple[str, str]]:
    def words(place: Any) -> str:
        if place is None:
            return "Create a new workspace"
        if isinstance(place, Invitation):
            return f"Join {place.workspace.name}, invited as {place.get_role_display().lower()}"
        return f"Join {place.name}, which is open to your domain"

    return [(key, words(place)) for key, place in places.items()]


def enter_new(request: HttpRequest, member: Member, *, has_password: bool) -> HttpResponse:
    """Begin the session of somebody whose address is proven and who has just got a seat; by the password they have just chosen where it must be."""
    method = beginnings.way_in(member, has_password=has_password)
    if method is None:
        return to_sign_in("joined", email=member.user.email)
    entry.enter(request, member.user, method, into=member)
    return redirect("inbox")


class FirstRun(Page):
    """Where an installation begins that has nobody yet."""

    template = "workspaces/first_run.html"

    @allow(public=True)
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form, as long as there is nobody."""
        if not sign_up.is_empty():
            return redirect("sign-in")
        initial = {"key": request.GET.get("key", "")[:100]}
        return self.render(form=FirstRunForm(with_key=sign_up.key_is_needed(), initial=initial))

    @allow(public=True)
    def post(self, request: HttpRequest) -> HttpResponse:
        """Make the first owner and their workspace, and let them in."""
        form = FirstRunForm(request.POST, with_key=sign_up.key_is_needed())
        if not sign_up.is_empty():
            return redirect("sign-in")
        if form.is_valid():
            try:
                limits.spend(limits.SIGN_UPS, limits.address_subject(request_address(request)))
                member = sign_up.first_run(**{"key": "", **form.cleaned_data})
            except PermissionError as error:
                form.add_error("key", str(error))
            except ValidationError as error:
                form.add_error("password", error)
            except Limited as limited:
                form.add_error(None, f"Too many tries. {wait(limited)}")
            except sign_up.Closed:
                return redirect("sign-in")
            else:
                entry.enter(request, member.user, SignInMethod.PASSWORD)
                return redirect("settings-installation")
        return self.render(status=422, form=form)
