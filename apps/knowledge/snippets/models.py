"""Texts for answers, and who used which when."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from apps.core import limits
from apps.core.access import Actor
from apps.core.ids import uuid7
from apps.workspaces.models import ApiKey, Member, Workspace


class SnippetQuerySet(models.QuerySet["Snippet"]):
    def visible_to(self, actor: Actor | None) -> SnippetQuerySet:
        """Members see what is shared and their own; keys see what is shared."""
        match actor:
            case Member():
                return self.filter(models.Q(owner=None) | models.Q(owner=actor), workspace_id=actor.workspace_id)
            case ApiKey():
                return self.filter(owner=None, workspace_id=actor.workspace_id)
            case _:
                return self.none()


class Snippet(models.Model):
    """A text that members put into their answers: shared by all of them, or one member's own."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="snippets")
    owner = models.ForeignKey(
        Member, models.CASCADE, null=True, blank=True, related_name="snippets", help_text="Nobody: it is shared."
    )
    name = models.CharField(max_length=limits.SNIPPET_NAME_CHARACTERS)
    shortcut = models.CharField(max_length=30, blank=True, help_text="What is typed after the slash.")
    folder = models.CharField(max_length=limits.SNIPPET_NAME_CHARACTERS, blank=True)
    body = models.TextField(help_text="Markdown, with variables.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    workspace_id: UUID
    owner_id: UUID | None
    objects: ClassVar[SnippetQuerySet] = SnippetQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="snippet_in_workspace"),
            models.UniqueConstraint(
                fields=["workspace", "owner", "shortcut"],
                condition=~models.Q(shortcut=""),
                nulls_distinct=False,
                name="snippet_shortcut_once",
            ),
            models.CheckConstraint(condition=~models.Q(name="") & ~models.Q(body=""), name="snippet_has_text"),
        ]
        indexes = [models.Index(fields=["workspace", "folder", "name", "id"], name="snippets_in_order")]

    def __str__(self) -> str:
        return self.name

    @property
    def shared(self) -> bool:
        return self.owner_id is None


class SnippetUse(models.Model):
    """When a member last put a snippet into an answer."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    snippet = models.ForeignKey(Snippet, models.CASCADE, related_name="uses")
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    used_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["snippet", "member"], name="snippet_use_once")]
        indexes = [models.Index(fields=["member", "-used_at"], name="snippets_used_lately")]

    def __str__(self) -> str:
        return f"{self.snippet_id} by {self.member_id}"
