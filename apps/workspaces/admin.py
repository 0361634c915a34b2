"""Workspaces and people, for operators: who can sign in, and who works where."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AdminUserCreationForm
from django.http import HttpRequest

from apps.core import limits
from apps.core.access import System
from apps.core.admin import ModelAdmin, ReadOnlyAdmin
from apps.core.limits import Limited
from apps.core.network import request_address
from apps.workspaces import actions
from apps.workspaces.factors import possession
from apps.workspaces.models import Member, Messenger, User, Workspace


class OperatorSignInForm(AdminAuthenticationForm):
    """The admin's way in, under the same limits as the dashboard's."""

    def clean(self) -> dict[str, Any]:
        account = limits.account_subject(self.cleaned_data.get("username") or "")
        address = limits.address_subject(request_address(self.request)) if self.request else ""
        try:
            limits.spend(limits.LOGINS_BY_ADDRESS, address)
            limits.spend(limits.LOGIN_FAILURES, account)
        except Limited as limited:
            minutes = -(-limited.retry_after // 60)
            raise forms.ValidationError(f"Too many tries. Wait {minutes} min, then try again.") from limited
        cleaned: dict[str, Any] = super().clean()
        limits.refund(limits.LOGIN_FAILURES, account)
        return cleaned

    def confirm_login_allowed(self, user: Any) -> None:
        """Send whoever has a second factor where it is asked for: nobody comes around it by this page."""
        super().confirm_login_allowed(user)
        if possession.has_one(user.pk):
            raise forms.ValidationError("You have a second factor. Sign in at /sign-in/ first, then come back here.")


admin.site.login_form = OperatorSignInForm


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]
    """Somebody new who can sign in."""

    class Meta:
        model = User
        fields = ("email", "name", "is_staff")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()


SHOWN = ("id", "email", "name", "is_active", "is_staff", "is_superuser", "last_login", "created_at")
SWITCHES = {"is_active", "is_staff", "is_superuser"}


@admin.register(User)
class UserAdmin(ModelAdmin):
    """People. An operator may create and deactivate them; nobody's password or its hash is shown."""

    list_display = ["email", "name", "is_active", "is_staff", "is_superuser", "last_login", "created_at"]
    list_filter = ["is_active", "is_staff", "is_superuser"]
    search_fields = ["=id", "email", "name"]
    search_help_text = "An id, an address or a name"
    ordering = ["-created_at"]
    fields = SHOWN

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewUserForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return ["email", "name", "is_staff", "usable_password", "password1", "password2"]
        return SHOWN

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Leave only the account's switches to change, and those of operators only to superusers."""
        if obj is None:
            return []
        return [name for name in SHOWN if not (name in SWITCHES and request.user.is_superuser)]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save what an operator changed; letting somebody in or out is an action, so that it is on record and closes sockets."""
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data:
            assert isinstance(request.user, User)
            set_active = actions.activate_user if obj.is_active else actions.deactivate_user
            set_active(obj, by=System("admin"), operator=request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Workspace)
class WorkspaceAdmin(ReadOnlyAdmin):
    """Tenants."""

    list_display = ["name", "id", "any_origin", "widget_seen_at", "created_at"]
    list_filter = ["any_origin"]
    search_fields = ["=id", "name"]
    ordering = ["-created_at"]


@admin.register(Messenger)
class MessengerAdmin(ReadOnlyAdmin):
    """How each workspace's messenger looks."""

    list_display = ["workspace", "theme", "launcher_position", "updated_at"]
    list_select_related = ["workspace"]
    search_fields = ["=workspace__id", "workspace__name"]


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin):
    """Who works where, as what."""

    list_display = ["user", "workspace", "role", "last_seen_at", "created_at"]
    list_filter = ["role"]
    list_select_related = ["user", "workspace"]
    search_fields = ["=id", "=user__id", "=workspace__id", "user__email"]
    ordering = ["-created_at"]
