"""The API's description is valid, complete, and what the API really answers."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from apps.core.endpoints import endpoints
from opencom_project.api_docs import document
from tests import factories
from tests.callers import API, Booted, Caller, SignedIn, nobody

OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
]


def schema_named(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = document()["components"]["schemas"][name]
    return schema


def closed(schema: Any) -> Any:
    """Return a schema by which an object has no properties but those it names: an answer may tell nothing that isn't described."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(part) for name, part in schema.items()}
    if "properties" in made and "additionalProperties" not in made:
        made["additionalProperties"] = False
    return made


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    whole = {**closed(schema), "components": closed(document()["components"])}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from refs(value)
    if isinstance(part, list):
        for value in part:
            yield from refs(value)


def test_the_document_is_openapi_3_1() -> None:
    whole = document()
    assert whole["openapi"].startswith("3.1")
    assert whole["info"]["title"]
    assert whole["info"]["version"]
    assert len(OPERATIONS) > 25
    for _name, schema in whole["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
    for ref in refs(whole):
        assert ref.removeprefix("#/components/schemas/") in whole["components"]["schemas"], ref


@pytest.mark.parametrize(
    ("method", "path", "operation"), OPERATIONS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_operation_is_described(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["description"]
    assert operation["x-access"]
    named = set(re.findall(r"{(\w+)}", path))
    assert {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"} == named
    answers = set(operation["responses"]) - {"default"}
    assert answers
    for status in answers:
        assert status == "204" or operation["responses"][status]["content"], f"{status} has no body described"


def test_each_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _method, _path, operation in OPERATIONS]
    assert len(names) == len(set(names))


def test_every_address_of_the_api_is_described_and_no_other() -> None:
    handled = {
        (endpoint.verb, re.sub(r"<\w+:(\w+)>", r"{\1}", endpoint.name))
        for endpoint in endpoints()
        if endpoint.name.startswith(f"{API}/")
    }
    assert {(method, path) for method, path, _operation in OPERATIONS} == handled


# What is really answered


def checked(method: str, path: str, response: Any) -> Any:
    """Return what a call answered, having held it against its description."""
    operation = document()["paths"][f"{API}{path}"][method.lower()]
    described = operation["responses"].get(str(response.status_code), operation["responses"]["default"])
    if response.status_code == 204:
        assert response.content == b""
        return None
    assert response["Content-Type"] == "application/json"
    body = response.json()
    problems = [
        f"{'/'.join(map(str, error.path))}: {error.message[:300]}"
        for error in validator(described["content"]["application/json"]["schema"]).iter_errors(body)
    ]
    assert problems == [], f"{method} {path} {response.status_code}"
    return body


def text_file() -> io.BytesIO:
    file = io.BytesIO(b"one,two\n")
    file.name = "numbers.csv"
    return file


def conversation_of(caller: Caller) -> tuple[str, Any]:
    file = checked("POST", "/attachments", caller.upload(text_file()))
    started = checked("POST", "/conversations", caller.start("Hello?", attachments=[file["id"]]))
    return started["conversation"]["id"], file


@pytest.mark.django_db
def test_what_a_visitor_is_answered_is_what_is_described(visitor: Booted, agent: SignedIn, media: Any) -> None:
    workspace = visitor.visitor.workspace
    boot = {
        "workspace": workspace.pk,
        "session_id": factories.session_id(),
        "attributes": {"plan": "Pro", "seats": [1, 2]},
    }
    checked("POST", "/widget/boot", nobody().post("/widget/boot", boot))
    id_, file = conversation_of(visitor)
    agent.say(id_, "An answer.")
    agent.say(id_, "Between us.", kind="note")
    agent.put(f"/conversations/{id_}/status", {"status": "closed"})
    rows = checked("GET", "/conversations", visitor.get("/conversations"))
    assert [row["unread"] for row in rows["items"]] == [1]
    checked("GET", "/conversations/{conversation_id}", visitor.get(f"/conversations/{id_}"))
    log = checked("GET", "/conversations/{conversation_id}/messages", visitor.get(f"/conversations/{id_}/messages"))
    assert [item["seq"] for item in log["items"]] == [1, 2]
    checked("PUT", "/conversations/{conversation_id}/seen", visitor.put(f"/conversations/{id_}/seen", {"seq": 2}))
    again = {"client_id": str(uuid4()), "body": "Thanks."}
    for _ in range(2):
        checked(
            "POST", "/conversations/{conversation_id}/messages", visitor.post(f"/conversations/{id_}/messages", again)
        )
    checked("GET", "/attachments/{attachment_id}", visitor.get(f"/attachments/{file['id']}"))
    checked("GET", "/widget/session", visitor.get("/widget/session"))
    checked("PATCH", "/widget/visitor", visitor.patch("/widget/visitor", {"name": "Maya"}))
    event = {"id": str(uuid4()), "name": "looked", "at": "2026-01-01T00:00:00Z"}
    checked("POST", "/widget/events", visitor.post("/widget/events", {"events": [event]}))
    checked("POST", "/widget/session/refresh", visitor.post("/widget/session/refresh"))


@pytest.mark.django_db
def test_what_a_member_is_answered_is_what_is_described(visitor: Booted, owner: SignedIn, media: Any) -> None:
    id_, _file = conversation_of(visitor)
    visitor_id = visitor.visitor.pk
    checked("POST", "/conversations", owner.start("May we help?", visitor=str(visitor_id)))
    checked("POST", "/conversations/{conversation_id}/messages", owner.say(id_, "A note.", kind="note"))
    assignee = {"member": str(owner.member.pk)}
    checked("PUT", "/conversations/{conversation_id}/assignee", owner.put(f"/conversations/{id_}/assignee", assignee))
    snoozed = {"status": "snoozed", "until": "2099-01-01T00:00:00Z"}
    checked("PUT", "/conversations/{conversation_id}/status", owner.put(f"/conversations/{id_}/status", snoozed))
    checked("GET", "/conversations", owner.get("/conversations", status="all"))
    checked("GET", "/conversations/{conversation_id}", owner.get(f"/conversations/{id_}"))
    log = checked("GET", "/conversations/{conversation_id}/messages", owner.get(f"/conversations/{id_}/messages"))
    assert [item["kind"] for item in log["items"]] == ["message", "note", "event", "event"]
    checked("PUT", "/conversations/{conversation_id}/seen", owner.put(f"/conversations/{id_}/seen", {"seq": 4}))
    draft = {"kind": "message", "body": "We will"}
    checked("PUT", "/conversations/{conversation_id}/draft", owner.put(f"/conversations/{id_}/draft", draft))
    checked("GET", "/conversations/{conversation_id}/draft", owner.get(f"/conversations/{id_}/draft"))
    checked("DELETE", "/conversations/{conversation_id}/draft", owner.delete(f"/conversations/{id_}/draft"))
    checked("GET", "/conversations/counts", owner.get("/conversations/counts"))
    bulk = {"conversations": [id_], "change": {"status": "closed"}}
    checked("POST", "/conversations/bulk", owner.post("/conversations/bulk", bulk))
    checked("GET", "/visitors", owner.get("/visitors"))
    checked("GET", "/visitors/{visitor_id}", owner.get(f"/visitors/{visitor_id}"))
    checked("GET", "/members", owner.get("/members"))
    workspace = checked("GET", "/workspace", owner.get("/workspace"))
    checked("PATCH", "/workspace/messenger", owner.patch("/workspace/messenger", {"greeting": "Hello"}))
    security = {name: workspace[name] for name in ("allowed_origins", "any_origin", "session_lifetime")}
    checked("PUT", "/workspace/security", owner.put("/workspace/security", security))
    checked("POST", "/live/tickets", owner.post("/live/tickets"))
    checked("GET", "/session", owner.get("/session"))
    checked("DELETE", "/session", owner.delete("/session"))
    credentials = {"email": owner.member.user.email, "password": factories.PASSWORD}
    checked("POST", "/session", nobody().post("/session", credentials))


@pytest.mark.django_db
def test_a_refusal_is_what_is_described(visitor: Booted, owner: SignedIn) -> None:
    assert checked("GET", "/members", nobody().get("/members"))["error"]["code"] == "not_authenticated"
    assert checked("GET", "/members", visitor.get("/members"))["error"]["code"] == "forbidden"
    refused = checked("PATCH", "/workspace/messenger", owner.patch("/workspace/messenger", {"theme": "pink"}))
    assert set(refused["error"]["fields"]) == {"theme"}


def test_an_answer_with_something_undescribed_would_be_found() -> None:
    counts = dict.fromkeys(schema_named("CountsShape")["properties"], 1)
    assert list(validator(schema_named("CountsShape")).iter_errors(counts)) == []
    assert list(validator(schema_named("CountsShape")).iter_errors({**counts, "secret": 1}))
    assert list(validator(schema_named("CountsShape")).iter_errors({**counts, "open": "1"}))
