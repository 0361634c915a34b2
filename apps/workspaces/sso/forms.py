"""The form by which a workspace names its provider."""

from __future__ import annotations

from typing import Any

from django import forms

from apps.core import limits
from apps.workspaces.sso.models import JoinRole, SsoConnection

PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}


class ConnectionForm(forms.Form):
    """A provider, and our client at it."""

    issuer = forms.CharField(
        label="Issuer",
        max_length=limits.SSO_ISSUER_CHARACTERS,
        widget=forms.TextInput(attrs={**PLAIN, "inputmode": "url", "placeholder": "https://login.example.com"}),
        help_text="The provider's address, as it calls itself. What it supports is read from there.",
    )
    client_id = forms.CharField(
        label="Client id", max_length=limits.SSO_CLIENT_CHARACTERS, widget=forms.TextInput(attrs=PLAIN)
    )
    client_secret = forms.CharField(
        label="Client secret",
        max_length=limits.SSO_SECRET_CHARACTERS,
        strip=True,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    label = forms.CharField(
        label="Name of the button",
        max_length=40,
        widget=forms.TextInput(attrs={"placeholder": "Okta"}),
        help_text="What stands after “Continue with”.",
    )
    domains = forms.CharField(
        label="Domains",
        required=False,
        widget=forms.Textarea(attrs={**PLAIN, "rows": 2, "placeholder": "example.com"}),
        help_text="One a line. Whoever enters an address of one on the sign-in page is offered this provider.",
    )
    joins_as = forms.ChoiceField(
        label="Who joins by themselves", choices=JoinRole.choices, required=False, widget=forms.RadioSelect
    )

    def __init__(self, connection: SsoConnection | None, data: Any = None) -> None:
        initial: dict[str, Any] = {"joins_as": ""}
        if connection is not None:
            initial = {name: getattr(connection, name) for name in ("issuer", "client_id", "label", "joins_as")}
            initial["domains"] = "\n".join(connection.domains)
        super().__init__(data, initial=initial)
        secret = self.fields["client_secret"]
        secret.help_text = (
            "One is kept, and shown to nobody. Leave this empty to keep it."
            if connection is not None
            else "Kept encrypted, and shown to nobody again."
        )

    def clean_domains(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["domains"].splitlines() if line.strip()]
