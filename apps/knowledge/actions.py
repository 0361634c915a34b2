"""Everything that changes an article."""

from __future__ import annotations

from collections.abc import Collection as Several
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from apps.core import clock, effects
from apps.core.access import Actor
from apps.core.events import emit
from apps.knowledge import slugs
from apps.knowledge.events import (
    ArticleChanged,
    ArticleDeleted,
    ArticleMade,
    ArticlePublished,
    ArticleSaved,
    ArticleScheduled,
    ArticleUnpublished,
)
from apps.knowledge.help_center import ensure_help_center
from apps.knowledge.markup import mentioned
from apps.knowledge.models import Article, ArticleAuthor, ArticleVersion, Collection
from apps.workspaces.models import ApiKey, Member

TOGETHER = timedelta(minutes=10)
"""What one person saves while writing within this time is one version."""

Kind = ArticleVersion.Kind


@dataclass(frozen=True, slots=True)
class Text:
    """What an article says."""

    title: str
    summary: str = ""
    body: str = ""


class NotNewest(Exception):
    """Somebody wrote a newer version meanwhile. What was sent is kept beside it: ``aside``; ``newest`` is what counts."""

    def __init__(self, newest: ArticleVersion, aside: ArticleVersion) -> None:
        super().__init__("Somebody has written a newer version.")
        self.newest = newest
        self.aside = aside


class LanguageTaken(ValueError):
    """There is a translation into this language already."""


class InThePast(ValueError):
    """An article can't be scheduled for a time that is over."""


@transaction.atomic
def make_article(
    workspace_id: UUID,
    text: Text,
    *,
    by: Actor,
    collection: Collection | None = None,
    audience: str = Article.Audience.PUBLIC,
    language: str = "",
    translation_of: Article | None = None,
    kind: str = Kind.SAVED,
    slug: str = "",
) -> Article:
    """Begin an article, as a draft with one version. Raises LanguageTaken."""
    center = ensure_help_center(workspace_id)
    collection_ = collection or (translation_of.collection if translation_of else None)
    language = language or center.language
    article = Article(
        workspace_id=workspace_id,
        collection=collection_,
        language=language,
        audience=translation_of.audience if translation_of else audience,
        slug=slugs.free(Article, workspace_id, slugs.slug_of(slug or text.title)),
        position=_last_position(workspace_id, collection_),
    )
    if translation_of is not None:
        article.translations = translation_of.translations
        if _translations(article).filter(language=language).exists():
            raise LanguageTaken("There is a translation into this language already.")
    _show(article, text)
    article.save()
    if isinstance(by, Member):
        ArticleAuthor.objects.create(workspace_id=workspace_id, article=article, member=by)
    _write(article, text, kind, by)
    article.save(update_fields=["head", "numbered"])
    emit(ArticleMade(actor=by, article=article))
    return article


def save_text(article: Article, text: Text, *, base: int, by: Actor, kind: str = Kind.SAVED) -> ArticleVersion:
    """Write a newer version of an article whose newest was ``base`` when its writer began. The same text again writes nothing.

    Raises NotNewest where somebody else was quicker; the text is then kept aside, for good.
    """
    with transaction.atomic():
        row = _locked(article)
        newest = head_of(row)
        assert newest is not None
        if text == text_of(newest):
            return newest
        if row.head == base:
            return _save(row, text, kind, by)
        aside = _keep_aside(row, text, by)
        row.save(update_fields=["numbered", "updated_at"])
    raise NotNewest(newest, aside)


def _save(row: Article, text: Text, kind: str, by: Actor) -> ArticleVersion:
    version = _write(row, text, kind, by)
    if not row.is_published:
        _show(row, text)
    row.save()
    emit(ArticleSaved(actor=by, article=row, number=version.number))
    return version


def head_of(article: Article) -> ArticleVersion | None:
    """Return an article's newest version."""
    return ArticleVersion.objects.filter(article=article, number=article.head).first()


def text_of(version: ArticleVersion) -> Text:
    """Return what a version says."""
    return Text(version.title, version.summary, version.body)


@transaction.atomic
def restore(article: Article, version: ArticleVersion, *, by: Actor) -> ArticleVersion:
    """Make an old version's text the newest again. What readers see changes when it is published."""
    row = _locked(article)
    newest = head_of(row)
    if newest is not None and text_of(newest) == text_of(version):
        return newest
    return _save(row, text_of(version), Kind.RESTORED, by)


@transaction.atomic
def publish(article: Article, *, by: Actor) -> Article:
    """Show the newest version to readers. Where they see it already nothing happens."""
    row = _locked(article)
    if row.is_published and row.published_number == row.head:
        return row
    version = head_of(row)
    assert version is not None
    now = clock.now()
    _unschedule(row)
    _show(row, text_of(version))
    row.status, row.published_number, row.changed_at = Article.Status.PUBLISHED, version.number, now
    row.published_at = row.published_at or now
    row.save()
    ArticleVersion.objects.filter(pk=version.pk, published_at=None).update(published_at=now)
    emit(ArticlePublished(actor=by, article=row, number=version.number))
    return row


@transaction.atomic
def schedule(article: Article, at: datetime, *, by: Actor) -> Article:
    """Publish the newest version at a time to come. Raises InThePast. A published one stays as it is until somebody unpublishes it."""
    if at <= clock.now():
        raise InThePast("Choose a time to come.")
    row = _locked(article)
    if row.is_published:
        raise InThePast("This article is published already.")
    if row.publish_at == at:
        return row
    _unschedule(row)
    row.status, row.publish_at = Article.Status.SCHEDULED, at
    row.save()
    effects.owe(
        "knowledge.publish",
        key=_debt(row, at),
        payload={"article": str(row.pk), "at": at.isoformat()},
        workspace_id=row.workspace_id,
        available_at=at,
    )
    emit(ArticleScheduled(actor=by, article=row))
    return row


@transaction.atomic
def unpublish(article: Article, *, by: Actor, status: str = Article.Status.DRAFT) -> Article:
    """Take an article back from its readers: a draft again, or archived."""
    row = _locked(article)
    if row.status == status:
        return row
    newest = head_of(row)
    assert newest is not None
    _unschedule(row)
    row.status, row.published_number, row.changed_at = status, None, clock.now()
    _show(row, text_of(newest))
    row.save()
    emit(ArticleUnpublished(actor=by, article=row))
    return row


@transaction.atomic
def change_article(article: Article, changes: dict[str, Any], *, by: Actor) -> Article:
    """Change where an article lies, who may read it, its slug, language, tags or authors (members). Raises LanguageTaken."""
    row = _locked(article)
    changed = [name for name, value in changes.items() if name != "authors" and getattr(row, name) != value]
    old_slug = row.slug
    for name in changed:
        setattr(row, name, changes[name])
    if "slug" in changed:
        row.slug = slugs.free(Article, row.workspace_id, slugs.slug_of(changes["slug"]), own=row.pk)
        if row.slug == old_slug:
            changed.remove("slug")
    if "language" in changed and _translations(row).filter(language=row.language).exists():
        raise LanguageTaken("There is a translation into this language already.")
    if "collection" in changed:
        row.position = _last_position(row.workspace_id, row.collection)
    if "authors" in changes and _credit(row, changes["authors"]):
        changed.append("authors")
    if not changed:
        return row
    row.changed_at = clock.now()
    row.save()
    if "slug" in changed:
        slugs.remember(row, old_slug)
    emit(ArticleChanged(actor=by, article=row, changed=changed))
    return row


@transaction.atomic
def place_article(article: Article, position: int, *, by: Actor) -> Article:
    """Put an article at a position within its collection; the others make room."""
    row = _locked(article)
    siblings = list(
        Article.objects.select_for_update()
        .filter(workspace_id=row.workspace_id, collection=row.collection)
        .exclude(pk=row.pk)
        .order_by("position", "pk")
        .only("pk", "position")
    )
    siblings.insert(min(position, len(siblings)), row)
    for number, sibling in enumerate(siblings):
        if sibling.position != number:
            Article.objects.filter(pk=sibling.pk).update(position=number)
    if row.position != (now_at := siblings.index(row)):
        row.position = now_at
        emit(ArticleChanged(actor=by, article=row, changed=["position"]))
    return row


@transaction.atomic
def delete_article(article: Article, *, by: Actor) -> None:
    """Delete an article with all its versions and feedback, for good. Its translations stay."""
    row = _locked(article)
    _unschedule(row)
    emit(ArticleDeleted(actor=by, article=row))
    row.delete()


def _locked(article: Article) -> Article:
    return Article.objects.select_for_update(no_key=True).defer("search").get(pk=article.pk)


def _translations(article: Article) -> Any:
    return Article.objects.filter(workspace_id=article.workspace_id, translations=article.translations).exclude(
        pk=article.pk
    )


def _last_position(workspace_id: UUID, collection: Collection | None) -> int:
    last = Article.objects.filter(workspace_id=workspace_id, collection=collection).aggregate(last=Max("position"))
    return 0 if last["last"] is None else int(last["last"]) + 1


def _show(article: Article, text: Text) -> None:
    article.title, article.summary, article.body = text.title, text.summary, text.body
    article.assets = mentioned(text.body, "asset")


def _write(article: Article, text: Text, kind: str, by: Actor) -> ArticleVersion:
    """Give the article a newest version; what one person saves while writing becomes one."""
    number = article.numbered + 1
    version = _own_recent(article, article.head, kind, by) if kind == Kind.AUTOSAVED else None
    if version is None or version.published_at is not None:
        version = ArticleVersion(workspace_id=article.workspace_id, article=article, kind=kind)
    version.number, version.title, version.summary, version.body = number, text.title, text.summary, text.body
    version.member = by if isinstance(by, Member) else None
    version.key = by if isinstance(by, ApiKey) else None
    version.written_at = clock.now()
    version.save()
    article.head = article.numbered = number
    return version


def _keep_aside(article: Article, text: Text, by: Actor) -> ArticleVersion:
    version = _own_recent(article, None, Kind.ASIDE, by)
    if version is None:
        article.numbered += 1
        version = ArticleVersion(
            workspace_id=article.workspace_id, article=article, kind=Kind.ASIDE, number=article.numbered
        )
    version.title, version.summary, version.body = text.title, text.summary, text.body
    version.member = by if isinstance(by, Member) else None
    version.key = by if isinstance(by, ApiKey) else None
    version.written_at = clock.now()
    version.save()
    return version


def _own_recent(article: Article, number: int | None, kind: str, by: Actor) -> ArticleVersion | None:
    """Return what the same person wrote in the same way a moment ago."""
    if not isinstance(by, Member):
        return None
    rows = ArticleVersion.objects.filter(article=article, kind=kind, member=by, written_at__gt=Now() - TOGETHER)
    return (rows.filter(number=number) if number is not None else rows.order_by("-number")).first()


def _unschedule(article: Article) -> None:
    if article.publish_at is not None:
        effects.cancel(_debt(article, article.publish_at))
        article.publish_at = None


def _debt(article: Article, at: datetime) -> str:
    return f"publish:{article.pk}:{at.timestamp()}"


def _credit(article: Article, members: Several[Member]) -> bool:
    """Name these members as authors, and no others. Returns whether that changed anything."""
    wanted = {member.pk for member in members}
    named = set(ArticleAuthor.objects.filter(article=article).values_list("member_id", flat=True))
    ArticleAuthor.objects.filter(article=article, member_id__in=named - wanted).delete()
    ArticleAuthor.objects.bulk_create(
        ArticleAuthor(workspace_id=article.workspace_id, article=article, member_id=id_) for id_ in wanted - named
    )
    return wanted != named
