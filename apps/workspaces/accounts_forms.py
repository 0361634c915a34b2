"""The forms by which people get in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.validators import RegexValidator

from apps.core import limits
from apps.workspaces.beginnings import NEW_WORKSPACE
from apps.workspaces.models import Member, SignInMethod, SignInPolicy, SignUpMode
from apps.workspaces.sso.models import SsoConnection

PASSWORD_HELP = "At least 8 characters. A few words in a row are easier to remember than signs."
ROLE_NAMES = {role.value: role.label for role in Member.Role}


def name_field() -> forms.CharField:
    return forms.CharField(
        label="Your name",
        max_length=limits.NAME_CHARACTERS,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text="What colleagues and visitors call you.",
    )


def password_field(
    label: str = "Password", *, required: bool = True, help_text: str = PASSWORD_HELP
) -> forms.CharField:
    """Return a field for a new password."""
    return forms.CharField(
        label=label,
        max_length=limits.PASSWORD_CHARACTERS,
        strip=False,
        required=required,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=help_text,
    )


def email_field() -> forms.EmailField:
    attributes = {"autocomplete": "username", "autofocus": True}
    return forms.EmailField(label="E-mail", max_length=254, widget=forms.EmailInput(attrs=attributes))


class AddressForm(forms.Form):
    """An address to mail something to."""

    email = email_field()


class CodeForm(forms.Form):
    """The six digits of a code."""

    code = forms.CharField(
        label="Code",
        max_length=20,
        validators=[RegexValidator(r"\A[0-9]{6}\Z", "The code has six digits.")],
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "spellcheck": "false"}
        ),
    )


class NewPasswordForm(forms.Form):
    """A new password, by a link."""

    password = password_field("New password")


class PasswordForm(forms.Form):
    """A new password, by the present one."""

    present = forms.CharField(
        label="Present password",
        max_length=limits.PASSWORD_CHARACTERS,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    password = password_field("New password")


class AccountForm(forms.Form):
    """Who somebody new is. Without a password they sign in by code, where that is taken."""

    name = name_field()
    password = password_field()

    def __init__(self, data: Any = None, *, by_code: bool = True) -> None:
        super().__init__(data)
        if by_code:
            self.fields["password"] = password_field(
                required=False, help_text=f"{PASSWORD_HELP} Leave it empty to sign in by a code each time."
            )


class WelcomeForm(AccountForm):
    """Where to begin: in a workspace that waits for this person, or in one of their own."""

    place = forms.ChoiceField(label="Where do you want to begin?", widget=forms.RadioSelect)
    workspace = forms.CharField(
        label="Name of the workspace",
        max_length=limits.NAME_CHARACTERS,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        help_text="Your company or product. Visitors see it.",
    )
    field_order = ("place", "workspace", "name", "password")

    def __init__(self, places: Sequence[tuple[str, str]], data: Any = None, *, is_new: bool) -> None:
        super().__init__(data)
        self.fields["place"].choices = places  # type: ignore[attr-defined]
        self.fields["place"].initial = places[0][0] if places else None
        if not is_new:
            del self.fields["name"], self.fields["password"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("place") == NEW_WORKSPACE and not data.get("workspace") and "workspace" not in self.errors:
            self.add_error("workspace", "Give it a name.")
        return data


class FirstRunForm(forms.Form):
    """The first owner and their workspace."""

    key = forms.CharField(
        label="Key of this installation",
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="“bin/opencom first_run” prints it on the machine, so that nobody else comes first.",
    )
    workspace = forms.CharField(
        label="Name of the workspace",
        max_length=limits.NAME_CHARACTERS,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        help_text="Your company or product. Visitors see it.",
    )
    name = name_field()
    email = forms.EmailField(
        label="E-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    password = password_field()

    def __init__(self, data: Any = None, *, with_key: bool, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        if not with_key:
            del self.fields["key"]


class InviteForm(forms.Form):
    """Somebody to invite, and as what."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "placeholder": "colleague@example.com"}),
    )
    role = forms.ChoiceField(label="Role")

    def __init__(self, roles: Sequence[str], data: Any = None) -> None:
        super().__init__(data)
        self.fields["role"].choices = [(role, ROLE_NAMES[role]) for role in roles]  # type: ignore[attr-defined]
        self.fields["role"].initial = "agent"


class SignInPolicyForm(forms.Form):
    """How people get into the workspace."""

    methods = forms.MultipleChoiceField(
        label="Members sign in by",
        choices=SignInMethod.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one way to sign in."},
        help_text="Without passwords nobody can guess one. It counts from everybody's next sign-in. "
        "With single sign-on alone, owners keep the other ways: a provider that fails locks nobody out.",
    )
    sign_up = forms.ChoiceField(label="Who may join", choices=SignUpMode.choices, widget=forms.RadioSelect)
    domains = forms.CharField(
        label="Domains",
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 2, "spellcheck": "false", "autocapitalize": "off", "placeholder": "example.com"}
        ),
        help_text="One a line. Whoever proves an address of one may join as agent. Subdomains count only if they are listed.",
    )

    def __init__(self, row: SignInPolicy, data: Any = None) -> None:
        initial = {"methods": row.methods, "sign_up": row.sign_up, "domains": "\n".join(row.domains)}
        super().__init__(data, initial=initial)
        if not SsoConnection.objects.filter(pk=row.workspace_id).exists():
            offered = [choice for choice in SignInMethod.choices if choice[0] != SignInMethod.OIDC]
            self.fields["methods"].choices = offered  # type: ignore[attr-defined]

    def clean_domains(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["domains"].splitlines() if line.strip()]
