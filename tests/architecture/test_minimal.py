"""Without the optional apps the rest still boots, migrates and serves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from opencom_project import settings_minimal
from tests.database import database_url

NAME = "test_minimal"
SERVES = """
import json, secrets, sys, uuid
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
call_command("check", "--fail-level", "WARNING")
call_command("migrate", verbosity=0)
from apps.workspaces.actions import create_workspace
from apps.workspaces.models import User
from apps.core.isolation import scopes
owner = create_workspace("Shop", owner=User.objects.create_user("ada@team.example", "correct horse battery"))
owner.workspace.any_origin = True
with scopes.workspace(owner.workspace_id):
    owner.workspace.save()
visitor, member = Client(), Client()
boot = visitor.post("/api/v1/widget/boot", {"workspace": str(owner.workspace_id), "session_id": secrets.token_urlsafe(24)},
  content_type="application/json", headers={"Origin": "https://shop.example"})
own = {"Origin": "https://shop.example", "Authorization": "Bearer " + boot.json()["token"]}
started = visitor.post("/api/v1/conversations", {"client_id": str(uuid.uuid4()), "body": "Hello?"}, content_type="application/json", headers=own)
signed_in = member.post("/api/v1/session", {"email": "ada@team.example", "password": "correct horse battery"}, content_type="application/json")
conversation = started.json()["conversation"]["id"]
closed = member.put(f"/api/v1/conversations/{conversation}/status", {"status": "closed"}, content_type="application/json")
json.dump({
  "apps": [app for app in settings.INSTALLED_APPS if app.startswith("apps.")],
  "tables": connection.introspection.table_names(),
  "statuses": [answer.status_code for answer in (boot, started, signed_in, closed, member.get("/inbox/"))],
}, sys.stdout)
"""


@pytest.fixture(scope="module")
def served(django_db_setup: None) -> Iterator[Any]:
    """What a process with the minimal settings came to, on an empty database of its own."""
    url = os.environ["OWNER_DATABASE_URL"]
    with psycopg.connect(url.replace("postgres://", "postgresql://"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(NAME)))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(NAME)))
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "opencom_project.settings_minimal",
            "DATABASE_URL": database_url(NAME),
            "OWNER_DATABASE_URL": database_url(NAME, "OWNER_DATABASE_URL"),
            "ALLOWED_HOSTS": "testserver",
            "DEBUG": "1",
        }
        command = [sys.executable, "-c", SERVES]
        done = subprocess.run(command, cwd=settings.ROOT, env=environment, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
        yield json.loads(done.stdout.splitlines()[-1])
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(NAME)))


def test_it_serves_a_visitor_and_a_member(served: Any) -> None:
    assert served["statuses"] == [200, 201, 200, 200, 200]


def test_the_optional_apps_are_really_left_out(served: Any) -> None:
    assert {"apps.audit"} == settings_minimal.OPTIONAL
    assert not settings_minimal.OPTIONAL & set(served["apps"])
    assert "conversations_message" in served["tables"]
    assert not [table for table in served["tables"] if table.startswith("audit")]


def test_nothing_below_imports_an_optional_app() -> None:
    root: Path = settings.ROOT
    importing = [
        str(path)
        for path in (root / "apps").rglob("*.py")
        if "audit" not in path.parts and "apps.audit" in path.read_text(encoding="utf-8")
    ]
    assert importing == []
