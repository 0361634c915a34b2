"""Effects: what is owed to the outside or to later. A row first, a Celery task second.

``owe()`` writes the row inside the action's transaction. After the commit Celery is nudged with the row's id. A worker claims the row with a
lease and a fencing token, runs the handler and marks the row done only while the token still holds. Whatever is lost in between
(the nudge, the broker, the worker) is found by the sweep.
"""

from __future__ import annotations

import json
import logging
import random
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import connection, transaction
from kombu.exceptions import OperationalError as BrokerError

from apps.core import clock
from apps.core.failpoints import failpoint
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.core.models import Effect

logger = logging.getLogger(__name__)

PAYING = Exemption(
    "effects", "a worker takes what is due, whoever owes it; its handler then runs within that workspace alone"
)

Handler = Callable[[Effect], None]

LEASE_SECONDS = {Effect.Lane.INTERACTIVE: 30, Effect.Lane.NORMAL: 60, Effect.Lane.BULK: 120}
"""How long a worker may hold a claim: the longest that a handler of the lane may run, and the longest a killed worker delays it."""
LONGEST_LEASE = max(LEASE_SECONDS.values())
"""A lease that ends later than this from now was given before the database's clock was put back: it holds nobody."""

SWEEP_BATCH = 500
OVERDUE_SECONDS = 15
"""Due for this long, neither the nudge nor the sweep through the broker has worked: the worker pays without being asked."""


class Postponed(Exception):
    """Raised by a handler that can't pay yet: try again as the kind's policy says."""


class Hopeless(Exception):
    """Raised by a handler that can never pay: the effect is dead at once, with this reason."""


@dataclass(frozen=True)
class Policy:
    """How a kind of effect is paid: its lane, and the pauses between tries in seconds. After the last one it is dead."""

    handler: Handler
    lane: Effect.Lane = Effect.Lane.NORMAL
    pauses: tuple[float, ...] = field(default=(1, 5, 30, 120, 600, 3600))


registry: dict[str, Policy] = {}


def effect(
    kind: str, *, lane: Effect.Lane = Effect.Lane.NORMAL, pauses: tuple[float, ...] = (1, 5, 30, 120, 600, 3600)
) -> Callable[[Handler], Handler]:
    """Register how effects of this kind are paid. The handler gets the row, and must bear being run twice."""

    def register(handler: Handler) -> Handler:
        if kind in registry:
            raise TypeError(f"Two effects are called {kind!r}")
        registry[kind] = Policy(handler, lane, pauses)
        return handler

    return register


def owe(
    kind: str,
    *,
    key: str,
    payload: dict[str, Any],
    workspace_id: uuid.UUID | None = None,
    order_key: str = "",
    available_at: datetime | None = None,
) -> None:
    """Owe an effect, once per ``key`` for ever; a second debt with the same key is the first one.

    Belongs inside the action's transaction. ``payload`` holds ids and times, never content. The handler runs within the workspace that owes: the
    one named, else the current one; what is owed within none is the installation's.
    """
    lane = registry[kind].lane
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO core_effect (workspace_id, kind, key, order_key, lane, payload, available_at)
            VALUES (%s, %s, %s, %s, %s, %s, coalesce(%s, now())) ON CONFLICT (key) DO NOTHING RETURNING id
            """,
            [workspace_id or scopes.current_workspace(), kind, key, order_key, lane, json.dumps(payload), available_at],
        )
        row = cursor.fetchone()
    if row is not None and available_at is None:
        transaction.on_commit(partial(nudge, [(row[0], lane)]), robust=True)


def cancel(key: str) -> bool:
    """Forget a debt that isn't paid yet. Returns whether there was one."""
    return bool(Effect.objects.filter(key=key, state=Effect.State.READY).delete()[0])


def bury(kind: str, *, payload: dict[str, Any], error: str) -> None:
    """Write down a debt that failed before it could be tried, so that people see it."""
    Effect.objects.create(
        workspace_id=scopes.current_workspace(),
        kind=kind,
        key=f"{kind}:{uuid.uuid4()}",
        lane=Effect.Lane.NORMAL,
        payload=payload,
        state=Effect.State.DEAD,
        last_error=error[:500],
    )


def nudge(owed: Iterable[tuple[int, str]]) -> bool:
    """Remind Celery of these rows. Says False where the broker can't be reached: the sweep will find them."""
    if not settings.REDIS_URL:
        return False
    try:
        for id_, lane in owed:
            pay_task.apply_async(args=(id_,), queue=lane, retry=False, ignore_result=True)
    except (BrokerError, OSError) as error:
        logger.warning("the broker can't be reached: %s", type(error).__name__)
        return False
    return True


@shared_task(name="effects.pay", ignore_result=True)
def pay_task(effect_id: int) -> None:
    pay(effect_id)


def due(overdue_seconds: float = 0) -> list[tuple[int, str]]:
    """Return (id, lane) of what is due, unclaimed and first of its order key; the most urgent lane and the oldest first."""
    with scopes.every_workspace(PAYING), connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id, lane FROM core_effect AS owed
            WHERE state = 'ready' AND available_at <= now() - make_interval(secs => %s)
              AND (lease_until IS NULL OR lease_until NOT BETWEEN now() AND now() + make_interval(secs => %s))
              AND (owed.order_key = '' OR NOT EXISTS (
                SELECT 1 FROM core_effect AS earlier
                WHERE earlier.order_key = owed.order_key AND earlier.state = 'ready' AND earlier.id < owed.id))
            ORDER BY lane = 'bulk', lane = 'normal', available_at LIMIT %s
            """,
            [overdue_seconds, LONGEST_LEASE, SWEEP_BATCH],
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def pay(effect_id: int) -> bool:
    """Claim the row, run its handler within the workspace that owes, and record the outcome unless the lease was lost.

    Returns whether it was claimed.
    """
    with scopes.every_workspace(PAYING):
        owed = _claim(effect_id)
    if owed is None:
        return False
    failpoint("outbox_after_claim")
    policy = registry.get(owed.kind)
    if policy is None:
        _finish(owed, state=Effect.State.DEAD, error=f"No handler for {owed.kind}")
        return True
    try:
        with scopes.workspace(owed.workspace_id):
            policy.handler(owed)
    except Hopeless as reason:
        _finish(owed, state=Effect.State.DEAD, error=str(reason))
    # Whatever a handler raises is its debt's failure and must be recorded with it; nothing is swallowed.
    except Exception as error:  # noqa: BLE001
        logger.warning("effect %s %s failed: %s", owed.kind, owed.pk, type(error).__name__)
        _retry(owed, policy, error)
    else:
        failpoint("provider_accepted_before_done")
        _finish(owed, state=Effect.State.DONE)
        _nudge_next(owed)
    return True


def pay_overdue() -> int:
    """Pay what neither a nudge nor the sweep has brought to a worker; where there is no broker, whatever is due. Returns how much."""
    overdue = due(OVERDUE_SECONDS if settings.REDIS_URL else 0)
    return sum(pay(id_) for id_, _lane in overdue)


def _claim(effect_id: int) -> Effect | None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE core_effect AS owed
            SET lease_until = now() + CASE lane WHEN 'interactive' THEN %s WHEN 'normal' THEN %s ELSE %s END * interval '1 s',
                lease_token = gen_random_uuid(), attempts = attempts + 1
            WHERE id = %s AND state = 'ready' AND available_at <= now()
              AND (lease_until IS NULL OR lease_until NOT BETWEEN now() AND now() + make_interval(secs => %s))
              AND (owed.order_key = '' OR NOT EXISTS (
                SELECT 1 FROM core_effect AS earlier
                WHERE earlier.order_key = owed.order_key AND earlier.state = 'ready' AND earlier.id < owed.id))
            RETURNING id, kind, key, order_key, lane, payload::text, attempts, lease_token, workspace_id
            """,
            [*(LEASE_SECONDS[lane] for lane in Effect.Lane), effect_id, LONGEST_LEASE],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    names = ("id", "kind", "key", "order_key", "lane", "payload", "attempts", "lease_token", "workspace_id")
    values = dict(zip(names, row, strict=True))
    return Effect(**{**values, "payload": json.loads(values["payload"])})


def _retry(owed: Effect, policy: Policy, error: Exception) -> None:
    reason = f"{type(error).__name__}: {error}" if isinstance(error, Postponed) else type(error).__name__
    if owed.attempts > len(policy.pauses):
        _finish(owed, state=Effect.State.DEAD, error=reason)
        return
    pause = policy.pauses[owed.attempts - 1] * random.uniform(0.5, 1)
    with scopes.every_workspace(PAYING), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE core_effect SET available_at = now() + make_interval(secs => %s), lease_until = NULL, lease_token = NULL, last_error = %s
            WHERE id = %s AND lease_token = %s AND state = 'ready'
            """,
            [pause, reason[:500], owed.pk, owed.lease_token],
        )


def _finish(owed: Effect, *, state: Effect.State, error: str = "") -> None:
    with scopes.every_workspace(PAYING), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE core_effect SET state = %s, finished_at = now(), lease_until = NULL, last_error = %s
            WHERE id = %s AND lease_token = %s AND state = 'ready'
            """,
            [state, error[:500], owed.pk, owed.lease_token],
        )
        if not cursor.rowcount:
            logger.warning("the lease of effect %s was lost: its outcome isn't recorded", owed.pk)


def _nudge_next(owed: Effect) -> None:
    if owed.order_key:
        with scopes.every_workspace(PAYING):
            waiting = Effect.objects.filter(order_key=owed.order_key, state=Effect.State.READY).order_by("id").first()
        if waiting is not None:
            nudge([(waiting.pk, waiting.lane)])


def requeue(effects: Any) -> int:
    """Owe dead effects once more, with fresh tries. Returns how many."""
    dead = list(effects.filter(state=Effect.State.DEAD).exclude(kind="reaction").values_list("pk", "lane"))
    owed = Effect.objects.filter(pk__in=[pk for pk, _lane in dead], state=Effect.State.DEAD).update(
        state=Effect.State.READY, attempts=0, lease_until=None, finished_at=None, available_at=clock.now()
    )
    transaction.on_commit(partial(nudge, dead), robust=True)
    return owed


def forget_done(days: int = 7) -> int:
    """Delete the effects that were paid longer ago than this. Returns how many; their keys can be owed again from then on."""
    return _forget(Effect.State.DONE, days)


def forget_dead(days: int) -> int:
    """Delete the effects that have been dead for longer than this, unpaid. Returns how many."""
    return _forget(Effect.State.DEAD, days)


def _forget(state: Effect.State, days: int) -> int:
    with scopes.every_workspace(PAYING), connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM core_effect
            WHERE state = %s AND coalesce(finished_at, created_at) < now() - make_interval(days => %s)
            """,
            [state, days],
        )
        return int(cursor.rowcount)
