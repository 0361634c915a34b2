"""The audit log, for operators."""

from __future__ import annotations

from django.contrib import admin

from apps.audit.models import AuditEntry
from apps.core.admin import ReadOnlyAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what, in every workspace."""

    list_display = ["created_at", "workspace_id", "action", "actor_kind", "actor_label", "subject_kind", "subject_id"]
    list_filter = ["action", "actor_kind"]
    search_fields = ["=id", "=workspace_id", "=actor_id", "=subject_id"]
    search_help_text = "An entry's, a workspace's, an actor's or a subject's id"
    ordering = ["-created_at"]
    show_full_result_count = False
