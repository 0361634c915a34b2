"""Rows belong to a workspace, and edges look them up through what their caller can see."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import models

from apps.core.access import System

MODELS = [model for model in apps.get_models() if model.__module__.startswith("apps.")]
INSTALLATION = {
    *("Installation", "Bucket", "Job", "WebhookReceipt", "User", "UserSession", "RefreshToken", "Workspace"),
    *("Authenticator", "Passkey", "RecoveryCode", "SignInStep", "PasskeyChallenge"),
    *("SignInCode", "PasswordReset", "LinkedIdentity", "FailedSignIn"),
}
"""The installation's own tables, people with their ways in and sessions, and the workspaces themselves."""
ACCOUNTS = ("accounts_api", "accounts_views", "accounts_links", "accounts_settings")
EDGES = ("api", "views", *ACCOUNTS, "access_api", "access_views", "uploads", "live", "directory", "inbox", "boot")
EDGES += ("sign_up_api", "confirmation_views", "leaving", "sso/api", "sso/views")
EDGES += ("people_api", "people_views", "identity_api", "identity_views")
EDGES += ("help_views", "collection_views", "knowledge_page")
UNSEEN = {
    ("core/live.py", "Installation"): "the installation's own row",
    ("workspaces/live.py", "Messenger"): "the caller's own workspace, by its actor",
    ("workspaces/api.py", "Messenger"): "the caller's own workspace, by its actor",
    ("workspaces/views.py", "Messenger"): "the caller's own workspace, by its actor",
    ("workspaces/views.py", "Workspace"): "the caller's own workspace, by its actor",
    ("workspaces/accounts_views.py", "User"): "whoever has just proven to read the address",
    ("factors/api.py", "Passkey"): "the caller's own passkeys",
    ("factors/views.py", "Passkey"): "the caller's own passkeys",
    ("workspaces/sign_up_api.py", "User"): "whoever has just proven to read the address",
    ("visitors/api.py", "Workspace"): "nobody is known before the boot; the origin decides",
    ("knowledge/help_views.py", "Collection"): "the help centre at the address; it is shown where what lies in it is",
    ("knowledge/help_views.py", "OldSlug"): "the help centre at the address; what it leads to is looked up as the rest",
    ("knowledge/help_views.py", "Messenger"): "the help centre at the address",
    ("knowledge/help_views.py", "Asset"): "whoever holds an address that we signed",
    ("conversations/api.py", "Draft"): "the caller's own drafts",
    ("conversations/views.py", "Draft"): "the caller's own drafts",
    ("conversations/uploads.py", "Attachment"): "whoever holds an address that we signed",
}
"""Look-ups at an edge that don't go through ``visible_to``, each with what they go by instead."""


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_row_says_whose_it_is(model: type[models.Model]) -> None:
    names = {field.name for field in model._meta.concrete_fields} | {
        field.attname for field in model._meta.concrete_fields
    }
    if model.__name__ not in INSTALLATION:
        assert "workspace_id" in names


@pytest.mark.parametrize(
    "model", [m for m in MODELS if hasattr(m._default_manager, "visible_to")], ids=lambda m: m.__name__
)
def test_who_is_neither_member_nor_visitor_sees_no_row(model: type[models.Model]) -> None:
    assert model._default_manager.visible_to(System()).query.is_empty()  # type: ignore[attr-defined]


def lookups(source: str) -> Iterator[tuple[str, str]]:
    """Yield (model, first method) of every ``Model.objects.method`` in the source."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=method, value=ast.Attribute(attr="objects", value=ast.Name(id=model))):
                yield model, method


def edge_modules() -> list[Path]:
    return [path for path in (settings.ROOT / "apps").glob("**/*.py") if path.stem in EDGES]


def test_every_lookup_at_an_edge_goes_through_what_the_caller_can_see() -> None:
    unseen = {
        (f"{path.parent.name}/{path.name}", model)
        for path in edge_modules()
        for model, method in lookups(path.read_text(encoding="utf-8"))
        if method != "visible_to"
    }
    assert unseen == set(UNSEEN)
    assert ("Conversation", "get") in lookups("Conversation.objects.get(pk=id_)"), "the test finds what it looks for"


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=1, stdout=(said := StringIO()))
    assert "No changes detected" in said.getvalue()


@pytest.mark.django_db
def test_a_changed_model_without_a_migration_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    name = apps.get_model("workspaces", "Workspace")._meta.get_field("name")
    monkeypatch.setattr(name, "max_length", 7)
    with pytest.raises(SystemExit) as ended:
        call_command("makemigrations", "--check", "--dry-run", verbosity=0, stdout=StringIO())
    assert ended.value.code == 1
