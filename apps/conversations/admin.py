"""Conversations, for operators: that and when something was said and by whom, never what."""

from __future__ import annotations

from django.contrib import admin

from apps.conversations.models import Attachment, Conversation, Message
from apps.core.admin import ReadOnlyAdmin


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """Conversations without what was said in them."""

    list_display = ["id", "workspace", "visitor", "status", "assignee", "head", "last_at"]
    list_filter = ["status", "channel"]
    list_select_related = ["workspace", "visitor", "assignee__user"]
    search_fields = ["=id", "=visitor__id", "=workspace__id"]
    search_help_text = "A conversation's, a visitor's or a workspace's id"
    exclude = ["subject", "last_preview", "public_last_preview"]
    ordering = ["-last_at"]
    show_full_result_count = False


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Entries of logs without their text."""

    list_display = ["id", "conversation", "seq", "public_seq", "kind", "author_kind", "files", "created_at"]
    list_filter = ["kind", "author_kind"]
    search_fields = ["=id", "=conversation__id", "=workspace__id"]
    search_help_text = "A message's, a conversation's or a workspace's id"
    exclude = ["body", "data", "search"]
    ordering = ["-created_at"]
    show_full_result_count = False


@admin.register(Attachment)
class AttachmentAdmin(ReadOnlyAdmin):
    """Files without their content and their names."""

    list_display = ["id", "workspace", "content_type", "size", "message", "staged_until", "created_at"]
    list_filter = ["content_type"]
    list_select_related = ["workspace"]
    search_fields = ["=id", "=message__id", "=workspace__id"]
    search_help_text = "A file's, a message's or a workspace's id"
    exclude = ["file", "name"]
    ordering = ["-created_at"]
    show_full_result_count = False
