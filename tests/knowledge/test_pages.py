"""The knowledge base's pages in the dashboard, without JavaScript."""

from __future__ import annotations

import pytest

from apps.knowledge.models import Article, ArticleVersion
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import SignedIn
from tests.database import nothing_happens
from tests.pages.browsing import page, submit, text_of

pytestmark = pytest.mark.django_db


def test_an_article_is_begun_written_and_published(owner: SignedIn) -> None:
    address = submit(owner, "/knowledge/new/")["Location"]
    assert submit(owner, address, title="Returns", body="Send it\r\n**back**.", base="1").status_code == 302
    shown = page(owner, address).content.decode()
    assert "<strong>back</strong>" in shown
    submit(owner, f"{address}status/", status="published")
    row = Article.objects.get()
    assert (row.title, row.body, row.status) == ("Returns", "Send it\n**back**.", "published")
    assert "Returns" in text_of(page(owner, "/knowledge/", status="published"))
    assert "No article found" in text_of(page(owner, "/knowledge/", q="zebra"))


def test_the_second_of_two_writers_sees_the_difference_and_both_texts(owner: SignedIn, workspace: Workspace) -> None:
    article = factories.make_article(workspace, body="First line")
    address = f"/knowledge/articles/{article.pk}/"
    other = callers.signed_in(workspace, "admin", name="Grace")
    submit(other, address, title="Returns", body="Their line", base="1")
    answer = submit(owner, address, title="Returns", body="My line", base="1")
    shown = text_of(answer)
    assert answer.status_code == 409
    assert "Grace saved a newer version while you were writing" in shown
    for words in ("<del>Their line</del>", "<ins>My line</ins>", 'name="base" value="2"'):
        assert words in answer.content.decode()
    assert set(ArticleVersion.objects.values_list("body", flat=True)) == {"First line", "Their line", "My line"}


def test_what_cannot_be_saved_is_said_beside_its_field_and_nothing_is_lost(
    owner: SignedIn, workspace: Workspace
) -> None:
    article = factories.make_article(workspace)
    address = f"/knowledge/articles/{article.pk}/"
    with nothing_happens():
        answer = submit(owner, address, title="", body="What I wrote", base="1")
    assert answer.status_code == 422
    assert "What I wrote" in text_of(answer)
    assert 'id="id_title_error"' in answer.content.decode()
    with nothing_happens():
        assert submit(owner, f"{address}status/", status="scheduled").status_code == 422
        assert submit(owner, f"{address}details/", audience="everybody", slug="x", language="en").status_code == 422


def test_details_are_changed_together(owner: SignedIn, workspace: Workspace) -> None:
    article = factories.make_article(workspace)
    writer = factories.make_member(workspace, "admin")
    said = {"audience": "visitors", "slug": "sending-back", "language": "de", "tags": "orders, money,orders"}
    submit(owner, f"/knowledge/articles/{article.pk}/details/", **said, authors=[str(writer.pk)], collection="")
    article.refresh_from_db()
    assert (article.audience, article.slug, article.language) == ("visitors", "sending-back", "de")
    assert article.tags == ["orders", "money"]
    assert list(article.authors.all()) == [writer]


def test_a_version_shows_what_changed_since_and_becomes_the_newest_again(owner: SignedIn, workspace: Workspace) -> None:
    article = factories.make_article(workspace, body="Old")
    submit(owner, f"/knowledge/articles/{article.pk}/", title="Returns", body="New", base="1")
    first = ArticleVersion.objects.get(number=1)
    address = f"/knowledge/articles/{article.pk}/versions/"
    shown = page(owner, address, version=str(first.pk)).content.decode()
    assert "<del>Old</del>" in shown
    assert "<ins>New</ins>" in shown
    submit(owner, f"{address}{first.pk}/restore/")
    assert ArticleVersion.objects.get(number=3).body == "Old"
    assert page(owner, address, version="nothing").status_code == 404


def test_who_only_reads_is_offered_nothing_else(workspace: Workspace) -> None:
    article = factories.make_article(workspace)
    viewer = callers.signed_in(workspace, "viewer")
    shown = page(viewer, f"/knowledge/articles/{article.pk}/").content.decode()
    for offered in ("/details/", "/status/", "/delete/", "data-save"):
        assert offered not in shown
    assert "New article" not in text_of(page(viewer, "/knowledge/"))


def test_the_help_centre_is_opened_and_changed_in_the_settings(owner: SignedIn) -> None:
    assert "Open a help centre" in text_of(page(owner, "/settings/help-center/"))
    submit(owner, "/settings/help-center/", make="")
    said = {"title": "Shop help", "tagline": "Ask", "slug": "shop-help", "language": "en", "mode": "restricted"}
    assert submit(owner, "/settings/help-center/", **said).status_code == 302
    assert "/help/shop-help/" in text_of(page(owner, "/settings/help-center/"))
    with nothing_happens():
        bad = submit(owner, "/settings/help-center/", **{**said, "slug": "Not an address"})
    assert bad.status_code == 422
