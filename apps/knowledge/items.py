"""Articles, versions and collections as the API answers them and pages show them."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.urls import reverse

from apps.core.access import Actor
from apps.knowledge import assets as files
from apps.knowledge.collections import Node
from apps.knowledge.markup import NOWHERE, Places, Rendered, mentioned, rendered
from apps.knowledge.models import Article, ArticleVersion, Asset, HelpCenter
from apps.knowledge.shapes import (
    ArticleRowShape,
    ArticleShape,
    AssetShape,
    CollectionShape,
    HelpCenterShape,
    VersionShape,
)


def article_row(article: Article) -> ArticleRowShape:
    return {
        "id": article.pk,
        "title": article.title,
        "slug": article.slug,
        "summary": article.summary,
        "status": article.status,
        "audience": article.audience,
        "language": article.language,
        "translations": article.translations,
        "collection": article.collection_id,
        "position": article.position,
        "tags": article.tags,
        "has_unpublished_changes": article.has_unpublished_changes,
        "publish_at": article.publish_at,
        "published_at": article.published_at,
        "created_at": article.created_at,
        "updated_at": article.updated_at,
    }


def article_item(article: Article, newest: ArticleVersion) -> ArticleShape:
    """Return an article with its newest text, which ``base`` names when it is saved anew."""
    return {
        **article_row(article),
        "title": newest.title,
        "summary": newest.summary,
        "body": newest.body,
        "version": newest.number,
        "published_version": article.published_number,
        "authors": [{"id": one.pk, "name": one.label} for one in article.authors.select_related("user")],
    }


def version_item(version: ArticleVersion) -> VersionShape:
    return {
        "id": version.pk,
        "number": version.number,
        "kind": version.kind,
        "title": version.title,
        "summary": version.summary,
        "body": version.body,
        "by": version_author(version),
        "published_at": version.published_at,
        "written_at": version.written_at,
    }


def version_author(version: ArticleVersion) -> str:
    """Return the name of whoever wrote a version; nobody's where they are gone, or where it was made by a command."""
    author = version.member or version.key
    return author.label if author else ""


def collection_item(node: Node) -> CollectionShape:
    one = node.collection
    return {
        "id": one.pk,
        "name": one.name,
        "slug": one.slug,
        "description": one.description,
        "parent": one.parent_id,
        "position": one.position,
        "depth": node.depth,
    }


def asset_item(asset: Asset) -> AssetShape:
    return {
        "id": asset.pk,
        "name": asset.name,
        "content_type": asset.content_type,
        "size": asset.size,
        "width": asset.width,
        "height": asset.height,
        "reference": f"asset:{asset.pk}",
        "url": files.signed_url(asset),
    }


def help_center_item(center: HelpCenter) -> HelpCenterShape:
    return {
        "slug": center.slug,
        "url": settings.PUBLIC_URL + reverse("help", args=[center.slug]),
        "mode": center.mode,
        "title": center.title,
        "tagline": center.tagline,
        "language": center.language,
    }


def previewed(body: str, actor: Actor) -> Rendered:
    """Return a text as readers will see it; what it links to leads to the dashboard's own pages."""
    articles = Article.objects.visible_to(actor).filter(pk__in=mentioned(body, "article"))
    shown = Asset.objects.visible_to(actor).filter(pk__in=mentioned(body, "asset"))
    if not articles and not shown:
        return rendered(body, NOWHERE)
    links: dict[UUID, str] = {one.pk: reverse("article", args=[one.pk]) for one in articles.only("pk")}
    return rendered(body, Places(links, files.pictures(shown)))
