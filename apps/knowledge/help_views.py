"""The public help centre: pages that anybody reads, without a cookie and without JavaScript."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.conf import settings
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.safestring import SafeString, mark_safe

from apps.core import files, limits
from apps.core.access import Actor, allow
from apps.core.isolation import scopes
from apps.core.limits import Limit, Limited
from apps.core.network import request_address
from apps.core.views import Page
from apps.knowledge import assets, feedback, reading
from apps.knowledge.collections import path_of
from apps.knowledge.help_center import entered
from apps.knowledge.languages import name_of
from apps.knowledge.markup import rendered, summary_of
from apps.knowledge.models import Article, ArticleQuerySet, Asset, Collection, HelpCenter, OldSlug
from apps.knowledge.retrieval import gaps
from apps.knowledge.search import find
from apps.knowledge.theme import theme_of
from apps.workspaces.models import Messenger, Workspace

READER_COOKIE = "help_reader"
READER_SECONDS = 365 * 24 * 3600
FOUND = 20
LOOSE_SHOWN = 50
ON_A_PAGE = 50
SITEMAP_URLS = 50_000


class HelpPage(Page):
    """A page of a help centre that its reader may see."""

    center: HelpCenter
    workspace: Workspace
    readable: ArticleQuerySet
    language: str
    limit: Limit = limits.HELP_PAGES

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            limits.spend(self.limit, limits.address_subject(request_address(request)))
        except Limited as limited:
            text = "Too many requests. Wait a moment."
            return HttpResponse(text, "text/plain", 429, headers={"Retry-After": str(limited.retry_after)})
        return super().dispatch(request, *args, **kwargs)

    def open(self, address: str) -> None:
        """Find the help centre at an address, whose pages these are. Raises Http404, also for what isn't open to this reader."""
        center, actor = entered(address), self.reader
        if center is None or not reading.is_open_to(center, actor):
            raise Http404
        self.center, self.workspace = center, center.workspace
        self.readable = reading.readable(center, actor)
        asked = self.request.GET.get("language", "")[:10]
        self.language = asked or center.language

    @property
    def reader(self) -> Actor | None:
        return getattr(self, "actor", None)

    def show(self, status: int = 200, fragment: str = "", **context: Any) -> HttpResponse:
        """Render the page for its reader; a copy that is still right is answered with 304."""
        context |= {
            "center": self.center,
            "title_of_center": self.center.title or self.workspace.name,
            "language": self.language,
            "languages": self.languages(),
            "home": self.at("help"),
            "canonical": settings.PUBLIC_URL + self.request.path,
            "carried": f"?{urlencode({'language': self.language})}" if self.language != self.center.language else "",
        }
        response = self.render(fragment, status, **context)
        return self.kept(response)

    def kept(self, response: HttpResponse) -> HttpResponse:
        """Let browsers keep an answer as long as they ask whether it is still right; what a member is shown is kept by nobody."""
        response.headers["Cache-Control"] = "no-store" if self.reader else "public, no-cache"
        if response.status_code != 200:
            return response
        etag = quote_etag(hashlib.sha256(response.content).hexdigest()[:32])
        response.headers["ETag"] = etag
        fresh: Any = get_conditional_response(self.request, etag=etag, response=response)
        return fresh  # type: ignore[no-any-return]

    def languages(self) -> list[tuple[str, str]]:
        """Return the languages there is something to read in, each with its own name for itself."""
        found = self.readable.order_by().values_list("language", flat=True).distinct()
        return [(code, name_of(code)) for code in sorted(found)]

    def at(self, name: str, *args: Any) -> str:
        return reverse(name, args=[self.center.slug, *args])

    def shelves(self) -> tuple[list[reading.Shelf], list[Article]]:
        """Return what there is to read, by collection, and what lies in none, in the reader's language where there is a translation."""
        rows = self.readable.defer("search", "body").order_by("position", "pk")
        shown = reading.in_language(rows, self.language, self.center.language)
        collections = list(Collection.objects.filter(workspace_id=self.workspace.pk))
        return reading.shelves(shown, collections), [one for one in shown if one.collection_id is None]


class Home(HelpPage):
    """The first page: search, collections, and what lies in none."""

    template = "help/home.html"

    @allow(public=True)
    def get(self, request: HttpRequest, center: str) -> HttpResponse:
        """Show the help centre."""
        self.open(center)
        if center != self.center.slug:
            return redirect("help", self.center.slug, permanent=True)
        shelves, loose = self.shelves()
        return self.show(shelves=shelves, loose=loose[:LOOSE_SHOWN])


class CollectionPage(HelpPage):
    """A collection: what lies in it, and the collections within it."""

    template = "help/collection.html"

    @allow(public=True)
    def get(self, request: HttpRequest, center: str, slug: str) -> HttpResponse:
        """Show the collection. An old slug leads to the new one."""
        self.open(center)
        collections = {one.pk: one for one in Collection.objects.filter(workspace_id=self.workspace.pk)}
        collection = next((one for one in collections.values() if one.slug == slug), None)
        shelves, _ = self.shelves()
        if collection is None:
            return self._moved(slug, shelves)
        shelf = reading.found_shelf(shelves, collection.pk)
        if shelf is None:
            raise Http404
        pages = Paginator(shelf.articles, ON_A_PAGE)
        return self.show(
            shelf=shelf, page=pages.get_page(request.GET.get("page")), path=path_of(collection, collections)[:-1]
        )

    def _moved(self, slug: str, shelves: Sequence[reading.Shelf]) -> HttpResponse:
        old = OldSlug.objects.filter(workspace_id=self.workspace.pk, slug=slug, collection__isnull=False)
        found = old.select_related("collection").first()
        if found is None or found.collection is None or reading.found_shelf(shelves, found.collection.pk) is None:
            raise Http404
        return redirect("help-collection", self.center.slug, found.collection.slug, permanent=True)


class ArticlePage(HelpPage):
    """An article: its text with contents, what is related, and whether it helped."""

    template = "help/article.html"

    def article(self, slug: str) -> Article | None:
        """Return the article at a slug that the reader may see."""
        return self.readable.defer("search").filter(slug=slug).first()

    def moved(self, slug: str) -> Article:
        """Return the article that was at a slug before. Raises Http404."""
        old = OldSlug.objects.filter(workspace_id=self.workspace.pk, slug=slug, article__isnull=False)
        found = self.readable.filter(pk__in=old.values("article_id")).first()
        if found is None:
            raise Http404
        return found

    @allow(public=True)
    def get(self, request: HttpRequest, center: str, slug: str) -> HttpResponse:
        """Show the article. An old slug leads to the new one."""
        self.open(center)
        article = self.article(slug)
        if article is None:
            return redirect("help-article", self.center.slug, self.moved(slug).slug, permanent=True)
        self.language = article.language
        text = rendered(article.body, reading.places(self.center, article, self.readable))
        collections = {one.pk: one for one in Collection.objects.filter(workspace_id=self.workspace.pk)}
        translations = self.readable.filter(translations=article.translations).only("slug", "language", "translations")
        others = [(one.language, name_of(one.language), self.at("help-article", one.slug)) for one in translations]
        summary = summary_of(article.summary, article.body)
        path = path_of(collections.get(article.collection_id) if article.collection_id else None, collections)
        return self.show(
            article=article,
            text=text,
            contents=[heading for heading in text.headings if heading.level <= 3],
            path=path,
            summary=summary,
            related=reading.related(article, self.readable),
            translations=sorted(others) if len(others) > 1 else [],
            authors=[one.label for one in article.authors.select_related("user")],
            data=self._data(article, summary, path),
        )

    def _data(self, article: Article, summary: str, path: Sequence[Collection]) -> SafeString:
        """Return what search engines read of an article, as JSON-LD."""
        address = settings.PUBLIC_URL + self.at("help-article", article.slug)
        crumbs = [(self.center.title or self.workspace.name, self.at("help"))]
        crumbs += [(one.name, self.at("help-collection", one.slug)) for one in path]
        said = [
            {
                "@context": "https://schema.org",
                "@type": "TechArticle",
                "headline": article.title,
                "description": summary,
                "inLanguage": article.language,
                "datePublished": article.published_at.isoformat() if article.published_at else None,
                "dateModified": article.changed_at.isoformat(),
                "mainEntityOfPage": address,
                "publisher": {"@type": "Organization", "name": self.workspace.name},
            },
            {
                "@context": "https://schema.org",
                "@type": "BreadcrumbList",
                "itemListElement": [
                    {"@type": "ListItem", "position": n, "name": name, "item": settings.PUBLIC_URL + url}
                    for n, (name, url) in enumerate(crumbs, 1)
                ],
            },
        ]
        text = json.dumps(said, ensure_ascii=False)
        return mark_safe(re.sub("[<>&]", lambda match: f"\\u{ord(match.group()):04x}", text))  # noqa: S308 - no markup is left


class FeedbackForm(forms.Form):
    """Whether an article helped, and what was missing."""

    helpful = forms.TypedChoiceField(
        label="Did this answer your question?",
        choices=[("yes", "Yes"), ("no", "No")],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(
        label="What could be better?",
        required=False,
        max_length=limits.FEEDBACK_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class FeedbackPage(ArticlePage):
    """Whether an article helped. Only here is a cookie set, when somebody answers: so that they are counted once."""

    template = "help/feedback.html"

    @allow(public=True)
    def get(self, request: HttpRequest, center: str, slug: str) -> HttpResponse:
        """Ask; ``helpful`` chooses an answer beforehand."""
        form = FeedbackForm(initial={"helpful": request.GET.get("helpful", "")})
        return self._page(center, slug, form)

    @allow(public=True)
    def post(self, request: HttpRequest, center: str, slug: str) -> HttpResponse:
        """Keep the answer: one a browser, the last one counts."""
        form = FeedbackForm(request.POST)
        if not form.is_valid():
            return self._page(center, slug, form, status=422)
        try:
            limits.spend(limits.HELP_FEEDBACK, limits.address_subject(request_address(request)))
        except Limited:
            form.add_error(None, "Too many answers from here. Try again later.")
            return self._page(center, slug, form, status=429)
        self.open(center)
        article = self.article(slug) or self.moved(slug)
        kept = request.COOKIES.get(READER_COOKIE, "")
        browser = kept if feedback.BROWSER.fullmatch(kept) else feedback.new_browser()
        feedback.answer(
            article, helpful=form.cleaned_data["helpful"], comment=form.cleaned_data["comment"], who=browser
        )
        response = self._page(center, slug, form, thanked=True)
        response.set_cookie(
            READER_COOKIE,
            browser,
            max_age=READER_SECONDS,
            path="/help/",
            secure=settings.HTTPS,
            httponly=True,
            samesite="Lax",
        )
        return response

    def _page(self, center: str, slug: str, form: FeedbackForm, status: int = 200, **context: Any) -> HttpResponse:
        self.open(center)
        article = self.article(slug) or self.moved(slug)
        response = self.show(status, article=article, form=form, **context)
        response.headers["Cache-Control"] = "no-store"
        return response


class Search(HelpPage):
    """What is found. ``X-Fragment: found`` asks for the list only."""

    template = "help/search.html"
    limit = limits.HELP_SEARCHES

    @allow(public=True)
    def get(self, request: HttpRequest, center: str) -> HttpResponse:
        """Search the help centre."""
        self.open(center)
        q = request.GET.get("q", "")[: limits.QUERY_CHARACTERS].strip()
        among = self.readable
        found = find(self.reader, q, 2 * FOUND, among=among) if q else []
        if q and not found:
            gaps.record(self.workspace.pk, q)
        kept = {
            one.pk for one in reading.in_language([hit.article for hit in found], self.language, self.center.language)
        }
        fragment = "found" if request.headers.get("X-Fragment") == "found" else ""
        return self.show(fragment=fragment, q=q, found=[hit for hit in found if hit.article.pk in kept][:FOUND])


class Sitemap(HelpPage):
    """Every page there is, for search engines."""

    template = "help/sitemap.xml"

    @allow(public=True)
    def get(self, request: HttpRequest, center: str) -> HttpResponse:
        """List the addresses of what everybody may read."""
        self.open(center)
        rows = self.readable.only("slug", "changed_at", "language", "translations", "collection_id")
        articles = list(rows.order_by("pk")[:SITEMAP_URLS])
        shelves = reading.shelves(articles, list(Collection.objects.filter(workspace_id=self.workspace.pk)))
        response = self.render(
            root=settings.PUBLIC_URL, center=self.center, articles=articles, collections=_flat(shelves)
        )
        response.headers["Content-Type"] = "application/xml; charset=utf-8"
        return self.kept(response)


def _flat(shelves: Sequence[reading.Shelf]) -> list[Collection]:
    return [one for shelf in shelves for one in (shelf.collection, *_flat(shelf.shelves))]


class Theme(HelpPage):
    """The workspace's colour, as a style sheet: pages have nothing inline."""

    @allow(public=True)
    def get(self, request: HttpRequest, center: str) -> HttpResponse:
        """Return the style sheet."""
        self.open(center)
        color = Messenger.objects.filter(workspace_id=self.workspace.pk).values_list("primary_color", flat=True).first()
        return self.kept(HttpResponse(theme_of(color or "#1f5eff"), "text/css; charset=utf-8"))


class AssetFile(HelpPage):
    """A picture or file that an article for everybody shows."""

    @allow(public=True)
    def get(self, request: HttpRequest, center: str, asset_id: UUID, name: str) -> HttpResponseBase:
        """Hand out the file, for as long as an article shows it."""
        self.open(center)
        asset = Asset.objects.visible_to(None).filter(workspace_id=self.workspace.pk, pk=asset_id).first()
        if asset is None:
            raise Http404
        response = served(asset)
        response.headers["Cache-Control"] = "public, max-age=300"
        return response


class SignedAsset(Page):
    """A picture or file, for whoever holds an address signed less than five minutes ago."""

    @allow(public=True)
    def get(self, request: HttpRequest, token: str, name: str) -> HttpResponseBase:
        """Hand out the file."""
        if (opened := assets.opened(token)) is None:
            raise Http404
        with scopes.workspace(opened[0]):
            asset = Asset.objects.filter(pk=opened[1]).first()
        if asset is None:
            raise Http404
        return served(asset)


def served(asset: Asset) -> HttpResponseBase:
    """Return a file with the headers that keep it from being anything else. Raises Http404."""
    try:
        content = asset.file.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(content, content_type=asset.content_type)
    # FileResponse makes up a disposition of its own from the stored name: ours must come last.
    for name, value in files.headers(asset.name, asset.content_type).items():
        response.headers[name] = value
    return response
