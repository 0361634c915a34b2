"""The way in and out, by the page."""

import pytest
from django.conf import settings

from apps.audit.models import AuditEntry
from apps.workspaces.models import User, Workspace
from tests.callers import Caller, nobody, signed_in
from tests.factories import PASSWORD, owner_of
from tests.pages.browsing import page, submit, text_of

pytestmark = pytest.mark.django_db


def owner(workspace: Workspace) -> User:
    return owner_of(workspace).user


def here() -> Caller:
    return nobody(origin=settings.PUBLIC_URL)


def test_whoever_is_not_signed_in_is_asked_to_and_comes_back_to_where_they_wanted(workspace: Workspace) -> None:
    caller = here()
    asked = page(caller, "/visitors/?presence=online")
    assert (asked.status_code, asked["Location"]) == (302, "/sign-in/?next=/visitors/%3Fpresence%3Donline")
    arrived = submit(
        caller, "/sign-in/", email=owner(workspace).email, password=PASSWORD, next="/visitors/?presence=online"
    )
    assert (arrived.status_code, arrived["Location"]) == (302, "/visitors/?presence=online")
    assert page(caller, "/visitors/").status_code == 200


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"])
def test_signing_in_never_leads_to_somebody_elses_site(workspace: Workspace, next_: str) -> None:
    arrived = submit(here(), "/sign-in/", email=owner(workspace).email, password=PASSWORD, next=next_)
    assert (arrived.status_code, arrived["Location"]) == (302, "/inbox/")


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(workspace: Workspace) -> None:
    caller = here()
    wrong = submit(caller, "/sign-in/", email=owner(workspace).email, password="not this")
    unknown = submit(caller, "/sign-in/", email="nobody@team.example", password="not this")
    assert wrong.status_code == unknown.status_code == 422
    assert text_of(wrong) == text_of(unknown)
    assert "don't match" in text_of(wrong)
    assert "sessionid" not in wrong.cookies
    assert page(caller, "/inbox/").status_code == 302


def test_signing_out_ends_the_session_on_the_server(workspace: Workspace) -> None:
    caller = signed_in(workspace)
    kept = caller.client.cookies[settings.SESSION_COOKIE_NAME].value
    assert submit(caller, "/sign-out/")["Location"] == "/sign-in/"
    again = here()
    again.client.cookies[settings.SESSION_COOKIE_NAME] = kept
    assert page(again, "/inbox/").status_code == 302


def test_a_link_signs_nobody_out(workspace: Workspace) -> None:
    caller = signed_in(workspace)
    assert page(caller, "/sign-out/").status_code == 405
    assert page(caller, "/inbox/").status_code == 200


def test_signing_in_leaves_a_record(workspace: Workspace) -> None:
    submit(here(), "/sign-in/", email=owner(workspace).email, password=PASSWORD)
    assert AuditEntry.objects.filter(workspace_id=workspace.pk, action="member.signed_in").count() == 1
