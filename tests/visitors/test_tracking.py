"""What visitors do: kept once, shown to the team, limited, and gone with their consent."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.visitors.models import TrackedEvent
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn
from tests.pages.browsing import page, text_of

pytestmark = pytest.mark.django_db


def event(name: str, seconds: int = 0, **more: Any) -> dict[str, Any]:
    at = (timezone.now() + timedelta(seconds=seconds)).isoformat()
    return {"id": str(uuid.uuid4()), "name": name, "at": at, **more}


def send(visitor: Booted, *events: dict[str, Any]) -> dict[str, int]:
    answer = visitor.post("/widget/events", {"events": list(events)})
    assert answer.status_code == 200, answer.content
    counted: dict[str, int] = answer.json()
    return counted


def test_a_session_ends_when_it_was_last_said_to(visitor: Booted) -> None:
    end = event("session_end", properties={"pages": 1})
    later = {**event("session_end", 60, properties={"pages": 2}), "id": end["id"]}
    assert send(visitor, end) == {"accepted": 1, "duplicates": 0}
    assert send(visitor, later) == {"accepted": 0, "duplicates": 1}
    assert send(visitor, end) == {"accepted": 0, "duplicates": 1}
    assert TrackedEvent.objects.get().properties == {"pages": 2}


def test_any_other_event_that_comes_twice_is_what_it_was(visitor: Booted) -> None:
    first = event("page_view", properties={"title": "One"})
    send(visitor, first)
    send(visitor, {**first, "properties": {"title": "Two"}})
    assert TrackedEvent.objects.get().properties == {"title": "One"}


def test_one_visitor_s_session_is_not_ended_by_another_s(workspace: Workspace, visitor: Booted) -> None:
    end = event("session_end", properties={"pages": 1})
    send(visitor, end)
    send(callers.booted(workspace), {**event("session_end", 60, properties={"pages": 9}), "id": end["id"]})
    assert visitor.visitor.tracked_events.get().properties == {"pages": 1}


def test_the_visitor_s_page_shows_where_they_were_and_what_they_did(visitor: Booted, agent: SignedIn) -> None:
    send(
        visitor,
        event("session_start"),
        event("page_view", 1, url="https://shop.example/prices", properties={"title": "Prices <b>"}),
        event("screen_view", 2, properties={"screen": "Basket"}),
        event("signed up", 3),
    )
    shown = page(agent, f"/visitors/{visitor.visitor.pk}/")
    text = text_of(shown)
    for words in ("Last pages", "Basket", "Last events", "signed up", "Came to the site"):
        assert words in text
    assert "Prices &lt;b&gt;" in shown.content.decode()
    other = factories.make_visitor(agent.member.workspace)
    assert "Last pages" not in text_of(page(agent, f"/visitors/{other.pk}/"))


def test_consent_taken_back_takes_the_events_with_it(visitor: Booted) -> None:
    visitor.start("I stay.")
    send(visitor, event("page_view"), event("bought"))
    visitor.delete("/widget/visitor")
    assert not TrackedEvent.objects.exists()


def test_events_of_a_name_are_found_by_the_index(workspace: Workspace, visitor: Booted) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO visitors_trackedevent (workspace_id, visitor_id, client_id, name, properties, url, occurred_at)
            SELECT %s, %s, gen_random_uuid(), 'name ' || n %% 50, '{}', '', now() - n * interval '1 min' FROM generate_series(1, 20000) AS n
            """,
            [workspace.pk, visitor.visitor.pk],
        )
        cursor.execute("ANALYZE visitors_trackedevent")
        asked = TrackedEvent.objects.filter(
            workspace=workspace,
            visitor=visitor.visitor,
            name="name 7",
            occurred_at__gt=timezone.now() - timedelta(days=7),
        )
        plan = asked.explain()
    assert "tracked_event_rules" in plan, plan
    assert "Seq Scan" not in plan, plan
