"""The API's description and a page to read it, without anything from elsewhere."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View
from drf_spectacular.generators import SchemaGenerator


class Schema(View):
    """``/api/openapi.json``: OpenAPI 3.1, generated from the code."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Return the document."""
        return HttpResponse(json.dumps(document(), default=str), content_type="application/json")


def page(request: HttpRequest) -> HttpResponse:
    """Show the operations, grouped by what they are about."""
    return render(request, "api_docs.html", {"document": document(), "groups": _groups(document())})


@cache
def document() -> dict[str, Any]:
    """Generate the OpenAPI document, once a process."""
    generated: dict[str, Any] = SchemaGenerator(api_version="v1").get_schema(  # type: ignore[no-untyped-call]
        request=None, public=True
    )
    return generated


def _groups(schema: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            group = path.removeprefix("/api/v1/").split("/")[0]
            groups.setdefault(group, []).append({"method": method.upper(), "path": path, **operation})
    return groups
