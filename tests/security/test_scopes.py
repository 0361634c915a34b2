"""A scope ends where it should: between requests on one connection, and between one debt and the next."""

from __future__ import annotations

from django.db import connection, transaction

from apps.core import effects
from apps.core.effects import Policy
from apps.core.isolation import scopes
from apps.core.models import Effect
from apps.visitors.models import Visitor
from apps.workspaces.models import Workspace
from tests import factories
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
