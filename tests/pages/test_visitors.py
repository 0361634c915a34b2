"""The visitors' directory and page."""

import re

import pytest

from apps.visitors.models import Visitor
from apps.workspaces.models import Workspace
from tests import factories
from tests.callers import SignedIn, signed_in
from tests.pages.browsing import page, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(workspace: Workspace) -> SignedIn:
    return signed_in(workspace)


def shown_in(response: object) -> list[str]:
    return re.findall(r'<tr data-key="([^"]+)"', response.content.decode())  # type: ignore[attr-defined]


def away(visitor: Visitor, hours: int) -> None:
    from datetime import timedelta

    from django.db.models import F

    Visitor.objects.filter(pk=visitor.pk).update(last_seen_at=F("last_seen_at") - timedelta(hours=hours))


def test_whoever_was_here_last_comes_first(workspace: Workspace, agent: SignedIn) -> None:
    visitors = [factories.make_visitor(workspace) for _ in range(3)]
    for hours, visitor in zip((5, 0, 2), visitors, strict=True):
        away(visitor, hours)
    assert shown_in(page(agent, "/visitors/")) == [str(visitors[i].pk) for i in (1, 2, 0)]
    assert shown_in(page(agent, "/visitors/", presence="online")) == [str(visitors[1].pk)]
    assert shown_in(page(agent, "/visitors/", presence="offline")) == [str(visitors[2].pk), str(visitors[0].pk)]


def test_a_search_looks_at_names_and_addresses_of_this_workspace(workspace: Workspace, agent: SignedIn) -> None:
    found = factories.make_visitor(workspace, name="Wilhelmina")
    factories.make_visitor(workspace, name="Somebody else")
    factories.make_visitor(factories.make_workspace("Other"), name="Wilhelmina")
    assert shown_in(page(agent, "/visitors/", q="wilhelm")) == [str(found.pk)]
    assert "Nobody found" in text_of(page(agent, "/visitors/", q="no such name"))


def test_pages_follow_one_another_without_gap_or_overlap(workspace: Workspace, agent: SignedIn) -> None:
    made = [str(factories.make_visitor(workspace).pk) for _ in range(53)]
    first = page(agent, "/visitors/")
    following = re.search(r'data-next="([^"]+)"', first.content.decode())
    assert following
    second = page(agent, following[1], "found")
    assert shown_in(first) + shown_in(second) == made[::-1]


def test_a_visitors_page_shows_what_is_known_and_what_they_wrote(workspace: Workspace, agent: SignedIn) -> None:
    visitor = factories.make_visitor(workspace, name="Maya", email="maya@mail.example", attributes={"plan": "Pro"})
    factories.start(visitor, "Do you ship to Norway?")
    shown = text_of(page(agent, f"/visitors/{visitor.pk}/"))
    for fact in (
        "Maya",
        "maya@mail.example",
        "not proven",
        visitor.readable_id,
        "plan",
        "Pro",
        "Do you ship to Norway?",
    ):
        assert fact in shown


def test_an_address_that_a_page_claims_becomes_a_link_only_to_the_web(workspace: Workspace, agent: SignedIn) -> None:
    good = factories.make_visitor(workspace, page_url="https://shop.example/a", page_title="A")
    bad = factories.make_visitor(workspace, page_url="javascript:alert(1)", page_title="B")
    assert 'href="https://shop.example/a"' in page(agent, f"/visitors/{good.pk}/").content.decode()
    assert "javascript:" not in page(agent, f"/visitors/{bad.pk}/").content.decode()


def test_a_visitor_of_another_workspace_does_not_exist(agent: SignedIn) -> None:
    foreign = factories.make_visitor(factories.make_workspace("Other"), name="Secret")
    response = page(agent, f"/visitors/{foreign.pk}/")
    assert response.status_code == 404
    assert b"Secret" not in response.content


def test_without_the_permission_there_are_no_visitors(workspace: Workspace) -> None:
    caller = signed_in(workspace, permissions=["conversations.read"])
    visitor = factories.make_visitor(workspace)
    assert page(caller, "/visitors/").status_code == 403
    assert page(caller, f"/visitors/{visitor.pk}/").status_code == 403
    assert 'href="/visitors/"' not in page(caller, "/inbox/").content.decode()
