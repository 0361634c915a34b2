"""Every handler says who may call it, and one that doesn't refuses everybody."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver, path
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import live, whispers
from apps.core.access import ANY
from apps.core.api import APIView
from apps.core.endpoints import Endpoint, endpoints
from apps.core.live import Item, LiveQuery, Params, Value
from apps.core.views import Page
from apps.workspaces import roles
from opencom_project import urls
from tests.callers import Booted, SignedIn, nobody, refusal

EVERY = list(endpoints())
OURS_OUTSIDE_THE_APPS = {
    "/api/openapi.json": "what the API is",
    "/api/docs/": "the same to read",
    "/healthz": "whether the process is well",
    "/widget/<path:name>": "the messenger's files",
}
"""What is open to anybody because it says nothing of anybody. Everything else is a handler of an app, or Django's admin."""


def test_there_are_handlers_of_every_sort() -> None:
    verbs = {endpoint.verb for endpoint in EVERY}
    assert verbs >= {"GET", "POST", "PUT", "PATCH", "DELETE", "LIVE", "TELL"}
    assert len(EVERY) > 60
    assert {endpoint.name for endpoint in EVERY if endpoint.verb == "LIVE"} == set(live.registry)
    assert {endpoint.name for endpoint in EVERY if endpoint.verb == "TELL"} == set(whispers.registry)


@pytest.mark.parametrize("endpoint", EVERY, ids=lambda endpoint: f"{endpoint.verb} {endpoint.name}")
def test_a_handler_declares_who_may_call_it(endpoint: Endpoint) -> None:
    assert endpoint.access is not None, "nobody may call it"
    assert endpoint.access.member or endpoint.access.visitor or endpoint.access.public
    assert endpoint.access.member in (None, ANY, *roles.PERMISSIONS)
    assert endpoint.access.key in (None, *roles.PERMISSIONS)
    assert not (
        endpoint.access.public and (endpoint.access.member or endpoint.access.visitor or endpoint.access.key)
    ), "said twice"


def test_every_permission_that_opens_something_is_held_by_owners() -> None:
    needed = {endpoint.access.member for endpoint in EVERY if endpoint.access} - {None, ANY}
    assert needed <= roles.OWNER


def routes(patterns: Any, prefix: str = "/") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, f"{prefix}{pattern.pattern}")
        else:
            yield f"{prefix}{pattern.pattern}", pattern.callback


def test_no_address_is_served_that_nobody_has_thought_of() -> None:
    known = {endpoint.name for endpoint in EVERY}
    unknown = {
        route
        for route, _view in routes(get_resolver().url_patterns)
        if route.replace("^", "") not in known and not route.startswith("/admin/")
    }
    assert unknown == set(OURS_OUTSIDE_THE_APPS)


# A handler that was forgotten


class Forgotten(APIView):
    def get(self, request: Request) -> Response:
        return Response({"secret": 1})


class ForgottenPage(Page):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("secret")


class ForgottenQuery(Value):
    def get(self, actor: Any, params: Params) -> Item:
        return {"secret": 1}


ForgottenQuery.__module__ = Forgotten.__module__ = ForgottenPage.__module__ = "apps.forgotten"


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Three handlers whose author didn't say who may call them."""
    added: list[URLPattern | URLResolver] = [
        path("api/v1/forgotten", Forgotten.as_view()),
        path("forgotten/", ForgottenPage.as_view()),
    ]
    query: LiveQuery = ForgottenQuery()
    query_class = type(query)
    query_class.name = "forgotten.get"
    monkeypatch.setitem(live.registry, "forgotten.get", query)
    settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": [*added, *urls.urlpatterns]})


@pytest.mark.django_db
def test_a_forgotten_handler_refuses_everybody(forgotten: None, owner: SignedIn, visitor: Booted) -> None:
    assert refusal(nobody().get("/forgotten")) == (401, "not_authenticated")
    assert refusal(owner.get("/forgotten")) == (403, "forbidden")
    assert refusal(visitor.get("/forgotten")) == (403, "forbidden")
    assert owner.client.get("/forgotten/").status_code == 403
    assert nobody().client.get("/forgotten/").status_code == 302
    for actor in (owner.member, visitor.visitor):
        with pytest.raises(live.access.PermissionDenied):
            live.find(actor, "forgotten.get", {})


def test_the_command_names_forgotten_handlers_and_fails(forgotten: None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("access", "--check", stderr=(said := StringIO()))
    assert ended.value.code == 1
    assert {line.split(" has no")[0] for line in said.getvalue().splitlines()} == {
        "GET /api/v1/forgotten",
        "GET /forgotten/",
        "LIVE forgotten.get",
    }


def test_the_command_prints_the_table_and_finds_nothing_forgotten() -> None:
    call_command("access", stdout=(said := StringIO()))
    lines = said.getvalue().splitlines()
    assert len(lines) == len(EVERY) + 2
    assert any("/api/v1/conversations/bulk" in line and "conversations.close" in line for line in lines)
    call_command("access", "--check")
