"""The audit log's page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.audit.models import AuditEntry
from apps.core import clock
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import SignedIn, signed_in
from tests.pages.browsing import page, text_of

pytestmark = pytest.mark.django_db
PATH = "/settings/audit/"


@pytest.fixture
def owner(workspace: Workspace) -> SignedIn:
    return signed_in(workspace, "owner")


def test_the_page_says_who_did_what(workspace: Workspace, owner: SignedIn) -> None:
    agent = callers.signed_in(workspace, "agent", name="Ali")
    conversation = factories.start(factories.make_visitor(workspace))
    agent.put(f"/conversations/{conversation.pk}/status", {"status": "closed"})
    shown = page(owner, PATH)
    assert shown.status_code == 200
    assert "Ali changed a conversation from open to closed" in text_of(shown)
    assert f"/inbox/all/{conversation.pk}/" in shown.content.decode()
    assert f"?subject={conversation.pk}" in shown.content.decode()


def test_the_fragment_holds_what_was_filtered_only(workspace: Workspace, owner: SignedIn) -> None:
    factories.make_member(workspace, name="Ali")
    shown = page(owner, PATH, "found", action="member.added")
    assert "gave Ali a seat" in text_of(shown)
    assert "<html" not in shown.content.decode()
    assert "signed in" not in text_of(shown)
    none = page(owner, PATH, "found", action="member.removed")
    assert "Nothing found" in text_of(none)


def test_days_are_whole_days(workspace: Workspace, owner: SignedIn) -> None:
    yesterday = clock.now() - timedelta(days=1)
    AuditEntry.objects.create(
        workspace_id=workspace.pk,
        action="member.let_in",
        actor_label="Ada",
        subject_label="Ali",
        created_at=yesterday,
    )
    day = yesterday.date().isoformat()
    assert "let Ali in again" in text_of(page(owner, PATH, since=day, until=day))
    assert "let Ali in again" not in text_of(
        page(owner, PATH, since=(yesterday + timedelta(days=1)).date().isoformat())
    )


def test_the_next_page_keeps_the_filter(workspace: Workspace, owner: SignedIn) -> None:
    for _ in range(51):
        AuditEntry.objects.create(workspace_id=workspace.pk, action="member.let_in", actor_label="Ada")
    shown = page(owner, PATH, action="member.let_in").content.decode()
    assert "?action=member.let_in&amp;cursor=" in shown


@pytest.mark.parametrize("asked", [{"action": "x"}, {"actor": "x"}, {"subject": "x"}, {"since": "x"}, {"cursor": "x"}])
def test_what_cannot_be_asked_is_not_there(owner: SignedIn, asked: dict[str, str]) -> None:
    assert page(owner, PATH, **asked).status_code == 404


@pytest.mark.parametrize("role", ["agent", "viewer"])
def test_whoever_may_not_read_it_is_not_shown_the_way(workspace: Workspace, role: str) -> None:
    caller = signed_in(workspace, role)
    assert page(caller, PATH).status_code == 403
    assert PATH not in page(caller, "/settings/installation/").content.decode()


def test_an_admin_is_shown_the_way(workspace: Workspace) -> None:
    assert PATH in page(signed_in(workspace, "admin"), "/settings/installation/").content.decode()
