"""Pictures and files of articles: kept, addressed, and deleted when no text shows them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.core.files.base import ContentFile
from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import F

from apps.core import effects, limits
from apps.core.access import Actor
from apps.core.events import emit
from apps.core.files import PICTURES, Inspected, NotAccepted, clean_name, inspect
from apps.knowledge.events import AssetAdded, AssetDeleted
from apps.knowledge.markup import Picture
from apps.knowledge.models import Article, ArticleVersion, Asset
from apps.workspaces.models import Member

SALT = "knowledge.assets"
USED_SHOWN = 3


class InUse(ValueError):
    """An article shows this file. The message names some."""


def accepted(content: bytes, name: str) -> Inspected:
    """Find out what a file is and return it as it will be kept. Raises NotAccepted."""
    if len(content) > limits.ASSET_BYTES:
        raise NotAccepted("A file of an article may have at most 5 MiB.")
    return inspect(content, name)


def add_asset(workspace_id: UUID, inspected: Inspected, name: str, *, by: Actor, article: Article | None) -> Asset:
    """Keep a file, then its row; where either fails nothing is left of both. Raises OSError where there is no room."""
    asset = Asset(
        workspace_id=workspace_id,
        article=article,
        member=by if isinstance(by, Member) else None,
        name=clean_name(name),
        content_type=inspected.content_type,
        size=len(inspected.content),
        width=inspected.width,
        height=inspected.height,
    )
    storage = asset.file.storage
    stored = asset.file.field.generate_filename(asset, uuid.uuid4().hex)
    try:
        asset.file.name = storage.save(stored, ContentFile(inspected.content))
        with transaction.atomic():
            asset.save()
            emit(AssetAdded(actor=by, asset=asset))
    except (OSError, DatabaseError):
        storage.delete(stored)
        raise
    return asset


@transaction.atomic
def delete_asset(asset: Asset, *, by: Actor) -> None:
    """Delete a file that no article shows, also not in what is being written. Raises InUse."""
    titles = _users(asset)
    if titles:
        named = ", ".join(f"“{title}”" for title in titles[:USED_SHOWN])
        raise InUse(f"{len(titles)} articles show this file, such as {named}. Take it out there first.")
    emit(AssetDeleted(actor=by, asset=asset))
    effects.owe(
        "knowledge.delete_file",
        key=f"delete-asset:{asset.pk}",
        payload={"file": asset.file.name},
        workspace_id=asset.workspace_id,
    )
    asset.delete()


def _users(asset: Asset) -> list[str]:
    articles = Article.objects.filter(workspace_id=asset.workspace_id)
    shown = articles.filter(assets__contains=[asset.pk])
    heads = ArticleVersion.objects.filter(
        workspace_id=asset.workspace_id, body__contains=f"asset:{asset.pk}", number=F("article__head")
    )
    writing = {version.article_id for version in heads.only("article_id")}
    return sorted(
        {*shown.values_list("title", flat=True), *articles.filter(pk__in=writing).values_list("title", flat=True)}
    )


def is_picture(asset: Asset) -> bool:
    return asset.content_type in PICTURES.values()


def signed_url(asset: Asset) -> str:
    """Return an address that opens the file for five minutes, for whoever has it."""
    token = signing.dumps([str(asset.workspace_id), str(asset.pk)], salt=SALT, compress=False)
    return f"{settings.FILES_URL}/knowledge-files/{token}/{quote(asset.name)}"


def opened(token: str) -> tuple[UUID, UUID] | None:
    """Return the workspace and the id of the file a signed address opens, or None where it never did or no longer does."""
    try:
        workspace, asset = signing.loads(token, salt=SALT, max_age=limits.FILE_URL_SECONDS)
        return UUID(workspace), UUID(asset)
    except (signing.BadSignature, ValueError):
        return None


def pictures(assets: Iterable[Asset]) -> dict[UUID, Picture]:
    """Return where assets are for somebody who may see them all, for a few minutes."""
    return {asset.pk: Picture(signed_url(asset), asset.width, asset.height) for asset in assets}
