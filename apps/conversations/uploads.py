"""REST and download edge for files."""

from __future__ import annotations

import errno
import uuid
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.db import Error as DatabaseError
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.conversations import actions, files
from apps.conversations.items import attachment_item
from apps.conversations.models import Attachment
from apps.conversations.shapes import AttachmentShape, StagedShape
from apps.core import clock, limits
from apps.core import files as accepted
from apps.core.access import allow
from apps.core.api import APIView
from apps.core.errors import NoSpace, TooLarge
from apps.core.files import NotAccepted
from apps.core.isolation import scopes
from apps.core.live import NotVisible
from apps.core.shapes import answer
from apps.core.views import Page
from apps.visitors.models import Visitor
from apps.workspaces.models import ApiKey, Member

FORM_BYTES = 64 * 1024
"""What a form may need around its file. A body that announces more is refused before a byte of it is read."""


class UploadInput(serializers.Serializer[Any]):
    file = serializers.FileField()


class Attachments(APIView):
    """Files waiting for their message."""

    parser_classes = [MultiPartParser]
    actor: Member | Visitor | ApiKey

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        announced = request.META.get("CONTENT_LENGTH") or ""
        if announced.isdecimal() and int(announced) > limits.ATTACHMENT_BYTES + FORM_BYTES:
            raise TooLarge("A file may have at most 10 MiB.")
        super().initial(request, *args, **kwargs)

    @extend_schema(request={"multipart/form-data": UploadInput}, responses={201: answer(StagedShape)})
    @allow(member="conversations.reply", visitor=True, key="conversations.reply")
    def post(self, request: Request) -> Response:
        """Upload one file; it waits an hour for the message that names it."""
        limits.spend(limits.VISITOR_UPLOADS if self.actor.kind == "visitor" else limits.MEMBER_UPLOADS, self.actor.pk)
        upload = request.FILES.get("file")
        if upload is None or set(request.data) - {"file"}:
            raise serializers.ValidationError({"file": ["Send one file as multipart field “file”."]})
        if upload.size > limits.ATTACHMENT_BYTES:
            raise TooLarge("A file may have at most 10 MiB.")
        by_bytes = limits.VISITOR_UPLOAD_BYTES if self.actor.kind == "visitor" else limits.MEMBER_UPLOAD_BYTES
        limits.spend(by_bytes, self.actor.pk, cost=upload.size)
        name = accepted.clean_name(upload.name or "")
        try:
            inspected = accepted.inspect(upload.read(), name)
        except NotAccepted as error:
            raise _Unsupported(str(error)) from error
        attachment = Attachment(
            workspace_id=self.actor.workspace_id,
            member=self.actor if isinstance(self.actor, Member) else None,
            visitor=self.actor if isinstance(self.actor, Visitor) else None,
            key=self.actor if isinstance(self.actor, ApiKey) else None,
            name=name,
            content_type=inspected.content_type,
            size=len(inspected.content),
            width=inspected.width,
            height=inspected.height,
            staged_until=clock.now() + timedelta(seconds=limits.STAGED_SECONDS),
        )
        _stage(attachment, inspected.content, self.actor)
        return Response({**attachment_item(attachment), "expires_at": attachment.staged_until}, status=201)


def _stage(attachment: Attachment, content: bytes, by: Member | Visitor | ApiKey) -> None:
    """Keep the file, then its row; where either fails nothing is left of both. Raises NoSpace."""
    name = attachment.file.field.generate_filename(attachment, uuid.uuid4().hex)
    storage = attachment.file.storage
    try:
        attachment.file.name = storage.save(name, ContentFile(content))
        actions.stage_attachment(attachment, by=by)
    except OSError as error:
        storage.delete(name)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace from error
        raise
    except DatabaseError:
        storage.delete(name)
        raise


class _Unsupported(exceptions.APIException):
    status_code = 415
    default_code = "unsupported_type"


class AttachmentView(APIView):
    """One file."""

    @extend_schema(responses=answer(AttachmentShape))
    @allow(member="conversations.read", visitor=True, key="conversations.read")
    def get(self, request: Request, attachment_id: UUID) -> Response:
        """Return the file's description with a fresh address."""
        attachment = Attachment.objects.visible_to(self.actor).filter(pk=attachment_id).first()
        if attachment is None:
            raise NotVisible
        return Response(attachment_item(attachment))


class SignedFile(Page):
    """A file, for whoever holds an address signed less than five minutes ago."""

    @allow(public=True)
    def get(self, request: HttpRequest, token: str, name: str) -> HttpResponseBase:
        """Hand out the file."""
        if (opened := files.opened(token)) is None:
            raise Http404
        with scopes.workspace(opened[0]):
            attachment = Attachment.objects.filter(pk=opened[1]).first()
        if attachment is None:
            raise Http404
        return _served(attachment)


class MemberFile(Page):
    """A file, for a signed-in member who can see it."""

    @allow(member="conversations.read")
    def get(self, request: HttpRequest, attachment_id: UUID) -> HttpResponseBase:
        """Hand out the file."""
        attachment = Attachment.objects.visible_to(self.actor).filter(pk=attachment_id).first()
        if attachment is None:
            raise Http404
        return _served(attachment)


def _served(attachment: Attachment) -> FileResponse:
    try:
        content = attachment.file.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(content, content_type=attachment.content_type)
    # FileResponse makes up a disposition of its own from the stored name: ours must come last.
    for name, value in accepted.headers(attachment.name, attachment.content_type).items():
        response.headers[name] = value
    return response
