"""The dashboard's forms about a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms

from apps.core import limits
from apps.workspaces import origins
from apps.workspaces.models import Messenger, Workspace
from apps.workspaces.origins import BadOrigin

LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español")]
"""The languages that the messenger speaks."""

if TYPE_CHECKING:
    MessengerModelForm = forms.ModelForm[Messenger]
else:
    MessengerModelForm = forms.ModelForm

HOUR = 3600
LIFETIMES = [
    (HOUR, "1 hour"),
    (4 * HOUR, "4 hours"),
    (12 * HOUR, "12 hours"),
    (24 * HOUR, "24 hours"),
    (72 * HOUR, "3 days"),
    (168 * HOUR, "7 days"),
]


class SignInForm(forms.Form):
    """Address and password."""

    email = forms.EmailField(
        label="E-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(
        label="Password",
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class MessengerForm(forms.ModelForm):  # type: ignore[type-arg]
    """How the messenger looks and what it says."""

    languages = forms.MultipleChoiceField(
        label="Languages",
        choices=LANGUAGES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Choose two or more to keep the messenger to them. Otherwise it speaks every language it knows.",
    )
    default_language = forms.ChoiceField(label="Language when the visitor's isn't among them", choices=LANGUAGES)

    class Meta:
        model = Messenger
        fields: ClassVar[list[str]] = [
            "greeting", "team_introduction", "expected_reply", "show_avatars", "primary_color", "background_color", "theme",
            "logo_url", "launcher_show", "launcher_position", "launcher_side_spacing", "launcher_bottom_spacing",
            "launcher_icon_url", "languages", "default_language", "privacy_url",
        ]  # fmt: skip
        labels: ClassVar[dict[str, str]] = {
            "greeting": "Greeting",
            "team_introduction": "About the team",
            "expected_reply": "When you usually answer",
            "show_avatars": "Show the team's faces",
            "primary_color": "Buttons and bubbles",
            "background_color": "Header",
            "theme": "Theme",
            "logo_url": "Logo",
            "launcher_show": "Show the launcher",
            "launcher_position": "Side of the page",
            "launcher_side_spacing": "From the side, in pixels",
            "launcher_bottom_spacing": "From the bottom, in pixels",
            "launcher_icon_url": "Own icon",
            "privacy_url": "Privacy policy",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "greeting": "The first line that visitors read.",
            "expected_reply": "Such as “Within an hour”. Empty: nothing is promised.",
            "logo_url": "Address of a picture, shown above the greeting.",
            "launcher_show": "Without it only your own page opens the messenger, with OpencomWidget.show().",
            "launcher_icon_url": "Address of a square picture. Empty: the speech bubble.",
            "privacy_url": "Linked under the composer.",
        }
        widgets: ClassVar[dict[str, Any]] = {
            "greeting": forms.Textarea(attrs={"rows": 2}),
            "team_introduction": forms.Textarea(attrs={"rows": 2}),
            "theme": forms.RadioSelect,
            "launcher_position": forms.RadioSelect,
        }

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        languages, default = data.get("languages"), data.get("default_language")
        if languages and default and default not in languages:
            self.add_error("default_language", "Choose one of the languages that are offered.")
        return data


class SecurityForm(forms.Form):
    """Where the messenger may run, and how long a visitor stays recognised."""

    allowed_origins = forms.CharField(
        label="Pages that may show the messenger",
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 4, "spellcheck": "false", "autocapitalize": "off", "placeholder": "https://example.com"}
        ),
        help_text="One a line: scheme and host. A star stands for every subdomain, such as https://*.example.com.",
    )
    any_origin = forms.BooleanField(
        label="Any page, and native apps",
        required=False,
        help_text="Anybody can then show your messenger on a page of theirs. Conversations stay as private as before.",
    )
    session_lifetime = forms.TypedChoiceField(
        label="A visitor's session lasts",
        coerce=int,
        choices=LIFETIMES,
        help_text="It is renewed while they use the messenger. After it their browser starts a new one.",
    )

    def __init__(self, workspace: Workspace, data: Any = None) -> None:
        initial = {
            "allowed_origins": "\n".join(workspace.allowed_origins),
            "any_origin": workspace.any_origin,
            "session_lifetime": workspace.session_lifetime,
        }
        super().__init__(data, initial=initial)
        if workspace.session_lifetime not in dict(LIFETIMES):
            own = (workspace.session_lifetime, f"{workspace.session_lifetime // 60} minutes")
            self.fields["session_lifetime"].choices = [*LIFETIMES, own]  # type: ignore[attr-defined]

    def clean_allowed_origins(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["allowed_origins"].splitlines() if line.strip()]
        if len(lines) > limits.PAGE_SIZE_MAX:
            raise forms.ValidationError(f"At most {limits.PAGE_SIZE_MAX} lines.")
        accepted, refused = [], []
        for line in lines:
            try:
                accepted.append(origins.normalise(line))
            except BadOrigin as error:
                refused.append(str(error))
        if refused:
            raise forms.ValidationError(refused)
        return list(dict.fromkeys(accepted))
