"""The REST edge: views closed until a handler is opened, strict input, one error shape, keyset pages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView as DRFView

from apps.core import access, idempotency, limits
from apps.core.access import Actor
from apps.core.limits import Charge
from apps.core.slots import ask


class APIView(DRFView):
    """A view closed until a handler is opened with ``@allow``. ``self.actor`` is who asks."""

    actor: Actor
    answers_secrets: ClassVar[bool] = False
    """Whether what it answers may be kept nowhere: then it takes no ``Idempotency-Key``."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        handler = getattr(self, (request.method or "").lower(), None)
        if handler is None:
            raise exceptions.MethodNotAllowed(request.method or "")
        actor: Actor | None = request.auth  # type: ignore[assignment]
        if actor is not None:
            self.actor = actor
            _spend_on_request(actor)
        try:
            access.check(handler, actor)
        except access.NotIdentified:
            raise exceptions.NotAuthenticated() from None
        if actor is not None and (once := idempotency.once(handler, request, actor, keeps=not self.answers_secrets)):
            setattr(self, (request.method or "").lower(), once)

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, (PermissionDenied, exceptions.PermissionDenied)) and hasattr(self, "actor"):
            ask("edge.refused", self.actor, self.request._request)
        return super().handle_exception(exc)

    def checked(self, serializer: type[Input]) -> dict[str, Any]:
        """Return the body as the serializer checks it. Raises ValidationError, answered as 400."""
        return dict(_made_once(serializer).run_validation(self.request.data))

    def asked(self, serializer: type[Input]) -> dict[str, Any]:
        """Return the query parameters as the serializer checks them. Raises ValidationError, answered as 400."""
        parameters = {name: values[-1] for name, values in self.request.query_params.lists()}
        return dict(_made_once(serializer, loose=True).run_validation(parameters))

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _spend_on_request(actor: Actor) -> None:
    if actor.kind == "member":
        limits.spend(limits.MEMBER_REQUESTS, actor.pk)
    elif actor.kind == "key":
        workspace_id = getattr(actor, "workspace_id", None)
        limits.spend_all(Charge(limits.KEY_REQUESTS, actor.pk), Charge(limits.WORKSPACE_KEY_REQUESTS, workspace_id))


@cache
def _made_once(serializer: type[Input], *, loose: bool = False) -> Input:
    """Return the one instance that checks every request: it keeps nothing of them, and copying its fields each time costs more than checking."""
    return serializer(context={"loose": loose})


class Input(serializers.Serializer[Any]):
    """Input by allow-list: a field that isn't declared, or is of another JSON type, is refused."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is None and not self.allow_null:
            raise _not_an_object()
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise _not_an_object()
        if unknown := sorted(set(data) - set(self.fields)):
            raise serializers.ValidationError({name: ["There is no such field."] for name in unknown})
        if not self.context.get("loose"):
            for name, value in data.items():
                if not _fits(self.fields[name], value):
                    raise serializers.ValidationError({name: ["This is of the wrong type."]})
        return super().to_internal_value(data)


def _not_an_object() -> serializers.ValidationError:
    return serializers.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: ["Send a JSON object."]})


_TYPES: tuple[tuple[type[Any], tuple[type, ...]], ...] = (
    (serializers.BooleanField, (bool,)),
    (serializers.CharField, (str,)),
    (serializers.ChoiceField, (str,)),
    (serializers.UUIDField, (str,)),
    (serializers.DateTimeField, (str,)),
    (serializers.IntegerField, (int,)),
)


def _fits(field: Any, value: object) -> bool:
    if value is None:
        return True
    if isinstance(value, bool) and not isinstance(
        field, (serializers.BooleanField, serializers.JSONField, serializers.DictField)
    ):
        return False
    return all(isinstance(value, types) for kind, types in _TYPES if isinstance(field, kind))


class PageInput(Input):
    """The parameters every list takes."""

    cursor = serializers.CharField(required=False, max_length=400)
    limit = serializers.IntegerField(
        required=False, default=limits.PAGE_SIZE, min_value=1, max_value=limits.PAGE_SIZE_MAX
    )
