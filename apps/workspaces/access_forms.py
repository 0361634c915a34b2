"""The forms about people's seats, sessions and keys."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms

from apps.core import limits
from apps.workspaces import keys, roles, seats
from apps.workspaces.models import Member

PERMISSION_NAMES = {
    permission: f"{what.replace('_', ' ').capitalize()}: {may}"
    for permission in roles.PERMISSIONS
    for what, may in [permission.split(".")]
}


class ProfileForm(forms.Form):
    """What colleagues and visitors know of somebody."""

    name = forms.CharField(
        label="Name",
        max_length=limits.NAME_CHARACTERS,
        required=False,
        help_text="Visitors see it beside your answers. Without one they read “Support”.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class ConfirmForm(forms.Form):
    """The password again."""

    password = forms.CharField(
        label="Password",
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )


class SeatForm(forms.Form):
    """A member's role, and what they may do in place of it."""

    custom = forms.BooleanField(
        label="Other permissions than the role's",
        required=False,
        help_text="What is ticked below then counts alone.",
    )

    def __init__(self, data: Any = None, *, by: Member, member: Member) -> None:
        initial = {"role": member.role, "custom": bool(member.permissions), "permissions": sorted(member.held)}
        super().__init__(data, initial=initial)
        given = [(role, role.capitalize()) for role in reversed(seats.grantable_roles(by))]
        held = [(permission, PERMISSION_NAMES[permission]) for permission in roles.PERMISSIONS if permission in by.held]
        self.fields["role"] = forms.ChoiceField(label="Role", choices=given, widget=forms.RadioSelect)
        self.fields["permissions"] = forms.MultipleChoiceField(
            label="Permissions", choices=held, required=False, widget=forms.CheckboxSelectMultiple
        )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("custom") and not data.get("permissions"):
            self.add_error("permissions", "Tick at least one, or let the role decide.")
        return data

    @property
    def chosen(self) -> dict[str, Any]:
        """What the form says, as ``seats.change`` takes it."""
        data = self.cleaned_data
        return {"role": data["role"], "permissions": data["permissions"] if data["custom"] else []}


class KeyForm(forms.Form):
    """A new API key."""

    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text="Conversations and the audit log show it.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    expires = forms.DateField(
        label="Last day",
        required=False,
        help_text="Empty: it lasts until somebody revokes it.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def __init__(self, data: Any = None, *, by: Member) -> None:
        super().__init__(data)
        held = [(scope, PERMISSION_NAMES[scope]) for scope in keys.known_scopes() if scope in by.held]
        self.fields["scopes"] = forms.MultipleChoiceField(
            label="What it may do", choices=held, widget=forms.CheckboxSelectMultiple
        )

    @property
    def expires_at(self) -> datetime | None:
        """The end of the last day, in UTC."""
        day = self.cleaned_data["expires"]
        return datetime.combine(day + timedelta(days=1), time(), UTC) if day else None
