"""Pages for snippets, among the settings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from apps.core import limits
from apps.core.access import Actor, allow
from apps.core.slots import fill
from apps.core.views import Page
from apps.knowledge.snippets import actions, variables
from apps.knowledge.snippets.models import Snippet
from apps.workspaces.models import Member

SAVED, DELETED = "saved", "deleted"
WHOSE = ("all", "shared", "mine")


class SnippetForm(forms.Form):
    """A snippet's fields."""

    name = forms.CharField(label="Name", max_length=limits.SNIPPET_NAME_CHARACTERS)
    shortcut = forms.RegexField(
        actions.SHORTCUT,
        label="Shortcut",
        max_length=30,
        required=False,
        help_text="One word. Type / and this word in an answer.",
        error_messages={"invalid": "Use one word of letters, digits, hyphens."},
    )
    folder = forms.CharField(
        label="Folder",
        max_length=limits.SNIPPET_NAME_CHARACTERS,
        required=False,
        widget=forms.TextInput(attrs={"list": "folders", "autocomplete": "off"}),
    )
    body = forms.CharField(
        label="Text",
        max_length=limits.SNIPPET_CHARACTERS,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "true", "dir": "auto"}),
        help_text="Markdown. What follows the bar in a variable is written where nothing is known.",
    )

    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"].replace("\r\n", "\n")
        if not body.strip():
            raise forms.ValidationError("Write the text.")
        try:
            variables.check(body)
        except variables.BadVariable as error:
            raise forms.ValidationError(str(error)) from error
        return body


class NewSnippetForm(SnippetForm):
    """A new snippet, and whose it is."""

    whose = forms.ChoiceField(
        label="For", choices=[("shared", "Everybody here"), ("mine", "Only me")], widget=forms.RadioSelect
    )

    def __init__(self, data: Any = None, *, by: Member) -> None:
        shares = "snippets.manage" in by.held
        super().__init__(data, initial={"whose": "shared" if shares else "mine"})
        if not shares:
            self.fields["whose"].choices = [("mine", "Only me")]  # type: ignore[attr-defined]  # a ChoiceField, declared above


class Snippets(Page):
    """The texts for answers. ``X-Fragment: found`` asks for the table only."""

    template = "knowledge/snippets.html"
    actor: Member

    @allow(member="conversations.reply")
    def get(self, request: HttpRequest) -> HttpResponse:
        """List them by folder."""
        whose = request.GET.get("whose", "all")
        q = request.GET.get("q", "")[: limits.QUERY_CHARACTERS].strip()
        if whose not in WHOSE:
            raise Http404
        rows = actions.found(self.actor, q) if q else actions.listed(self.actor)
        if whose != "all":
            rows = rows.filter(owner=None) if whose == "shared" else rows.filter(owner=self.actor)
        return self.render(
            "found" if request.headers.get("X-Fragment") == "found" else "",
            snippets=rows,
            q=q,
            whose=whose,
            deleted=DELETED in request.GET,
        )


class NewSnippet(Page):
    """A form for a new snippet."""

    template = "knowledge/snippet.html"
    actor: Member

    @allow(member="conversations.reply")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        return self._form(NewSnippetForm(by=self.actor))

    @allow(member="conversations.reply")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Make the snippet."""
        form = NewSnippetForm(request.POST, by=self.actor)
        if form.is_valid():
            fields = {name: form.cleaned_data[name] for name in actions.FIELDS}
            try:
                made = actions.make(shared=form.cleaned_data["whose"] == "shared", by=self.actor, **fields)
            except actions.ShortcutTaken as error:
                form.add_error("shortcut", str(error))
            except actions.TooManySnippets as error:
                form.add_error(None, str(error))
            else:
                return _saved(made)
        return self._form(form, status=422)

    def _form(self, form: NewSnippetForm, status: int = 200) -> HttpResponse:
        return self.render(
            status=status, form=form, folders=actions.folders(self.actor), known=variables.KNOWN, may_change=True
        )


class SnippetPage(Page):
    """One snippet: to change, to delete, or, where it isn't the reader's to change, to read."""

    template = "knowledge/snippet.html"
    actor: Member

    @allow(member="conversations.reply")
    def get(self, request: HttpRequest, snippet_id: UUID) -> HttpResponse:
        """Show it."""
        snippet = self._snippet(snippet_id)
        form = SnippetForm(initial={name: getattr(snippet, name) for name in actions.FIELDS})
        return self._form(snippet, form, saved=SAVED in request.GET)

    @allow(member="conversations.reply")
    def post(self, request: HttpRequest, snippet_id: UUID) -> HttpResponse:
        """Save it, or delete it."""
        snippet = self._snippet(snippet_id)
        if request.POST.get("do") == "delete":
            actions.delete(snippet, by=self.actor)
            return HttpResponseRedirect(f"{reverse('settings-snippets')}?{DELETED}")
        form = SnippetForm(request.POST)
        if form.is_valid():
            try:
                actions.change(snippet, form.cleaned_data, by=self.actor)
            except actions.ShortcutTaken as error:
                form.add_error("shortcut", str(error))
            else:
                return _saved(snippet)
        return self._form(snippet, form, status=422)

    def _snippet(self, id_: UUID) -> Snippet:
        found = Snippet.objects.visible_to(self.actor).filter(pk=id_).first()
        if found is None:
            raise Http404
        return found

    def _form(self, snippet: Snippet, form: SnippetForm, status: int = 200, **more: Any) -> HttpResponse:
        return self.render(
            status=status,
            snippet=snippet,
            form=form,
            folders=actions.folders(self.actor),
            known=variables.KNOWN,
            may_change=actions.may_change(snippet, self.actor),
            **more,
        )


def _saved(snippet: Snippet) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('settings-snippet', args=[snippet.pk])}?{SAVED}")


@fill("settings.links")
def link(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Offer the way to the snippets to whoever answers."""
    return (
        ("knowledge/snippets_link.html", {})
        if isinstance(actor, Member) and "conversations.reply" in actor.held
        else None
    )
