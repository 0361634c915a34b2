"""Articles: written, kept, published, found again under every address they had."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.dateparse import parse_datetime

from apps.core import clock, effects
from apps.core.models import Effect
from apps.knowledge.models import Article, ArticleVersion, Asset
from apps.workspaces.models import Workspace
from tests import callers
from tests.callers import SignedIn, refusal
from tests.database import nothing_happens
from tests.security.scene import PICTURE, named

pytestmark = pytest.mark.django_db


def write(caller: Any, title: str = "Returns", **fields: Any) -> dict[str, Any]:
    answer = caller.post("/articles", {"title": title, **fields})
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def save(caller: Any, article: dict[str, Any], body: str, **fields: Any) -> Any:
    sent = {"title": article["title"], "body": body, "base": article["version"], **fields}
    return caller.put(f"/articles/{article['id']}/text", sent)


def publish(caller: Any, article: dict[str, Any]) -> dict[str, Any]:
    answer = caller.put(f"/articles/{article['id']}/status", {"status": "published"})
    assert answer.status_code == 200, answer.content
    published: dict[str, Any] = answer.json()
    return published


def test_an_article_begins_as_a_draft_that_its_writer_is_named_for(owner: SignedIn) -> None:
    made = write(owner, body="Send it back.")
    assert (made["status"], made["version"], made["published_version"]) == ("draft", 1, None)
    assert [author["id"] for author in made["authors"]] == [str(owner.member.pk)]
    assert owner.get("/articles").json()["items"][0]["id"] == made["id"]


def test_what_is_written_after_publishing_is_kept_and_not_shown_until_it_is_published(owner: SignedIn) -> None:
    made = publish(owner, write(owner, body="Old"))
    assert save(owner, made, "New").json() == {"version": 2}
    row = Article.objects.get()
    assert (row.body, row.has_unpublished_changes) == ("Old", True)
    assert owner.get(f"/articles/{made['id']}").json()["body"] == "New"
    publish(owner, made)
    row.refresh_from_db()
    assert (row.body, row.published_number, row.has_unpublished_changes) == ("New", 2, False)


def test_when_two_edit_the_second_is_told_and_neither_text_is_lost(owner: SignedIn, workspace: Workspace) -> None:
    other = callers.signed_in(workspace, "admin")
    made = write(owner, body="First")
    assert save(other, made, "Theirs").status_code == 200
    answer = save(owner, made, "Mine")
    assert refusal(answer) == (409, "not_newest")
    error = answer.json()["error"]
    assert (error["newest"]["body"], error["aside"]["body"]) == ("Theirs", "Mine")
    versions = owner.get(f"/articles/{made['id']}/versions").json()["items"]
    assert [(one["kind"], one["body"]) for one in versions] == [
        ("aside", "Mine"),
        ("saved", "Theirs"),
        ("saved", "First"),
    ]
    assert owner.get(f"/articles/{made['id']}").json()["body"] == "Theirs"
    assert save(owner, {**made, "version": error["newest"]["number"]}, "Both").status_code == 200
    assert owner.get(f"/articles/{made['id']}").json()["body"] == "Both"


def test_what_is_saved_while_writing_is_one_version_until_somebody_has_seen_it(owner: SignedIn) -> None:
    made = write(owner, body="A")
    for body in ("AB", "ABC"):
        made["version"] = save(owner, made, body, saving="autosaved").json()["version"]
    assert [one.body for one in ArticleVersion.objects.order_by("number")] == ["A", "ABC"]
    publish(owner, made)
    save(owner, made, "ABCD", saving="autosaved")
    assert [one.body for one in ArticleVersion.objects.order_by("number")] == ["A", "ABC", "ABCD"]


def test_the_same_text_again_writes_no_version(owner: SignedIn) -> None:
    made = write(owner, body="Same")
    assert save(owner, made, "Same").json() == {"version": 1}
    assert ArticleVersion.objects.count() == 1


def test_an_old_version_becomes_the_newest_again_and_none_is_lost(owner: SignedIn) -> None:
    made = write(owner, body="Good")
    save(owner, made, "Bad")
    first = ArticleVersion.objects.get(number=1)
    answer = owner.post(f"/articles/{made['id']}/versions/{first.pk}/restore")
    assert (answer.json()["number"], answer.json()["body"], answer.json()["kind"]) == (3, "Good", "restored")
    assert ArticleVersion.objects.count() == 3


def test_a_slug_is_free_and_an_old_one_is_never_given_to_another(owner: SignedIn) -> None:
    first = write(owner, "Returns")
    assert write(owner, "Returns")["slug"] == "returns-2"
    changed = owner.patch(f"/articles/{first['id']}", {"slug": "Sending back"}).json()
    assert changed["slug"] == "sending-back"
    assert write(owner, "Returns")["slug"] == "returns-3"
    assert owner.patch(f"/articles/{first['id']}", {"slug": "returns"}).json()["slug"] == "returns"


@pytest.mark.parametrize(
    ("title", "slug"),
    [("Größe & Maße", "große-maße"), ("Rückgabe", "ruckgabe"), ("返品について", "返品について"), ("???", "untitled")],
)
def test_a_title_in_any_script_makes_an_address(owner: SignedIn, title: str, slug: str) -> None:
    assert write(owner, title)["slug"] == slug


def test_a_scheduled_article_is_published_at_its_time_by_the_installation(owner: SignedIn) -> None:
    made = write(owner, body="Soon")
    at = clock.now() + timedelta(hours=1)
    answer = owner.put(f"/articles/{made['id']}/status", {"status": "scheduled", "publish_at": at.isoformat()})
    assert answer.json()["status"] == "scheduled"
    owed = Effect.objects.get(kind="knowledge.publish")
    assert owed.available_at == at
    effects.registry["knowledge.publish"].handler(owed)
    effects.registry["knowledge.publish"].handler(owed)
    row = Article.objects.get()
    assert (row.status, row.publish_at, row.body) == ("published", None, "Soon")


def test_an_article_taken_back_before_its_time_is_not_published(owner: SignedIn) -> None:
    made = write(owner)
    at = (clock.now() + timedelta(hours=1)).isoformat()
    owner.put(f"/articles/{made['id']}/status", {"status": "scheduled", "publish_at": at})
    owed = Effect.objects.get(kind="knowledge.publish")
    owner.put(f"/articles/{made['id']}/status", {"status": "draft"})
    assert not Effect.objects.filter(kind="knowledge.publish").exists()
    effects.registry["knowledge.publish"].handler(owed)
    assert Article.objects.get().status == "draft"


@pytest.mark.parametrize(
    "said",
    [
        {"status": "scheduled"},
        {"status": "scheduled", "publish_at": "2020-01-01T00:00:00Z"},
        {"status": "published", "publish_at": "2090-01-01T00:00:00Z"},
        {"status": "gone"},
    ],
)
def test_a_status_that_cannot_be_is_refused_and_nothing_changes(owner: SignedIn, said: dict[str, str]) -> None:
    made = write(owner)
    with nothing_happens():
        assert refusal(owner.put(f"/articles/{made['id']}/status", said)) == (400, "invalid")


def test_translations_are_one_article_in_several_languages(owner: SignedIn) -> None:
    made = write(owner, "Returns", language="en")
    german = write(owner, "Rückgabe", language="de", translation_of=made["id"])
    assert german["translations"] == made["translations"]
    with nothing_happens():
        again = owner.post("/articles", {"title": "Noch eine", "language": "de", "translation_of": made["id"]})
    assert refusal(again) == (409, "language_taken")


def test_a_deleted_article_is_gone_with_its_versions_and_its_address_is_free(owner: SignedIn) -> None:
    made = write(owner)
    assert owner.delete(f"/articles/{made['id']}").status_code == 204
    assert not ArticleVersion.objects.exists()
    assert refusal(owner.get(f"/articles/{made['id']}")) == (404, "not_found")
    assert write(owner)["slug"] == made["slug"]


def test_the_list_is_narrowed_by_status_readers_collection_and_words(owner: SignedIn) -> None:
    collection = owner.post("/collections", {"name": "Orders"}).json()
    one = publish(owner, write(owner, "Where is my parcel", collection=collection["id"]))
    two = write(owner, "How we refund", audience="internal")

    def found(**asked: str) -> list[str]:
        return [item["id"] for item in owner.get("/articles", **asked).json()["items"]]

    assert found() == [two["id"], one["id"]]
    assert found(status="published") == [one["id"]]
    assert found(audience="internal") == [two["id"]]
    assert found(collection=collection["id"]) == [one["id"]]
    assert found(q="parc") == [one["id"]]
    owner.put(f"/articles/{two['id']}/status", {"status": "archived"})
    assert found() == [one["id"]]
    assert found(status="archived") == [two["id"]]


def test_a_key_with_the_scope_writes_and_is_named_by_its_versions(owner: SignedIn) -> None:
    key = callers.keyed(owner.member, "articles.read", "articles.create")
    made = write(key, body="By a program")
    assert made["authors"] == []
    versions = owner.get(f"/articles/{made['id']}/versions").json()["items"]
    assert versions[0]["by"] == "Importer"
    with nothing_happens():
        assert key.put(f"/articles/{made['id']}/status", {"status": "published"}).status_code == 403


def test_when_it_was_first_published_stays(owner: SignedIn) -> None:
    made = publish(owner, write(owner))
    first = parse_datetime(made["published_at"])
    owner.put(f"/articles/{made['id']}/status", {"status": "draft"})
    assert parse_datetime(publish(owner, made)["published_at"]) == first


def test_the_preview_is_what_readers_will_see(owner: SignedIn) -> None:
    made = write(owner, "Refunds")
    html = owner.post("/articles/preview", {"body": f"*Yes* [x](article:{made['id']}) <script>"}).json()["html"]
    assert html == f'<p><em>Yes</em> <a href="/knowledge/articles/{made["id"]}/">x</a> &lt;script&gt;</p>\n'


@pytest.mark.usefixtures("media")
def test_a_picture_is_written_anew_and_kept_as_long_as_a_text_shows_it(owner: SignedIn) -> None:
    sent = owner.client.post("/api/v1/articles/assets", {"file": named(PICTURE, "a/bike.png")}, headers=owner.headers)
    asset = sent.json()
    assert (sent.status_code, asset["name"], asset["content_type"], asset["width"]) == (201, "bike.png", "image/png", 1)
    made = publish(owner, write(owner, body="Nothing"))
    save(owner, made, f"![Bike]({asset['reference']})")
    with nothing_happens():
        assert refusal(owner.delete(f"/articles/assets/{asset['id']}")) == (409, "in_use")
    save(owner, {**made, "version": 2}, "Nothing again")
    assert owner.delete(f"/articles/assets/{asset['id']}").status_code == 204
    owed = Effect.objects.get(kind="knowledge.delete_file")
    storage = Asset._meta.get_field("file").storage
    assert storage.exists(owed.payload["file"])
    effects.registry["knowledge.delete_file"].handler(owed)
    assert not storage.exists(owed.payload["file"])


@pytest.mark.usefixtures("media")
@pytest.mark.parametrize(
    ("content", "name", "answers"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg", (415, "unsupported_type")),
        (b"<html>", "a.png", (415, "unsupported_type")),
        (b"", "a.png", (415, "unsupported_type")),
        (PICTURE + bytes(5 * 1024 * 1024), "a.png", (413, "too_large")),
    ],
)
def test_what_is_no_picture_or_file_or_too_large_is_refused(
    owner: SignedIn, content: bytes, name: str, answers: tuple[int, str]
) -> None:
    with nothing_happens():
        sent = owner.client.post("/api/v1/articles/assets", {"file": named(content, name)}, headers=owner.headers)
    assert refusal(sent) == answers
