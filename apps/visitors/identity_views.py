"""The settings' page about identity verification."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from apps.core import live
from apps.core.access import Actor, allow
from apps.core.slots import fill
from apps.core.views import Page
from apps.visitors import identity, proof, snippets
from apps.visitors.identity import NothingToVerifyWith, TooFewSigned, TwoSecrets
from apps.visitors.items import secret_item
from apps.visitors.live import coverage_item
from apps.visitors.models import IdentityPolicy, IdentitySecret
from apps.visitors.proof import BadPublicKey
from apps.workspaces.models import Member

Mode = IdentityPolicy.Mode
GRACES = [(0, "at once"), (1, "in a day"), (7, "in 7 days"), (30, "in 30 days")]


class ModeForm(forms.Form):
    """Whether users' ids must be proven."""

    mode = forms.ChoiceField(
        label="Proof of a user's id",
        choices=[
            (Mode.OFF, "Off"),
            (Mode.OPTIONAL, "Optional"),
            (Mode.REQUIRED, "Required"),
        ],
        widget=forms.RadioSelect,
        help_text="Optional: who comes with proof is recognised on every device, who comes without is only noted. "
        "Required: a user's id without proof is refused. Anonymous visitors are welcome either way.",
    )
    accept_unsigned = forms.BooleanField(
        label="Refuse what still comes unsigned",
        required=False,
        help_text="Only needed for “Required” while much of the traffic isn't signed.",
    )
    mailed_codes = forms.BooleanField(
        label="Let visitors prove their address by a mailed code, also with “Required”",
        required=False,
        help_text="Without “Required” they always may. A code opens what was proven by a code, never what your server has signed.",
    )


class SecretForm(forms.Form):
    """Another secret, and when the one that is there ends."""

    grace_days = forms.TypedChoiceField(label="The present one ends", coerce=int, choices=GRACES, initial=7)


class KeyForm(forms.Form):
    """A public key, and when the one that is there ends."""

    public_key = forms.CharField(
        label="Public key",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "placeholder": "-----BEGIN PUBLIC KEY-----\n…"}),
        help_text="PEM, on the curve P-256: openssl ecparam -name prime256v1 -genkey -noout -out private.pem, then "
        "openssl ec -in private.pem -pubout. The private half stays on your server.",
    )
    grace_days = forms.TypedChoiceField(
        label="The present one ends", coerce=int, choices=GRACES, initial=7, required=False, empty_value=None
    )


class SettingsPage(Page):
    """The page, whatever was done on it."""

    template = "visitors/identity.html"
    actor: Member

    def page(self, status: int = 200, **forms_: forms.Form) -> HttpResponse:
        """Show the page, with forms that had errors as they were sent."""
        workspace = self.actor.workspace
        secrets = [secret_item(secret) for secret in identity.secrets_of(self.actor)]
        shared = [secret for secret in secrets if secret["kind"] == IdentitySecret.Kind.SHARED]
        keys = [secret for secret in secrets if secret["kind"] == IdentitySecret.Kind.PUBLIC_KEY]
        mode = proof.mode_of(workspace.pk)
        context: dict[str, Any] = {
            "mode_form": ModeForm(initial={"mode": mode, "mailed_codes": identity.takes_mailed_codes(workspace.pk)}),
            "secret_form": SecretForm(),
            "key_form": KeyForm(),
            **forms_,
        }
        return self.render(
            status=status,
            mode=mode,
            coverage=coverage_item(workspace.pk),
            shared=shared,
            keys=keys,
            languages=snippets.languages(workspace),
            page_code=snippets.page_snippet(workspace),
            variable=snippets.SECRET,
            recent=live.snapshot(self.actor, "identity.recent", {}).data,
            saved="saved" in self.request.GET,
            **context,
        )


class IdentityPage(SettingsPage):
    """Mode, secrets, coverage, snippets, and who was proven last."""

    @allow(member="settings.security")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        return self.page()

    @allow(member="settings.security")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Change the mode."""
        form = ModeForm(request.POST)
        if form.is_valid():
            try:
                mailed_codes = form.cleaned_data.pop("mailed_codes")
                identity.change_mode(self.actor.workspace, by=self.actor, **form.cleaned_data)
                identity.allow_mailed_codes(self.actor.workspace, allowed=mailed_codes, by=self.actor)
                return HttpResponseRedirect(f"{reverse('settings-identity')}?saved")
            except NothingToVerifyWith as error:
                form.add_error("mode", str(error))
            except TooFewSigned as error:
                form.add_error("accept_unsigned", str(error))
        return self.page(422, mode_form=form)


class SecretsPage(SettingsPage):
    """Making a secret."""

    @allow(member="settings.security")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Make one."""
        form = SecretForm(request.POST)
        if form.is_valid():
            try:
                identity.create_secret(self.actor.workspace, by=self.actor, **form.cleaned_data)
                return HttpResponseRedirect(f"{reverse('settings-identity')}#secrets")
            except TwoSecrets as error:
                form.add_error("grace_days", str(error))
        return self.page(422, secret_form=form)


class KeysPage(SettingsPage):
    """Adding a public key."""

    @allow(member="settings.security")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Add it."""
        form = KeyForm(request.POST)
        if form.is_valid():
            try:
                identity.add_public_key(
                    self.actor.workspace,
                    form.cleaned_data["public_key"],
                    grace_days=form.cleaned_data["grace_days"] or 0,
                    by=self.actor,
                )
                return HttpResponseRedirect(f"{reverse('settings-identity')}#keys")
            except (BadPublicKey, TwoSecrets) as error:
                form.add_error("public_key", str(error))
        return self.page(422, key_form=form)


class Revoke(SettingsPage):
    """Taking a secret or key out."""

    @allow(member="settings.security")
    def post(self, request: HttpRequest, secret_id: UUID) -> HttpResponse:
        """Revoke it at once."""
        found = IdentitySecret.objects.visible_to(self.actor).active().filter(pk=secret_id).first()
        if found is None:
            raise Http404
        if not self.actor.is_confirmed:
            return HttpResponseRedirect(f"{reverse('settings-confirm')}?next={reverse('settings-identity')}")
        identity.revoke(found, by=self.actor)
        return HttpResponseRedirect(reverse("settings-identity"))


@fill("settings.links")
def link(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Offer the way to the page to whoever may use it."""
    may = isinstance(actor, Member) and "settings.security" in actor.held
    return ("visitors/identity_link.html", {}) if may else None
