"""Django's admin for the installation's operators: what is there, and hardly anything to change.

Whatever an action rules is read-only here. What people wrote, secrets and their hashes aren't shown at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from apps.core import effects
from apps.core.models import Effect, Installation, Job

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

admin.site.site_header = admin.site.site_title = "Opencom"
admin.site.index_title = "Operators"
admin.site.unregister(Group)


class ReadOnlyAdmin(ModelAdmin):
    """Rows to look at: nothing is added, changed or deleted past the actions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Effect)
class EffectAdmin(ReadOnlyAdmin):
    """What is owed; what is dead can be owed again, as by ``manage.py effects retry``."""

    list_display = ["id", "kind", "state", "lane", "attempts", "available_at", "last_error"]
    list_filter = ["state", "lane", "kind"]
    search_fields = ["=id", "=key", "=workspace_id"]
    search_help_text = "An id, a key or a workspace's id"
    exclude = ["lease_token"]
    ordering = ["-id"]
    actions = ["owe_again"]
    show_full_result_count = False

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_superuser

    @admin.action(description="Owe again", permissions=["retry"])
    def owe_again(self, request: HttpRequest, queryset: QuerySet[Effect]) -> None:
        """Owe the dead ones among the chosen once more, with fresh tries."""
        self.message_user(request, f"{effects.requeue(queryset)} owed again.")


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """When each job of the clock last ran."""

    list_display = ["name", "ran_at"]


@admin.register(Installation)
class InstallationAdmin(ReadOnlyAdmin):
    """The installation's epoch."""

    list_display = ["epoch"]
