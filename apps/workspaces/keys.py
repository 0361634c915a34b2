"""API keys: made, found, used, revoked."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from apps.core import clock, limits
from apps.core.access import Actor
from apps.core.endpoints import endpoints
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.joined import Entered
from apps.core.live import NotVisible
from apps.core.slots import fill
from apps.core.tokens import hash_token
from apps.workspaces import roles
from apps.workspaces.events import KeyMade, KeyRevoked
from apps.workspaces.models import ApiKey, Member, Workspace

PREFIX = "oca_"
KEY = re.compile(r"oca_[0-9a-f]{64}", re.ASCII)
HINT_CHARACTERS = 8


class TooManyKeys(ValueError):
    """A workspace has as many keys as it may."""


class InThePast(ValueError):
    """A key can't have expired before it is made."""


def known_scopes() -> list[str]:
    """Return the scopes that open something to a key, in the order of the permissions."""
    opening = {endpoint.access.key for endpoint in endpoints() if endpoint.access is not None}
    return [permission for permission in roles.PERMISSIONS if permission in opening]


@transaction.atomic
def make(name: str, scopes: Collection[str], *, by: Member, expires_at: datetime | None = None) -> tuple[ApiKey, str]:
    """Make a key; returns it with the only copy of what opens it. Raises PermissionDenied for a scope that its maker doesn't hold,
    TooManyKeys, InThePast; nothing is made then."""
    if not frozenset(scopes) <= by.held:
        raise PermissionDenied("A key can't do what you may not do yourself.")
    if expires_at is not None and expires_at <= clock.now():
        raise InThePast("Choose a day to come.")
    Workspace.objects.select_for_update().get(pk=by.workspace_id)
    if living(ApiKey.objects.visible_to(by)).count() >= limits.API_KEYS:
        raise TooManyKeys(f"A workspace has at most {limits.API_KEYS} keys. Revoke one that nobody uses.")
    token = PREFIX + secrets.token_hex(32)
    key = ApiKey.objects.create(
        workspace_id=by.workspace_id,
        maker=by,
        name=name,
        token_hash=hash_token(token),
        hint=token[:HINT_CHARACTERS],
        scopes=[permission for permission in roles.PERMISSIONS if permission in scopes],
        expires_at=expires_at,
    )
    emit(KeyMade(actor=by, key=key))
    return key, token


def living(keys: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    """Return those that still open something, the newest first."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=Now())
    return keys.filter(unexpired, revoked_at=None, maker__isnull=False).order_by("-created_at", "-pk")


@transaction.atomic
def revoke(key: ApiKey, *, by: Actor) -> None:
    """End a key at once. A second time changes nothing."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now()):
        emit(KeyRevoked(actor=by, key=key))


@fill("api.token")
def key_of(request: HttpRequest, token: str) -> ApiKey | None:
    """Return the key that is sent. Raises NotVisible where ``X-Workspace`` names another workspace than the key's."""
    key = _KEYS.first([hash_token(token)]) if KEY.fullmatch(token) else None
    if key is None:
        return None
    named = request.headers.get("X-Workspace")
    if named is not None and named.lower() != str(key.workspace_id):
        scopes.leave()
        raise NotVisible
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE workspaces_apikey SET used_at = now() WHERE id = %s AND (used_at IS NULL OR used_at < now() - make_interval(secs => %s))",
            [key.pk, limits.SEEN_EVERY_SECONDS],
        )
    return key


_KEYS = Entered(ApiKey, "workspace", "maker", "maker__user", function="workspaces_enter_by_key(%s::bytea)")
