"""Addresses that open a file of a conversation, for as long as they say."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.core import signing

from apps.core import limits

if TYPE_CHECKING:
    from apps.conversations.models import Attachment

SALT = "conversations.files"


def signed_url(attachment: Attachment) -> str:
    """Return an address that opens the file for five minutes, for whoever has it."""
    token = signing.dumps([str(attachment.workspace_id), str(attachment.pk)], salt=SALT, compress=False)
    return f"{settings.FILES_URL}/files/{token}/{quote(attachment.name)}"


def opened(token: str) -> tuple[UUID, UUID] | None:
    """Return the workspace and the id of the file a signed address opens, or None where it never did or no longer does."""
    try:
        workspace, file = signing.loads(token, salt=SALT, max_age=limits.FILE_URL_SECONDS)
        return UUID(workspace), UUID(file)
    except (signing.BadSignature, ValueError):
        return None
