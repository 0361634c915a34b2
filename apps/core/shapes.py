"""Shapes: what the API answers, as TypedDicts that the type checker and the OpenAPI document read alike."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict
from uuid import UUID

import msgspec
from drf_spectacular.utils import OpenApiResponse

REF = "#/components/schemas/{name}"

_named: dict[str, Any] = {}


def answer(*shapes: Any) -> OpenApiResponse:
    """Describe an answer of this shape, or of one of these, for ``extend_schema(responses=…)``."""
    _named.update({shape.__name__: shape for shape in shapes})
    refs = [{"$ref": REF.format(name=shape.__name__)} for shape in shapes]
    return OpenApiResponse(refs[0] if len(refs) == 1 else {"anyOf": refs})


def components() -> dict[str, Any]:
    """Return the JSON Schemas of every shape that some answer has, by name."""
    _, schemas = msgspec.json.schema_components([*_named.values(), Error], ref_template=REF)
    return schemas


class ErrorBody(TypedDict):
    """What went wrong, for programs (code) and people (message)."""

    code: str
    message: str
    request_id: str
    fields: NotRequired[dict[str, Any]]


class Error(TypedDict):
    """The one shape of every refusal."""

    error: ErrorBody


class Named(TypedDict):
    """Somebody, by id and name."""

    id: UUID
    name: str
