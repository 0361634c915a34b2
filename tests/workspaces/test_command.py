"""The command that makes an installation's first workspace."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from apps.workspaces.models import Member, User, Workspace

pytestmark = pytest.mark.django_db


def test_an_operator_makes_the_first_workspace_and_its_owner_signs_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OWNER_PASSWORD", "nine lamps in a row")
    call_command("workspace", "Kiosk", owner="Mia@Kiosk.example", owner_name="Mia Sol")
    workspace = Workspace.objects.get()
    assert str(workspace.pk) in capsys.readouterr().out
    assert Member.objects.get().role == "owner"
    answer = Client().post(
        "/api/v1/session",
        {"email": "mia@kiosk.example", "password": "nine lamps in a row"},
        content_type="application/json",
    )
    assert answer.status_code == 200
    assert answer.json()["workspace"]["id"] == str(workspace.pk)


def test_somebody_who_is_here_already_keeps_their_password(monkeypatch: pytest.MonkeyPatch) -> None:
    user = User.objects.create_user("mia@kiosk.example", "the old one stays")
    monkeypatch.setenv("OWNER_PASSWORD", "nine lamps in a row")
    call_command("workspace", "Second", owner="mia@kiosk.example")
    user.refresh_from_db()
    assert user.check_password("the old one stays")


@pytest.mark.parametrize(
    ("address", "password"), [("mia@kiosk.example", "password"), ("nobody", "nine lamps in a row")]
)
def test_a_weak_password_or_no_address_makes_nothing(
    monkeypatch: pytest.MonkeyPatch, address: str, password: str
) -> None:
    monkeypatch.setenv("OWNER_PASSWORD", password)
    with pytest.raises(CommandError):
        call_command("workspace", "Kiosk", owner=address)
    assert not Workspace.objects.exists()
    assert not User.objects.exists()
