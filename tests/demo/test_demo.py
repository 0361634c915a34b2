"""The demo workspace: what an operator gets from `manage.py demo`, and that it is as exact as what people's clicks make."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db import connection

from apps.conversations.inbox import counts
from apps.conversations.models import Attachment, Conversation, Message
from apps.visitors.models import Visitor
from apps.workspaces.demo import demo_workspace
from apps.workspaces.models import Member, User, Workspace
from opencom_project.demo.cast import PASSWORD, PEOPLE, TEAM
from opencom_project.demo.script import Done, Spoken, scenes
from opencom_project.first_message import SignIn
from tests.chaos.invariants import FILLED, broken


def run(*words: str) -> str:
    output = io.StringIO()
    call_command("demo", *words, stdout=output)
    return output.getvalue()


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    settings.PUBLIC_URL, settings.HTTPS = "http://127.0.0.1:8123", False
    return tmp_path


def still_exact(without: frozenset[str] = frozenset()) -> None:
    with connection.cursor() as cursor:
        assert broken(cursor, without) == {}


@pytest.mark.django_db
class TestDemo:
    def test_an_empty_installation_gets_the_shop_with_everything_in_it(self, uploads: Path) -> None:
        run("--if-empty")
        workspace = demo_workspace()
        assert workspace is not None
        members = Member.objects.filter(workspace=workspace).order_by("created_at").select_related("user")
        assert [(m.label, m.user.email, m.role) for m in members] == [(one.name, one.email, one.role) for one in TEAM]
        assert set(workspace.allowed_origins) == {"http://127.0.0.1:8123", "http://localhost:8123"}
        assert not workspace.any_origin
        conversations = Conversation.objects.filter(workspace=workspace)
        assert conversations.count() == len(scenes()) == 40
        assert set(Counter(conversations.values_list("status", flat=True))) == {"open", "snoozed", "closed"}
        assert conversations.filter(status="open", assignee=None).exists()
        assert conversations.filter(unread_by_agents__gt=0).exists()
        assert conversations.filter(unread_by_visitor__gt=0).exists()
        assert conversations.filter(status="snoozed", snoozed_until=None).exists()
        assert set(Message.objects.values_list("kind", flat=True)) == {"message", "note", "event"}
        assert Visitor.objects.filter(name="").exists()
        assert Visitor.objects.count() == len(PEOPLE)
        assert len({person.locale for person in PEOPLE}) > 15
        pictures = Attachment.objects.filter(message__isnull=False)
        assert pictures.count() == 3
        assert all((uploads / picture.file.name).stat().st_size == picture.size for picture in pictures)
        still_exact()

    def test_every_line_of_the_script_is_an_entry_of_a_log(self) -> None:
        run()
        written = Counter(line.body for scene in scenes() for line in scene.lines if isinstance(line, Spoken))
        assert Counter(Message.objects.exclude(kind="event").values_list("body", flat=True)) == written
        done = sum(isinstance(line, Done) for scene in scenes() for line in scene.lines)
        assert Message.objects.filter(kind="event").count() == done

    def test_the_times_are_spread_over_days_and_run_forward_in_each_log(self) -> None:
        run()
        times = Conversation.objects.order_by("last_at").values_list("last_at", flat=True)
        assert (times[len(times) - 1] - times[0]).days >= 10
        assert Conversation.objects.filter(snoozed_until__isnull=False).exists()
        for conversation in Conversation.objects.all():
            at = list(conversation.messages.order_by("seq").values_list("created_at", flat=True))
            assert at == sorted(at)
            assert conversation.created_at == at[0]
            if conversation.snoozed_until:
                assert conversation.snoozed_until > at[-1]

    def test_everybody_of_the_team_can_sign_in_with_what_is_printed(self) -> None:
        run()
        printed = SignIn.from_text(run("--print-sign-in"))
        assert (printed.email, printed.password) == (TEAM[0].email, PASSWORD)
        for one in TEAM:
            assert authenticate(username=one.email, password=printed.password) is not None

    def test_an_installation_that_isn_t_empty_is_left_alone(self) -> None:
        Workspace.objects.create(name="Real")
        run("--if-empty")
        assert list(Workspace.objects.values_list("name", flat=True)) == ["Real"]
        assert User.objects.count() == Conversation.objects.count() == 0
        assert run("--print-sign-in") == ""

    def test_a_second_demo_is_refused_and_nothing_is_doubled(self) -> None:
        run()
        with pytest.raises(CommandError, match="already"):
            run()
        assert Workspace.objects.count() == 1
        assert Conversation.objects.count() == 40

    def test_an_installation_that_others_reach_gets_no_public_password(self, settings) -> None:
        settings.HTTPS = True
        with pytest.raises(CommandError, match="password is public"):
            run()
        assert User.objects.count() == Workspace.objects.count() == 0


@pytest.mark.usefixtures("committed")
class TestFill:
    def test_many_conversations_are_as_exact_as_those_that_people_made(self) -> None:
        run()
        before = counts(Member.objects.get(role="owner"))
        run("--fill", "300")
        assert Conversation.objects.count() == 340
        assert Visitor.objects.count() == len(PEOPLE) + 150
        still_exact(FILLED)
        after = counts(Member.objects.get(role="owner"))
        for name in ("open", "closed", "unassigned", "mine", "unread"):
            assert after[name] > before[name]
        made = Message.objects.exclude(conversation__in=Conversation.objects.order_by("-created_at")[:40])
        assert {message.id.version for message in made[:50]} == {7}

    def test_without_the_shop_there_is_nothing_to_fill(self) -> None:
        with pytest.raises(CommandError, match="no demo workspace"):
            run("--fill", "10")
        assert Conversation.objects.count() == 0
