"""Events: told inside the action's transaction, with what must follow and what may fail."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from apps.audit.models import AuditEntry
from apps.conversations.events import MessageSent
from apps.conversations.models import Conversation, Message
from apps.core import effects, events
from apps.core.access import System
from apps.core.models import Effect
from apps.workspaces.events import MessengerChanged
from apps.workspaces.models import Workspace
from tests import factories
from tests.callers import Booted, SignedIn
from tests.database import as_owner, nothing_happens


def test_emitting_outside_a_transaction_is_an_error_and_announces_nothing(
    committed: None, workspace: Workspace
) -> None:
    event = MessengerChanged(actor=System(), workspace=workspace, changed={"fields": ["theme"]})
    with nothing_happens(), pytest.raises(transaction.TransactionManagementError):
        events.emit(event)
    with transaction.atomic():
        events.emit(event)
    assert AuditEntry.objects.filter(action="workspace.messenger_changed").count() == 1


@pytest.mark.parametrize("error", [ValueError, KeyError, AttributeError, TypeError, RuntimeError, ZeroDivisionError])
def test_a_reaction_that_fails_becomes_a_dead_effect_and_the_message_stays(
    workspace: Workspace, visitor: Booted, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    conversation = factories.start(visitor.visitor)

    def fails(event: MessageSent) -> None:
        Conversation.objects.filter(pk=event.conversation.pk).update(subject="half done")
        raise error("the secret content of an error")

    monkeypatch.setitem(events.reactions, MessageSent, [fails])

    assert visitor.say(conversation, "Still here?").status_code == 201

    assert Message.objects.filter(body="Still here?").count() == 1
    conversation.refresh_from_db()
    assert conversation.subject == "", "what the failed reaction had written is undone"
    dead = Effect.objects.get(state="dead")
    assert dead.kind == "reaction"
    assert dead.payload["event"] == "conversation.message_sent"
    assert dead.payload["conversation_id"] == str(conversation.pk)
    assert dead.last_error == error.__name__, "the class says enough; an error's text may hold content"


def test_a_reaction_that_breaks_the_database_connection_of_its_savepoint_fails_alone(
    workspace: Workspace, visitor: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = factories.start(visitor.visitor)
    heard: list[str] = []

    def breaks(event: MessageSent) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")

    monkeypatch.setitem(events.reactions, MessageSent, [breaks, lambda event: heard.append(event.message.body)])

    assert visitor.say(conversation, "After all.").status_code == 201
    assert heard == ["After all."], "the other reactions run"
    assert Effect.objects.filter(state="dead", kind="reaction").count() == 1


def test_a_dead_reaction_is_not_run_again_by_a_requeue(
    workspace: Workspace, visitor: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(events.reactions, MessageSent, [lambda event: 1 / 0])
    factories.start(visitor.visitor)
    assert Effect.objects.filter(state="dead").count() == 1
    assert effects.requeue(Effect.objects.all()) == 0
    assert Effect.objects.get().state == "dead"


def test_a_required_reaction_that_fails_fails_the_action(
    workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    conversation = factories.start(visitor.visitor)
    agent.client.raise_request_exception = False
    path = f"/conversations/{conversation.pk}/status"
    as_owner("ALTER TABLE audit_auditentry ADD CONSTRAINT full_disk CHECK (false) NOT VALID")
    with nothing_happens():
        assert agent.put(path, {"status": "closed"}).status_code == 500
    as_owner("ALTER TABLE audit_auditentry DROP CONSTRAINT full_disk")
    assert agent.put(path, {"status": "closed"}).status_code == 200
    assert AuditEntry.objects.filter(action="conversation.status_changed").count() == 1


def test_an_event_names_its_rows_by_id_and_holds_no_content(
    workspace: Workspace, visitor: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = factories.start(visitor.visitor, "A secret.")
    heard: list[dict[str, str]] = []
    monkeypatch.setitem(events.reactions, MessageSent, [lambda event: heard.append(event.ids())])
    message = factories.send(conversation, visitor.visitor, "Another secret.")
    assert heard == [
        {
            "actor_id": str(visitor.visitor.pk),
            "conversation_id": str(conversation.pk),
            "message_id": str(message.pk),
            "entry_id": str(message.pk),
        }
    ]


def test_two_events_of_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match="Two events"):
        type("Twice", (events.Event,), {"name": "conversation.message_sent"})


def test_a_reaction_to_the_base_event_hears_every_event(
    workspace: Workspace, visitor: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setitem(events.reactions, events.Event, [lambda event: heard.append(event.name)])
    factories.start(visitor.visitor)
    assert heard == ["conversation.message_sent", "conversation.started"]
