"""The knowledge base in the dashboard: the list of articles, and what one of them says, is and was."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse

from apps.core import limits
from apps.core.access import Actor, allow
from apps.core.cursors import BadCursor
from apps.core.limits import Limited
from apps.core.slots import fill
from apps.knowledge import actions, feedback, languages
from apps.knowledge.actions import InThePast, LanguageTaken, NotNewest, Text, text_of
from apps.knowledge.diffs import compared
from apps.knowledge.forms import DetailsForm, HelpCenterForm, StatusForm, TextForm
from apps.knowledge.help_center import AddressTaken, change_help_center, ensure_help_center
from apps.knowledge.items import article_row, previewed, version_item
from apps.knowledge.knowledge_page import KnowledgePage
from apps.knowledge.listing import Wanted, listed
from apps.knowledge.models import Article, ArticleVersion, HelpCenter
from apps.workspaces.models import Member

VERSIONS_SHOWN = 100
UNTITLED = "Untitled article"


class Articles(KnowledgePage):
    """All articles, changed last first. ``X-Fragment: found`` asks for the table only."""

    template = "knowledge/articles.html"

    @allow(member="articles.read")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show a page of articles."""
        asked = {
            name: request.GET.get(name, "")[: limits.QUERY_CHARACTERS].strip() for name in ("q", "status", "audience")
        }
        if asked["status"] not in ("", *Article.Status.values) or asked["audience"] not in (
            "",
            *Article.Audience.values,
        ):
            raise Http404
        nodes = self.walked()
        chosen = request.GET.get("collection", "")
        node = next((one for one in nodes if str(one.collection.pk) == chosen), None)
        if chosen and node is None:
            raise Http404
        within = tuple(one.collection.pk for one in node.walk()) if node else ()
        try:
            if asked["q"]:
                limits.spend(limits.SEARCHES, self.actor.pk)
            found, following = listed(
                self.actor, Wanted(**asked, collections=within), cursor=request.GET.get("cursor", "")
            )
        except BadCursor as error:
            raise Http404 from error
        except Limited as limited:
            error_ = {"code": "rate_limited", "message": "Too many searches. Wait a moment."}
            return JsonResponse({"error": error_}, status=429, headers={"Retry-After": str(limited.retry_after)})
        counts = dict(
            Article.objects.visible_to(self.actor)
            .exclude(status=Article.Status.ARCHIVED)
            .order_by()
            .values_list("collection_id")
            .annotate(count=Count("pk"))
        )
        names = {one.collection.pk: one.collection.name for one in nodes}
        parameters = {**asked, "collection": chosen, "cursor": following or ""}
        next_page = urlencode({name: value for name, value in parameters.items() if value})
        return self.render(
            "found" if request.headers.get("X-Fragment") == "found" else "",
            q=asked["q"],
            status_=asked["status"],
            audience=asked["audience"],
            articles=[{**article_row(one), "within": names.get(one.collection_id)} for one in found],  # type: ignore[arg-type]
            nodes=[(one, sum(counts.get(below.collection.pk, 0) for below in one.walk())) for one in nodes],
            total=sum(counts.values()),
            chosen=node.collection if node else None,
            statuses=Article.Status.choices,
            audiences=Article.Audience.choices,
            filtered=any(asked.values()) or node is not None,
            center=HelpCenter.objects.visible_to(self.actor).first(),
            next=f"{reverse('articles')}?{next_page}" if following else "",
        )


class NewArticle(KnowledgePage):
    """The beginning of an article."""

    @allow(member="articles.create")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Begin an article, in the collection that was open."""
        chosen = request.POST.get("collection", "")
        collection = self.collection(chosen) if chosen else None
        text = Text(UNTITLED)
        made = actions.make_article(self.actor.workspace_id, text, by=self.actor, collection=collection)
        return redirect("article", made.pk)


class ArticleScoped(KnowledgePage):
    """The page of one article."""

    template = "knowledge/article.html"

    def page(
        self,
        article: Article,
        *,
        status: int = 200,
        text: TextForm | None = None,
        details: DetailsForm | None = None,
        publishing: StatusForm | None = None,
        conflict: NotNewest | None = None,
        saved: str = "",
    ) -> HttpResponse:
        """Render the article's editor, with what couldn't be saved where something couldn't."""
        newest = self.newest_of(article)
        written = text_of(newest)
        shown = {"title": written.title, "summary": written.summary, "body": written.body, "base": newest.number}
        members = list(Member.objects.visible_to(self.actor).select_related("user").order_by("created_at")[:100])
        center = HelpCenter.objects.visible_to(self.actor).get()
        translations = Article.objects.visible_to(self.actor).filter(translations=article.translations)
        taken = {one.language for one in translations.only("language", "translations")}
        body = text.data.get("body", "") if text else written.body
        return self.render(
            status=status,
            article=article,
            newest=version_item(newest),
            text=text or TextForm(initial=shown),
            details=details or DetailsForm(article, self.tops(), members),
            publishing=publishing or StatusForm(initial={"publish_at": article.publish_at}),
            preview=previewed(body[: limits.ARTICLE_CHARACTERS], self.actor).html,
            conflict=conflict,
            theirs=version_item(conflict.newest) if conflict else None,
            difference=compared(text_of(conflict.newest), text_of(conflict.aside)) if conflict else [],
            translations=[
                (one, languages.name_of(one.language)) for one in translations.only("pk", "language", "title")
            ],
            untranslated=[choice for choice in languages.choices() if choice[0] not in taken],
            said=feedback.counted(article),
            comments=feedback.comments(article),
            public_url=settings.PUBLIC_URL + reverse("help-article", args=[center.slug, article.slug]),
            has_public_page=article.is_published and article.audience != Article.Audience.INTERNAL,
            saved=saved,
        )


class ArticlePage(ArticleScoped):
    """An article's editor."""

    @allow(member="articles.read")
    def get(self, request: HttpRequest, article_id: UUID) -> HttpResponse:
        """Show an article's newest text, to be edited by whoever may."""
        return self.page(self.article(article_id), saved=request.GET.get("saved", ""))

    @allow(member="articles.create")
    def post(self, request: HttpRequest, article_id: UUID) -> HttpResponse:
        """Save the text. Where somebody else was quicker, show the difference and both texts."""
        article, form = self.article(article_id), TextForm(request.POST)
        if not form.is_valid():
            return self.page(article, status=422, text=form)
        said = form.cleaned_data
        text = Text(said["title"], said["summary"], said["body"].replace("\r\n", "\n"))
        try:
            actions.save_text(article, text, base=said["base"], by=self.actor)
        except NotNewest as error:
            article.refresh_from_db()
            again = TextForm({**request.POST.dict(), "base": error.newest.number})
            return self.page(article, status=409, text=again, conflict=error)
        return redirect(f"{reverse('article', args=[article.pk])}?saved=text")


class Details(ArticleScoped):
    """What an article is, beside its text."""

    @allow(member="articles.create")
    def post(self, request: HttpRequest, article_id: UUID) -> HttpResponse:
        """Change an article's collection, readers, language, address, tags and authors."""
        article = self.article(article_id)
        members = list(Member.objects.visible_to(self.actor).select_related("user").order_by("created_at")[:100])
        form = DetailsForm(article, self.tops(), members, request.POST)
        if not form.is_valid():
            return self.page(article, status=422, details=form)
        said = form.cleaned_data
        said["collection"] = self.collection(said["collection"]) if said["collection"] else None
        said["authors"] = [member for member in members if str(member.pk) in said["authors"]]
        try:
            actions.change_article(article, said, by=self.actor)
        except LanguageTaken as error:
            form.add_error("language", str(error))
            article.refresh_from_db()
            return self.page(article, status=422, details=form)
        return redirect(f"{reverse('article', args=[article.pk])}?saved=details")


class Publishing(ArticleScoped):
    """Whether readers see an article."""

    @allow(member="articles.publish")
    def post(self, request: HttpRequest, article_id: UUID) -> HttpResponse:
        """Publish the newest version now or at a time, take the article back, or archive it."""
        article, form = self.article(article_id), StatusForm(request.POST)
        if not form.is_valid():
            return self.page(article, status=422, publishing=form)
        try:
            match form.cleaned_data["status"]:
                case Article.Status.PUBLISHED:
                    actions.publish(article, by=self.actor)
                case Article.Status.SCHEDULED:
                    actions.schedule(article, form.cleaned_data["publish_at"], by=self.actor)
                case status:
                    actions.unpublish(article, by=self.actor, status=status)
        except InThePast as error:
            form.add_error("publish_at", str(error))
            return self.page(article, status=422, publishing=form)
        return redirect(f"{reverse('article', args=[article.pk])}?saved=status")


class Translating(ArticleScoped):
    """A translation of an article."""

    @allow(member="articles.create")
    def post(self, request: HttpRequest, article_id: UUID) -> HttpResponse:
        """Begin a translation, with the text that is to be translated."""
        article, language = self.article(article_id), request.POST.get("language", "")
        if language not in dict(languages.choices()):
            raise Http404
        try:
            made = actions.make_article(
                self.actor.workspace_id,
                text_of(self.newest_of(article)),
                by=self.actor,
                language=language,
                translation_of=article,
            )
        except LanguageTaken:
            return redirect("article", article.pk)
        return redirect("article", made.pk)


class Deleting(KnowledgePage):
    """The end of an article."""

    template = "knowledge/delete.html"

    @allow(member="articles.delete")
    def get(self, request: HttpRequest, article_id: UUID) -> HttpResponse:
        """Say what will be gone."""
        article = self.article(article_id)
        return self.render(article=article, versions=article.versions.count())

    @allow(member="articles.delete")
    def post(self, request: HttpRequest, article_id: UUID) -> HttpResponse:
        """Delete the article with all its versions."""
        actions.delete_article(self.article(article_id), by=self.actor)
        return redirect("articles")


class Versions(KnowledgePage):
    """What an article said before."""

    template = "knowledge/versions.html"

    @allow(member="articles.read")
    def get(self, request: HttpRequest, article_id: UUID) -> HttpResponse:
        """List an article's versions and show how one of them differs from the newest."""
        article = self.article(article_id)
        versions = ArticleVersion.objects.visible_to(self.actor).filter(article=article)
        shown = list(versions.select_related("member__user", "key").order_by("-number")[:VERSIONS_SHOWN])
        asked = request.GET.get("version", "")
        chosen = next((one for one in shown if str(one.pk) == asked), None)
        if asked and chosen is None:
            raise Http404
        newest = next(one for one in shown if one.number == article.head)
        return self.render(
            article=article,
            versions=[version_item(one) for one in shown],
            chosen=version_item(chosen) if chosen else None,
            difference=compared(text_of(chosen), text_of(newest)) if chosen else [],
        )


class Restoring(KnowledgePage):
    """An old version that becomes the newest again."""

    @allow(member="articles.create")
    def post(self, request: HttpRequest, article_id: UUID, version_id: UUID) -> HttpResponse:
        """Make an old version's text the newest."""
        article = self.article(article_id)
        version = ArticleVersion.objects.visible_to(self.actor).filter(article=article, pk=version_id).first()
        if version is None:
            raise Http404
        actions.restore(article, version, by=self.actor)
        return redirect(f"{reverse('article', args=[article.pk])}?saved=restored")


class HelpCenterPage(KnowledgePage):
    """The help centre's settings."""

    template = "knowledge/help_center.html"

    @allow(member="settings.workspace")
    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the settings."""
        center = HelpCenter.objects.visible_to(self.actor).first()
        form = HelpCenterForm(instance=center) if center else None
        return self.render(form=form, center=center, saved="saved" in request.GET)

    @allow(member="settings.workspace")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Change them. Where there is no help centre yet one is made."""
        if "make" in request.POST:
            ensure_help_center(self.actor.workspace_id)
            return redirect("settings-help-center")
        form = HelpCenterForm(request.POST, instance=HelpCenter.objects.visible_to(self.actor).first())
        if form.is_valid():
            try:
                changes: dict[str, Any] = {name: form.cleaned_data[name] for name in form.fields}
                change_help_center(self.actor.workspace_id, changes, by=self.actor)
                return redirect(f"{reverse('settings-help-center')}?saved")
            except AddressTaken as error:
                form.add_error("slug", str(error))
            except ValidationError as error:
                form.add_error("slug", error)
        return self.render(status=422, form=form, center=HelpCenter.objects.visible_to(self.actor).first())


@fill("rail")
def rail_link(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Offer the way to the articles to whoever may read them."""
    return ("knowledge/rail.html", {}) if isinstance(actor, Member) and "articles.read" in actor.held else None


@fill("settings.links")
def settings_link(actor: Actor) -> tuple[str, dict[str, Any]] | None:
    """Offer the way to the help centre's settings to whoever may change them."""
    return ("knowledge/link.html", {}) if isinstance(actor, Member) and "settings.workspace" in actor.held else None
