"""Requests made from the API's own description, right and wrong ones: none is answered by an error of ours."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import schemathesis
from django.db import transaction
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounds
from schemathesis.generation.modes import GenerationMode

from opencom_project.api_docs import document
from tests.security.scene import Scene

EXAMPLES = 12
"""Requests an operation, caller and way: enough to meet every field with something that it doesn't take."""
BOUNDS = bounds(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
OPERATIONS = [
    (method.upper(), path)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
    if "multipart/form-data" not in operation.get("requestBody", {}).get("content", {})
]
CALLERS = ("owner", "the visitor", "nobody")


@pytest.fixture(scope="module")
def described() -> Any:
    return schemathesis.openapi.from_dict(json.loads(json.dumps(document(), default=str)))


def sent(scene: Scene, name: str, method: str, path: str, made: Any) -> Any:
    """Send what was made, as this person, and undo it."""
    caller = scene.person(name).caller
    address = path
    for key, value in {**(made.path_parameters or {}), **_known(scene)}.items():
        address = re.sub(rf"{{{key}}}", lambda _: str(value), address)  # noqa: B023 - used at once
    query = {
        key: value if isinstance(value, (str, list)) else json.dumps(value) for key, value in (made.query or {}).items()
    }
    body = made.body
    absent = type(body).__name__ == "NotSet"
    data = b"" if absent else json.dumps(body, default=str).encode("utf-8", "surrogatepass")
    with transaction.atomic():
        answer = caller.client.generic(
            method, address, data, "application/json", headers=caller.headers, query_params=query
        )
        transaction.set_rollback(True)
    return answer


def _known(scene: Scene) -> dict[str, Any]:
    return {
        "conversation_id": scene.conversation,
        "visitor_id": scene.visitor.visitor.pk,
        "attachment_id": scene.attachment,
    }


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda part: part)
def test_no_request_is_answered_by_an_error_of_ours(
    cell: Scene, described: Any, method: str, path: str, name: str
) -> None:
    cell.person(name).caller.client.raise_request_exception = False
    statuses: list[int] = []
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        strategy = described[path][method].as_strategy(generation_mode=mode)

        @BOUNDS
        @given(strategy)
        def ask(made: Any) -> None:
            answer = sent(cell, name, method, path, made)
            statuses.append(answer.status_code)
            assert answer.status_code < 500, (method, path, made.query, made.body, answer.content[:300])
            if answer.status_code >= 400:
                assert set(answer.json()) == {"error"}

        try:
            ask()
        except Exception as error:
            if type(error).__name__ != "Unsatisfiable":
                raise
    assert statuses, "nothing was asked"
