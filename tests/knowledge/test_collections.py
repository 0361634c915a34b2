"""Collections: nested, ordered, and deleted only when nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core import limits
from apps.knowledge.models import Collection
from apps.workspaces.models import Workspace
from tests import factories
from tests.callers import SignedIn, refusal
from tests.database import nothing_happens
from tests.pages.browsing import page, submit, text_of

pytestmark = pytest.mark.django_db


def make(owner: SignedIn, name: str, parent: dict[str, Any] | None = None) -> dict[str, Any]:
    made: dict[str, Any] = owner.post("/collections", {"name": name, "parent": parent["id"] if parent else None}).json()
    return made


def shape(owner: SignedIn) -> list[tuple[int, str]]:
    return [(item["depth"], item["name"]) for item in owner.get("/collections").json()["items"]]


def place(owner: SignedIn, row: dict[str, Any], parent: dict[str, Any] | None, position: int) -> Any:
    to = {"parent": parent["id"] if parent else None, "position": position}
    return owner.put(f"/collections/{row['id']}/place", to)


def test_collections_nest_and_keep_their_order(owner: SignedIn) -> None:
    orders, account = make(owner, "Orders"), make(owner, "Account")
    returns = make(owner, "Returns", orders)
    assert shape(owner) == [(0, "Orders"), (1, "Returns"), (0, "Account")]
    assert place(owner, account, None, 0).status_code == 200
    assert shape(owner) == [(0, "Account"), (0, "Orders"), (1, "Returns")]
    assert place(owner, returns, account, 0).status_code == 200
    assert shape(owner) == [(0, "Account"), (1, "Returns"), (0, "Orders")]


def test_a_collection_never_lies_within_itself(owner: SignedIn) -> None:
    outer = make(owner, "Outer")
    inner = make(owner, "Inner", outer)
    for parent in (outer, inner):
        with nothing_happens():
            assert refusal(place(owner, outer, parent, 0)) == (409, "misplaced")


def test_collections_nest_only_so_deep(owner: SignedIn) -> None:
    row = None
    for depth in range(limits.COLLECTION_DEPTH):
        row = make(owner, f"Level {depth}", row)
    with nothing_happens():
        assert refusal(owner.post("/collections", {"name": "Too deep", "parent": row["id"]})) == (409, "misplaced")  # type: ignore[index]


def test_only_an_empty_collection_is_deleted(owner: SignedIn, workspace: Workspace) -> None:
    made = make(owner, "Orders")
    article = factories.make_article(workspace, collection=Collection.objects.get())
    with nothing_happens():
        assert refusal(owner.delete(f"/collections/{made['id']}")) == (409, "not_empty")
    owner.patch(f"/articles/{article.pk}", {"collection": None})
    assert owner.delete(f"/collections/{made['id']}").status_code == 204


def test_the_page_moves_a_collection_by_its_buttons(owner: SignedIn) -> None:
    one, two = make(owner, "One"), make(owner, "Two")
    move = f"/knowledge/collections/{two['id']}/move/"
    submit(owner, move, to="up")
    assert shape(owner) == [(0, "Two"), (0, "One")]
    submit(owner, move, to="down")
    submit(owner, move, to="in")
    assert shape(owner) == [(0, "One"), (1, "Two")]
    submit(owner, move, to="out")
    assert shape(owner) == [(0, "One"), (0, "Two")]
    with nothing_happens():
        submit(owner, f"/knowledge/collections/{one['id']}/move/", to="up")
        submit(owner, f"/knowledge/collections/{one['id']}/move/", to="sideways")
    assert "One" in text_of(page(owner, "/knowledge/collections/"))


def test_a_collection_that_holds_something_says_why_it_stays(owner: SignedIn, workspace: Workspace) -> None:
    made = make(owner, "Orders")
    factories.make_article(workspace, collection=Collection.objects.get())
    with nothing_happens():
        answer = submit(owner, f"/knowledge/collections/{made['id']}/delete/")
    assert answer.status_code == 422
    assert "Move or delete what is in it first" in text_of(answer)
