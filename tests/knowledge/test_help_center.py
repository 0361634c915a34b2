"""The help centre: who reads what there, under which address, and what it tells those who may not."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.conf import settings

from apps.core.isolation import scopes
from apps.knowledge import actions, collections, feedback, search
from apps.knowledge.actions import Text
from apps.knowledge.models import Article, ArticleFeedback, HelpCenter
from apps.visitors.models import Visitor
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import SignedIn, nobody
from tests.database import nothing_happens
from tests.pages.browsing import page, submit, text_of
from tests.security.scene import PICTURE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

PAGE_BYTES = 30_000


def at(caller: Any, path: str = "", **params: Any) -> Any:
    """Read a page of the shop's help centre, as a request finds it: within no workspace."""
    with scopes.closed():
        return page(caller, f"/help/shop/{path}", **params)


def said(response: Any) -> str:
    """Return what an answer says, without the token that differs each time."""
    return re.sub(r'name="csrf-token" content="[^"]*"', "", response.content.decode())


def close(workspace: Workspace) -> None:
    HelpCenter.objects.filter(workspace=workspace).update(mode="restricted")


def test_what_is_published_for_everybody_is_read_by_everybody_without_a_cookie(workspace: Workspace) -> None:
    orders = collections.make_collection(workspace.pk, "Orders", by=factories.owner_of(workspace))
    factories.make_article(workspace, "Returns", "Send it **back**.", collection=orders)
    for path, says in (("", "Orders"), ("collections/orders/", "Returns"), ("articles/returns/", "Send it back")):
        answer = at(nobody(), path)
        assert answer.status_code == 200
        assert says in text_of(answer)
        assert not answer.cookies
        assert len(answer.content) < PAGE_BYTES
        assert '<script type="module"' in answer.content.decode()


@pytest.mark.parametrize("audience", ["internal", "visitors"])
def test_what_is_not_for_everybody_is_as_if_it_never_was(workspace: Workspace, audience: str) -> None:
    orders = collections.make_collection(workspace.pk, "Orders", by=factories.owner_of(workspace))
    factories.make_article(workspace, "CANARY", "CANARY", collection=orders, audience=audience)
    never = at(nobody(), "articles/never-was/")
    for path in ("articles/canary/", "articles/canary/feedback/", "collections/orders/"):
        answer = at(nobody(), path)
        assert (answer.status_code, said(answer)) == (404, said(never))
    for path in ("", "search/?q=canary", "sitemap.xml"):
        assert "canary" not in at(nobody(), path).content.decode().lower().replace('value="canary"', "").replace(
            "“canary”", ""
        ).replace("<title>canary", "")


def test_a_draft_and_what_is_written_after_publishing_are_not_shown(workspace: Workspace) -> None:
    factories.make_article(workspace, "Draft", publish=False)
    article = factories.make_article(workspace, "Returns", "Old words")
    actions.save_text(article, Text("Returns", "", "New words"), base=1, by=factories.owner_of(workspace))
    assert at(nobody(), "articles/draft/").status_code == 404
    assert "Old words" in text_of(at(nobody(), "articles/returns/"))
    assert "New words" not in text_of(at(nobody(), "search/", q="words"))
    actions.unpublish(article, by=factories.owner_of(workspace))
    assert at(nobody(), "articles/returns/").status_code == 404


def test_members_read_there_what_signed_in_visitors_do_and_nothing_internal(workspace: Workspace) -> None:
    factories.make_article(workspace, "For visitors", audience="visitors")
    factories.make_article(workspace, "For us", audience="internal")
    agent, stranger = callers.signed_in(workspace), callers.signed_in(factories.make_workspace("Elsewhere"), "owner")
    assert at(agent, "articles/for-visitors/").status_code == 200
    assert at(agent, "articles/for-us/").status_code == 404
    assert at(stranger, "articles/for-visitors/").status_code == 404


def test_a_restricted_help_centre_is_closed_to_strangers_and_open_to_members(workspace: Workspace) -> None:
    factories.make_article(workspace)
    assert at(nobody(), "articles/returns/").status_code == 200
    close(workspace)
    for path in ("", "articles/returns/", "search/", "sitemap.xml", "theme.css"):
        assert at(nobody(), path).status_code == 404
        assert at(callers.signed_in(factories.make_workspace("Elsewhere"), "owner"), path).status_code == 404
        assert at(callers.signed_in(workspace), path).status_code == 200


def test_only_the_proven_among_visitors_read_what_is_for_signed_in_visitors(workspace: Workspace) -> None:
    for audience in ("public", "visitors", "internal"):
        factories.make_article(workspace, audience, audience=audience)
    factories.make_article(factories.make_workspace("Elsewhere"), "theirs")
    visitor = factories.make_visitor(workspace)

    def readable(actor: Any) -> set[str]:
        return set(Article.objects.visible_to(actor).values_list("title", flat=True))

    assert readable(visitor) == {"public"}
    Visitor.objects.filter(pk=visitor.pk).update(external_id="u1", proven_at=workspace.created_at)
    visitor.refresh_from_db()
    assert readable(visitor) == {"public", "visitors"}
    assert {hit.article.title for hit in search.find(visitor, "internal visitors public", 10)} == {"public", "visitors"}
    close(workspace)
    assert readable(visitor) == {"public", "visitors"}


def test_an_old_address_leads_to_the_new_one(workspace: Workspace, owner: SignedIn) -> None:
    collection = collections.make_collection(workspace.pk, "Orders", by=owner.member)
    article = factories.make_article(workspace, collection=collection)
    owner.patch(f"/articles/{article.pk}", {"slug": "sending-back"})
    owner.patch(f"/collections/{collection.pk}", {"slug": "parcels"})
    for old, new in (("articles/returns/", "articles/sending-back/"), ("collections/orders/", "collections/parcels/")):
        answer = at(nobody(), old)
        assert (answer.status_code, answer["Location"]) == (301, f"/help/shop/{new}")
    owner.patch(f"/articles/{article.pk}", {"audience": "internal"})
    assert at(nobody(), "articles/returns/").status_code == 404


def test_a_link_between_articles_leads_where_the_other_is_now_and_to_nothing_that_is_hidden(
    workspace: Workspace, owner: SignedIn
) -> None:
    other = factories.make_article(workspace, "Refunds")
    hidden = factories.make_article(workspace, "Hidden", audience="internal")
    factories.make_article(workspace, "Returns", f"[money](article:{other.pk}) and [secret](article:{hidden.pk})")
    owner.patch(f"/articles/{other.pk}", {"slug": "money-back"})
    shown = at(nobody(), "articles/returns/").content.decode()
    assert '<a href="/help/shop/articles/money-back/">money</a> and secret' in shown
    assert str(hidden.pk) not in shown


def test_a_picture_is_open_as_long_as_an_article_for_everybody_shows_it(workspace: Workspace, owner: SignedIn) -> None:
    asset = factories.make_asset(workspace, PICTURE)
    address = f"files/{asset.pk}/bike.png"
    assert at(nobody(), address).status_code == 404
    article = factories.make_article(workspace, "Bike", f"![A bike](asset:{asset.pk})")
    assert f'src="{settings.FILES_URL}/help/shop/{address}"' in at(nobody(), "articles/bike/").content.decode()
    answer = at(nobody(), address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert "sandbox" in answer["Content-Security-Policy"]
    owner.patch(f"/articles/{article.pk}", {"audience": "internal"})
    assert at(nobody(), address).status_code == 404


def test_a_picture_of_an_article_that_is_not_for_everybody_has_an_address_for_a_few_minutes(
    workspace: Workspace,
) -> None:
    asset = factories.make_asset(workspace, PICTURE)
    factories.make_article(workspace, "Bike", f"![A bike](asset:{asset.pk})", audience="visitors")
    shown = at(callers.signed_in(workspace), "articles/bike/").content.decode()
    address = re.search(r'src="([^"]*/knowledge-files/[^"]+)"', shown)
    assert address is not None
    path = address.group(1).removeprefix(settings.FILES_URL)
    assert nobody().client.get(path).status_code == 200
    assert nobody().client.get(path.replace("knowledge-files/", "knowledge-files/x")).status_code == 404


def test_a_copy_that_is_still_right_is_not_sent_again(workspace: Workspace) -> None:
    article = factories.make_article(workspace)
    etag = at(nobody(), "articles/returns/")["ETag"]
    with scopes.closed():
        again = nobody().client.get("/help/shop/articles/returns/", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    by = factories.owner_of(workspace)
    actions.save_text(article, Text("Returns", "", "Changed"), base=1, by=by)
    actions.publish(article, by=by)
    with scopes.closed():
        fresh = nobody().client.get("/help/shop/articles/returns/", headers={"If-None-Match": etag})
    assert fresh.status_code == 200


def test_search_engines_read_what_an_article_is(workspace: Workspace) -> None:
    factories.make_article(workspace, "</script><b>Returns", "How to.", summary="In a week & free")
    slug = Article.objects.get().slug
    shown = at(nobody(), f"articles/{slug}/").content.decode()
    data = re.search(r'<script type="application/ld\+json">(.*?)</script>', shown)
    assert data is not None
    assert json.loads(data.group(1))[0]["headline"] == "</script><b>Returns"
    address = f"{settings.PUBLIC_URL}/help/shop/articles/{slug}/"
    assert f'<link rel="canonical" href="{address}">' in shown
    assert '<meta property="og:description" content="In a week &amp; free">' in shown
    assert f"<loc>{address}</loc>" in at(nobody(), "sitemap.xml").content.decode()


def test_search_finds_words_from_their_start_marks_them_and_prefers_titles(workspace: Workspace) -> None:
    factories.make_article(workspace, "Parcels", "About our vans.")
    factories.make_article(workspace, "Vans", "How <b>parcels</b> travel.")
    factories.make_article(workspace, "Other", "Nothing of it.")
    answer = at(nobody(), "search/", q="parc")
    shown = answer.content.decode()
    assert shown.index("<mark>Parcels</mark>") < shown.index("<mark>parcels</mark>")
    assert "<b>" not in shown
    assert "Other" not in text_of(answer)
    assert "Nothing was found" in text_of(at(nobody(), "search/", q="zebra"))
    with scopes.closed():
        part = page(nobody(), "/help/shop/search/", fragment="found", q="parc").content.decode()
    assert part.lstrip().startswith('<div id="found">')


@pytest.mark.parametrize("q", ["'", "a & | ! :*", "\\", "%", "(((", "x" * 500])
def test_search_takes_whatever_is_typed(workspace: Workspace, q: str) -> None:
    factories.make_article(workspace)
    assert at(nobody(), "search/", q=q).status_code == 200


def test_an_article_is_read_in_the_language_asked_for_and_else_in_the_one_there_is(workspace: Workspace) -> None:
    orders = collections.make_collection(workspace.pk, "Orders", by=factories.owner_of(workspace))
    english = factories.make_article(workspace, "Returns", collection=orders)
    factories.make_article(workspace, "Rückgabe", language="de", translation_of=english)
    factories.make_article(workspace, "Sizes", collection=orders)
    german = text_of(at(nobody(), "collections/orders/", language="de"))
    assert "Rückgabe" in german
    assert "Sizes" in german
    assert "Returns" not in german
    assert "Rückgabe" not in text_of(at(nobody(), "collections/orders/"))
    shown = at(nobody(), "articles/ruckgabe/").content.decode()
    assert '<html lang="de">' in shown
    assert 'hreflang="en" href="/help/shop/articles/returns/"' in shown


def test_a_browser_says_once_whether_an_article_helped_and_may_change_its_mind(workspace: Workspace) -> None:
    article = factories.make_article(workspace)
    browser = nobody()
    address = "/help/shop/articles/returns/feedback/"
    assert submit(browser, address, helpful="no", comment="Which box?").status_code == 200
    assert submit(browser, address, helpful="yes").status_code == 200
    assert submit(nobody(), address, helpful="no").status_code == 200
    assert feedback.counted(article) == feedback.Counted(helpful=1, unhelpful=1)
    cookie = browser.client.cookies["help_reader"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/help/")


@pytest.mark.parametrize("said", [{}, {"helpful": "maybe"}, {"helpful": "no", "comment": "x" * 1001}])
def test_an_answer_that_says_nothing_is_refused(workspace: Workspace, said: dict[str, str]) -> None:
    factories.make_article(workspace)
    with nothing_happens():
        assert submit(nobody(), "/help/shop/articles/returns/feedback/", **said).status_code == 422


def test_a_visitors_two_answers_become_one_when_two_visitors_do(workspace: Workspace, owner: SignedIn) -> None:
    article = factories.make_article(workspace)
    one, other = factories.make_visitor(workspace), factories.make_visitor(workspace)
    feedback.answer(article, helpful=True, comment="", who=one)
    feedback.answer(article, helpful=False, comment="", who=other)
    assert owner.post(f"/visitors/{one.pk}/merges", {"other": str(other.pk)}).status_code == 201
    assert ArticleFeedback.objects.count() == 1


def test_an_address_belongs_to_one_help_centre(workspace: Workspace, owner: SignedIn) -> None:
    factories.make_article(workspace)
    elsewhere = callers.signed_in(factories.make_workspace("Elsewhere"), "owner")
    factories.make_article(elsewhere.member.workspace, "Theirs")
    with nothing_happens():
        taken = elsewhere.patch("/help-center", {"slug": "shop"})
        assert (taken.status_code, taken.json()["error"]["code"]) == (409, "address_taken")
        assert elsewhere.patch("/help-center", {"slug": "Not an address"}).status_code == 400
    assert elsewhere.patch("/help-center", {"slug": "elsewhere-help"}).status_code == 200
    with scopes.closed():
        assert "Theirs" in text_of(page(nobody(), "/help/elsewhere-help/"))
        assert page(nobody(), f"/help/{workspace.pk}/")["Location"] == "/help/shop/"
