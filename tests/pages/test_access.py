"""The pages of sessions, members' seats, ownership and API keys."""

import re
from datetime import timedelta

import pytest

from apps.core import limits
from apps.core.clock import now
from apps.workspaces.models import ApiKey, Member, UserSession
from tests import callers
from tests.callers import SignedIn
from tests.database import nothing_happens
from tests.factories import PASSWORD
from tests.pages.browsing import page, submit, text_of

pytestmark = pytest.mark.django_db


def test_the_sessions_page_shows_each_and_signs_out_elsewhere(agent: SignedIn) -> None:
    other = SignedIn(agent.member)
    shown = page(agent, "/settings/sessions/")
    assert text_of(shown).count("This one") == 1
    assert submit(agent, "/settings/sessions/").status_code == 302
    assert page(other, "/inbox/").status_code == 302
    assert page(agent, "/settings/sessions/?saved").status_code == 200
    mine = UserSession.objects.get(user=agent.member.user)
    submit(agent, "/settings/sessions/", session=str(mine.pk))
    assert page(agent, "/inbox/").status_code == 200, "this one is ended by signing out"


def test_a_profile_saves_the_name(agent: SignedIn) -> None:
    assert submit(agent, "/settings/profile/", name="Ada Lovelace").status_code == 302
    assert "Ada Lovelace" in page(agent, "/settings/profile/").content.decode()
    assert submit(agent, "/settings/profile/", name="x" * 201).status_code == 422


def test_a_key_is_made_shown_once_and_revoked(owner: SignedIn) -> None:
    made = submit(owner, "/settings/keys/", name="Importer", scopes=["users.read"])
    token = re.search(r"oca_[0-9a-f]{64}", made.content.decode())
    assert token is not None
    assert callers.Keyed(token.group(), ApiKey.objects.get()).get("/members").status_code == 200
    listed = page(owner, "/settings/keys/")
    assert "Importer" in text_of(listed)
    assert token.group() not in listed.content.decode()
    assert submit(owner, f"/settings/keys/{ApiKey.objects.get().pk}/revoke/").status_code == 302
    assert callers.Keyed(token.group(), ApiKey.objects.get()).get("/members").status_code == 401
    refused = submit(owner, "/settings/keys/", name="")
    assert refused.status_code == 422


def test_the_pages_of_what_is_sensitive_ask_first_who_this_is(owner: SignedIn) -> None:
    UserSession.objects.update(confirmed_at=now() - timedelta(seconds=limits.CONFIRMED_SECONDS + 1))
    with nothing_happens():
        asked = submit(owner, "/settings/keys/", name="Importer", scopes=["users.read"])
        assert asked["Location"] == "/settings/confirm/?next=%2Fsettings%2Fkeys%2F%3Fnew"
        wrong = submit(owner, "/settings/confirm/", password="wrong", next="/settings/keys/?new")
        assert wrong.status_code == 422
    right = submit(owner, "/settings/confirm/", password=PASSWORD, next="/settings/keys/?new")
    assert right["Location"] == "/settings/keys/?new"
    assert "What it may do" in text_of(page(owner, "/settings/keys/?new"))
    away = submit(owner, "/settings/confirm/", password=PASSWORD, next="https://evil.example/")
    assert away["Location"] == "/settings/profile/"


def test_a_members_page_changes_removes_and_offers(owner: SignedIn, agent: SignedIn) -> None:
    address = f"/settings/members/{agent.member.pk}/"
    assert "Offer the ownership" in text_of(page(owner, address))
    changed = submit(owner, address, role="viewer", custom="on", permissions=["conversations.read"])
    assert changed.status_code == 302
    member = Member.objects.get(pk=agent.member.pk)
    assert (member.role, member.permissions) == ("viewer", ["conversations.read"])
    assert submit(owner, address, role="viewer", custom="on").status_code == 422
    assert submit(owner, address, do="offer")["Location"] == "/settings/ownership/"
    assert "offers you the ownership" in text_of(page(agent, "/settings/ownership/"))
    assert submit(agent, "/settings/ownership/", do="decline").status_code == 302
    assert submit(owner, address, do="remove").status_code == 302
    assert page(agent, "/inbox/").status_code == 302
    assert "Nobody changes their own role" in text_of(page(owner, f"/settings/members/{owner.member.pk}/"))
