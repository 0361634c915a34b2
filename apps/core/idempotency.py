"""``Idempotency-Key``: a write that is sent twice is done once, and answered the same.

Key, action and answer are written in one transaction, so there is no moment at which an action is done and its answer isn't kept. A second
request with the key waits for the first one's commit and then finds the answer. Only success is kept: what was refused changed nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import Actor
from apps.core.errors import Conflict, Invalid
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.models import KeptAnswer
from apps.core.parsing import Renderer

OLD_ANSWERS = Exemption("old answers", "the clock deletes those of every workspace")

Handler = Callable[..., Any]
WRITES = ("POST", "PUT", "PATCH", "DELETE")
KEY_CHARACTERS = 255
LOCKED = "55P03"
"""Postgres' word for a lock that didn't come in time."""


def once(handler: Handler, request: Request, actor: Actor, *, keeps: bool) -> Handler | None:
    """Return a handler that does what this one does at most once for the request's key; None where the request has none.

    ``keeps`` says whether this handler's answers may be kept. Raises Invalid for a key that can't be used.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None or request.method not in WRITES or actor.kind not in ("member", "key"):
        return None
    if not keeps:
        raise Invalid(
            "The answer holds a secret and is kept nowhere: send no Idempotency-Key.", "idempotency_unsupported"
        )
    if not 1 <= len(key) <= KEY_CHARACTERS or not key.isascii() or not key.isprintable():
        raise Invalid(
            f"An Idempotency-Key has 1 to {KEY_CHARACTERS} printable ASCII characters.", "idempotency_key_invalid"
        )
    return lambda request, *args, **kwargs: _once(handler, request, actor, key, args, kwargs)


def _once(handler: Handler, request: Request, actor: Actor, key: str, args: Any, kwargs: Any) -> Any:
    fingerprint = hashlib.sha256(
        b"\0".join([str(request.method).encode(), request.get_full_path().encode(), request._request.body])
    ).digest()
    try:
        with transaction.atomic():
            kept = _claim(actor, key, fingerprint)
            if kept is not None:
                return _replayed(kept, fingerprint)
            response = handler(request, *args, **kwargs)
            _keep(actor, key, response)
            return response
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != LOCKED:
            raise
        raise Conflict("The first request with this Idempotency-Key is still being answered.", "in_progress") from error


def _claim(actor: Actor, key: str, fingerprint: bytes) -> KeptAnswer | None:
    """Take the key for this request, after waiting for whoever has it. Returns what is kept under it already."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_keptanswer AS kept (workspace_id, actor_id, key, request_hash, status, body, created_at)
            VALUES (%(workspace)s, %(actor)s, %(key)s, %(hash)s, 0, '', now())
            ON CONFLICT (actor_id, key) DO UPDATE SET request_hash = excluded.request_hash, status = 0, body = '', created_at = now()
            WHERE kept.created_at < now() - make_interval(secs => %(kept)s)
            RETURNING id
            """,
            {
                "workspace": getattr(actor, "workspace_id", None),
                "actor": actor.pk,
                "key": key,
                "hash": fingerprint,
                "kept": limits.IDEMPOTENCY_SECONDS,
            },
        )
        if cursor.fetchone() is not None:
            return None
    return KeptAnswer.objects.get(actor_id=actor.pk, key=key)


def _replayed(kept: KeptAnswer, fingerprint: bytes) -> HttpResponse:
    if bytes(kept.request_hash) != fingerprint:
        raise Conflict(
            "This Idempotency-Key belongs to another request. Make a new one for new content.", "idempotency_key_reused"
        )
    headers = {"Idempotent-Replay": "true", "Cache-Control": "no-store"}
    return HttpResponse(bytes(kept.body), status=kept.status, content_type="application/json", headers=headers)


def _keep(actor: Actor, key: str, response: Any) -> None:
    """Keep the answer of what was done. Raises Invalid for an answer that is streamed: it can't be given twice."""
    if not isinstance(response, Response):
        raise Invalid("This answer is streamed: send no Idempotency-Key.", "idempotency_unsupported")
    KeptAnswer.objects.filter(actor_id=actor.pk, key=key).update(
        status=response.status_code, body=Renderer().render(response.data)
    )


def forget_old() -> int:
    """Delete the answers that are older than a day. Runs by the clock."""
    with scopes.every_workspace(OLD_ANSWERS), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM core_keptanswer WHERE created_at < now() - make_interval(secs => %s)",
            [limits.IDEMPOTENCY_SECONDS],
        )
        return int(cursor.rowcount)
