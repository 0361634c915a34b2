"""Django's admin: for operators only, with hardly anything to change and no secret or word of anybody's to see."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client

from apps.conversations.models import Conversation, Message
from apps.core import effects
from apps.core.models import Effect
from apps.workspaces.models import Messenger, User
from tests import factories
from tests.database import nothing_happens
from tests.security.cases import case
from tests.security.scene import NAMES, Scene

REGISTERED = sorted(admin.site._registry, key=lambda model: model.__name__)
SECRETS = ("Where is my bike?", "On its way.", "bike.png", "CANARY", "md5$", "argon2", "Greeting")


def operator(**fields: Any) -> Client:
    client = Client()
    client.force_login(factories.make_user(is_staff=True, is_superuser=True, **fields))
    return client


def address(model: type[Model], page: str = "") -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/{page}"


@case("K05")
@pytest.mark.parametrize("name", NAMES)
def test_nobody_of_a_workspace_gets_in(cell: Scene, name: str) -> None:
    caller = cell.person(name).caller
    for path in ["/admin/", "/admin/jsi18n/", *(address(model) for model in REGISTERED), address(User, "add/")]:
        with nothing_happens():
            answer = caller.client.get(path, headers=caller.headers)
        assert answer.status_code == 302, path
        assert answer["Location"].startswith("/admin/login/")


@case("K05")
def test_an_operator_gets_in(cell: Scene) -> None:
    client = operator()
    assert client.get("/admin/").status_code == 200
    assert len(REGISTERED) >= 12


def rows_of_everything(scene: Scene) -> None:
    """Leave no table that operators see without a row."""
    from apps.core.models import Installation, Job
    from apps.visitors.models import TrackedEvent

    Installation.objects.get_or_create(pk=1)
    Job.objects.get_or_create(name="test", defaults={"ran_at": "2026-01-01T00:00:00Z"})
    scene.visitor.post(
        "/widget/events",
        {"events": [{"id": str(uuid4()), "name": "looked", "at": "2026-01-01T00:00:00Z", "url": "CANARY"}]},
    )
    assert TrackedEvent.objects.exists()


@case("K05", "D01")
@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model.__name__)
def test_an_operator_sees_rows_and_nothing_that_was_said(cell: Scene, model: type[Model]) -> None:
    rows_of_everything(cell)
    client = operator()
    row = model._default_manager.first()
    assert row is not None
    for path in (address(model), address(model, f"{row.pk}/change/"), address(model, f"?q={row.pk}")):
        answer = client.get(path)
        assert answer.status_code == 200, path
        page = answer.content.decode()
        assert [
            secret for secret in SECRETS if secret in page and not (secret == "Greeting" and model is Messenger)
        ] == [], path
        assert cell.visitor.token not in page
        assert "session_hash" not in page
        assert "lease_token" not in page


@case("K05")
@pytest.mark.parametrize(
    "model", [model for model in REGISTERED if model is not User], ids=lambda model: model.__name__
)
def test_what_actions_rule_is_changed_by_no_operator(cell: Scene, model: type[Model]) -> None:
    rows_of_everything(cell)
    client = operator()
    row = model._default_manager.first()
    assert row is not None
    with nothing_happens():
        for page in ("add/", f"{row.pk}/delete/", f"{row.pk}/change/"):
            assert client.post(address(model, page), {"name": "changed"}).status_code == 403, page
        deletion = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
        answer = client.post(address(model), deletion)
        assert answer.status_code in (200, 302, 403)


# Who may sign in


@case("R13")
@pytest.mark.django_db
def test_an_operator_creates_and_deactivates_people(workspace: Any) -> None:
    client = operator()
    new = {
        "email": "New@Team.Example",
        "name": "New",
        "usable_password": "true",
        "password1": factories.PASSWORD,
        "password2": factories.PASSWORD,
    }
    assert client.post(address(User, "add/"), new).status_code == 302
    user = User.objects.get(email="new@team.example")
    assert user.check_password(factories.PASSWORD)
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)
    factories.workspace_actions.create_workspace("Theirs", owner=user)
    assert (
        client.post(address(User, f"{user.pk}/change/"), {"email": "evil@team.example", "password": "x"}).status_code
        == 302
    )
    user.refresh_from_db()
    assert (user.email, user.is_active) == ("new@team.example", False)
    assert user.check_password(factories.PASSWORD)
    from apps.audit.models import AuditEntry

    assert AuditEntry.objects.filter(action="member.locked_out").count() == 1
    assert client.post(address(User, f"{user.pk}/change/"), {"is_active": "on"}).status_code == 302
    assert AuditEntry.objects.filter(action="member.let_in").count() == 1
    assert client.get(address(User, f"{user.pk}/delete/")).status_code == 403


@case("K05")
@pytest.mark.django_db
def test_an_operator_with_a_few_rights_cannot_give_themselves_more() -> None:
    helper = factories.make_user(is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user", "add_user"]))
    client = Client()
    client.force_login(helper)
    client.post(address(User, f"{helper.pk}/change/"), {"is_superuser": "on", "is_staff": "on", "is_active": "on"})
    with nothing_happens():
        assert client.post(address(User, "add/"), {"email": "x@team.example", "is_staff": "on"}).status_code == 403
        assert client.get(address(Conversation)).status_code == 403
        assert client.get(address(Message)).status_code == 403
    helper.refresh_from_db()
    assert not helper.is_superuser


@pytest.mark.django_db
def test_an_operator_owes_dead_effects_again() -> None:
    effects.bury("conversations.wake_up", payload={}, error="why")
    effects.bury("reaction", payload={}, error="why")
    dead = Effect.objects.filter(state="dead")
    chosen = {"action": "owe_again", "_selected_action": [str(effect.pk) for effect in dead]}
    assert operator().post(address(Effect), chosen).status_code == 302
    assert sorted(Effect.objects.values_list("kind", "state")) == [
        ("conversations.wake_up", "ready"),
        ("reaction", "dead"),
    ]
