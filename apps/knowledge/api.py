"""REST edge for articles, collections, their files and the help centre's settings."""

from __future__ import annotations

import errno
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import allow
from apps.core.api import APIView, Input, PageInput
from apps.core.cursors import newest_first
from apps.core.errors import Conflict, Invalid, NoSpace, TooLarge
from apps.core.files import NotAccepted
from apps.core.live import NotVisible
from apps.core.shapes import answer
from apps.knowledge import actions, assets, collections
from apps.knowledge.actions import InThePast, LanguageTaken, NotNewest, Text
from apps.knowledge.collections import Misplaced, NotEmpty
from apps.knowledge.help_center import AddressTaken, change_help_center
from apps.knowledge.items import (
    article_item,
    article_row,
    asset_item,
    collection_item,
    help_center_item,
    previewed,
    version_item,
)
from apps.knowledge.listing import Wanted, listed
from apps.knowledge.models import LANGUAGE, Article, ArticleVersion, Asset, Collection, HelpCenter
from apps.knowledge.shapes import (
    ArticleShape,
    ArticlesShape,
    AssetShape,
    AssetsShape,
    CollectionShape,
    CollectionsShape,
    HelpCenterShape,
    PreviewShape,
    SavedShape,
    VersionShape,
    VersionsShape,
)
from apps.workspaces.models import ApiKey, Member

FORM_BYTES = 64 * 1024


class ArticlesInput(PageInput):
    q = serializers.CharField(required=False, max_length=limits.QUERY_CHARACTERS)
    status = serializers.ChoiceField(Article.Status.choices, required=False)
    audience = serializers.ChoiceField(Article.Audience.choices, required=False)
    language = serializers.CharField(required=False, max_length=10)
    tag = serializers.CharField(required=False, max_length=50)
    collection = serializers.UUIDField(required=False)


class TextInput(Input):
    title = serializers.CharField(max_length=limits.ARTICLE_TITLE_CHARACTERS)
    summary = serializers.CharField(required=False, default="", allow_blank=True, max_length=300)
    body = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        trim_whitespace=False,
        max_length=limits.ARTICLE_CHARACTERS,
        help_text="Markdown.",
    )


class NewArticleInput(TextInput):
    collection = serializers.UUIDField(required=False, allow_null=True)
    audience = serializers.ChoiceField(Article.Audience.choices, required=False, default=Article.Audience.PUBLIC)
    language = serializers.CharField(required=False, default="", max_length=10, validators=[LANGUAGE])
    translation_of = serializers.UUIDField(required=False, allow_null=True)


class SaveInput(TextInput):
    base = serializers.IntegerField(min_value=1, help_text="The version that this text was made from.")
    saving = serializers.ChoiceField(["saved", "autosaved"], required=False, default="saved")


class ArticleInput(Input):
    collection = serializers.UUIDField(required=False, allow_null=True)
    audience = serializers.ChoiceField(Article.Audience.choices, required=False)
    language = serializers.CharField(required=False, max_length=10, validators=[LANGUAGE])
    slug = serializers.CharField(required=False, max_length=60)
    position = serializers.IntegerField(required=False, min_value=0, max_value=100_000)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=50), required=False, max_length=limits.ARTICLE_TAGS
    )
    authors = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=limits.ARTICLE_AUTHORS)


class ArticleStatusInput(Input):
    status = serializers.ChoiceField(Article.Status.choices)
    publish_at = serializers.DateTimeField(required=False, allow_null=True)


class CollectionInput(Input):
    name = serializers.CharField(max_length=limits.NAME_CHARACTERS)
    description = serializers.CharField(required=False, default="", allow_blank=True, max_length=500)
    parent = serializers.UUIDField(required=False, allow_null=True)  # type: ignore[assignment]


class CollectionChangeInput(Input):
    name = serializers.CharField(required=False, max_length=limits.NAME_CHARACTERS)
    description = serializers.CharField(required=False, allow_blank=True, max_length=500)
    slug = serializers.CharField(required=False, max_length=60)


class PlaceInput(Input):
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    position = serializers.IntegerField(min_value=0, max_value=100_000)


class PreviewInput(Input):
    body = serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=limits.ARTICLE_CHARACTERS)


class HelpCenterInput(Input):
    slug = serializers.CharField(required=False, max_length=60)
    mode = serializers.ChoiceField(HelpCenter.Mode.choices, required=False)
    title = serializers.CharField(required=False, allow_blank=True, max_length=limits.NAME_CHARACTERS)
    tagline = serializers.CharField(required=False, allow_blank=True, max_length=300)
    language = serializers.CharField(required=False, max_length=10, validators=[LANGUAGE])


class KnowledgeView(APIView):
    """A view of what the caller's workspace knows."""

    actor: Member | ApiKey

    def article(self, id_: UUID) -> Article:
        """Return an article that the caller can see. Raises NotVisible."""
        found = Article.objects.visible_to(self.actor).defer("search").filter(pk=id_).first()
        if found is None:
            raise NotVisible
        return found

    def collection(self, id_: UUID | None) -> Collection | None:
        """Return a collection that the caller can see; None for none. Raises NotVisible."""
        if id_ is None:
            return None
        found = Collection.objects.visible_to(self.actor).filter(pk=id_).first()
        if found is None:
            raise NotVisible
        return found

    def placed(self, collection: Collection) -> CollectionShape:
        """Return a collection with how deep it lies."""
        by_id = {one.pk: one for one in Collection.objects.visible_to(self.actor)}
        return collection_item(collections.Node(collection, len(collections.path_of(collection, by_id)) - 1))

    def shown(self, article: Article) -> ArticleShape:
        """Return an article with its newest text."""
        article.refresh_from_db()
        versions = ArticleVersion.objects.visible_to(self.actor).filter(article=article)
        return article_item(article, versions.get(number=article.head))


class Articles(KnowledgeView):
    """The articles of a workspace."""

    @extend_schema(operation_id="articles_list", parameters=[ArticlesInput], responses=answer(ArticlesShape))
    @allow(member="articles.read", key="articles.read")
    def get(self, request: Request) -> Response:
        """List articles, changed last first; without a status those that aren't archived."""
        asked = self.asked(ArticlesInput)
        cursor, limit = asked.pop("cursor", ""), asked.pop("limit")
        within = asked.pop("collection", None)
        if asked.get("q"):
            limits.spend(limits.SEARCHES, self.actor.pk)
        collection = self.collection(within)
        wanted = Wanted(**asked, collections=(collection.pk,) if collection else ())
        found, following = listed(self.actor, wanted, cursor=cursor, limit=limit)
        return Response({"items": [article_row(one) for one in found], "next_cursor": following})

    @extend_schema(request=NewArticleInput, responses={201: answer(ArticleShape)})
    @allow(member="articles.create", key="articles.create")
    def post(self, request: Request) -> Response:
        """Begin an article, as a draft."""
        said = self.checked(NewArticleInput)
        original = said.get("translation_of")
        try:
            made = actions.make_article(
                self.actor.workspace_id,
                _text(said),
                by=self.actor,
                collection=self.collection(said.get("collection")),
                audience=said["audience"],
                language=said["language"],
                translation_of=self.article(original) if original else None,
            )
        except LanguageTaken as error:
            raise Conflict(str(error), "language_taken") from error
        return Response(self.shown(made), status=201)


class ArticleView(KnowledgeView):
    """One article."""

    @extend_schema(responses=answer(ArticleShape))
    @allow(member="articles.read", key="articles.read")
    def get(self, request: Request, article_id: UUID) -> Response:
        """Return an article with its newest text."""
        return Response(self.shown(self.article(article_id)))

    @extend_schema(request=ArticleInput, responses=answer(ArticleShape))
    @allow(member="articles.create", key="articles.create")
    def patch(self, request: Request, article_id: UUID) -> Response:
        """Change where an article lies, who may read it, its slug, language, tags or authors. Its old slug leads to the new one."""
        article, changes = self.article(article_id), self.checked(ArticleInput)
        position = changes.pop("position", None)
        if "collection" in changes:
            changes["collection"] = self.collection(changes["collection"])
        if "authors" in changes:
            changes["authors"] = self._members(changes["authors"])
        try:
            article = actions.change_article(article, changes, by=self.actor)
        except LanguageTaken as error:
            raise Conflict(str(error), "language_taken") from error
        if position is not None:
            article = actions.place_article(article, position, by=self.actor)
        return Response(self.shown(article))

    @extend_schema(responses={204: None})
    @allow(member="articles.delete", key="articles.delete")
    def delete(self, request: Request, article_id: UUID) -> Response:
        """Delete an article with all its versions, for good."""
        actions.delete_article(self.article(article_id), by=self.actor)
        return Response(status=204)

    def _members(self, ids: list[UUID]) -> list[Member]:
        found = list(Member.objects.visible_to(self.actor).filter(pk__in=ids))
        if len(found) != len(set(ids)):
            raise serializers.ValidationError({"authors": ["Name members of this workspace."]})
        return found


class ArticleText(KnowledgeView):
    """What an article says."""

    @extend_schema(request=SaveInput, responses=answer(SavedShape))
    @allow(member="articles.create", key="articles.create")
    def put(self, request: Request, article_id: UUID) -> Response:
        """Write a newer version. Where somebody else was quicker (``base`` isn't the newest) it is kept aside and answered with 409 ``not_newest``:
        ``newest`` is what counts now, ``aside`` what you sent."""
        said = self.checked(SaveInput)
        try:
            version = actions.save_text(
                self.article(article_id), _text(said), base=said["base"], by=self.actor, kind=said["saving"]
            )
        except NotNewest as error:
            raise Conflict(
                str(error), "not_newest", newest=version_item(error.newest), aside=version_item(error.aside)
            ) from error
        return Response({"version": version.number})


class ArticleStatus(KnowledgeView):
    """Whether readers see an article."""

    @extend_schema(request=ArticleStatusInput, responses=answer(ArticleShape))
    @allow(member="articles.publish", key="articles.publish")
    def put(self, request: Request, article_id: UUID) -> Response:
        """Publish the newest version now or at a time, take an article back, or archive it."""
        article, said = self.article(article_id), self.checked(ArticleStatusInput)
        at: Any = said.get("publish_at")
        if (said["status"] == Article.Status.SCHEDULED) != (at is not None):
            raise serializers.ValidationError(
                {"publish_at": ["Name a time for what is scheduled, and for nothing else."]}
            )
        match said["status"]:
            case Article.Status.PUBLISHED:
                article = actions.publish(article, by=self.actor)
            case Article.Status.SCHEDULED:
                try:
                    article = actions.schedule(article, at, by=self.actor)
                except InThePast as error:
                    raise serializers.ValidationError({"publish_at": [str(error)]}) from error
            case status:
                article = actions.unpublish(article, by=self.actor, status=status)
        return Response(self.shown(article))


class Versions(KnowledgeView):
    """The versions of an article."""

    @extend_schema(responses=answer(VersionsShape))
    @allow(member="articles.read", key="articles.read")
    def get(self, request: Request, article_id: UUID) -> Response:
        """List an article's newest versions."""
        versions = ArticleVersion.objects.visible_to(self.actor).filter(article=self.article(article_id))
        newest = versions.select_related("member__user", "key").order_by("-number")[: limits.PAGE_SIZE]
        return Response({"items": [version_item(one) for one in newest]})


class Restoring(KnowledgeView):
    """An old version that becomes the newest again."""

    @extend_schema(request=None, responses=answer(VersionShape))
    @allow(member="articles.create", key="articles.create")
    def post(self, request: Request, article_id: UUID, version_id: UUID) -> Response:
        """Make an old version's text the newest. Readers see it when it is published."""
        article = self.article(article_id)
        version = ArticleVersion.objects.visible_to(self.actor).filter(article=article, pk=version_id).first()
        if version is None:
            raise NotVisible
        return Response(version_item(actions.restore(article, version, by=self.actor)))


class Collections(KnowledgeView):
    """The tree of collections."""

    @extend_schema(responses=answer(CollectionsShape))
    @allow(member="articles.read", key="articles.read")
    def get(self, request: Request) -> Response:
        """List all collections, each before those within it."""
        tops = collections.tree(list(Collection.objects.visible_to(self.actor)))
        return Response({"items": [collection_item(node) for top in tops for node in top.walk()]})

    @extend_schema(request=CollectionInput, responses={201: answer(CollectionShape)})
    @allow(member="articles.create", key="articles.create")
    def post(self, request: Request) -> Response:
        """Make a collection, the last among its siblings."""
        said = self.checked(CollectionInput)
        parent = self.collection(said.get("parent"))
        try:
            made = collections.make_collection(
                self.actor.workspace_id, said["name"], by=self.actor, parent=parent, description=said["description"]
            )
        except Misplaced as error:
            raise Conflict(str(error), "misplaced") from error
        return Response(self.placed(made), status=201)


class CollectionScoped(KnowledgeView):
    """A view of one collection."""

    def own(self, id_: UUID) -> Collection:
        """Return the collection. Raises NotVisible."""
        found = self.collection(id_)
        assert found is not None
        return found


class CollectionView(CollectionScoped):
    """One collection."""

    @extend_schema(request=CollectionChangeInput, responses=answer(CollectionShape))
    @allow(member="articles.create", key="articles.create")
    def patch(self, request: Request, collection_id: UUID) -> Response:
        """Change a collection's name, description or slug."""
        changes = self.checked(CollectionChangeInput)
        return Response(self.placed(collections.change_collection(self.own(collection_id), changes, by=self.actor)))

    @extend_schema(responses={204: None})
    @allow(member="articles.delete", key="articles.delete")
    def delete(self, request: Request, collection_id: UUID) -> Response:
        """Delete an empty collection."""
        try:
            collections.delete_collection(self.own(collection_id), by=self.actor)
        except NotEmpty as error:
            raise Conflict(str(error), "not_empty") from error
        return Response(status=204)


class CollectionPlace(CollectionScoped):
    """Where a collection lies."""

    @extend_schema(request=PlaceInput, responses=answer(CollectionShape))
    @allow(member="articles.create", key="articles.create")
    def put(self, request: Request, collection_id: UUID) -> Response:
        """Put a collection under another (null: at the top), at a position among its siblings."""
        said = self.checked(PlaceInput)
        row, parent = self.own(collection_id), self.collection(said["parent"])
        try:
            placed = collections.place_collection(row, parent, said["position"], by=self.actor)
        except Misplaced as error:
            raise Conflict(str(error), "misplaced") from error
        return Response(self.placed(placed))


class AssetInput(serializers.Serializer[Any]):
    file = serializers.FileField()


class Assets(KnowledgeView):
    """Pictures and files of articles."""

    parser_classes = [MultiPartParser]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        announced = request.META.get("CONTENT_LENGTH") or ""
        if announced.isdecimal() and int(announced) > limits.ASSET_BYTES + FORM_BYTES:
            raise TooLarge("A file of an article may have at most 5 MiB.")
        super().initial(request, *args, **kwargs)

    @extend_schema(operation_id="articles_assets_list", parameters=[PageInput], responses=answer(AssetsShape))
    @allow(member="articles.read", key="articles.read")
    def get(self, request: Request) -> Response:
        """List pictures and files, the newest first."""
        asked = self.asked(PageInput)
        rows = Asset.objects.visible_to(self.actor)
        found, following = newest_first(rows, "created_at", asked.get("cursor", ""), asked["limit"])
        return Response({"items": [asset_item(one) for one in found], "next_cursor": following})

    @extend_schema(request={"multipart/form-data": AssetInput}, responses={201: answer(AssetShape)})
    @allow(member="articles.create")
    def post(self, request: Request) -> Response:
        """Upload a picture or file for articles."""
        limits.spend(limits.MEMBER_UPLOADS, self.actor.pk)
        upload = request.FILES.get("file")
        if upload is None or set(request.data) - {"file"}:
            raise serializers.ValidationError({"file": ["Send one file as multipart field “file”."]})
        if upload.size > limits.ASSET_BYTES:
            raise TooLarge("A file of an article may have at most 5 MiB.")
        name = upload.name or ""
        try:
            inspected = assets.accepted(upload.read(), name)
        except NotAccepted as error:
            raise _Unsupported(str(error)) from error
        try:
            added = assets.add_asset(self.actor.workspace_id, inspected, name, by=self.actor, article=None)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpace from error
            raise
        return Response(asset_item(added), status=201)


class _Unsupported(exceptions.APIException):
    status_code = 415
    default_code = "unsupported_type"


class AssetView(KnowledgeView):
    """One picture or file."""

    def asset(self, id_: UUID) -> Asset:
        """Return the asset. Raises NotVisible."""
        found = Asset.objects.visible_to(self.actor).filter(pk=id_).first()
        if found is None:
            raise NotVisible
        return found

    @extend_schema(responses=answer(AssetShape))
    @allow(member="articles.read", key="articles.read")
    def get(self, request: Request, asset_id: UUID) -> Response:
        """Return a file's description with a fresh address."""
        return Response(asset_item(self.asset(asset_id)))

    @extend_schema(responses={204: None})
    @allow(member="articles.delete", key="articles.delete")
    def delete(self, request: Request, asset_id: UUID) -> Response:
        """Delete a file that no article shows."""
        try:
            assets.delete_asset(self.asset(asset_id), by=self.actor)
        except assets.InUse as error:
            raise Conflict(str(error), "in_use") from error
        return Response(status=204)


class Preview(KnowledgeView):
    """A text as readers will see it."""

    @extend_schema(request=PreviewInput, responses=answer(PreviewShape))
    @allow(member="articles.create")
    def post(self, request: Request) -> Response:
        """Return Markdown as the safe HTML that readers will see. Nothing is kept."""
        html = previewed(self.checked(PreviewInput)["body"], self.actor).html
        # A whole slice is a plain str: the encoder takes no other.
        return Response({"html": html[:]})


class HelpCenterView(KnowledgeView):
    """The help centre's settings."""

    @extend_schema(responses=answer(HelpCenterShape))
    @allow(member="articles.read", key="articles.read")
    def get(self, request: Request) -> Response:
        """Return where the help centre is and who may read it. There is one from the first article or collection on."""
        found = HelpCenter.objects.visible_to(self.actor).first()
        if found is None:
            raise NotVisible
        return Response(help_center_item(found))

    @extend_schema(request=HelpCenterInput, responses=answer(HelpCenterShape))
    @allow(member="settings.workspace")
    def patch(self, request: Request) -> Response:
        """Change the help centre's address, title, tagline, language or readers."""
        changes = self.checked(HelpCenterInput)
        try:
            changed = change_help_center(self.actor.workspace_id, changes, by=self.actor)
        except AddressTaken as error:
            raise Conflict(str(error), "address_taken") from error
        except ValidationError as error:
            raise Invalid(" ".join(error.messages)) from error
        return Response(help_center_item(changed))


def _text(said: dict[str, Any]) -> Text:
    return Text(said["title"], said["summary"], said["body"])
