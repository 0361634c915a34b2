"""Snippets: found, made, changed, used. What is shared is everybody's; one's own nobody else sees."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Case, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Now

from apps.core import limits
from apps.core.events import emit
from apps.knowledge.snippets import variables
from apps.knowledge.snippets.events import SnippetChanged, SnippetDeleted, SnippetMade
from apps.knowledge.snippets.models import Snippet, SnippetUse
from apps.workspaces.models import ApiKey, Member, Workspace

FIELDS = ("name", "shortcut", "folder", "body")
SHORTCUT = re.compile(r"\A[^\W_][\w-]*\Z")
"""One word, so that it ends where the next begins."""


class ShortcutTaken(ValueError):
    """Another snippet of the same people has this shortcut."""


class TooManySnippets(ValueError):
    """A workspace has as many as it may."""


def listed(by: Member | ApiKey) -> QuerySet[Snippet]:
    """Return the snippets that somebody sees, by folder and name; each with ``used_at``, when they last used it."""
    member = by.pk if isinstance(by, Member) else None
    lately = SnippetUse.objects.filter(snippet=OuterRef("pk"), member=member).values("used_at")
    return Snippet.objects.visible_to(by).annotate(used_at=Subquery(lately)).order_by("folder", "name", "pk")


def found(by: Member, text: str) -> QuerySet[Snippet]:
    """Return the snippets that fit what is typed after a slash: those whose shortcut begins so before those that only hold it,
    and among them those used lately before the others."""
    text = text.strip()
    begins, named = Q(shortcut__istartswith=text), Q(name__istartswith=text)
    holds = Q(name__icontains=text) | Q(folder__icontains=text) | Q(body__icontains=text)
    rank = Case(
        When(begins & ~Q(shortcut=""), then=Value(0)),
        When(named, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    rows = listed(by)
    rows = (
        rows.filter(begins & ~Q(shortcut="") | holds).annotate(rank=rank)
        if text
        else rows.annotate(rank=Value(0, output_field=IntegerField()))
    )
    return rows.order_by("rank", F("used_at").desc(nulls_last=True), "name", "pk")


def may_change(snippet: Snippet, by: Member | ApiKey) -> bool:
    """Say whether somebody may change a snippet that they see: their own always, a shared one with the right to manage those."""
    return not snippet.shared or isinstance(by, ApiKey) or "snippets.manage" in by.held


@transaction.atomic
def make(*, shared: bool, by: Member | ApiKey, **fields: str) -> Snippet:
    """Make a snippet, shared or one's own. Raises PermissionDenied, BadVariable, ShortcutTaken, TooManySnippets; nothing is made then."""
    snippet = Snippet(workspace_id=by.workspace_id, owner=None if shared or isinstance(by, ApiKey) else by, **fields)
    _must_may_change(snippet, by)
    Workspace.objects.select_for_update().get(pk=by.workspace_id)
    if Snippet.objects.filter(workspace_id=by.workspace_id).count() >= limits.SNIPPETS:
        raise TooManySnippets(f"A workspace has at most {limits.SNIPPETS} snippets. Delete some that nobody uses.")
    _write(snippet)
    emit(SnippetMade(actor=by, snippet=snippet))
    return snippet


@transaction.atomic
def change(snippet: Snippet, fields: Mapping[str, str], *, by: Member | ApiKey) -> Snippet:
    """Change some of a snippet's fields. No change says nothing. Raises PermissionDenied, BadVariable, ShortcutTaken; nothing is changed then."""
    snippet = Snippet.objects.select_for_update().get(pk=snippet.pk)
    _must_may_change(snippet, by)
    changed = [name for name in FIELDS if name in fields and fields[name] != getattr(snippet, name)]
    if not changed:
        return snippet
    for name in changed:
        setattr(snippet, name, fields[name])
    _write(snippet)
    emit(SnippetChanged(actor=by, snippet=snippet, changed=changed))
    return snippet


@transaction.atomic
def delete(snippet: Snippet, *, by: Member | ApiKey) -> None:
    """Delete a snippet. Raises PermissionDenied."""
    _must_may_change(snippet, by)
    emit(SnippetDeleted(actor=by, snippet=snippet))
    snippet.delete()


def note_use(snippet: Snippet, *, by: Member) -> None:
    """Note that a member has just put a snippet into an answer: it is offered sooner then."""
    SnippetUse.objects.update_or_create(
        snippet=snippet, member=by, defaults={"workspace_id": by.workspace_id, "used_at": Now()}
    )


def folders(by: Member) -> list[str]:
    """Return the names of the folders that somebody sees."""
    rows = Snippet.objects.visible_to(by).exclude(folder="")
    return list(rows.order_by("folder").values_list("folder", flat=True).distinct())


def _must_may_change(snippet: Snippet, by: Member | ApiKey) -> None:
    if not may_change(snippet, by):
        raise PermissionDenied("Shared snippets are changed by those who manage them. Make one of your own.")


def _write(snippet: Snippet) -> None:
    variables.check(snippet.body)
    try:
        with transaction.atomic():
            snippet.save()
    except IntegrityError as error:
        cause: Any = error.__cause__
        if getattr(cause.diag, "constraint_name", "") != "snippet_shortcut_once":
            raise
        raise ShortcutTaken(f"Another snippet has the shortcut /{snippet.shortcut}.") from error
