"""The settings' pages: what they save, what they refuse, and to whom they open."""

from typing import Any

import pytest

from apps.workspaces.models import Messenger, Workspace
from tests import factories
from tests.callers import SignedIn, signed_in
from tests.pages.browsing import page, submit, text_of

pytestmark = pytest.mark.django_db

MESSENGER = {
    "greeting": "Ask us anything",
    "team_introduction": "Ada and Ali",
    "expected_reply": "Within an hour",
    "show_avatars": "on",
    "primary_color": "#b5332a",
    "background_color": "#1d3b2f",
    "theme": "dark",
    "logo_url": "",
    "launcher_show": "on",
    "launcher_position": "left",
    "launcher_side_spacing": "24",
    "launcher_bottom_spacing": "16",
    "launcher_icon_url": "",
    "languages": ["en", "de"],
    "default_language": "de",
    "privacy_url": "https://shop.example/privacy",
}
SECURITY = {"allowed_origins": "https://shop.example\nhttps://*.shop.example", "session_lifetime": "3600"}


@pytest.fixture
def owner(workspace: Workspace) -> SignedIn:
    return signed_in(workspace, "owner")


def security_of(workspace: Workspace) -> dict[str, Any]:
    return Workspace.objects.values("allowed_origins", "any_origin", "session_lifetime").get(pk=workspace.pk)


def test_the_messengers_form_saves_what_it_shows(workspace: Workspace, owner: SignedIn) -> None:
    saved = submit(owner, "/settings/messenger/", **MESSENGER)
    assert (saved.status_code, saved["Location"]) == (302, "/settings/messenger/?saved")
    messenger = Messenger.objects.get(workspace=workspace)
    assert (messenger.greeting, messenger.theme, messenger.launcher_position) == ("Ask us anything", "dark", "left")
    assert (messenger.languages, messenger.default_language, messenger.launcher_side_spacing) == (
        ["en", "de"],
        "de",
        24,
    )
    shown = page(owner, "/settings/messenger/?saved")
    assert "Ask us anything" in shown.content.decode()
    assert "Saved" in text_of(shown)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("primary_color", "red"),
        ("launcher_side_spacing", "-1"),
        ("launcher_side_spacing", "101"),
        ("theme", "sepia"),
        ("logo_url", "javascript:alert(1)"),
        ("default_language", "es"),
        ("languages", ["tlh"]),
        ("greeting", "x" * 501),
    ],
)
def test_what_a_messenger_cannot_show_is_refused_and_nothing_is_saved(
    workspace: Workspace, owner: SignedIn, field: str, value: Any
) -> None:
    before = Messenger.objects.values().get(workspace=workspace)
    refused = submit(owner, "/settings/messenger/", **{**MESSENGER, field: value})
    assert refused.status_code == 422
    assert "Nothing was saved" in text_of(refused)
    assert Messenger.objects.values().get(workspace=workspace) == before


def test_origins_are_saved_one_a_line_as_browsers_write_them(workspace: Workspace, owner: SignedIn) -> None:
    lines = " https://Shop.example/ \n\nhttps://shop.example:443\nhttp://localhost:3000\nhttps://*.shop.example\n"
    assert submit(owner, "/settings/security/", **{**SECURITY, "allowed_origins": lines}).status_code == 302
    assert security_of(workspace) == {
        "allowed_origins": ["https://shop.example", "http://localhost:3000", "https://*.shop.example"],
        "any_origin": False,
        "session_lifetime": 3600,
    }


@pytest.mark.parametrize(
    "line", ["shop.example", "https://shop.example/path", "https://*", "https://a.*.example", "ftp://shop.example"]
)
def test_what_is_no_origin_is_refused_with_its_reason(workspace: Workspace, owner: SignedIn, line: str) -> None:
    before = security_of(workspace)
    refused = submit(owner, "/settings/security/", **{**SECURITY, "allowed_origins": f"https://good.example\n{line}"})
    assert refused.status_code == 422
    assert f"'{line}'" in text_of(refused)
    assert security_of(workspace) == before


def test_a_lifetime_that_is_not_offered_is_refused(workspace: Workspace, owner: SignedIn) -> None:
    before = security_of(workspace)
    for seconds in ("60", "99999999", "x"):
        assert submit(owner, "/settings/security/", **{**SECURITY, "session_lifetime": seconds}).status_code == 422
    assert security_of(workspace) == before


def test_a_lifetime_set_by_the_api_is_kept_by_the_form(workspace: Workspace, owner: SignedIn) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(session_lifetime=5400)
    assert "90 minutes" in text_of(page(owner, "/settings/security/"))
    assert submit(owner, "/settings/security/", **{**SECURITY, "session_lifetime": "5400"}).status_code == 302


@pytest.mark.parametrize("path", ["/settings/messenger/", "/settings/messenger/preview/", "/settings/security/"])
@pytest.mark.parametrize("role", ["agent", "viewer"])
def test_who_may_not_change_settings_does_not_see_them(workspace: Workspace, path: str, role: str) -> None:
    assert page(signed_in(workspace, role), path).status_code == 403


@pytest.mark.parametrize(("path", "form"), [("/settings/messenger/", MESSENGER), ("/settings/security/", SECURITY)])
def test_who_may_not_change_settings_changes_none(workspace: Workspace, path: str, form: dict[str, Any]) -> None:
    before = security_of(workspace), Messenger.objects.values().get(workspace=workspace)
    assert submit(signed_in(workspace, "agent"), path, **form).status_code == 403
    assert (security_of(workspace), Messenger.objects.values().get(workspace=workspace)) == before


def test_settings_lead_each_role_to_the_first_page_it_may_use(workspace: Workspace, owner: SignedIn) -> None:
    assert page(owner, "/settings/")["Location"] == "/settings/messenger/"
    assert page(signed_in(workspace, "agent"), "/settings/")["Location"] == "/settings/installation/"


def test_members_are_listed_with_their_roles(workspace: Workspace, owner: SignedIn) -> None:
    factories.make_member(workspace, "viewer", name="Vic Viewer")
    factories.make_member(factories.make_workspace("Other"), name="Somebody foreign")
    shown = text_of(page(owner, "/settings/members/"))
    assert "Vic Viewer" in shown
    assert "Viewer" in shown
    assert "Somebody foreign" not in shown


def test_the_snippet_carries_the_workspaces_id_and_the_line_tells_whether_it_was_seen(
    workspace: Workspace, owner: SignedIn
) -> None:
    shown = page(owner, "/settings/installation/")
    assert f"data-opencom-workspace=&quot;{workspace.pk}&quot;" in shown.content.decode()
    assert "hasn't been seen yet" in text_of(shown)
    boot = {"workspace": str(workspace.pk), "session_id": factories.session_id()}
    from tests.callers import nobody

    assert nobody().post("/widget/boot", boot).status_code == 200
    signal = page(owner, "/settings/installation/", "signal")
    assert factories.ORIGIN in text_of(signal)
    assert b"<html" not in signal.content


def test_a_workspace_that_no_page_may_use_is_told_so(owner: SignedIn, workspace: Workspace) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(allowed_origins=[])
    assert "No page may show the messenger yet" in text_of(page(owner, "/settings/installation/"))


def test_only_our_own_pages_may_frame_the_preview(owner: SignedIn) -> None:
    assert page(owner, "/settings/messenger/preview/")["X-Frame-Options"] == "SAMEORIGIN"
