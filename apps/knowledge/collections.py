"""Everything that changes collections: the folders of articles, nested and ordered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from apps.core import limits
from apps.core.access import Actor
from apps.core.events import emit
from apps.knowledge import slugs
from apps.knowledge.events import CollectionChanged, CollectionDeleted, CollectionMade
from apps.knowledge.help_center import ensure_help_center
from apps.knowledge.models import Article, Collection
from apps.workspaces.models import Workspace


class NotEmpty(ValueError):
    """A collection that holds something isn't deleted."""


class Misplaced(ValueError):
    """A collection can't lie within itself, nor too deep."""


@dataclass(slots=True)
class Node:
    """A collection in the tree."""

    collection: Collection
    depth: int
    children: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """Yield this one and all below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()


def tree(collections: Sequence[Collection]) -> list[Node]:
    """Return collections as a tree, each level in its order. One whose parent isn't among them stands at the top."""
    nodes = {one.pk: Node(one, 0) for one in collections}
    tops: list[Node] = []
    for node in sorted(nodes.values(), key=lambda node: (node.collection.position, node.collection.pk)):
        parent = nodes.get(node.collection.parent_id) if node.collection.parent_id else None
        (parent.children if parent else tops).append(node)
    for top in tops:
        _deepen(top, 0)
    return tops


def _deepen(node: Node, depth: int) -> None:
    node.depth = depth
    for child in node.children:
        _deepen(child, depth + 1)


def path_of(collection: Collection | None, by_id: dict[UUID, Collection]) -> list[Collection]:
    """Return a collection with those above it, the outermost first."""
    path: list[Collection] = []
    while collection is not None and collection not in path:
        path.insert(0, collection)
        collection = by_id.get(collection.parent_id) if collection.parent_id else None
    return path


@transaction.atomic
def make_collection(
    workspace_id: UUID, name: str, *, by: Actor, parent: Collection | None = None, description: str = ""
) -> Collection:
    """Make a collection, the last among its siblings. Raises Misplaced where it would lie too deep."""
    ensure_help_center(workspace_id)
    siblings = _lock_tree(workspace_id)
    row = Collection(
        workspace_id=workspace_id,
        parent=parent,
        name=name,
        description=description,
        slug=slugs.free(Collection, workspace_id, slugs.slug_of(name)),
    )
    _check_depth(row, {**siblings, row.pk: row})
    last = Collection.objects.filter(workspace_id=workspace_id, parent=parent).aggregate(last=Max("position"))["last"]
    row.position = 0 if last is None else last + 1
    row.save()
    emit(CollectionMade(actor=by, collection=row))
    return row


@transaction.atomic
def change_collection(collection: Collection, changes: dict[str, str], *, by: Actor) -> Collection:
    """Change a collection's name, description or slug; its old slug leads to the new one."""
    row = Collection.objects.select_for_update().get(pk=collection.pk)
    old = row.slug
    changed = [name for name, value in changes.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, changes[name])
    if "slug" in changed:
        row.slug = slugs.free(Collection, row.workspace_id, slugs.slug_of(row.slug), own=row.pk)
    if not changed:
        return row
    row.save()
    if row.slug != old:
        slugs.remember(row, old)
    emit(CollectionChanged(actor=by, collection=row, changed=changed))
    return row


@transaction.atomic
def place_collection(collection: Collection, parent: Collection | None, position: int, *, by: Actor) -> Collection:
    """Put a collection under another (None: at the top), at a position among its siblings. Raises Misplaced."""
    everything = _lock_tree(collection.workspace_id)
    row = everything[collection.pk]
    before = (row.parent_id, row.position)
    row.parent = everything[parent.pk] if parent else None
    _check_depth(row, everything)
    siblings = sorted(
        (one for one in everything.values() if one.parent_id == row.parent_id and one.pk != row.pk),
        key=lambda one: (one.position, one.pk),
    )
    siblings.insert(min(position, len(siblings)), row)
    for number, sibling in enumerate(siblings):
        if sibling.position != number or sibling is row:
            sibling.position = number
            sibling.save(update_fields=["position", "parent", "updated_at"])
    if before != (row.parent_id, row.position):
        emit(CollectionChanged(actor=by, collection=row, changed=["place"]))
    return row


@transaction.atomic
def delete_collection(collection: Collection, *, by: Actor) -> None:
    """Delete an empty collection. Raises NotEmpty."""
    _lock_tree(collection.workspace_id)
    articles = Article.objects.filter(collection=collection).count()
    children = Collection.objects.filter(parent=collection).count()
    if articles or children:
        raise NotEmpty("Move or delete what is in it first: a collection is deleted when it is empty.")
    emit(CollectionDeleted(actor=by, collection=collection))
    collection.delete()


def _lock_tree(workspace_id: UUID) -> dict[UUID, Collection]:
    """Let one person at a time change a workspace's tree, so that no two moves make a ring."""
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
    return {one.pk: one for one in Collection.objects.filter(workspace_id=workspace_id)}


def _check_depth(row: Collection, everything: dict[UUID, Collection]) -> None:
    seen = {row.pk}
    above = row.parent_id
    while above is not None:
        if above in seen:
            raise Misplaced("A collection can't lie within itself.")
        seen.add(above)
        above = everything[above].parent_id
    if len(seen) + _depth_below(row, everything) > limits.COLLECTION_DEPTH:
        raise Misplaced(f"Collections nest at most {limits.COLLECTION_DEPTH} deep.")


def _depth_below(row: Collection, everything: dict[UUID, Collection]) -> int:
    children = [one for one in everything.values() if one.parent_id == row.pk]
    return max((1 + _depth_below(child, everything) for child in children), default=0)
