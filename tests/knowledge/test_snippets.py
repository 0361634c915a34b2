"""Snippets: who sees and changes which, what is offered first, and that no variable is ever sent."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from apps.conversations.models import Message
from apps.core import limits
from apps.knowledge.snippets.models import Snippet
from tests import callers, factories
from tests.callers import Booted, SignedIn, refusal
from tests.database import nothing_happens

pytestmark = pytest.mark.django_db

GREETING = "Hello {{ visitor.first_name | there }}, {{ agent.first_name }} of {{ workspace.name }} here."


def make(caller: Any, name: str = "Greeting", body: str = GREETING, **more: Any) -> dict[str, Any]:
    made = caller.post("/snippets", {"name": name, "body": body, **more})
    assert made.status_code == 201, made.content
    return dict(made.json())


def offered(caller: SignedIn, visitor: Booted, q: str = "") -> list[dict[str, Any]]:
    answer = caller.get(f"/visitors/{visitor.visitor.pk}/snippets?q={q}")
    assert answer.status_code == 200, answer.content
    return list(answer.json()["items"])


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["name"] for item in items]


# Whose they are


def test_a_shared_snippet_is_everybodys_and_ones_own_is_nobody_elses(owner: SignedIn, agent: SignedIn) -> None:
    shared, own = make(owner, "Shared"), make(owner, "Mine", shared=False)
    assert names(owner.get("/snippets").json()["items"]) == ["Mine", "Shared"]
    assert names(agent.get("/snippets").json()["items"]) == ["Shared"]
    assert agent.get(f"/snippets/{shared['id']}").status_code == 200
    with nothing_happens():
        assert refusal(agent.get(f"/snippets/{own['id']}")) == (404, "not_found")
        assert refusal(agent.patch(f"/snippets/{own['id']}", {"name": "Taken"})) == (404, "not_found")
        assert refusal(agent.delete(f"/snippets/{own['id']}")) == (404, "not_found")
        assert refusal(agent.post(f"/snippets/{own['id']}/uses")) == (404, "not_found")


def test_who_may_not_manage_shared_ones_still_makes_their_own(owner: SignedIn) -> None:
    shared = make(owner)
    member = factories.make_member(owner.member.workspace)
    member.permissions = ["conversations.read", "conversations.reply"]
    member.save()
    caller = callers.SignedIn(member)
    with nothing_happens(but={"audit_auditentry"}):
        assert caller.post("/snippets", {"name": "For all", "body": "Hi"}).status_code == 403
        assert caller.patch(f"/snippets/{shared['id']}", {"name": "Mine now"}).status_code == 403
        assert caller.delete(f"/snippets/{shared['id']}").status_code == 403
    own = make(caller, "Own", shared=False)
    assert caller.patch(f"/snippets/{own['id']}", {"body": "Hi!"}).json()["body"] == "Hi!"
    assert caller.delete(f"/snippets/{own['id']}").status_code == 204


def test_a_key_manages_the_shared_ones_and_sees_no_others(owner: SignedIn) -> None:
    key = callers.keyed(owner.member, "snippets.manage")
    make(owner, "Mine", shared=False)
    made = make(key, "Ours", shared=False)
    assert made["shared"], "a program has no list of its own"
    assert names(key.get("/snippets").json()["items"]) == ["Ours"]
    assert key.patch(f"/snippets/{made['id']}", {"folder": "Orders"}).json()["folder"] == "Orders"


def test_when_a_member_leaves_their_own_go_and_the_shared_ones_stay(owner: SignedIn, agent: SignedIn) -> None:
    make(agent, "Shared")
    make(agent, "Own", shared=False)
    assert owner.delete(f"/members/{agent.member.pk}").status_code == 204
    assert list(Snippet.objects.values_list("name", flat=True)) == ["Shared"]


# What is taken


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "x" * (limits.SNIPPET_NAME_CHARACTERS + 1)}),
        ("body", {"body": " \n "}),
        ("body", {"body": "x" * (limits.SNIPPET_CHARACTERS + 1)}),
        ("body", {"body": "Hello {{ name }}"}),
        ("body", {"body": "Hello {{ agent.password }}"}),
        ("body", {"body": "Hello {{ visitor.first name }}"}),
        ("shortcut", {"shortcut": "two words"}),
        ("shortcut", {"shortcut": "/slash"}),
        ("owner", {"owner": str(uuid4())}),
    ],
)
def test_what_could_not_be_used_is_refused(agent: SignedIn, field: str, change: dict[str, Any]) -> None:
    with nothing_happens():
        refused = agent.post("/snippets", {"name": "Greeting", "body": GREETING, **change})
    assert refusal(refused) == (400, "invalid")
    assert list(refused.json()["error"]["fields"]) == [field]


def test_a_shortcut_is_given_once_among_the_shared_and_once_among_ones_own(agent: SignedIn, owner: SignedIn) -> None:
    make(agent, "First", shortcut="hi")
    with nothing_happens():
        assert refusal(agent.post("/snippets", {"name": "Second", "body": "Hi", "shortcut": "hi"})) == (
            409,
            "shortcut_taken",
        )
    second = make(agent, "Own", shortcut="hi", shared=False)
    make(owner, "Own", shortcut="hi", shared=False)
    third = make(agent, "Third", shortcut="hello", shared=False)
    with nothing_happens():
        assert refusal(agent.patch(f"/snippets/{third['id']}", {"shortcut": "hi"})) == (409, "shortcut_taken")
    assert agent.patch(f"/snippets/{second['id']}", {"shortcut": "hi"}).status_code == 200
    make(agent, "Without")
    make(agent, "Without too")


def test_a_workspace_has_no_more_than_it_may(agent: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SNIPPETS", 2)
    make(agent, "One")
    make(agent, "Two", shared=False)
    with nothing_happens():
        assert refusal(agent.post("/snippets", {"name": "Three", "body": "Hi"})) == (409, "too_many_snippets")


# What is offered


def test_variables_are_filled_in_with_what_is_known_and_else_with_their_fallback(
    agent: SignedIn, workspace: Any
) -> None:
    make(agent)
    maya = callers.booted(workspace, name="Maya Lind")
    (known,) = offered(agent, maya)
    assert known["text"] == f"Hello Maya, Ada of {workspace.name} here."
    assert known["unresolved"] == []
    (unknown,) = offered(agent, callers.booted(workspace))
    assert unknown["text"].startswith("Hello there, Ada of")


def test_attributes_are_variables_too_and_what_is_not_known_stays_and_is_named(agent: SignedIn, workspace: Any) -> None:
    make(agent, body="You are on {{ visitor.plan }} with {{visitor.seats}} seats, {{ visitor.trial | no trial }}.")
    visitor = callers.booted(workspace)
    visitor.visitor.attributes = {"plan": "Pro", "trial": False}
    visitor.visitor.save()
    (item,) = offered(agent, visitor)
    assert item["text"] == "You are on Pro with {{visitor.seats}} seats, no."
    assert item["unresolved"] == ["{{visitor.seats}}"]


def test_what_a_visitor_is_called_is_never_filled_in_again(agent: SignedIn, workspace: Any) -> None:
    make(agent, body="Hello {{ visitor.name }}.")
    (item,) = offered(agent, callers.booted(workspace, name="{{ agent.name }}"))
    assert item["text"] == "Hello {{ agent.name }}.", "a name is no template"
    assert item["unresolved"] == ["{{ agent.name }}"]


def test_the_shortcut_comes_before_the_name_and_what_was_used_lately_before_the_rest(
    agent: SignedIn, visitor: Booted
) -> None:
    refund, invoice, late = (
        make(agent, "Refund", "We refund", shortcut="refund"),
        make(agent, "Invoice", "An invoice and no refund"),
        make(agent, "Reply late", "Sorry", shortcut="late"),
    )
    assert names(offered(agent, visitor)) == ["Invoice", "Refund", "Reply late"]
    assert names(offered(agent, visitor, "re")) == ["Refund", "Reply late", "Invoice"]
    assert agent.post(f"/snippets/{late['id']}/uses").status_code == 204
    assert names(offered(agent, visitor)) == ["Reply late", "Invoice", "Refund"]
    assert agent.post(f"/snippets/{invoice['id']}/uses").status_code == 204
    assert names(offered(agent, visitor)) == ["Invoice", "Reply late", "Refund"]
    assert names(offered(agent, visitor, "refund")) == ["Refund", "Invoice"]
    assert offered(agent, visitor, "%25") == []
    assert refund["shortcut"] == "refund"


def test_only_those_who_see_the_visitor_are_offered_what_names_them(agent: SignedIn, workspace: Any) -> None:
    make(agent)
    stranger = callers.booted(factories.make_workspace("Elsewhere"), name="Grete")
    refused = agent.get(f"/visitors/{stranger.visitor.pk}/snippets")
    assert refusal(refused) == (404, "not_found")


def test_a_preview_reads_as_two_people_would_read_it_and_keeps_nothing(agent: SignedIn, workspace: Any) -> None:
    callers.booted(workspace, name="Maya Lind")
    with nothing_happens():
        read = agent.post("/snippets/preview", {"body": "Hello {{ visitor.first_name }} of {{ visitor.city | here }}"})
    assert read.json() == {
        "known": {"name": "Maya Lind", "text": "Hello Maya of here", "unresolved": []},
        "unknown": {
            "name": "",
            "text": "Hello {{ visitor.first_name }} of here",
            "unresolved": ["{{ visitor.first_name }}"],
        },
    }
    assert refusal(agent.post("/snippets/preview", {"body": "{{ nonsense }}"})) == (400, "invalid")


# What is sent


def test_no_variable_is_ever_sent_to_a_visitor(agent: SignedIn, visitor: Booted) -> None:
    conversation = factories.start(visitor.visitor)
    key = callers.keyed(callers.signed_in(visitor.visitor.workspace, "owner").member, "conversations.reply")
    path = f"/conversations/{conversation.pk}/messages"
    for caller in (agent, key):
        with nothing_happens():
            refused = caller.post(path, {"client_id": str(uuid4()), "body": "Hello {{ visitor.company }}!"})
            assert refusal(refused) == (400, "invalid")
            assert "{{ visitor.company }}" in refused.json()["error"]["fields"]["body"][0]
    with nothing_happens():
        body = {"client_id": str(uuid4()), "body": "{{ agent.name }}", "visitor": str(visitor.visitor.pk)}
        assert refusal(agent.post("/conversations", body)) == (400, "invalid")
    said = {"client_id": str(uuid4()), "body": "In our template write {{ name }} or {{ user.name }}."}
    assert agent.post(path, said).status_code == 201, "other people's templates can be talked about"
    note = {"client_id": str(uuid4()), "body": "{{ visitor.company }} is unknown", "kind": "note"}
    assert agent.post(path, note).status_code == 201
    assert visitor.say(conversation.pk, "What is {{ visitor.name }}?").status_code == 201
    assert Message.objects.filter(conversation=conversation, body__contains="{{").count() == 3


# Pages


def test_the_pages_list_make_change_and_delete(agent: SignedIn) -> None:
    client, pages = agent.client, "/settings/snippets/"
    assert b"No snippet yet" in client.get(pages).content
    made = client.post(
        f"{pages}new/",
        {
            "name": "Greeting",
            "shortcut": "hi",
            "folder": "Start",
            "body": "Hello\r\n{{ visitor.name | you }}",
            "whose": "mine",
        },
    )
    assert made.status_code == 302
    snippet = Snippet.objects.get()
    assert (snippet.owner, snippet.body) == (agent.member, "Hello\n{{ visitor.name | you }}")
    assert b"Greeting" in client.get(pages).content
    assert b"Greeting" not in client.get(f"{pages}?whose=shared").content
    page = f"{pages}{snippet.pk}/"
    with nothing_happens():
        refused = client.post(page, {"name": "", "body": "{{ nonsense }}"})
    assert refused.status_code == 422
    assert b"{{ nonsense }} stands for nothing" in refused.content
    assert client.post(page, {"name": "Welcome", "body": "Hello"}).status_code == 302
    snippet.refresh_from_db()
    assert (snippet.name, snippet.shortcut, snippet.folder) == ("Welcome", "", "")
    assert client.post(page, {"do": "delete"}).status_code == 302
    assert not Snippet.objects.exists()


def test_a_shared_one_that_is_not_the_readers_to_change_is_shown_to_read(owner: SignedIn) -> None:
    shared = make(owner, body="Read <b>me</b>")
    member = factories.make_member(owner.member.workspace)
    member.permissions = ["conversations.read", "conversations.reply"]
    member.save()
    client = callers.SignedIn(member).client
    page = client.get(f"/settings/snippets/{shared['id']}/")
    assert b"Read &lt;b&gt;me&lt;/b&gt;" in page.content
    assert b"snippet-form" not in page.content
    with nothing_happens(but={"audit_auditentry"}):
        assert client.post(f"/settings/snippets/{shared['id']}/", {"name": "x", "body": "y"}).status_code == 403
