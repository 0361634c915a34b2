"""REST for the audit log."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.audit import actions, exports, log
from apps.audit.log import Filter
from apps.audit.models import Retention
from apps.audit.shapes import EntriesShape, RetentionShape
from apps.core import limits
from apps.core.access import allow
from apps.core.api import APIView, Input, PageInput
from apps.core.shapes import answer
from apps.workspaces.models import Member


class ActorField(serializers.CharField):
    """A member's or visitor's id, or a kind of actor."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text in log.ACTOR_KINDS:
            return text
        try:
            return str(UUID(text))
        except ValueError:
            raise serializers.ValidationError("Give an id, or one of: " + ", ".join(log.ACTOR_KINDS)) from None


class FilterInput(Input):
    actor = ActorField(required=False, max_length=40)
    subject = serializers.UUIDField(required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)

    def get_fields(self) -> dict[str, Any]:
        # Which actions there are is known once every app is loaded.
        return {"action": serializers.ChoiceField(log.action_names(), required=False), **super().get_fields()}


class ListInput(FilterInput, PageInput):
    pass


class ExportInput(FilterInput):
    format = serializers.ChoiceField(list(exports.FORMATS))


def _filter(asked: dict[str, Any]) -> Filter:
    return Filter(**{field.name: asked[field.name] for field in fields(Filter) if field.name in asked})


class AuditLog(APIView):
    """Who did what in this workspace."""

    actor: Member

    @extend_schema(operation_id="audit_list", parameters=[ListInput], responses=answer(EntriesShape))
    @allow(member="audit.read", key="audit.read")
    def get(self, request: Request) -> Response:
        """List entries, the newest first."""
        asked = self.asked(ListInput)
        page, following = log.page_of(log.listed(self.actor, _filter(asked)), asked.get("cursor", ""), asked["limit"])
        return Response({"items": log.items(page, self.actor), "next_cursor": following})


class AuditExports(APIView):
    """Copies of the audit log."""

    actor: Member

    @extend_schema(request=ExportInput, responses={200: OpenApiResponse(OpenApiTypes.BINARY)})
    @allow(member="data.export")
    def post(self, request: Request) -> StreamingHttpResponse:
        """Take a copy, as CSV or as JSON lines, streamed. ``X-Total-Count`` says how many entries follow; the export is on record."""
        asked = self.checked(ExportInput)
        form = asked["format"]
        limits.spend(limits.AUDIT_EXPORTS, self.actor.workspace_id)
        entries = log.listed(self.actor, _filter(asked))
        count = entries.count()
        actions.record_export(self.actor, entries=count, form=form)
        response = StreamingHttpResponse(
            exports.pieces(entries, self.actor, form), content_type=exports.CONTENT_TYPES[form]
        )
        response.headers["Content-Disposition"] = f'attachment; filename="audit-log.{form}"'
        response.headers["X-Total-Count"] = str(count)
        return response


class RetentionInput(Input):
    days = serializers.IntegerField()

    def validate_days(self, days: int) -> int:
        if days not in Retention.Days.values:
            raise serializers.ValidationError("Choose 30, 90 or 365 days.")
        return days


class AuditRetention(APIView):
    """How long the audit log is kept."""

    actor: Member

    @extend_schema(responses=answer(RetentionShape))
    @allow(member="audit.read")
    def get(self, request: Request) -> Response:
        """Return for how many days the log is kept."""
        return Response({"days": actions.retention_days(self.actor.workspace_id)})

    @extend_schema(request=RetentionInput, responses=answer(RetentionShape))
    @allow(member="settings.security")
    def put(self, request: Request) -> Response:
        """Keep the log for 30, 90 or 365 days."""
        days = self.checked(RetentionInput)["days"]
        return Response({"days": actions.change_retention(self.actor.workspace, days, by=self.actor)})
