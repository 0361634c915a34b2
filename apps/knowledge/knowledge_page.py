"""What every page about the knowledge base shares: looking up what its member can see."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404

from apps.core.views import Page
from apps.knowledge import collections
from apps.knowledge.models import Article, ArticleVersion, Collection
from apps.workspaces.models import Member


class KnowledgePage(Page):
    """A page about what a member's workspace knows."""

    actor: Member

    def article(self, id_: UUID) -> Article:
        """Return an article that the member can see. Raises Http404."""
        found = Article.objects.visible_to(self.actor).defer("search").filter(pk=id_).first()
        if found is None:
            raise Http404
        return found

    def collection(self, id_: UUID | str) -> Collection:
        """Return a collection that the member can see. Raises Http404."""
        try:
            found = Collection.objects.visible_to(self.actor).filter(pk=id_).first()
        except ValidationError as error:
            raise Http404 from error
        if found is None:
            raise Http404
        return found

    def tops(self) -> list[collections.Node]:
        """Return the tree of collections."""
        return collections.tree(list(Collection.objects.visible_to(self.actor)))

    def walked(self) -> list[collections.Node]:
        """Return all collections, each before those within it."""
        return [node for top in self.tops() for node in top.walk()]

    def newest_of(self, article: Article) -> ArticleVersion:
        """Return an article's newest version."""
        versions = ArticleVersion.objects.visible_to(self.actor).select_related("member__user", "key")
        return versions.get(article=article, number=article.head)
