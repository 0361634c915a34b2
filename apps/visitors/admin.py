"""Visitors, for operators: that they exist and when they were here, not the secrets by which they are known."""

from __future__ import annotations

from django.contrib import admin

from apps.core.admin import ReadOnlyAdmin
from apps.visitors.models import TrackedEvent, Visitor


@admin.register(Visitor)
class VisitorAdmin(ReadOnlyAdmin):
    """People on customers' sites."""

    list_display = ["readable_id", "id", "workspace", "blocked", "first_seen_at", "last_seen_at"]
    list_filter = ["blocked"]
    list_select_related = ["workspace"]
    search_fields = ["=id", "=workspace__id"]
    search_help_text = "A visitor's or a workspace's id"
    exclude = ["search"]
    ordering = ["-first_seen_at"]
    show_full_result_count = False


@admin.register(TrackedEvent)
class TrackedEventAdmin(ReadOnlyAdmin):
    """What customers' pages told about their visitors."""

    list_display = ["name", "visitor", "workspace", "occurred_at", "received_at"]
    list_select_related = ["visitor", "workspace"]
    search_fields = ["=visitor__id", "=workspace__id"]
    search_help_text = "A visitor's or a workspace's id"
    exclude = ["properties", "url"]
    ordering = ["-id"]
    show_full_result_count = False
