"""The forms about factors."""

from __future__ import annotations

from django import forms

from apps.workspaces.factors.passkeys import CREDENTIAL_CHARACTERS


class FactorCodeForm(forms.Form):
    """A code of the app, or a recovery code."""

    code = forms.CharField(
        label="Code",
        max_length=40,
        help_text="Six digits from your app, or one of your recovery codes.",
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false", "autocapitalize": "none"}
        ),
    )


class AppCodeForm(forms.Form):
    """The first code of an app that is being set up."""

    code = forms.CharField(
        label="Code",
        max_length=20,
        help_text="The six digits that the app shows now.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}),
    )


class CredentialForm(forms.Form):
    """What a browser answered for a passkey."""

    credential = forms.CharField(max_length=CREDENTIAL_CHARACTERS, strip=False, widget=forms.HiddenInput)


class PasskeyForm(CredentialForm):
    """A new passkey with its name."""

    name = forms.CharField(
        label="Name",
        max_length=60,
        help_text="So that you know it again, such as “My laptop”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("name", "credential")


class RequirementForm(forms.Form):
    """Whether everybody needs a second factor."""

    required = forms.BooleanField(
        label="Everyone needs a second factor",
        required=False,
        help_text="Members have seven days to set one up; whoever joins later begins with it. API keys go on working.",
    )
