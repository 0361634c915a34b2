"""What is sent that nobody asked for: fields, types, parameters, encodings and amounts."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from tests.callers import API, refusal
from tests.database import nothing_happens
from tests.security.cases import case
from tests.security.scene import PICTURE, Person, Scene, named
from tests.security.test_matrix import ENDPOINTS, RIGHT, is_page
from tests.security.test_tenants import JSON_WRITES

FIELDS = sorted(
    {
        field.attname
        for model in apps.get_models()
        if model.__module__.startswith("apps.")
        for field in model._meta.concrete_fields
    }
    | {
        "is_superuser",
        "identity_verified",
        "tags",
        "is_blocked",
        "merged_into",
        "author",
        "member_id",
        "actor",
        "by",
        "token",
    }
)
"""Every column there is, and what such systems were given before."""

LISTS = ("/conversations", "/visitors")
LOG = "/conversations/{conversation}/messages"


def rightly(endpoint: Any, scene: Scene) -> tuple[Person, dict[str, Any], str]:
    """Return somebody whom this write lets through, its right body, and its path."""
    right = RIGHT[endpoint.verb, endpoint.name]
    assert right.body is not None
    assert endpoint.access is not None
    name = "owner" if endpoint.access.member else "the visitor" if endpoint.access.visitor else "nobody"
    person = scene.person(name)
    address = re.sub(r"<\w+:(\w+)>", lambda match: str(scene.ids[match.group(1)]), endpoint.name)
    return person, right.body(scene, person), address.removeprefix(API)


def write(endpoint: Any, person: Person, path: str, body: Any) -> Any:
    origin = {"Origin": "https://shop.example"} if person.kind == "nobody" else {}
    return person.caller.call(endpoint.verb, path, body, **origin)


@case("Q01")
@pytest.mark.parametrize("endpoint", JSON_WRITES, ids=lambda endpoint: f"{endpoint.verb} {endpoint.name}")
def test_a_write_takes_the_fields_it_has_and_no_column_besides(cell: Scene, endpoint: Any) -> None:
    person, body, path = rightly(endpoint, cell)
    declared = set(body) | declared_fields(endpoint)
    with nothing_happens():
        for field in set(FIELDS) - declared:
            answer = write(endpoint, person, path, {**body, field: True})
            assert refusal(answer) == (400, "invalid"), field
            assert list(answer.json()["error"]["fields"]) == [field]
    assert write(endpoint, person, path, body).status_code in (200, 201, 202, 204)


def declared_fields(endpoint: Any) -> set[str]:
    from opencom_project.api_docs import document

    path = re.sub(r"<\w+:(\w+)>", r"{\1}", endpoint.name)
    schema = document()["paths"][path][endpoint.verb.lower()]["requestBody"]["content"]["application/json"]["schema"]
    name = schema["$ref"].rsplit("/", 1)[-1]
    return set(document()["components"]["schemas"][name]["properties"])


WRONG: dict[type, list[Any]] = {
    str: [1, True, ["a"], {"a": 1}, 1.5],
    int: ["1", True, [1], {}, 1.5],
    bool: ["true", "1", 1, 0, [True], {}],
    list: ["a", {"a": 1}, 1, True],
    dict: ["a", ["a"], 1, True],
}


@case("Q02")
@pytest.mark.parametrize("endpoint", JSON_WRITES, ids=lambda endpoint: f"{endpoint.verb} {endpoint.name}")
def test_a_field_of_another_type_is_refused(cell: Scene, endpoint: Any) -> None:
    person, body, path = rightly(endpoint, cell)
    with nothing_happens():
        for field, value in body.items():
            for wrong in WRONG.get(type(value), []):
                answer = write(endpoint, person, path, {**body, field: wrong})
                assert answer.status_code == 400, (field, wrong, answer.content)


@case("Q02")
@pytest.mark.parametrize("endpoint", JSON_WRITES, ids=lambda endpoint: f"{endpoint.verb} {endpoint.name}")
@pytest.mark.parametrize("body", [[], [1], "text", 1, None, True])
def test_a_body_is_an_object(cell: Scene, endpoint: Any, body: Any) -> None:
    person, _right, path = rightly(endpoint, cell)
    with nothing_happens():
        origin = {"Origin": "https://shop.example"} if person.kind == "nobody" else {}
        answer = person.caller.send(endpoint.verb, API + path, json.dumps(body), **origin)
    assert answer.status_code == 400, answer.content


@case("Q03")
@pytest.mark.parametrize("path", [*LISTS, LOG])
@pytest.mark.parametrize("limit", ["0", "-1", "101", "1000000000", "abc", "1.5", "", "9" * 40, "1e2", "null"])
def test_a_page_has_between_one_and_a_hundred_rows(cell: Scene, path: str, limit: str) -> None:
    path = path.format(conversation=cell.conversation)
    assert refusal(cell.agent.get(path, limit=limit)) == (400, "invalid")
    assert cell.agent.get(path, limit="100").status_code == 200
    assert cell.agent.get(path, limit="1").status_code == 200


@case("Q03")
@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!",
        "W10",
        "WzFd",
        "WyJ4IiwieSJd",
        "bnVsbA",
        "e30",
        "A" * 400,
        "WyIyMDI2LTAxLTAxIiwiMSJd",
        "' OR 1=1",
        "WyI5OTk5OS0wMS0wMVQwMDowMDowMFoiLCJ4Il0",
    ],
)
def test_a_cursor_that_we_did_not_make_is_refused(cell: Scene, path: str, cursor: str) -> None:
    assert refusal(cell.agent.get(path, cursor=cursor)) == (400, "invalid_cursor")


@case("Q03")
@pytest.mark.parametrize("name", ["after", "before"])
@pytest.mark.parametrize("number", ["-1", "x", "1.5", "", "9" * 30, "9223372036854775808"])
def test_a_place_in_a_log_is_a_number_of_one(cell: Scene, name: str, number: str) -> None:
    path = LOG.format(conversation=cell.conversation)
    answer = cell.agent.get(path, **{name: number})
    assert answer.status_code in (400, 200)
    if answer.status_code == 200:
        assert number.isdecimal(), "only a number that is too large names an end of the log"


@case("Q04")
@pytest.mark.parametrize("path", [*LISTS, LOG])
@pytest.mark.parametrize(
    "name",
    [
        "offset",
        "page",
        "ordering",
        "order_by",
        "fields",
        "expand",
        "include",
        "sort",
        "visitor__email",
        "workspace_id",
        "id__in",
        "format",
    ],
)
def test_a_list_takes_no_parameter_that_it_does_not_have(cell: Scene, path: str, name: str) -> None:
    answer = cell.agent.get(path.format(conversation=cell.conversation), **{name: "1"})
    assert refusal(answer) == (400, "invalid")
    assert list(answer.json()["error"]["fields"]) == [name]


SIGNS = [
    "'",
    '"',
    ";",
    "%",
    "_",
    "\\",
    "--",
    "' OR zqx=zqx --",
    "'||pg_sleep(5)||'",
    "'); DROP TABLE x; --",
    "\u202e",
    "🚲",
    "a" * 200,
]


@case("Q05")
@pytest.mark.parametrize("q", SIGNS)
def test_a_search_takes_every_sign_literally(cell: Scene, q: str) -> None:
    for path in LISTS:
        answer = cell.agent.get(path, q=q)
        assert answer.status_code == 200
        assert answer.json()["items"] == [] or q in json.dumps(answer.json(), ensure_ascii=False), q
    for page in ("/inbox/all/", "/visitors/"):
        assert cell.agent.client.get(page, {"q": q}).status_code == 200


@case("Q05")
@pytest.mark.parametrize(
    "q", ["bike:*", "!bike", "bike & !maya", "*bike*", "(bike", "bike | maya", "'bike'", "<-> bike"]
)
def test_an_operator_of_the_text_search_is_none_in_a_search(cell: Scene, q: str) -> None:
    def found(words: str) -> list[str]:
        return [row["id"] for row in cell.agent.get("/conversations", q=words).json()["items"]]

    assert found(q) == found(" ".join(re.findall(r"[a-z]+", q)))
    assert found("bike") == [cell.conversation]


@case("Q05")
@pytest.mark.parametrize("path", [f"{API}/conversations", f"{API}/visitors", "/inbox/all/", "/visitors/"])
def test_text_that_no_database_takes_is_refused(cell: Scene, path: str) -> None:
    agent = cell.agent
    assert agent.client.get(path, {"q": "a\x00b"}, headers=agent.headers).status_code == 400
    assert agent.client.get(path, {"cursor": "\x00"}, headers=agent.headers).status_code in (400, 404)
    assert agent.client.get(path, {"q": "ab"}, headers=agent.headers).status_code == 200


@case("Q05", "A10")
@pytest.mark.parametrize("path", [f"{API}/session", f"{API}/conversations", "/inbox/", "/admin/"])
def test_a_cookie_that_no_database_takes_is_refused(cell: Scene, path: str) -> None:
    client = Client(raise_request_exception=False)
    client.cookies["session"] = "a" * 32 + "\x00"
    assert client.get(path).status_code == 400
    client.cookies["session"] = "a" * 32
    assert client.get(path).status_code in (302, 401)


# Encodings and amounts


@case("Q09")
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "text/plain",
        "text/json",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json, text/plain",
        "",
    ],
)
def test_a_body_of_another_type_or_charset_is_not_read(cell: Scene, content_type: str) -> None:
    body = json.dumps({"status": "closed"})
    path = f"{API}/conversations/{cell.conversation}/status"
    with nothing_happens():
        assert refusal(cell.agent.send("PUT", path, body, content_type)) == (415, "unsupported_type")
    assert cell.agent.send("PUT", path, body, "application/json; charset=utf-8").status_code == 200


@case("Q09")
def test_a_packed_body_is_not_unpacked(cell: Scene) -> None:
    body = gzip.compress(json.dumps({"status": "closed"}).encode())
    path = f"{API}/conversations/{cell.conversation}/status"
    with nothing_happens():
        assert refusal(cell.agent.send("PUT", path, body, Content_Encoding="gzip")) == (415, "unsupported_type")


@case("Q10")
def test_a_form_has_a_bounded_number_of_fields_and_files(cell: Scene) -> None:
    owner: Any = cell.person("owner").caller
    fields = {f"field{number}": "x" for number in range(1001)}
    with nothing_happens():
        assert owner.client.post("/settings/messenger/", fields, headers=owner.headers).status_code == 400
        files = {f"file{number}": named(PICTURE, f"{number}.png") for number in range(101)}
        assert cell.agent.client.post(f"{API}/attachments", files, headers=cell.agent.headers).status_code == 400


BUTTONS = ("/sign-out/", "/mail/", "/revoke/")
"""Forms that are a button, and have no field to read."""


@case("Q10")
@pytest.mark.parametrize(
    "endpoint",
    [e for e in ENDPOINTS if is_page(e) and e.verb == "POST" and not e.name.endswith(BUTTONS)],
    ids=lambda e: e.name,
)
def test_a_form_has_a_bounded_size(cell: Scene, endpoint: Any) -> None:
    owner: Any = cell.person("owner").caller
    with nothing_happens():
        address = re.sub(r"<\w+:(\w+)>", lambda match: str(cell.ids[match.group(1)]), endpoint.name)
        answer = owner.client.post(
            address, f"greeting={'x' * 2_000_000}", "application/x-www-form-urlencoded", headers=owner.headers
        )
    assert answer.status_code == 400


@case("Q08")
@pytest.mark.parametrize("text", ["x" * 10_001, "e" + "\u0301" * 10_001, "\u200b" * 100_000])
def test_text_of_any_kind_has_ten_thousand_characters(cell: Scene, text: str) -> None:
    with nothing_happens():
        assert refusal(cell.visitor.say(cell.conversation, text)) == (400, "invalid")
        assert refusal(cell.visitor.patch("/widget/visitor", {"name": text})) == (400, "invalid")
