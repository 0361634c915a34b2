"""The API's description and a page to read it, without anything from elsewhere."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View
from drf_spectacular.generators import SchemaGenerator

from apps.core import endpoints, shapes
from apps.core.access import ANY, Access

SECURITY = {
    "visitorToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "A visitor's token, wst_…, from the messenger's boot.",
    },
    "memberToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An app's access token, from POST /api/v1/tokens; X-Workspace names the workspace.",
    },
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A workspace's API key, oca_…; what it may is said by its scopes.",
    },
    "memberSession": {
        "type": "apiKey",
        "in": "cookie",
        "name": "session",
        "description": "A member's session, with X-CSRFToken on writes.",
    },
}


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
    """Generate the OpenAPI document, once a process: operations from the views, shapes from their TypedDicts."""
    generated: dict[str, Any] = SchemaGenerator(api_version="v1").get_schema(  # type: ignore[no-untyped-call]
        request=None, public=True
    )
    schemas = generated.setdefault("components", {}).setdefault("schemas", {})
    schemas |= shapes.components()
    generated["components"]["securitySchemes"] = SECURITY
    who = _access()
    for path, methods in generated["paths"].items():
        for method, operation in methods.items():
            operation["x-access"] = who.get((method.upper(), _route(path)), "")
            operation["security"] = [] if operation["x-access"] == "anybody" else [{name: []} for name in SECURITY]
            operation["responses"]["default"] = {
                "description": "A refusal",
                "content": {"application/json": {"schema": {"$ref": shapes.REF.format(name="Error")}}},
            }
    return generated


def _access() -> dict[tuple[str, str], str]:
    return {(endpoint.verb, _route(endpoint.name)): _described(endpoint.access) for endpoint in endpoints.endpoints()}


def _route(path: str) -> str:
    """Return a path with every parameter as ``{}``, as both the router and the document may write it."""
    return re.sub(r"<[^>]*>|{[^}]*}", "{}", path)


def _described(access: Access | None) -> str:
    if access is None:
        return ""
    if access.public:
        return "anybody"
    who = [f"members with {access.member}" if access.member != ANY else "members"] if access.member else []
    who += [f"keys with {access.key}"] if access.key else []
    return " and ".join([*who, *(["visitors"] if access.visitor else [])])


def _groups(schema: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            group = path.removeprefix("/api/v1/").split("/")[0]
            shown = {
                "method": method.upper(),
                "path": path,
                "access": operation["x-access"],
                "fields": _fields(schema, operation),
            }
            groups.setdefault(group, []).append({**operation, **shown})
    return groups


def _fields(schema: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of an operation's body, as people read them."""
    bodies = list(operation.get("requestBody", {}).get("content", {}).values())
    body = _resolved(schema, bodies[0]["schema"]) if bodies else {}
    required = body.get("required", [])
    return [
        {"name": name, "required": name in required, "type": _type(_resolved(schema, field))}
        for name, field in body.get("properties", {}).items()
    ]


def _resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    name = part.get("$ref", "").rsplit("/", 1)[-1]
    found: dict[str, Any] = schema["components"]["schemas"][name] if name else part
    return found


def _type(field: dict[str, Any]) -> str:
    kind = field.get("type", "object")
    limits = [
        f"{field[name]} {word}"
        for name, word in (("maxLength", "characters at most"), ("maximum", "at most"))
        if name in field
    ]
    words = [" or ".join(kind) if isinstance(kind, list) else str(kind), field.get("format", ""), *limits]
    return ", ".join(word for word in words if word)
