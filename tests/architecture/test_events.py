"""Every event and effect is documented, and named as what it is."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from django.core.management import call_command

from apps.core import effects, events
from apps.core.reference.events import StandIn, topics

EVENTS = sorted(events.registry.items())


def test_there_are_events_and_effects() -> None:
    assert len(EVENTS) > 12
    assert len(effects.registry) >= 2


@pytest.mark.parametrize(("name", "event"), EVENTS)
def test_an_event_says_what_happened(name: str, event: type[events.Event]) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", name)
    own = event.__dict__.get("__doc__") or ""
    assert own.strip(), "no docstring"
    assert not own.startswith(f"{event.__name__}("), "a dataclass's own docstring says nothing"
    assert event.__module__.endswith(".events")


@pytest.mark.parametrize(("name", "event"), EVENTS)
def test_an_audited_event_names_what_it_is_about(name: str, event: type[events.Event]) -> None:
    if event.audited:
        assert event.subject is not events.Event.subject


@pytest.mark.parametrize(("name", "event"), EVENTS)
def test_the_topics_of_an_event_are_ones_that_some_query_listens_to_or_that_guard_sockets(
    name: str, event: type[events.Event]
) -> None:
    for topic in topics(event):
        assert re.fullmatch(r"[a-z]+:\{[a-z]+\}(:[a-z]+)?", topic), topic


@pytest.mark.parametrize(("kind", "policy"), sorted(effects.registry.items()))
def test_an_effect_says_how_it_is_paid(kind: str, policy: effects.Policy) -> None:
    assert (policy.handler.__doc__ or "").strip()
    assert policy.handler.__module__.endswith(".effects")
    assert sorted(policy.pauses) == list(policy.pauses)


def test_the_command_prints_every_event_with_who_reacts() -> None:
    call_command("events", stdout=(said := StringIO()))
    lines = {line.split("|")[1].strip(): line for line in said.getvalue().splitlines()}
    assert set(events.registry) <= set(lines)
    assert "conversations.wake_up_later" in lines["conversation.status_changed"]
    assert "conversation:{conversation}:public" in lines["conversation.message_sent"]
    assert "| yes " in lines["member.signed_in"]


def test_a_stand_in_reads_as_what_it_stands_for() -> None:
    conversation = StandIn("conversation")
    assert (
        f"{conversation.pk} {conversation.workspace_id} {conversation.visitor.pk}"
        == "{conversation} {workspace} {visitor}"
    )
