"""What a reader of the help centre sees: which articles, in which language, in which order, and where they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from apps.core.access import Actor
from apps.knowledge import assets
from apps.knowledge.collections import Node, tree
from apps.knowledge.markup import Picture, Places, mentioned
from apps.knowledge.models import Article, ArticleQuerySet, Asset, Collection, HelpCenter
from apps.workspaces.models import Member

RELATED = 4


@dataclass(frozen=True, slots=True)
class Shelf:
    """A collection with what a reader sees in it."""

    collection: Collection
    articles: Sequence[Article]
    shelves: Sequence[Shelf] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many articles are in it, at any depth."""
        return len(self.articles) + sum(shelf.count for shelf in self.shelves)


def readable(center: HelpCenter, actor: Actor | None) -> ArticleQuerySet:
    """Return the articles that somebody may read on a help centre's pages. Its members read there what signed-in visitors do: what is internal is
    for the dashboard."""
    if isinstance(actor, Member) and actor.workspace_id == center.workspace_id:
        mine = Article.objects.visible_to(actor).published()
        return mine.filter(audience__in=[Article.Audience.PUBLIC, Article.Audience.VISITORS])
    return Article.objects.visible_to(None).filter(workspace_id=center.workspace_id)


def is_open_to(center: HelpCenter, actor: Actor | None) -> bool:
    """Whether somebody may read a help centre's pages at all."""
    if center.mode == HelpCenter.Mode.PUBLIC:
        return True
    return isinstance(actor, Member) and actor.workspace_id == center.workspace_id


def in_language(articles: Iterable[Article], *languages: str) -> list[Article]:
    """Return one of each article's translations: in the first of these languages that there is, else any. The order stays."""
    groups: dict[UUID, list[Article]] = defaultdict(list)
    for article in articles:
        groups[article.translations].append(article)
    rank = {language: number for number, language in reversed(list(enumerate(languages)))}
    return [min(group, key=lambda one: (rank.get(one.language, len(rank)), one.language)) for group in groups.values()]


def shelves(articles: Sequence[Article], collections: Sequence[Collection]) -> list[Shelf]:
    """Return the collections that hold some of these articles, at any depth, with them, in their order."""
    by_collection: dict[UUID | None, list[Article]] = defaultdict(list)
    for article in articles:
        by_collection[article.collection_id].append(article)
    return [shelf for node in tree(collections) if (shelf := _shelf(node, by_collection)).count]


def _shelf(node: Node, by_collection: dict[UUID | None, list[Article]]) -> Shelf:
    below = [shelf for child in node.children if (shelf := _shelf(child, by_collection)).count]
    return Shelf(node.collection, by_collection[node.collection.pk], below)


def found_shelf(shelves_: Sequence[Shelf], id_: UUID) -> Shelf | None:
    """Return the shelf of a collection, at any depth."""
    for shelf in shelves_:
        if shelf.collection.pk == id_:
            return shelf
        if (below := found_shelf(shelf.shelves, id_)) is not None:
            return below
    return None


def related(article: Article, readable_: ArticleQuerySet) -> list[Article]:
    """Return articles beside this one: those that share most of its tags, then its neighbours, in its language."""
    beside = Q(collection=article.collection_id) if article.collection_id else Q()
    if article.tags:
        beside |= Q(tags__overlap=article.tags)
    candidates = readable_.filter(beside, language=article.language).exclude(translations=article.translations)
    rows = candidates.defer("search", "body").order_by("position", "pk")[:50]
    tags = set(article.tags)
    near = sorted(
        rows,
        key=lambda one: (
            -len(tags & set(one.tags)),
            one.collection_id != article.collection_id,
            abs(one.position - article.position),
        ),
    )
    return near[:RELATED]


def places(center: HelpCenter, article: Article, readable_: ArticleQuerySet) -> Places:
    """Return where what an article mentions is, for readers of the help centre."""
    linked = readable_.filter(pk__in=mentioned(article.body, "article")).only("pk", "slug")
    links = {one.pk: reverse("help-article", args=[center.slug, one.slug]) for one in linked}
    shown = Asset.objects.filter(workspace_id=center.workspace_id, pk__in=article.assets)
    if article.audience == Article.Audience.PUBLIC and center.mode == HelpCenter.Mode.PUBLIC:
        return Places(links, {one.pk: Picture(asset_url(center, one), one.width, one.height) for one in shown})
    return Places(links, assets.pictures(shown))


def asset_url(center: HelpCenter, asset: Asset) -> str:
    """Return where a file of a public article is, for everybody and for as long as it is shown."""
    return f"{settings.FILES_URL}/help/{center.slug}/files/{asset.pk}/{quote(asset.name)}"
