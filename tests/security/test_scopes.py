"""A scope ends where it should: between requests on one connection, and between one debt and the next."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from psycopg import OperationalError

from apps.core import effects
from apps.core.database.base import DatabaseWrapper
from apps.core.effects import Policy
from apps.core.isolation import scopes
from apps.core.models import Effect
from apps.visitors.models import Visitor
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import Booted
from tests.database import database_url
from tests.security.cases import case


def test_a_connection_that_goes_back_to_the_pool_shows_the_next_user_nothing(committed: None) -> None:
    workspace = factories.make_workspace()
    with scopes.workspace(workspace.pk):
        assert Workspace.objects.count() == 1
        connection.close()
    with scopes.closed():
        assert Workspace.objects.count() == 0
    connection.close()


@case("T14")
def test_what_is_owed_is_paid_within_the_workspace_that_owes_it(committed: None) -> None:
    ours, theirs = factories.make_workspace("Ours"), factories.make_workspace("Theirs")
    found: list[list[str]] = []
    kind = "test.isolation"

    def handler(owed: Effect) -> None:
        found.append(sorted(Workspace.objects.values_list("name", flat=True)))
        if owed.payload.get("writes"):
            factories.make_visitor(ours)

    effects.registry[kind] = Policy(handler, Effect.Lane.NORMAL, pauses=())
    try:
        with transaction.atomic():
            effects.owe(kind, key="ours", payload={}, workspace_id=ours.pk)
            effects.owe(kind, key="none", payload={"writes": True})
            effects.owe(kind, key="theirs", payload={"writes": True}, workspace_id=theirs.pk)
        for key in ("ours", "none", "theirs"):
            effects.pay(Effect.objects.get(key=key).pk)
    finally:
        del effects.registry[kind]
    assert found == [["Ours"], [], ["Theirs"]]
    states = dict(Effect.objects.filter(kind=kind).values_list("key", "state"))
    assert states == {"ours": "done", "none": "dead", "theirs": "dead"}
    assert not Visitor.objects.exists()


@pytest.mark.django_db
def test_a_message_costs_not_one_round_trip_more(
    workspace: Workspace, visitor: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    tell = DatabaseWrapper._tell

    def counted(self: DatabaseWrapper) -> None:
        told.append(self.scope)
        tell(self)

    conversation = factories.start(visitor.visitor)
    monkeypatch.setattr(DatabaseWrapper, "_tell", counted)
    with scopes.closed():
        assert visitor.say(conversation, "One").status_code == 201
        told.clear()
        assert visitor.say(conversation, "Two").status_code == 201
        assert told == []
        other = callers.nobody().post("/widget/boot", {"workspace": str(workspace.pk), "session_id": "A" * 32})
        assert other.status_code == 200
        assert told == [], "still the same workspace"
        assert Workspace.objects.count() == 0
        assert told == [""], "and somebody within none is told so"


ONE_LOGIN = """
import django
django.setup()
from apps.core.isolation import scopes
from apps.workspaces.models import Workspace
from opencom_project.diagnosis import CHECKS
print(Workspace.objects.count())
with scopes.every_workspace(scopes.MEASURING):
    known = Workspace.objects.get()
with scopes.workspace(known.pk):
    print(Workspace.objects.count())
found = CHECKS["isolation"]()
print(found.severity, found.remedy)
"""


def test_with_one_login_for_everything_policies_hold_and_the_doctor_says_what_does_not(committed: None) -> None:
    factories.make_workspace()
    name = str(connection.settings_dict["NAME"])
    both = {"DATABASE_URL": database_url(name), "OWNER_DATABASE_URL": database_url(name, "OWNER_DATABASE_URL")}
    owners = {"DATABASE_URL": both["OWNER_DATABASE_URL"], "OWNER_DATABASE_URL": ""}
    said = {}
    for which, urls in (("both", both), ("owners", owners)):
        environment = {**os.environ, **urls, "DJANGO_SETTINGS_MODULE": "opencom_project.settings_test"}
        command = [sys.executable, "-c", ONE_LOGIN]
        done = subprocess.run(command, cwd=settings.ROOT, env=environment, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        said[which] = done.stdout.splitlines()
    assert [lines[:2] for lines in said.values()] == [["0", "1"], ["0", "1"]]
    assert said["both"][2].startswith("ok")
    assert said["owners"][2].startswith("warning give DATABASE_URL a login of its own")


@pytest.mark.parametrize(("said", "accepted"), [(False, False), (True, True)])
def test_a_pooler_in_between_is_refused_unless_it_pools_sessions(said: bool, accepted: bool) -> None:
    class Pooled:
        """A connection whose server process isn't the one that it was greeted by."""

        info = SimpleNamespace(backend_pid=1)

        def execute(self, statement: str, parameters: list[str]) -> Any:
            return SimpleNamespace(fetchone=lambda: (parameters[0], 2))

    wrapper = DatabaseWrapper({**connection.settings_dict, "SESSION_POOLER": said}, "pooled")
    if accepted:
        assert wrapper._configure_role(Pooled())
    else:
        with pytest.raises(OperationalError, match="DATABASE_SESSION_POOLER"):
            wrapper._configure_role(Pooled())
