"""REST for snippets."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Model, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import allow
from apps.core.api import APIView, Input
from apps.core.errors import Conflict
from apps.core.live import NotVisible
from apps.core.shapes import answer
from apps.knowledge.snippets import actions, variables
from apps.knowledge.snippets.models import Snippet
from apps.knowledge.snippets.shapes import (
    FilledShape,
    FilledSnippetsShape,
    ReadingShape,
    SnippetPreviewShape,
    SnippetShape,
    SnippetsShape,
)
from apps.visitors.models import Visitor
from apps.workspaces.models import ApiKey, Member


def snippet_item(snippet: Snippet, by: Member | ApiKey) -> SnippetShape:
    """Return a snippet as whoever sees it is told."""
    return {
        "id": snippet.pk,
        "name": snippet.name,
        "shortcut": snippet.shortcut,
        "folder": snippet.folder,
        "body": snippet.body,
        "shared": snippet.shared,
        "yours_to_change": actions.may_change(snippet, by),
        "updated_at": snippet.updated_at,
    }


class SnippetInput(Input):
    name = serializers.CharField(max_length=limits.SNIPPET_NAME_CHARACTERS)
    body = serializers.CharField(max_length=limits.SNIPPET_CHARACTERS, trim_whitespace=False)
    shortcut = serializers.RegexField(actions.SHORTCUT, max_length=30, required=False, allow_blank=True)
    folder = serializers.CharField(max_length=limits.SNIPPET_NAME_CHARACTERS, required=False, allow_blank=True)

    def validate_body(self, body: str) -> str:
        if not body.strip():
            raise serializers.ValidationError("Write the text.")
        try:
            variables.check(body)
        except variables.BadVariable as error:
            raise serializers.ValidationError(str(error)) from error
        return body


class NewSnippetInput(SnippetInput):
    shared = serializers.BooleanField(default=True)


class SnippetChangeInput(SnippetInput):
    name = serializers.CharField(max_length=limits.SNIPPET_NAME_CHARACTERS, required=False)
    body = serializers.CharField(max_length=limits.SNIPPET_CHARACTERS, trim_whitespace=False, required=False)


class Snippets(APIView):
    """The texts for answers that the caller can see."""

    actor: Member | ApiKey

    @extend_schema(operation_id="snippets_list", responses=answer(SnippetsShape))
    @allow(member="conversations.reply", key="snippets.manage")
    def get(self, request: Request) -> Response:
        """List shared snippets and the caller's own, by folder and name."""
        return Response({"items": [snippet_item(row, self.actor) for row in actions.listed(self.actor)]})

    @extend_schema(request=NewSnippetInput, responses={201: answer(SnippetShape)})
    @allow(member="conversations.reply", key="snippets.manage")
    def post(self, request: Request) -> Response:
        """Make a snippet: shared (needs actions.manage), or the caller's own."""
        try:
            made = actions.make(by=self.actor, **self.checked(NewSnippetInput))
        except (actions.ShortcutTaken, actions.TooManySnippets) as error:
            raise _refused(error) from error
        return Response(snippet_item(made, self.actor), status=201)


def _refused(error: Exception) -> Conflict:
    code = "shortcut_taken" if isinstance(error, actions.ShortcutTaken) else "too_many_snippets"
    return Conflict(str(error), code)


class SnippetScoped(APIView):
    """A view of one snippet that the caller can see."""

    actor: Member | ApiKey

    def snippet(self, id_: UUID) -> Snippet:
        """Return the snippet. Raises NotVisible."""
        return _one(actions.listed(self.actor), id_)


def _one[Row: Model](rows: QuerySet[Row], id_: UUID) -> Row:
    found = rows.filter(pk=id_).first()
    if found is None:
        raise NotVisible
    return found


class SnippetView(SnippetScoped):
    """One snippet."""

    @extend_schema(responses=answer(SnippetShape))
    @allow(member="conversations.reply", key="snippets.manage")
    def get(self, request: Request, snippet_id: UUID) -> Response:
        """Return the snippet."""
        return Response(snippet_item(self.snippet(snippet_id), self.actor))

    @extend_schema(request=SnippetChangeInput, responses=answer(SnippetShape))
    @allow(member="conversations.reply", key="snippets.manage")
    def patch(self, request: Request, snippet_id: UUID) -> Response:
        """Change what is given."""
        try:
            changed = actions.change(self.snippet(snippet_id), self.checked(SnippetChangeInput), by=self.actor)
        except actions.ShortcutTaken as error:
            raise _refused(error) from error
        return Response(snippet_item(changed, self.actor))

    @extend_schema(responses={204: None})
    @allow(member="conversations.reply", key="snippets.manage")
    def delete(self, request: Request, snippet_id: UUID) -> Response:
        """Delete the snippet."""
        actions.delete(self.snippet(snippet_id), by=self.actor)
        return Response(status=204)


class FilledInput(Input):
    q = serializers.CharField(max_length=limits.QUERY_CHARACTERS, required=False, allow_blank=True, default="")


def filled_item(snippet: Snippet, text: str) -> FilledShape:
    return {
        "id": snippet.pk,
        "name": snippet.name,
        "shortcut": snippet.shortcut,
        "folder": snippet.folder,
        "shared": snippet.shared,
        "text": text,
        "unresolved": variables.unresolved(text),
    }


class FilledSnippets(APIView):
    """What the composer offers after a slash."""

    actor: Member

    @extend_schema(operation_id="snippets_filled_list", parameters=[FilledInput], responses=answer(FilledSnippetsShape))
    @allow(member="conversations.reply")
    def get(self, request: Request, visitor_id: UUID) -> Response:
        """Return the snippets that fit what is typed, best first, with their variables filled in for this visitor."""
        visitor = _one(Visitor.objects.visible_to(self.actor), visitor_id)
        values = variables.values_for(visitor, self.actor)
        rows = actions.found(self.actor, self.asked(FilledInput)["q"])[: limits.SNIPPETS_OFFERED]
        return Response({"items": [filled_item(row, variables.filled(row.body, values)) for row in rows]})


class SnippetUses(SnippetScoped):
    """That a snippet is used."""

    actor: Member

    @extend_schema(request=None, responses={204: None})
    @allow(member="conversations.reply")
    def post(self, request: Request, snippet_id: UUID) -> Response:
        """Note that the caller put the snippet into an answer; it is offered sooner then."""
        actions.note_use(self.snippet(snippet_id), by=self.actor)
        return Response(status=204)


class SnippetPreviewInput(Input):
    body = serializers.CharField(max_length=limits.SNIPPET_CHARACTERS, trim_whitespace=False, allow_blank=True)


class SnippetPreview(APIView):
    """How a text would read, before it is kept."""

    actor: Member

    @extend_schema(request=SnippetPreviewInput, responses=answer(SnippetPreviewShape))
    @allow(member="conversations.reply")
    def post(self, request: Request) -> Response:
        """Fill the text in for the visitor who was here last, and for one of whom nothing is known. Nothing is kept."""
        body = SnippetInput().validate_body(self.checked(SnippetPreviewInput)["body"])
        ours = variables.values_of(self.actor)
        known = Visitor.objects.visible_to(self.actor).exclude(name="").order_by("-last_seen_at").first()
        return Response(
            {
                "unknown": _read("", variables.filled(body, ours)),
                "known": _read(known.name, variables.filled(body, variables.values_for(known, self.actor)))
                if known
                else None,
            }
        )


def _read(name: str, text: str) -> ReadingShape:
    return {"name": name, "text": text, "unresolved": variables.unresolved(text)}
