"""Pages for what members do about one visitor: block, merge and undo, export, erase."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import UUID

from django import forms
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse

from apps.core import limits
from apps.core.access import allow
from apps.core.limits import Limited
from apps.core.views import Page
from apps.visitors import blocking, erasure, exports, merging, separating
from apps.visitors.directory import candidates, directory
from apps.visitors.exports import NotReady
from apps.visitors.items import export_item, export_url, preview_item
from apps.visitors.live import erasure_item, visitor_item
from apps.visitors.merging import MergeRefused
from apps.visitors.models import Erasure, Merge, Visitor
from apps.workspaces.models import Member

FOUND_MOST = 10


class AboutVisitor(Page):
    """A page about one visitor that the member can see."""

    actor: Member

    def visitor(self, id_: UUID) -> Visitor:
        """Return the visitor. Raises Http404."""
        found = Visitor.objects.visible_to(self.actor).filter(pk=id_).first()
        if found is None:
            raise Http404
        return found


class Block(AboutVisitor):
    """Whether a visitor may write."""

    @allow(member="conversations.close")
    def post(self, request: HttpRequest, visitor_id: UUID) -> HttpResponse:
        """Block the visitor, or let them write again."""
        act = blocking.block if "block" in request.POST else blocking.unblock
        act(self.visitor(visitor_id), by=self.actor)
        return redirect("visitor", visitor_id)


class OtherForm(forms.Form):
    """The other of two visitors."""

    other = forms.UUIDField(required=False)
    q = forms.CharField(required=False, max_length=limits.QUERY_CHARACTERS, label="Find the other one")


class MergePage(AboutVisitor):
    """Find the same person a second time, look at what a merge would do, and merge."""

    template = "visitors/merge.html"

    @allow(member="users.manage")
    def get(self, request: HttpRequest, visitor_id: UUID) -> HttpResponse:
        """Show who may be the same person; with ``other``, what merging the two would do."""
        visitor, form = self.visitor(visitor_id), OtherForm(request.GET)
        if not form.is_valid():
            raise Http404
        if form.cleaned_data["other"]:
            return self._preview(visitor, self.visitor(form.cleaned_data["other"]))
        return self._found(visitor, form.cleaned_data["q"].strip())

    @allow(member="users.manage")
    def post(self, request: HttpRequest, visitor_id: UUID) -> HttpResponse:
        """Merge the two."""
        form = OtherForm(request.POST)
        if not form.is_valid() or not form.cleaned_data["other"]:
            raise Http404
        visitor, other = self.visitor(visitor_id), self.visitor(form.cleaned_data["other"])
        try:
            merge = merging.merge_by_hand(visitor, other, by=self.actor)
        except MergeRefused:
            return self._preview(visitor, other, status=422)
        return HttpResponseRedirect(f"{reverse('visitor', args=[merge.canonical_id])}?merged")

    def _found(self, visitor: Visitor, q: str) -> HttpResponse:
        error = ""
        found: list[Visitor] = []
        if q:
            try:
                limits.spend(limits.SEARCHES, self.actor.pk)
                found = [one for one in directory(self.actor, q=q, limit=FOUND_MOST)[0] if one.pk != visitor.pk]
            except Limited:
                error = "Too many searches. Wait a moment."
        else:
            found = candidates(visitor, self.actor)
        return self.render(visitor=visitor_item(visitor), q=q, error=error, found=[visitor_item(one) for one in found])

    def _preview(self, visitor: Visitor, other: Visitor, status: int = 200) -> HttpResponse:
        context: dict[str, Any] = {"visitor": visitor_item(visitor), "other": visitor_item(other)}
        try:
            context["preview"] = preview_item(merging.preview(visitor, other))
        except MergeRefused as error:
            context["refused"] = str(error)
        return self.render(status=status, **context)


class Undo(AboutVisitor):
    """Undoing a merge."""

    template = "visitors/undo.html"

    @allow(member="users.manage")
    def post(self, request: HttpRequest, visitor_id: UUID, merge_id: UUID) -> HttpResponse:
        """Bring the other visitor back."""
        merge = Merge.objects.visible_to(self.actor).filter(pk=merge_id, canonical=self.visitor(visitor_id)).first()
        if merge is None:
            raise Http404
        try:
            source = separating.undo(merge, by=self.actor)
        except MergeRefused:
            return redirect("visitor", visitor_id)
        return HttpResponseRedirect(f"{reverse('visitor', args=[source.pk])}?separated")


class ExportPage(AboutVisitor):
    """A link to everything that is kept about a visitor."""

    template = "visitors/export.html"

    @allow(member="data.export")
    def get(self, request: HttpRequest, visitor_id: UUID) -> HttpResponse:
        """Say what is in a copy."""
        return self.render(visitor=visitor_item(self.visitor(visitor_id)))

    @allow(member="data.export")
    def post(self, request: HttpRequest, visitor_id: UUID) -> HttpResponse:
        """Make the link and show it, this once."""
        visitor = self.visitor(visitor_id)
        try:
            limits.spend(limits.VISITOR_EXPORTS, self.actor.workspace_id)
        except Limited:
            return self.render(status=429, visitor=visitor_item(visitor), error="Too many copies today. Try tomorrow.")
        link = exports.request(visitor, by=self.actor)
        return self.render(visitor=visitor_item(visitor), url=export_url(link), link=export_item(link.row))


class Download(Page):
    """A copy of everything about a visitor, for whoever holds the link."""

    template = "visitors/download.html"

    @allow(public=True)
    def get(self, request: HttpRequest, export_token: str) -> HttpResponse:
        """Show a button: what only looks at links must not use this one up."""
        link = exports.find(export_token)
        if link is None:
            raise Http404
        return self.render(link=export_item(link))

    @allow(public=True)
    def post(self, request: HttpRequest, export_token: str) -> HttpResponseBase:
        """Hand out the copy, once."""
        try:
            taken = exports.take(export_token)
        except NotReady:
            return redirect("visitor-export", export_token)
        if taken is None:
            raise Http404
        archive, visitor = taken
        response = FileResponse(archive, content_type="application/zip")
        response.headers["Content-Disposition"] = f'attachment; filename="{quote(visitor.readable_id)}.zip"'
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response


class EraseForm(forms.Form):
    """Asks for the visitor's readable id: nobody erases by a slip of the hand."""

    confirm = forms.CharField(label="Type the name to confirm", widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, visitor: Visitor, data: Any = None) -> None:
        super().__init__(data)
        self.visitor = visitor
        self.fields["confirm"].label = f"Type “{visitor.readable_id}” to confirm"

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"].strip().lower()
        if typed != self.visitor.readable_id:
            raise forms.ValidationError(f"This isn't “{self.visitor.readable_id}”.")
        return typed


class ErasePage(AboutVisitor):
    """Erasing a visitor."""

    template = "visitors/erase.html"

    @allow(member="data.delete")
    def get(self, request: HttpRequest, visitor_id: UUID) -> HttpResponse:
        """Say what will be gone."""
        visitor = self.visitor(visitor_id)
        return self.render(visitor=visitor_item(visitor), form=EraseForm(visitor))

    @allow(member="data.delete")
    def post(self, request: HttpRequest, visitor_id: UUID) -> HttpResponse:
        """Erase, and go to the receipt; or to where one sees how far it is."""
        visitor = self.visitor(visitor_id)
        form = EraseForm(visitor, request.POST)
        if not form.is_valid():
            return self.render(status=422, visitor=visitor_item(visitor), form=form)
        try:
            asked = erasure.request(visitor, by=self.actor)
        except Visitor.DoesNotExist:
            raise Http404 from None
        return redirect("visitor-erasure", asked.pk)


class ErasurePage(Page):
    """An erasure that runs, or its receipt."""

    template = "visitors/erasure.html"
    actor: Member

    @allow(member="data.delete")
    def get(self, request: HttpRequest, erasure_id: UUID) -> HttpResponse:
        """Show it."""
        found = Erasure.objects.visible_to(self.actor).filter(pk=erasure_id).first()
        if found is None:
            raise Http404
        return self.render(erasure=erasure_item(found))
