"""The tree of collections in the dashboard: made, named, moved by buttons and keys, deleted when empty."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.core.access import allow
from apps.knowledge import collections
from apps.knowledge.collections import Misplaced, Node, NotEmpty
from apps.knowledge.forms import EditCollectionForm, NewCollectionForm
from apps.knowledge.knowledge_page import KnowledgePage
from apps.knowledge.models import Collection


class TreePage(KnowledgePage):
    """A page that shows the tree."""

    template = "knowledge/collections.html"

    def page(self, form: NewCollectionForm | None = None, *, status: int = 200, error: str = "") -> HttpResponse:
        """Render the tree with the form for a new one."""
        tops = self.tops()
        return self.render(
            status=status,
            nodes=self.walked(),
            form=form or NewCollectionForm(tops),
            error=error,
            moved=self.request.GET.get("moved"),
        )


class CollectionsPage(TreePage):
    """All collections, as a tree."""

    @allow(member="articles.read")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the tree."""
        return self.page()

    @allow(member="articles.create")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Make a collection."""
        form = NewCollectionForm(self.tops(), request.POST)
        if not form.is_valid():
            return self.page(form, status=422)
        said = form.cleaned_data
        parent = self.collection(said["parent"]) if said["parent"] else None
        try:
            collections.make_collection(
                self.actor.workspace_id, said["name"], by=self.actor, parent=parent, description=said["description"]
            )
        except Misplaced as error:
            form.add_error("parent", str(error))
            return self.page(form, status=422)
        return redirect("collections")


class CollectionPage(KnowledgePage):
    """One collection's name, description and address."""

    template = "knowledge/collection.html"

    @allow(member="articles.create")
    def get(self, request: HttpRequest, collection_id: UUID) -> HttpResponse:
        """Show what can be changed."""
        collection = self.collection(collection_id)
        return self.render(collection=collection, form=EditCollectionForm(collection))

    @allow(member="articles.create")
    def post(self, request: HttpRequest, collection_id: UUID) -> HttpResponse:
        """Change it."""
        collection = self.collection(collection_id)
        form = EditCollectionForm(collection, request.POST)
        if not form.is_valid():
            return self.render(status=422, collection=collection, form=form)
        collections.change_collection(collection, form.cleaned_data, by=self.actor)
        return redirect("collections")


class Moving(TreePage):
    """A collection's place, one step at a time."""

    @allow(member="articles.create")
    def get(self, request: HttpRequest, collection_id: UUID) -> HttpResponse:
        """Go to the tree: whoever signed in again meanwhile comes here."""
        self.collection(collection_id)
        return redirect("collections")

    @allow(member="articles.create")
    def post(self, request: HttpRequest, collection_id: UUID) -> HttpResponse:
        """Move a collection up or down among its siblings, into the one above it, or out of the one it lies in."""
        collection = self.collection(collection_id)
        step = _steps(self.walked(), collection).get(request.POST.get("to", ""))
        if step is None:
            return redirect("collections")
        try:
            collections.place_collection(collection, *step, by=self.actor)
        except Misplaced as error:
            return self.page(status=422, error=str(error))
        return redirect(f"{reverse('collections')}?moved={collection.pk}#c-{collection.pk}")


def _steps(nodes: list[Node], collection: Collection) -> dict[str, tuple[Collection | None, int]]:
    """Return where each step leads from here: under which collection, at which position. A step that leads nowhere isn't there."""
    by_id = {node.collection.pk: node.collection for node in nodes}
    siblings = [node.collection for node in nodes if node.collection.parent_id == collection.parent_id]
    at = next((number for number, one in enumerate(siblings) if one.pk == collection.pk), None)
    if at is None:
        raise Http404
    parent = by_id.get(collection.parent_id) if collection.parent_id else None
    steps: dict[str, tuple[Collection | None, int]] = {}
    if at > 0:
        steps |= {"up": (parent, at - 1), "in": (siblings[at - 1], len(nodes))}
    if at < len(siblings) - 1:
        steps["down"] = (parent, at + 1)
    if parent is not None:
        above = by_id.get(parent.parent_id) if parent.parent_id else None
        order = [node.collection.pk for node in nodes if node.collection.parent_id == parent.parent_id]
        steps["out"] = (above, order.index(parent.pk) + 1)
    return steps


class DeletingCollection(TreePage):
    """The end of a collection."""

    @allow(member="articles.delete")
    def get(self, request: HttpRequest, collection_id: UUID) -> HttpResponse:
        """Go to the tree: whoever signed in again meanwhile comes here."""
        self.collection(collection_id)
        return redirect("collections")

    @allow(member="articles.delete")
    def post(self, request: HttpRequest, collection_id: UUID) -> HttpResponse:
        """Delete an empty collection."""
        try:
            collections.delete_collection(self.collection(collection_id), by=self.actor)
        except NotEmpty as error:
            return self.page(status=422, error=str(error))
        return redirect("collections")
