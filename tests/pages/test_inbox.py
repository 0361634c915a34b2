"""The inbox's pages: each view, each conversation, each fragment, for each role."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.conversations import actions
from apps.conversations.models import Conversation
from apps.core.access import System
from apps.workspaces.models import Workspace
from tests import factories
from tests.callers import SignedIn, signed_in
from tests.pages.browsing import keys_of, page, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(workspace: Workspace) -> SignedIn:
    return signed_in(workspace)


def conversation(workspace: Workspace, body: str = "Hello?", **details: object) -> Conversation:
    return factories.start(factories.make_visitor(workspace, **details), body)


def test_each_view_shows_its_own_conversations(workspace: Workspace, agent: SignedIn) -> None:
    waiting, mine, snoozed, closed = (conversation(workspace) for _ in range(4))
    actions.assign(mine, agent.member, by=System())
    actions.change_status(snoozed, "snoozed", by=agent.member, until=timezone.now() + timedelta(days=1))
    actions.change_status(closed, "closed", by=agent.member)
    shown = {
        view: set(keys_of(page(agent, f"/inbox/{view}/")))
        for view in ("open", "mine", "unassigned", "snoozed", "closed", "all")
    }
    ids = {
        name: str(each.pk)
        for name, each in {"waiting": waiting, "mine": mine, "snoozed": snoozed, "closed": closed}.items()
    }
    assert shown == {
        "open": {ids["waiting"], ids["mine"]},
        "mine": {ids["mine"]},
        "unassigned": {ids["waiting"]},
        "snoozed": {ids["snoozed"]},
        "closed": {ids["closed"]},
        "all": set(ids.values()),
    }


def test_the_list_can_be_narrowed_to_one_assignee(workspace: Workspace, agent: SignedIn) -> None:
    conversation(workspace)
    theirs = conversation(workspace)
    other = factories.make_member(workspace, name="Ali Reza")
    actions.assign(theirs, other, by=System())
    response = page(agent, "/inbox/open/", assignee=str(other.pk))
    assert keys_of(response) == [str(theirs.pk)]
    assert "Assigned to Ali Reza" in text_of(response)


def test_another_workspaces_conversations_do_not_exist(workspace: Workspace, agent: SignedIn) -> None:
    foreign = conversation(factories.make_workspace("Other"), "secret words")
    assert keys_of(page(agent, "/inbox/all/")) == []
    assert keys_of(page(agent, "/inbox/all/", q="secret")) == []
    for path in (f"/inbox/all/{foreign.pk}/", f"/inbox/messages/{foreign.pk}/?before=9"):
        response = page(agent, path)
        assert response.status_code == 404
        assert b"secret" not in response.content


def test_a_search_finds_words_of_messages_and_names(workspace: Workspace, agent: SignedIn) -> None:
    by_word = conversation(workspace, "The derailleur squeaks")
    by_name = conversation(workspace, name="Wilhelmina")
    conversation(workspace, "Something else")
    assert keys_of(page(agent, "/inbox/open/", q="derail")) == [str(by_word.pk)]
    assert keys_of(page(agent, "/inbox/open/", q="wilhelm")) == [str(by_name.pk)]
    assert "Nothing found" in text_of(page(agent, "/inbox/open/", q="nothing like it"))


def test_pages_follow_one_another_without_gap_or_overlap(workspace: Workspace, agent: SignedIn) -> None:
    visitor = factories.make_visitor(workspace)
    made = [str(factories.start(visitor, f"Number {number}").pk) for number in range(53)]
    first = page(agent, "/inbox/open/")
    following = re.search(r'data-next="(/inbox/open/\?cursor=[^"]+)"', first.content.decode())
    assert following
    second = page(agent, following[1], "rows")
    assert keys_of(first) + keys_of(second) == made[::-1]
    assert 'data-next=""' in second.content.decode()


@pytest.mark.parametrize(
    "path", ["/inbox/nowhere/", "/inbox/open/?cursor=forged", "/inbox/open/01234567-89ab-7def-8123-456789abcdef/"]
)
def test_what_does_not_exist_is_a_404(agent: SignedIn, path: str) -> None:
    assert page(agent, path).status_code == 404


def test_a_fragment_is_that_part_of_the_page_and_nothing_else(workspace: Workspace, agent: SignedIn) -> None:
    shown = conversation(workspace, "A question")
    whole = page(agent, f"/inbox/open/{shown.pk}/").content.decode()
    for name, start in (("list", '<section class="list"'), ("conversation", '<div class="conversation"')):
        part = page(agent, f"/inbox/open/{shown.pk}/", name).content.decode().strip()
        assert part.startswith(start)
        assert "<html" not in part
    assert "<html" in whole


def test_an_unknown_fragment_gets_the_whole_page(agent: SignedIn) -> None:
    assert b"<html" in page(agent, "/inbox/open/", "../../secrets").content


def test_a_conversation_shows_messages_notes_and_what_was_done(workspace: Workspace, agent: SignedIn) -> None:
    shown = conversation(workspace, "Is it **open**?", name="Maya")
    factories.send(shown, agent.member, "Yes, until six.")
    factories.send(shown, agent.member, "Ask the workshop first", kind="note")
    actions.assign(shown, agent.member, by=agent.member)
    response = page(agent, f"/inbox/open/{shown.pk}/")
    content = response.content.decode()
    assert "<strong>open</strong>" in content
    assert re.findall(r'data-seq="(\d+)"', content) == ["1", "2", "3", "4"]
    assert len(re.findall(r'class="message message--note"', content)) == 1
    assert f"{agent.member.label} took this" in text_of(response)


def test_what_a_visitor_writes_stays_text_everywhere(workspace: Workspace, agent: SignedIn) -> None:
    evil = "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>"
    shown = conversation(
        workspace, evil, name=evil, attributes={evil: evil}, page_title=evil, page_url="javascript:alert(1)"
    )
    for path in (f"/inbox/open/{shown.pk}/", "/visitors/", f"/visitors/{shown.visitor_id}/"):
        content = page(agent, path).content.decode()
        assert "<img src=x" not in content
        assert "<script>" not in content
        assert 'href="javascript:' not in content
        assert "&lt;img src=x onerror=alert(1)&gt;" in content


def test_earlier_messages_come_a_page_at_a_time(workspace: Workspace, agent: SignedIn) -> None:
    shown = conversation(workspace)
    for number in range(120):
        factories.send(shown, shown.visitor, f"Number {number}")
    sequences = [
        int(seq) for seq in re.findall(r'data-seq="(\d+)"', page(agent, f"/inbox/open/{shown.pk}/").content.decode())
    ]
    assert sequences == list(range(72, 122))
    while sequences[0] > 1:
        earlier = page(agent, f"/inbox/messages/{shown.pk}/", before=sequences[0]).content.decode()
        sequences = [int(seq) for seq in re.findall(r'data-seq="(\d+)"', earlier)] + sequences
    assert sequences == list(range(1, 122))


@pytest.mark.parametrize("before", ["", "x", "-1", "٣", "9" * 30])
def test_earlier_than_what_is_no_number_is_a_404(workspace: Workspace, agent: SignedIn, before: str) -> None:
    shown = conversation(workspace)
    assert page(agent, f"/inbox/messages/{shown.pk}/", before=before).status_code == 404


def test_a_draft_is_in_the_field_again_for_its_writer_only(workspace: Workspace, agent: SignedIn) -> None:
    shown = conversation(workspace)
    actions.save_draft(shown, by=agent.member, kind="message", body="I was about to say")
    assert "I was about to say" in page(agent, f"/inbox/open/{shown.pk}/").content.decode()
    assert "I was about to say" not in page(signed_in(workspace), f"/inbox/open/{shown.pk}/").content.decode()


def test_a_viewer_reads_and_is_offered_nothing_they_may_not_do(workspace: Workspace) -> None:
    shown = conversation(workspace, "Readable")
    response = page(signed_in(workspace, "viewer"), f"/inbox/open/{shown.pk}/")
    content = response.content.decode()
    assert "Readable" in text_of(response)
    for refused in (
        "<message-composer",
        'data-command="close"',
        'data-command="snooze"',
        "thread__assignee",
        "row__pick",
    ):
        assert refused not in content


def test_looking_at_the_inbox_changes_nothing(workspace: Workspace, agent: SignedIn) -> None:
    shown = conversation(workspace)
    before = Conversation.objects.values().get(pk=shown.pk)
    page(agent, f"/inbox/open/{shown.pk}/")
    assert Conversation.objects.values().get(pk=shown.pk) == before


def test_a_new_workspace_is_told_the_one_next_step(workspace: Workspace, agent: SignedIn) -> None:
    response = page(agent, "/inbox/")
    assert "No conversations yet" in text_of(response)
    assert 'href="/settings/installation/"' in response.content.decode()


def test_an_inbox_of_any_length_takes_as_many_queries(
    workspace: Workspace, agent: SignedIn, django_assert_max_num_queries: object
) -> None:
    for _ in range(30):
        shown = conversation(workspace)
    with django_assert_max_num_queries(16):  # type: ignore[operator]
        page(agent, f"/inbox/open/{shown.pk}/")


def test_who_can_be_assigned_leaves_out_those_who_only_look(workspace: Workspace, agent: SignedIn) -> None:
    factories.make_member(workspace, "viewer", name="Vic Viewer")
    response = page(agent, "/inbox/assignees/")
    assert agent.member.label in text_of(response)
    assert "Vic Viewer" not in text_of(response)
    assert page(signed_in(workspace, "viewer"), "/inbox/assignees/").status_code == 403
