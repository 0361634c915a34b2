"""What the knowledge base announces. Each event names who may hear of it, and the ids that search and answers are kept by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apps.core.events import Event
from apps.core.streams import Move
from apps.knowledge.models import Article, ArticleFeedback, Asset, Collection, HelpCenter


def knowledge_topic(workspace_id: object) -> str:
    """The articles and collections of a workspace."""
    return f"knowledge:{workspace_id}"


@dataclass(frozen=True, kw_only=True)
class ArticleEvent(Event):
    """What every event about an article shares."""

    audited = True
    article: Article

    @property
    def article_id(self) -> UUID:
        return self.article.pk

    @property
    def workspace_id(self) -> UUID:
        return self.article.workspace_id

    def subject(self) -> Article:
        return self.article

    def moves(self) -> Iterable[Move]:
        yield Move(knowledge_topic(self.article.workspace_id), str(self.article.pk))


@dataclass(frozen=True, kw_only=True)
class ArticleMade(ArticleEvent):
    """There is a new article, a draft."""

    name = "article.created"
    phrase = "began the article {subject}"


@dataclass(frozen=True, kw_only=True)
class ArticleSaved(ArticleEvent):
    """A newer version of an article was written. Readers of a published one see nothing of it yet."""

    name = "article.saved"
    audited = False
    number: int


@dataclass(frozen=True, kw_only=True)
class ArticlePublished(ArticleEvent):
    """Readers see an article, or a newer version of it."""

    name = "article.published"
    phrase = "published {subject}"
    number: int

    def details(self) -> dict[str, Any]:
        return {"version": self.number, "audience": self.article.audience}


@dataclass(frozen=True, kw_only=True)
class ArticleScheduled(ArticleEvent):
    """An article will be published at a time."""

    name = "article.scheduled"
    phrase = "scheduled {subject}"

    def details(self) -> dict[str, Any]:
        return {"publish_at": str(self.article.publish_at)}


@dataclass(frozen=True, kw_only=True)
class ArticleChanged(ArticleEvent):
    """Something of an article but its text changed: where it lies, who may read it, its address, language or tags. ``changed`` names the fields."""

    name = "article.changed"
    phrase = "changed {changed} of {subject}"
    changed: Sequence[str]

    def details(self) -> dict[str, Any]:
        return {"changed": ", ".join(self.changed)}


@dataclass(frozen=True, kw_only=True)
class ArticleUnpublished(ArticleEvent):
    """Readers no longer see an article: it is a draft again, or archived."""

    name = "article.unpublished"
    phrase = "took {subject} back: {status} now"

    def details(self) -> dict[str, Any]:
        return {"status": self.article.status}


@dataclass(frozen=True, kw_only=True)
class ArticleDeleted(ArticleEvent):
    """An article is about to be deleted with all its versions, in this transaction."""

    name = "article.deleted"
    phrase = "deleted the article {subject}"


@dataclass(frozen=True, kw_only=True)
class FeedbackGiven(ArticleEvent):
    """A reader said whether an article helped."""

    name = "article.feedback_given"
    audited = False
    feedback: ArticleFeedback


@dataclass(frozen=True, kw_only=True)
class CollectionEvent(Event):
    """What every event about a collection shares."""

    audited = True
    collection: Collection

    def subject(self) -> Collection:
        return self.collection

    def moves(self) -> Iterable[Move]:
        yield Move(knowledge_topic(self.collection.workspace_id), str(self.collection.pk))


@dataclass(frozen=True, kw_only=True)
class CollectionMade(CollectionEvent):
    """There is a new collection."""

    name = "collection.created"
    phrase = "made the collection {subject}"


@dataclass(frozen=True, kw_only=True)
class CollectionChanged(CollectionEvent):
    """A collection has another name, place or description. ``changed`` names the fields."""

    name = "collection.changed"
    phrase = "changed {changed} of the collection {subject}"
    changed: Sequence[str]

    def details(self) -> dict[str, Any]:
        return {"changed": ", ".join(self.changed)}


@dataclass(frozen=True, kw_only=True)
class CollectionDeleted(CollectionEvent):
    """An empty collection is about to be deleted, in this transaction."""

    name = "collection.deleted"
    phrase = "deleted the collection {subject}"


@dataclass(frozen=True, kw_only=True)
class AssetEvent(Event):
    """What every event about a picture or file of articles shares."""

    audited = True
    asset: Asset

    def subject(self) -> Asset:
        return self.asset


@dataclass(frozen=True, kw_only=True)
class AssetAdded(AssetEvent):
    """A picture or file was uploaded for articles."""

    name = "asset.added"
    phrase = "added the file {subject}"


@dataclass(frozen=True, kw_only=True)
class AssetDeleted(AssetEvent):
    """A picture or file that no article shows is about to be deleted, in this transaction."""

    name = "asset.deleted"
    phrase = "deleted the file {subject}"


@dataclass(frozen=True, kw_only=True)
class HelpCenterChanged(Event):
    """A workspace's help centre has another address, title, language, or other readers."""

    name = "helpcenter.changed"
    audited = True
    phrase = "changed {changed} of the help centre"
    help_center: HelpCenter
    changed: Sequence[str]

    def subject(self) -> HelpCenter:
        return self.help_center

    def details(self) -> dict[str, Any]:
        return {"changed": ", ".join(self.changed)}

    def moves(self) -> Iterable[Move]:
        yield Move(knowledge_topic(self.help_center.workspace_id))
