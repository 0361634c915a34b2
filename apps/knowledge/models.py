from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now

from apps.core import limits
from apps.core.access import Actor
from apps.core.ids import uuid7
from apps.knowledge.retrieval.models import Chunk, Embedding, EmbeddingIndex, Gap, Word
from apps.knowledge.snippets.models import Snippet, SnippetUse
from apps.visitors.models import Visitor
from apps.workspaces.models import ApiKey, Member, Workspace

__all__ = ["Chunk", "Embedding", "EmbeddingIndex", "Gap", "Snippet", "SnippetUse", "Word"]
"""What search and snippets keep: Django finds it here, everybody else in ``retrieval.models`` and ``snippets.models``."""

LANGUAGE = RegexValidator(r"\A[a-z]{2,3}(-[A-Z][A-Za-z]{1,3})?\Z", "Write a language as its tag, such as en or pt-BR.")


class HelpCenterQuerySet(models.QuerySet["HelpCenter"]):
    def visible_to(self, actor: Actor | None) -> HelpCenterQuerySet:
        """Everybody sees that there is one; what is in it, articles say themselves."""
        match actor:
            case None:
                return self.all()
            case Member() | ApiKey() | Visitor():
                return self.filter(workspace_id=actor.workspace_id)
            case _:
                return self.none()


class HelpCenter(models.Model):
    """A workspace's public pages of articles. Made with its first article or collection."""

    class Mode(models.TextChoices):
        PUBLIC = "public", "Everybody"
        RESTRICTED = "restricted", "Signed-in visitors and members"

    workspace = models.OneToOneField(Workspace, models.CASCADE, primary_key=True, related_name="help_center")
    slug = models.CharField(max_length=60, unique=True, help_text="Where it is: /help/<slug>/.")
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.PUBLIC)
    title = models.CharField(max_length=limits.NAME_CHARACTERS, blank=True, help_text="Empty: the workspace's name.")
    tagline = models.CharField(max_length=300, blank=True)
    language = models.CharField(max_length=10, default="en", validators=[LANGUAGE])
    updated_at = models.DateTimeField(auto_now=True)

    workspace_id: UUID
    objects: ClassVar[HelpCenterQuerySet] = HelpCenterQuerySet.as_manager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return self.slug


class CollectionQuerySet(models.QuerySet["Collection"]):
    def visible_to(self, actor: Actor | None) -> CollectionQuerySet:
        """Members and keys see all; visitors and nobody in particular see those that hold, at any depth, what they may read."""
        match actor:
            case Member() | ApiKey():
                return self.filter(workspace_id=actor.workspace_id)
            case Visitor() | None:
                readable = Article.objects.visible_to(actor).exclude(collection=None)
                rows = self if actor is None else self.filter(workspace_id=actor.workspace_id)
                return rows.filter(pk__in=_with_ancestors(readable))
            case _:
                return self.none()


def _with_ancestors(articles: ArticleQuerySet) -> set[UUID]:
    """Return the ids of the collections that hold these articles, and of those above them."""
    found: set[UUID] = set()
    wanted = set(articles.values_list("collection_id", flat=True).distinct())
    while wanted := wanted - found - {None}:
        found |= wanted
        wanted = set(Collection.objects.filter(pk__in=wanted).values_list("parent_id", flat=True))
    return found


class Collection(models.Model):
    """A folder of articles. Collections nest."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="collections")
    parent = models.ForeignKey("self", models.RESTRICT, null=True, blank=True, related_name="children")
    name = models.CharField(max_length=limits.NAME_CHARACTERS)
    slug = models.CharField(max_length=80)
    description = models.CharField(max_length=500, blank=True)
    position = models.PositiveIntegerField(default=0, help_text="Among its siblings.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    workspace_id: UUID
    parent_id: UUID | None
    objects: ClassVar[CollectionQuerySet] = CollectionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="collection_in_workspace"),
            models.UniqueConstraint(fields=["workspace", "slug"], name="collection_slug_once"),
            models.CheckConstraint(condition=~models.Q(slug=""), name="collection_has_a_slug"),
            models.CheckConstraint(condition=~models.Q(parent=models.F("id")), name="collection_is_not_its_parent"),
        ]
        indexes = [models.Index(fields=["workspace", "parent", "position"], name="collections_in_order")]

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        return self.name


class ArticleQuerySet(models.QuerySet["Article"]):
    def visible_to(self, actor: Actor | None) -> ArticleQuerySet:
        """Say who may read what. Members and keys: everything of their workspace. Visitors: what is published for everybody, and, once they
        are proven, for signed-in visitors. Nobody in particular: what is published for everybody in help centres that are open to everybody;
        the caller says of which workspace."""
        match actor:
            case Member() | ApiKey():
                return self.filter(workspace_id=actor.workspace_id)
            case Visitor():
                audiences = [Article.Audience.PUBLIC]
                if actor.proven_at is not None:
                    audiences.append(Article.Audience.VISITORS)
                return self.published().filter(workspace_id=actor.workspace_id, audience__in=audiences)
            case None:
                opened = HelpCenter.objects.filter(mode=HelpCenter.Mode.PUBLIC).values("workspace_id")
                return self.published().filter(audience=Article.Audience.PUBLIC, workspace_id__in=opened)
            case _:
                return self.none()

    def published(self) -> ArticleQuerySet:
        """Those that readers see."""
        return self.filter(status=Article.Status.PUBLISHED)


class Article(models.Model):
    """A text that answers a question, in one language. Its title, summary and body are what readers see while it is published; what is being
    written meanwhile is its newest version (``head``). One that isn't published shows its newest version."""

    class Audience(models.TextChoices):
        PUBLIC = "public", "Everybody"
        VISITORS = "visitors", "Signed-in visitors"
        INTERNAL = "internal", "Internal"

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SCHEDULED = "scheduled", "Scheduled"
        PUBLISHED = "published", "Published"
        ARCHIVED = "archived", "Archived"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="articles")
    collection = models.ForeignKey(Collection, models.RESTRICT, null=True, blank=True, related_name="articles")
    translations = models.UUIDField(default=uuid7, help_text="Shared by the translations of one article.")
    language = models.CharField(max_length=10, default="en", validators=[LANGUAGE])
    title = models.CharField(max_length=limits.ARTICLE_TITLE_CHARACTERS)
    slug = models.CharField(max_length=80)
    summary = models.CharField(max_length=300, blank=True)
    body = models.TextField(blank=True, help_text="Markdown.")
    audience = models.CharField(max_length=8, choices=Audience, default=Audience.PUBLIC)
    status = models.CharField(max_length=9, choices=Status, default=Status.DRAFT)
    publish_at = models.DateTimeField(null=True, blank=True, help_text="When a scheduled one is published.")
    published_at = models.DateTimeField(null=True, blank=True, help_text="When readers first saw it.")
    changed_at = models.DateTimeField(db_default=Now(), help_text="When what readers see last changed.")
    position = models.PositiveIntegerField(default=0, help_text="Within its collection.")
    tags = ArrayField(models.CharField(max_length=50), default=list, db_default=[], blank=True)
    assets = ArrayField(
        models.UUIDField(), default=list, db_default=[], blank=True, help_text="The pictures and files its body shows."
    )
    authors = models.ManyToManyField(Member, through="ArticleAuthor", related_name="+")
    head = models.PositiveIntegerField(default=0, help_text="The number of its newest version.")
    numbered = models.PositiveIntegerField(default=0, help_text="How many version numbers were given.")
    published_number = models.PositiveIntegerField(null=True, blank=True, help_text="The version that readers see.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)
    search = models.GeneratedField(
        expression=SearchVector("title", weight="A", config="simple")
        + SearchVector("summary", weight="B", config="simple")
        + SearchVector("body", weight="D", config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    workspace_id: UUID
    collection_id: UUID | None
    objects: ClassVar[ArticleQuerySet] = ArticleQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="article_in_workspace"),
            models.UniqueConstraint(fields=["workspace", "slug"], name="article_slug_once"),
            models.UniqueConstraint(fields=["workspace", "translations", "language"], name="article_once_a_language"),
            models.CheckConstraint(condition=~models.Q(slug=""), name="article_has_a_slug"),
            models.CheckConstraint(
                condition=models.Q(status="scheduled") ^ models.Q(publish_at=None), name="article_scheduled_for_a_time"
            ),
            models.CheckConstraint(
                condition=models.Q(status="published") ^ models.Q(published_number=None),
                name="article_published_has_a_version",
            ),
            models.CheckConstraint(
                condition=models.Q(head__lte=models.F("numbered")), name="article_head_was_numbered"
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-updated_at", "-id"], name="articles_newest_first"),
            models.Index(fields=["workspace", "collection", "position"], name="articles_in_order"),
            GinIndex(fields=["search"], name="article_search"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def label(self) -> str:
        return self.title

    @property
    def is_published(self) -> bool:
        return self.status == self.Status.PUBLISHED

    @property
    def has_unpublished_changes(self) -> bool:
        """Whether something newer was written than what readers see."""
        return self.is_published and self.head != self.published_number


class ArticleAuthor(models.Model):
    """Who is named as an author of an article."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    article = models.ForeignKey(Article, models.CASCADE, related_name="credits")
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["article", "member"], name="article_author_once")]

    def __str__(self) -> str:
        return f"{self.member} of {self.article}"


class ArticleVersionQuerySet(models.QuerySet["ArticleVersion"]):
    def visible_to(self, actor: Actor | None) -> ArticleVersionQuerySet:
        """Members and keys see those of their workspace."""
        match actor:
            case Member() | ApiKey():
                return self.filter(workspace_id=actor.workspace_id)
            case _:
                return self.none()


class ArticleVersion(models.Model):
    """An article's text at one time. Numbers grow; the article's ``head`` names the newest. One that is aside was written by somebody
    at the same time as another: nobody's text is lost, and nobody's overwrites another's."""

    class Kind(models.TextChoices):
        AUTOSAVED = "autosaved", "Saved while writing"
        SAVED = "saved", "Saved"
        ASIDE = "aside", "Kept aside"
        RESTORED = "restored", "Restored"
        IMPORTED = "imported", "Imported"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    article = models.ForeignKey(Article, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=9, choices=Kind)
    title = models.CharField(max_length=limits.ARTICLE_TITLE_CHARACTERS)
    summary = models.CharField(max_length=300, blank=True)
    body = models.TextField(blank=True)
    member = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    published_at = models.DateTimeField(null=True, blank=True, help_text="When readers first saw this version.")
    written_at = models.DateTimeField(db_default=Now())

    workspace_id: UUID
    article_id: UUID
    objects: ClassVar[ArticleVersionQuerySet] = ArticleVersionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["article", "number"], name="article_version_once"),
            models.UniqueConstraint(fields=["workspace", "id"], name="article_version_in_workspace"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.number})"


class OldSlug(models.Model):
    """Where an article or a collection was found before: its old address leads to the new one."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    slug = models.CharField(max_length=80)
    article = models.ForeignKey(Article, models.CASCADE, null=True, related_name="old_slugs")
    collection = models.ForeignKey(Collection, models.CASCADE, null=True, related_name="old_slugs")
    since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "slug"], condition=models.Q(article__isnull=False), name="article_old_slug_once"
            ),
            models.UniqueConstraint(
                fields=["workspace", "slug"],
                condition=models.Q(collection__isnull=False),
                name="collection_old_slug_once",
            ),
            models.CheckConstraint(
                condition=models.Q(article=None) ^ models.Q(collection=None), name="old_slug_is_of_one_thing"
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class AssetQuerySet(models.QuerySet["Asset"]):
    def visible_to(self, actor: Actor | None) -> AssetQuerySet:
        """Members and keys see those of their workspace; others what an article shows that they may read."""
        match actor:
            case Member() | ApiKey():
                return self.filter(workspace_id=actor.workspace_id)
            case Visitor() | None:
                shown = Article.objects.visible_to(actor).filter(
                    workspace_id=models.OuterRef("workspace_id"), assets__contains=[models.OuterRef("pk")]
                )
                return self.filter(models.Exists(shown))
            case _:
                return self.none()


class Asset(models.Model):
    """A picture or file that articles show. Pictures are written anew when they come in, as visitors' are."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    article = models.ForeignKey(
        Article, models.SET_NULL, null=True, related_name="+", help_text="Where it was first put."
    )
    member = models.ForeignKey(Member, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=120)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    file = models.FileField(upload_to="knowledge/%Y/%m", max_length=200)
    created_at = models.DateTimeField(db_default=Now())

    workspace_id: UUID
    objects: ClassVar[AssetQuerySet] = AssetQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "id"], name="asset_in_workspace")]
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="assets_newest_first")]

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        return self.name


class ArticleFeedback(models.Model):
    """Whether an article helped, once a visitor or browser, and what they said to it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    article = models.ForeignKey(Article, models.CASCADE, related_name="feedback")
    visitor = models.ForeignKey(Visitor, models.CASCADE, null=True, related_name="article_feedback")
    browser_hash = models.BinaryField(
        max_length=32, null=True, help_text="SHA-256 of what a browser keeps once it has voted."
    )
    helpful = models.BooleanField()
    comment = models.CharField(max_length=limits.FEEDBACK_CHARACTERS, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["article", "visitor"], name="article_feedback_once_a_visitor"),
            models.UniqueConstraint(fields=["article", "browser_hash"], name="article_feedback_once_a_browser"),
            models.CheckConstraint(
                condition=models.Q(visitor=None) ^ models.Q(browser_hash=None), name="article_feedback_is_somebodys"
            ),
        ]

    def __str__(self) -> str:
        return f"{'Helpful' if self.helpful else 'Not helpful'}: {self.article_id}"
