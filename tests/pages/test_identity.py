"""The pages of identity verification and of what members do about one visitor."""

from __future__ import annotations

import re
from typing import Any

import pytest

from apps.visitors.models import ExportLink, IdentitySecret, Merge, Visitor
from apps.visitors.proof import mode_of
from apps.workspaces.models import Workspace
from tests import callers
from tests.callers import SignedIn
from tests.database import nothing_happens
from tests.pages.browsing import page, submit, text_of
from tests.visitors.test_proof import Host

pytestmark = pytest.mark.django_db


def test_from_nothing_to_required_by_the_page_alone(workspace: Workspace, owner: SignedIn) -> None:
    assert "Nobody has come with proof yet" in text_of(page(owner, "/settings/identity/"))
    refused = submit(owner, "/settings/identity/", mode="optional")
    assert refused.status_code == 422
    assert "Make a secret" in text_of(refused)
    assert submit(owner, "/settings/identity/secrets/", grace_days="7").status_code == 302
    secret = IdentitySecret.objects.get()
    assert f"ivs_…{secret.hint}" in text_of(page(owner, "/settings/identity/"))
    assert submit(owner, "/settings/identity/", mode="optional").status_code == 302
    refused = submit(owner, "/settings/identity/", mode="required")
    assert (refused.status_code, mode_of(workspace.pk)) == (422, "optional")
    assert "without proof" in text_of(refused)
    assert submit(owner, "/settings/identity/", mode="required", accept_unsigned="on").status_code == 302
    assert mode_of(workspace.pk) == "required"


def test_the_page_shows_no_secret_and_six_languages(workspace: Workspace, owner: SignedIn) -> None:
    host = Host(workspace)
    shown = page(owner, "/settings/identity/").content.decode()
    assert host.secret() not in shown
    assert re.findall(r'id="tab-(\w+)"', shown) == ["node", "python", "php", "ruby", "go", "java"]


def test_who_was_proven_last_is_listed_and_the_share_is_shown(workspace: Workspace, owner: SignedIn) -> None:
    host = Host(workspace)
    host.mode("optional")
    for number in range(22):
        host.proven(f"user-{number}", name=f"Name {number}")
    host.arrive(user_id="unsigned")
    shown = page(owner, "/settings/identity/")
    text = text_of(shown)
    assert shown.content.decode().count("<tr data-key") == 20
    assert "user-21" in text
    assert "user-1 " not in text
    assert "95 %" in text


def test_a_key_is_added_and_a_private_one_is_not(workspace: Workspace, owner: SignedIn) -> None:
    host = Host(workspace)
    with nothing_happens():
        refused = submit(
            owner, "/settings/identity/keys/", public_key=f"-----BEGIN {'PRIVATE'} KEY-----", grace_days="7"
        )
        assert refused.status_code == 422
        assert "private key" in text_of(refused)
    assert submit(owner, "/settings/identity/keys/", public_key=host.pem).status_code == 302
    assert IdentitySecret.objects.filter(kind="public_key").count() == 1


def test_a_third_secret_is_refused_beside_its_field_and_revoking_makes_room(
    workspace: Workspace, owner: SignedIn
) -> None:
    for _ in range(2):
        submit(owner, "/settings/identity/secrets/", grace_days="7")
    with nothing_happens():
        assert submit(owner, "/settings/identity/secrets/", grace_days="7").status_code == 422
    first = IdentitySecret.objects.order_by("created_at").first()
    assert first is not None
    assert submit(owner, f"/settings/identity/secrets/{first.pk}/revoke/").status_code == 302
    assert submit(owner, "/settings/identity/secrets/", grace_days="0").status_code == 302


# One visitor


@pytest.fixture
def two(workspace: Workspace) -> tuple[Any, Any]:
    return callers.booted(workspace, name="Ada", email="ada@home.example"), callers.booted(
        workspace, email="ada@home.example"
    )


def test_a_duplicate_is_found_looked_at_merged_and_separated(owner: SignedIn, two: tuple[Any, Any]) -> None:
    ada, again = (caller.visitor for caller in two)
    two[1].start("From the phone.")
    path = f"/visitors/{again.pk}/merge/"
    found = page(owner, path)
    assert f"?other={ada.pk}" in found.content.decode(), "who shares the address is offered"
    searched = page(owner, path, q="Ada")
    assert f"?other={ada.pk}" in searched.content.decode()
    with nothing_happens():
        shown = text_of(page(owner, path, other=str(ada.pk)))
    assert "1 × conversation" in shown
    assert "see the conversations of both" in shown
    merged = submit(owner, path, other=str(ada.pk))
    assert merged["Location"] == f"/visitors/{ada.pk}/?merged"
    assert "Both are one now" in text_of(page(owner, merged["Location"]))
    assert page(owner, f"/visitors/{again.pk}/")["Location"] == f"/visitors/{ada.pk}/", "old links go on"
    merge = Merge.objects.get()
    back = submit(owner, f"/visitors/{ada.pk}/merges/{merge.pk}/undo/")
    assert back["Location"] == f"/visitors/{again.pk}/?separated"
    assert page(owner, back["Location"]).status_code == 200


def test_erasing_asks_for_the_name_and_shows_a_receipt(owner: SignedIn, two: tuple[Any, Any]) -> None:
    ada = two[0].visitor
    path = f"/visitors/{ada.pk}/erase/"
    assert ada.readable_id in text_of(page(owner, path))
    with nothing_happens():
        assert submit(owner, path, confirm="yes").status_code == 422
    erased = submit(owner, path, confirm=ada.readable_id)
    assert erased.status_code == 302
    receipt = page(owner, erased["Location"])
    assert "Erased" in text_of(receipt)
    assert "ada@home.example" not in text_of(receipt)
    assert not Visitor.objects.filter(pk=ada.pk).exists()


def test_a_link_to_a_copy_is_shown_once(owner: SignedIn, two: tuple[Any, Any]) -> None:
    path = f"/visitors/{two[0].visitor.pk}/export/"
    made = submit(owner, path)
    assert re.search(r"/exports/exp_[0-9a-f]{64}/", made.content.decode())
    assert ExportLink.objects.count() == 1
    assert "exp_" not in page(owner, path).content.decode()


def test_blocking_by_the_page(owner: SignedIn, two: tuple[Any, Any]) -> None:
    path = f"/visitors/{two[0].visitor.pk}/"
    submit(owner, f"{path}block/", block="")
    assert "blocked" in text_of(page(owner, path))
    submit(owner, f"{path}block/")
    assert Visitor.objects.get(pk=two[0].visitor.pk).blocked is False


def test_people_see_only_the_actions_that_they_may_do(
    workspace: Workspace, owner: SignedIn, two: tuple[Any, Any]
) -> None:
    path = f"/visitors/{two[0].visitor.pk}/"
    shown = {
        role: {word for word in ("Merge…", "Export…", "Erase…", "Block") if word in text_of(page(caller, path))}
        for role, caller in {
            "owner": owner,
            "agent": callers.signed_in(workspace),
            "viewer": callers.signed_in(workspace, "viewer"),
        }.items()
    }
    assert shown == {"owner": {"Merge…", "Export…", "Erase…", "Block"}, "agent": {"Block"}, "viewer": set()}
