"""Finding articles: by words, their beginnings and what was meant; by whom they may be read; and what nobody finds."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import numpy
import pytest
from django.core.management import CommandError, call_command

from apps.core.access import System
from apps.core.clock import now
from apps.core.isolation import scopes
from apps.knowledge import actions
from apps.knowledge.actions import Text
from apps.knowledge.embeddings.family import Access, Provider, Unavailable, providers
from apps.knowledge.models import Article, HelpCenter
from apps.knowledge.retrieval import gaps, indexes
from apps.knowledge.retrieval.chunks import WORDS, chunks
from apps.knowledge.retrieval.models import Chunk, Embedding, Gap
from apps.knowledge.search import find
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn, refusal
from tests.database import nothing_happens
from tests.mailing import pay_all

pytestmark = pytest.mark.django_db

TOPICS = {"money": ("refund", "money", "geld", "cashback"), "doors": ("login", "password", "tür", "sesame")}


class Topics(Provider):
    """Lays texts along the topics whose words they have: a meaning that a test can say."""

    label = "Topics"
    models = ("topics", "topics-2")

    def __init__(self) -> None:
        self.embedded: list[str] = []
        self.down = False

    def passages(self, access: Access, texts: Any) -> Any:
        if self.down:
            raise Unavailable("down")
        self.embedded += texts
        rows = [
            [1.0 if any(word in text.lower() for word in words) else 0.0 for words in TOPICS.values()] + [0.1]
            for text in texts
        ]
        return numpy.asarray(rows, dtype=numpy.float32)

    def query(self, access: Access, text: str, english: float) -> Any:
        return self.passages(access, [text])


@pytest.fixture
def topics(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Topics:
    """A workspace's embeddings are made by ``Topics``."""
    kind = Topics()
    monkeypatch.setitem(providers.all(), "topics", kind)
    settings.EMBEDDINGS = "topics"
    return kind


def published(workspace: Workspace, title: str, body: str = "", **fields: Any) -> Article:
    article = actions.make_article(workspace.pk, Text(title, body=body), by=System(), **fields)
    return actions.publish(article, by=System())


def titles(caller: Any, q: str, **params: Any) -> list[str]:
    answered = caller.get("/search/articles", q=q, **params)
    assert answered.status_code == 200, answered.content
    return [item["title"] for item in answered.json()["items"]]


@pytest.fixture
def shop(workspace: Workspace, topics: Topics) -> Workspace:
    published(workspace, "Getting a refund", "Ask within 30 days. Refunds arrive within a week of cancelling.")
    published(workspace, "Signing in", "Choose a password of ten letters.")
    return workspace


def test_words_are_found_whatever_their_endings_and_marked(shop: Workspace, agent: SignedIn) -> None:
    (item,) = agent.get("/search/articles", q="cancel refunds").json()["items"]
    assert item["title"] == "Getting a refund"
    assert item["title_html"] == "Getting a <mark>refund</mark>"
    assert "<mark>Refunds</mark> arrive within a week of <mark>cancelling</mark>." in item["passage_html"]


def test_a_word_is_found_by_its_beginning_while_it_is_typed(shop: Workspace, agent: SignedIn) -> None:
    assert titles(agent, "passw") == ["Signing in"]
    assert titles(agent, "zzyzx") == []


def test_a_mistyped_word_finds_what_was_meant(shop: Workspace, agent: SignedIn) -> None:
    assert titles(agent, "pasword") == ["Signing in"]
    assert titles(agent, "refnud") == ["Getting a refund"]


def test_what_is_marked_cannot_be_html(workspace: Workspace, topics: Topics, agent: SignedIn) -> None:
    published(workspace, "<b>Kiwi</b>", "A `<script>` of kiwi & more \x02kiwi\x03.")
    (item,) = agent.get("/search/articles", q="kiwi").json()["items"]
    assert item["title_html"] == "&lt;b&gt;<mark>Kiwi</mark>&lt;/b&gt;"
    assert "<script" not in item["passage_html"]


def test_meaning_finds_what_has_none_of_the_words(shop: Workspace, agent: SignedIn) -> None:
    assert titles(agent, "cashback") == []
    pay_all()
    assert titles(agent, "cashback") == ["Getting a refund"]
    assert titles(agent, "sesame") == ["Signing in"]


def test_each_passage_is_stemmed_in_its_own_language(workspace: Workspace, topics: Topics, agent: SignedIn) -> None:
    published(workspace, "Häuser", "Wir vermieten schöne Häuser.", language="de")
    published(workspace, "Houses", "We let beautiful houses.")
    assert titles(agent, "Haus") == ["Häuser"]
    assert titles(agent, "house") == ["Houses"]


def test_of_translations_the_one_in_the_readers_language_is_found(
    workspace: Workspace, topics: Topics, agent: SignedIn
) -> None:
    english = published(workspace, "Kiwi", "Kiwi kiwi.")
    german = actions.make_article(
        workspace.pk, Text("Kiwi auf Deutsch", body="Kiwi."), by=System(), language="de", translation_of=english
    )
    actions.publish(german, by=System())
    assert titles(agent, "kiwi", language="de") == ["Kiwi auf Deutsch"]
    assert titles(agent, "kiwi", language="en") == ["Kiwi"]
    assert titles(agent, "kiwi", language="fr") == ["Kiwi"]


def test_only_what_somebody_may_read_is_found(
    shop: Workspace, topics: Topics, agent: SignedIn, visitor: Booted
) -> None:
    for audience in (Article.Audience.INTERNAL, Article.Audience.VISITORS):
        published(shop, f"Refund, {audience}", "refund", audience=audience)
    actions.make_article(shop.pk, Text("Refund, a draft", body="refund"), by=System())
    stranger = factories.make_workspace("Other")
    published(stranger, "Refund, another's", "refund")
    pay_all()
    for q in ("refund", "cashback"):
        assert set(titles(agent, q)) == {"Getting a refund", "Refund, internal", "Refund, visitors"}
        assert titles(visitor, q) == ["Getting a refund"]
    assert titles(callers.booted(stranger), "refund") == ["Refund, another's"]
    with scopes.workspace(shop.pk):
        assert [one.article.title for one in find(None, "refund", 10)] == ["Getting a refund"]
        HelpCenter.objects.update(mode=HelpCenter.Mode.RESTRICTED)
        assert find(None, "refund", 10) == [], "a restricted help centre is read by nobody in particular"


def test_what_is_taken_back_is_gone_at_once(shop: Workspace, agent: SignedIn) -> None:
    pay_all()
    article = Article.objects.get(title="Getting a refund")
    assert titles(agent, "refund") == ["Getting a refund"]
    actions.unpublish(article, by=System())
    assert titles(agent, "refund") == titles(agent, "cashback") == []
    assert not Chunk.objects.filter(article=article).exists()
    assert Embedding.objects.count() == 1, "the other article's"


def test_only_what_reads_otherwise_is_embedded_again(workspace: Workspace, topics: Topics) -> None:
    body = "# One\n\nAbout money.\n\n# Two\n\nAbout doors.\n\n# Three\n\nAbout nothing."
    article = published(workspace, "Three parts", body)
    pay_all()
    assert len(topics.embedded) == 3
    del topics.embedded[:]
    article = actions.save_text(
        article, Text("Three parts", body="# New\n\nFirst.\n\n" + body.replace("doors", "windows")), base=1, by=System()
    ).article
    actions.publish(article, by=System())
    pay_all()
    assert topics.embedded == ["Three parts › New\nFirst.", "Three parts › Two\nAbout windows."]
    rows = Chunk.objects.filter(article=article).order_by("position")
    assert [row.heading.rpartition(" › ")[2] for row in rows] == ["New", "One", "Two", "Three"]
    assert Embedding.objects.count() == 4


def test_what_served_serves_until_another_model_has_embedded_everything(
    shop: Workspace, topics: Topics, agent: SignedIn
) -> None:
    pay_all()
    before = indexes.serving(shop.pk)
    assert before is not None
    topics.down = True
    indexes.choose(shop.pk, "topics", Access("topics-2"), by=System())
    pay_all()
    assert indexes.serving(shop.pk) == before
    assert titles(agent, "refund") == ["Getting a refund"], "words are found while the provider is down"
    topics.down = False
    building = shop.embedding_indexes.get(state="building")
    indexes.embed(building.pk)
    after = indexes.serving(shop.pk)
    assert after is not None
    assert (after.pk, after.model, after.size) == (building.pk, "topics-2", 2)
    assert titles(agent, "cashback") == ["Getting a refund"]
    assert set(Embedding.objects.values_list("index", flat=True)) == {after.pk}


def test_everything_is_made_anew_with_progress_while_it_serves(
    shop: Workspace, topics: Topics, agent: SignedIn
) -> None:
    pay_all()
    before = indexes.serving(shop.pk)
    Chunk.objects.filter(heading="Signing in").delete()
    assert titles(agent, "password") == []
    said = io.StringIO()
    call_command("knowledge", "reindex", stdout=said)
    assert said.getvalue() == f"{shop.pk}: 2 of 2 passages\n"
    assert titles(agent, "password") == ["Signing in"]
    after = indexes.serving(shop.pk)
    assert after is not None
    assert after != before
    assert Embedding.objects.filter(index=after).count() == Embedding.objects.count() == 2
    topics.down = True
    with pytest.raises(CommandError, match="What served goes on serving"):
        call_command("knowledge", "reindex", workspace=shop.pk, stdout=said)
    assert indexes.serving(shop.pk) == after


def test_a_long_job_lets_others_have_a_turn(shop: Workspace, topics: Topics) -> None:
    index = indexes.serving(shop.pk)
    assert index is not None
    progress = indexes.embed(index.pk, seconds=0)
    assert progress is not None
    assert (progress.done, progress.of) == (0, 2)
    pay_all()
    assert indexes.progress(index).done == 2


def test_what_nobody_finds_is_listed_without_what_says_who_asked(
    shop: Workspace, topics: Topics, agent: SignedIn, visitor: Booted
) -> None:
    for q in ("giraf", "giraffe", "Giraffe food for ada@shop.example, order 1234567, 0171 2345678"):
        assert titles(visitor, q) == []
    assert titles(agent, "giraffe food for order") == []
    listed = agent.get("/search/gaps").json()["items"]
    assert [(gap["words"], gap["times"]) for gap in listed] == [("giraffe food for order", 2)]
    assert titles(visitor, "refund")
    assert Gap.objects.count() == 1
    other = callers.signed_in(factories.make_workspace("Other"), "owner")
    assert other.get("/search/gaps").json()["items"] == []
    with nothing_happens():
        assert refusal(other.delete(f"/search/gaps/{listed[0]['id']}"))[0] == 404
        assert visitor.get("/search/gaps").status_code == 403
        assert agent.delete(f"/search/gaps/{listed[0]['id']}").status_code == 403
    assert callers.signed_in(shop, "owner").delete(f"/search/gaps/{listed[0]['id']}").status_code == 204
    assert Gap.objects.count() == 0


def test_old_gaps_are_forgotten(workspace: Workspace) -> None:
    gaps.record(workspace.pk, "giraffes")
    gaps.record(workspace.pk, "zebras")
    Gap.objects.filter(words="zebras").update(last_at=now() - timedelta(days=91))
    assert gaps.forget_old() == 1
    assert Gap.objects.get().words == "giraffes"


@pytest.mark.parametrize("query", {"q": ""}.values())
def test_an_empty_query_is_refused(workspace: Workspace, agent: SignedIn, query: str) -> None:
    with nothing_happens():
        assert agent.get("/search/articles", q=query).status_code == 400
        assert agent.get("/search/articles", q="x" * 201).status_code == 400


@pytest.mark.parametrize("query", ["'", "a'b:*&!(", "\\", "x | !y", "%", "…", "日本", "' OR 1=1 --"])
def test_no_sign_breaks_a_search(shop: Workspace, agent: SignedIn, query: str) -> None:
    pay_all()
    assert titles(agent, query) is not None


def test_passages_never_cross_a_heading_and_keep_the_headings_above() -> None:
    body = (
        "Intro.\n\n# Shipping\n\n## Abroad\n\nDays: **five**, see [prices](https://x.example).\n\n"
        "```\n# not a heading\n```\n\n# Returns\n\n| A | B |\n|---|---|\n| one | two |\n"
    )
    found = chunks("Orders", body)
    assert [(one.path, one.text) for one in found] == [
        (("Orders",), "Intro."),
        (("Orders", "Shipping", "Abroad"), "Days: five, see prices.\n# not a heading"),
        (("Orders", "Returns"), "A\nB\none\ntwo"),
    ]
    assert [one.text for one in chunks("Empty", "")] == [""]


@pytest.mark.parametrize("body", ["word " * 1000, "Ein Satz mit fünf Wörtern. " * 200, "字" * 5000, "x" * 9000])
def test_passages_are_of_one_length_and_lose_nothing(body: str) -> None:
    found = chunks("Title", body)
    assert all(one.text.count(" ") < WORDS and len(one.text) <= WORDS * 9 for one in found)
    assert "".join("".join(one.text.split()) for one in found) == "".join(body.split())
