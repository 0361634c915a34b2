"""Erasure: a visitor and everything that is kept about them is deleted for good; and what a visitor who withdraws consent takes with them."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models, transaction

from apps.core import clock, effects, limits
from apps.core.access import Actor, System
from apps.core.events import emit
from apps.core.failpoints import failpoint
from apps.core.models import KeptAnswer
from apps.core.slots import ask
from apps.visitors import exports
from apps.visitors.events import ConsentWithdrawn, ErasureAdvanced, ErasureRequested, VisitorErased
from apps.visitors.merging import let_go, lock, relations
from apps.visitors.models import Browser, EmailCode, Erasure, PendingLocation, TrackedEvent, Visitor, VisitorSession
from apps.visitors.personal_data import Holding, holdings
from apps.workspaces.models import Member

STEP_ROWS = 2000
"""Rows that one transaction deletes of a large visitor: about a second's work, and no longer a lock."""
FILES_PER_EFFECT = 500
STEPS_SECONDS = 45.0
"""How long a worker stays with one erasure before others of its lane have their turn; well within its lease."""


@transaction.atomic
def request(visitor: Visitor, *, by: Member) -> Erasure:
    """Erase a visitor with everything that is kept about them, files included. A small one is gone when this returns.

    Of whom much is kept, a worker deletes it in steps; until then nobody is let in as them. Asked again it is the erasure that was asked for.
    """
    row = lock({visitor.pk}).get(visitor.pk)
    if row is None:
        raise Visitor.DoesNotExist
    asked = Erasure.objects.filter(visitor_id=row.pk).first()
    if asked is not None:
        # Its step may have died meanwhile; a second one at the same time does no harm.
        _owe_next_step(asked)
        return asked
    expected = expected_rows(row)
    erasure = Erasure.objects.create(workspace_id=row.workspace_id, visitor_id=row.pk, member=by, expected=expected)
    if expected <= limits.AT_ONCE_ROWS:
        _finish(erasure, row, by=by)
        return erasure
    let_go(row, by=by)
    row.blocked = True
    row.save(update_fields=["blocked"])
    forget_answers(row)
    exports.discard(row)
    emit(ErasureRequested(actor=by, visitor=row))
    _owe_step(erasure)
    return erasure


def expected_rows(visitor: Visitor) -> int:
    """Return how many rows are kept about a visitor."""
    return sum(holding.rows(visitor.pk).order_by().count() for holding in holdings.values())


def _owe_step(erasure: Erasure) -> None:
    effects.owe(
        "visitors.erase",
        key=f"erase:{erasure.pk}:{erasure.step}",
        payload={"erasure": str(erasure.pk)},
        workspace_id=erasure.workspace_id,
    )


def advance(erasure_id: UUID) -> None:
    """Take an erasure further, step by step, each in a transaction of its own; owes what time doesn't suffice for.

    Where it is, is said by the rows that are left: a worker that dies in the middle has lost one step at most.
    """
    until = time.monotonic() + STEPS_SECONDS
    while time.monotonic() < until:
        if not _step(erasure_id):
            return
    with transaction.atomic():
        _owe_next_step(Erasure.objects.select_for_update().get(pk=erasure_id))


def _owe_next_step(erasure: Erasure) -> None:
    erasure.step += 1
    erasure.save(update_fields=["step"])
    _owe_step(erasure)


@transaction.atomic
def _step(erasure_id: UUID) -> bool:
    """Delete some of what is left. Returns whether there is more to do."""
    erasure = Erasure.objects.select_for_update().filter(pk=erasure_id, state=Erasure.State.RUNNING).first()
    if erasure is None:
        return False
    for holding in _emptied_ahead():
        keys = list(holding.rows(erasure.visitor_id).order_by().values_list("pk", flat=True)[:STEP_ROWS])
        if keys:
            rows = holding.model_class._base_manager.filter(pk__in=keys)
            for field in holding.files:
                erasure.files += _owe_files(erasure, holding, field, list(rows.values_list(field, flat=True)))
            _, deleted = rows.delete()
            erasure.counts = _added(erasure.counts, deleted)
            erasure.save(update_fields=["counts", "files"])
            emit(ErasureAdvanced(actor=System("erasure"), erasure=erasure))
            failpoint("erasure_step")
            return True
    row = lock({erasure.visitor_id}).get(erasure.visitor_id)
    _finish(erasure, row, by=erasure.member or System("erasure"))
    return False


def _owe_files(erasure: Erasure, holding: Holding, field: str, names: list[str]) -> int:
    for start in range(0, len(names), FILES_PER_EFFECT):
        some = names[start : start + FILES_PER_EFFECT]
        effects.owe(
            "visitors.delete_files",
            key=f"erased files:{erasure.pk}:{some[0]}",
            payload={"model": holding.model, "field": field, "files": some},
            workspace_id=erasure.workspace_id,
        )
    return len(names)


def delete_files(model: str, field: str, names: Sequence[str]) -> None:
    """Delete files whose rows are gone; those that a row still names stay."""
    model_class: Any = apps.get_model(model)
    storage = model_class._meta.get_field(field).storage
    for name in names:
        if not model_class._base_manager.filter(**{field: name}).exists():
            storage.delete(name)


def _emptied_ahead() -> list[Holding]:
    """Return the tables that are emptied in steps, those that point at others first.

    Not the visitor, and not what others lead through on their way to the visitor (conversations): those go at the end, together, when they are bare.
    """
    led_through = {holding.path.partition("__")[0] for holding in holdings.values() if "__" in holding.path}
    ahead = [
        holding
        for holding in holdings.values()
        if "__" in holding.path or (holding.path and holding.model.partition(".")[2] not in led_through)
    ]
    return sorted(ahead, key=lambda holding: -holding.path.count("__"))


def _added(counts: Mapping[str, int], deleted: Mapping[str, int]) -> dict[str, int]:
    total = Counter(dict(counts)) + Counter({label.lower(): count for label, count in deleted.items()})
    return {label: count for label, count in sorted(total.items()) if count}


def _finish(erasure: Erasure, row: Visitor | None, *, by: Actor) -> None:
    """Delete the visitor with all that is left, and write the receipt.

    What other apps must do before the rows go (files, open lists), they offer in the slot ``visitor.erasing``: how many files will be deleted.
    The audit log keeps what was done and forgets the name.
    """
    if row is not None:
        forget_answers(row)
        exports.discard(row)
        erasure.files += sum(ask("visitor.erasing", row))
        _, deleted = row.delete()
        erasure.counts = _added(erasure.counts, deleted)
        nameless = Visitor(id=erasure.visitor_id, workspace_id=row.workspace_id, readable_id=row.readable_id)
        emit(VisitorErased(actor=by, visitor=nameless, counts=erasure.counts, files=erasure.files))
    erasure.state, erasure.finished_at = Erasure.State.DONE, clock.now()
    erasure.save(update_fields=["counts", "files", "state", "finished_at"])
    emit(ErasureAdvanced(actor=System("erasure"), erasure=erasure))


_ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def forget_answers(visitor: Visitor) -> None:
    """Delete the kept answers to members' and keys' writes that name the visitor or a row of theirs."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT kept.id, found[1]::uuid FROM core_keptanswer AS kept,
              regexp_matches(convert_from(kept.body, 'UTF8'), '{_ID}', 'g') AS found
            WHERE kept.workspace_id = %s AND length(kept.body) > 0
            """,
            [visitor.workspace_id],
        )
        named: dict[UUID, set[int]] = defaultdict(set)
        for kept, id_ in cursor.fetchall():
            named[id_].add(kept)
    about = set()
    for holding in holdings.values():
        if isinstance(holding.model_class._meta.pk, models.UUIDField):
            rows = holding.rows(visitor.pk).filter(pk__in=named).order_by()
            about |= {kept for key in rows.values_list("pk", flat=True) for kept in named[key]}
    KeptAnswer.objects.filter(pk__in=about).delete()


@transaction.atomic
def withdraw_consent(visitor: Visitor) -> None:
    """Forget what was noted about a visitor and end their sessions: where they were, on what, what they did and what their page told.

    What they wrote to the workspace is correspondence and stays, under the name that they gave or that their server signed. Where
    there is nothing of the kind, nothing is left of them.
    """
    row = lock({visitor.pk}).get(visitor.pk)
    if row is None:
        return
    VisitorSession.objects.filter(visitor=row).delete()
    Browser.objects.filter(visitor=row).delete()
    for noted in (TrackedEvent, EmailCode, PendingLocation):
        noted._base_manager.filter(visitor=row).delete()
    emit(ConsentWithdrawn(actor=row, visitor=row))
    if not _has_written(row):
        row.delete()
        return
    row.attributes, row.device, row.location = {}, {}, {}
    row.page_url = row.page_title = row.referrer = row.locale = row.timezone = ""
    row.proven = [name for name in row.proven if not name.startswith("attributes.")]
    noted_fields = ["attributes", "device", "location", "page_url", "page_title", "referrer", "locale", "timezone"]
    row.save(update_fields=[*noted_fields, "proven"])


def _has_written(visitor: Visitor) -> bool:
    """Whether another app keeps something of this visitor."""
    return any(
        relation.model._base_manager.filter(**{relation.field.attname: visitor.pk}).exists()
        for relation in relations()
        if relation.model._meta.app_label != Visitor._meta.app_label
    )
