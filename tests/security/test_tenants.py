"""Two tenants on one installation: nothing of one is found, named, counted or changed from the other."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest

from apps.core import live
from apps.visitors.models import Visitor
from tests.callers import API, refusal
from tests.database import nothing_happens
from tests.security.cases import case
from tests.security.scene import Scene
from tests.security.test_matrix import ENDPOINTS, RIGHT, call

LISTS = ("/conversations", "/conversations/counts", "/visitors", "/members", "/workspace")
CANARY = "zweihundertkanarienvögel"
JSON_WRITES = [
    endpoint
    for endpoint in ENDPOINTS
    if (right := RIGHT.get((endpoint.verb, endpoint.name))) and right.body and not right.form and endpoint.verb != "GET"
]


@case("T02")
@pytest.mark.parametrize("path", LISTS)
def test_a_list_cannot_be_asked_for_another_workspace(cell: Scene, path: str) -> None:
    workspace = str(cell.workspace.pk)
    own = cell.foreigner.get(path).json()
    assert cell.conversation not in str(own)
    for parameter in ("workspace", "workspace_id", "visitor"):
        answer = cell.foreigner.get(path, **{parameter: workspace})
        assert answer.status_code == 400 or answer.json() == own
    elsewhere = dict(cell.foreigner.headers)
    cell.foreigner.headers |= {"X-Workspace-Id": workspace, "X-Workspace": workspace}
    assert cell.foreigner.get(path).json() == own
    cell.foreigner.headers = elsewhere
    assert cell.agent.get(path).json() != own


@case("T04", "Q01")
@pytest.mark.parametrize("field", ["workspace_id", "id", "created_at"])
@pytest.mark.parametrize("endpoint", JSON_WRITES, ids=lambda endpoint: f"{endpoint.verb} {endpoint.name}")
def test_no_body_says_whose_a_row_is(cell: Scene, endpoint: Any, field: str) -> None:
    people = [person for person in cell.people if person.name in ("owner", "the visitor", "nobody")]
    right = RIGHT[endpoint.verb, endpoint.name]
    assert right.body is not None
    allowed = [p for p in people if call(endpoint, p, cell, cell.ids).status_code < 300]
    assert allowed
    for person in allowed[:1]:
        address = re.sub(r"<\w+:(\w+)>", lambda match: str(cell.ids[match.group(1)]), endpoint.name).removeprefix(API)
        body = {**right.body(cell, person), field: str(cell.elsewhere.pk)}
        with nothing_happens():
            answer = person.caller.call(endpoint.verb, address, body, Origin="https://shop.example")
        assert refusal(answer) == (400, "invalid")
        assert field in answer.json()["error"]["fields"]


@case("T06")
def test_a_bulk_change_with_one_foreign_conversation_changes_none(cell: Scene) -> None:
    own = cell.stranger.start("Hello?").json()["conversation"]["id"]
    body = {"conversations": [own, cell.conversation], "change": {"status": "closed"}}
    with nothing_happens():
        assert refusal(cell.foreigner.post("/conversations/bulk", body)) == (404, "not_found")
    body["conversations"] = [own]
    assert cell.foreigner.post("/conversations/bulk", body).json() == {"changed": 1}


@case("T08", "V09")
def test_a_readable_id_opens_nothing(cell: Scene) -> None:
    readable = cell.visitor.visitor.readable_id
    assert cell.foreigner.get(f"/visitors/{readable}").status_code == 404
    assert cell.agent.get(f"/visitors/{readable}").status_code == 404, "not even at home: it is for people"
    assert [row["readable_id"] for row in cell.agent.get("/visitors", q=readable).json()["items"]] == [readable]
    assert cell.foreigner.get("/visitors", q=readable).json()["items"] == []
    assert cell.foreigner.get("/conversations", q=readable, status="all").json()["items"] == []


@case("T09")
def test_a_word_of_one_tenant_is_found_by_no_search_of_another(cell: Scene) -> None:
    spread_canary(cell)
    pages = (("/inbox/all/", "rows", cell.conversation), ("/visitors/", "found", str(cell.visitor.visitor.pk)))
    for caller, finds in ((cell.agent, True), (cell.foreigner, False)):
        conversations = caller.get("/conversations", q=CANARY, status="all").json()["items"]
        people = caller.get("/visitors", q=CANARY).json()["items"]
        assert (bool(conversations), bool(people)) == (finds, finds)
        for page, fragment, id_ in pages:
            shown = caller.client.get(page, {"q": CANARY}, headers={"X-Fragment": fragment})
            assert shown.status_code == 200
            assert (id_ in shown.content.decode()) is finds


@case("T09")
def test_a_word_of_one_tenant_is_in_no_answer_to_another(cell: Scene) -> None:
    spread_canary(cell)
    actors: list[tuple[Any, bool]] = [
        (cell.agent.member, True),
        (cell.foreigner.member, False),
        (cell.stranger.visitor, False),
    ]
    for actor, sees in actors:
        answers = []
        for name, query in live.registry.items():
            params = {"conversation": cell.conversation} if "conversation" in query.Params.__struct_fields__ else {}
            if "visitor" in query.Params.__struct_fields__ and actor.kind == "member":
                params = {"visitor": str(cell.visitor.visitor.pk)}
            if "erasure" in query.Params.__struct_fields__:
                params = {"erasure": cell.erasure}
            try:
                answers.append(live.encode(live.snapshot(actor, name, params).data))
            except (live.NotVisible, live.access.PermissionDenied):
                continue
        assert (CANARY in b"".join(answers).decode()) is sees, actor
    paths = ("/conversations", "/visitors", "/members", "/workspace", "/conversations/counts")
    assert CANARY not in "".join(cell.foreigner.get(path).content.decode() for path in paths)
    assert CANARY in cell.agent.get("/conversations").content.decode()


@case("V09")
def test_a_visitors_id_in_a_body_makes_nobody_that_visitor(cell: Scene) -> None:
    id_ = str(cell.visitor.visitor.pk)
    for path in ("/widget/visitor", "/widget/events", "/conversations"):
        with nothing_happens():
            verb = "PATCH" if path == "/widget/visitor" else "POST"
            assert cell.people[0].caller.call(verb, path, {"visitor": id_, "name": "Eve"}).status_code == 401
            assert cell.other.call(verb, path, {"visitor": id_, "name": "Eve"}).status_code == 400
    assert cell.other.patch("/widget/visitor", {"name": "Eve"}).json()["id"] == str(cell.other.visitor.pk)
    assert Visitor.objects.get(pk=id_).name == "Maya"


def spread_canary(scene: Scene) -> None:
    """Put the canary wherever a tenant's people can put a word."""
    scene.visitor.patch(
        "/widget/visitor", {"name": CANARY, "attributes": {"plan": CANARY}, "page": {"url": "x", "title": CANARY}}
    )
    scene.visitor.say(scene.conversation, f"The {CANARY} of the shop.")
    scene.agent.say(scene.conversation, f"A note on {CANARY}.", kind="note")
    assert (
        scene.agent.put(f"/conversations/{scene.conversation}/draft", {"kind": "note", "body": CANARY}).status_code
        == 200
    )
    owner: Any = scene.person("owner").caller
    assert owner.patch("/workspace/messenger", {"greeting": CANARY}).status_code == 200
    assert (
        owner.post(
            "/conversations", {"client_id": str(uuid4()), "body": CANARY, "visitor": str(scene.other.visitor.pk)}
        ).status_code
        == 201
    )
