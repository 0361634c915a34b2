"""Merging: two visitors who turn out to be one person become one row.

Everything that points at a visitor moves, found by looking at every foreign key of every app: no later app can be forgotten. Where a
uniqueness includes the visitor, both may hold what there can be only one of; such a relation needs a rule (``collision``), and without
one nothing is merged at all.

The source's row is deleted and not marked: then the database itself refuses whatever somebody writes for it at the same moment, and
whoever wrote tries again and finds the canonical one. Rows move twice, before and after the source is locked against such writes: so none is
deleted with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from psycopg.errors import ForeignKeyViolation

from apps.core import limits
from apps.core.access import Actor
from apps.core.events import emit
from apps.visitors.attributes import TooManyAttributes, merged
from apps.visitors.events import VisitorMerged, VisitorSignedOut
from apps.visitors.models import (
    Browser,
    EmailCode,
    Erasure,
    ExportLink,
    Merge,
    PendingLocation,
    TrackedEvent,
    Visitor,
    VisitorSession,
)
from apps.workspaces.models import Member

Rule = Callable[[UUID, UUID], None]
"""Called with the source's and the canonical's id before the rows move: lets both keep what only one could have."""

FILLED = ("name", "email", "referrer", "locale", "timezone", "page_url", "page_title")
"""What the canonical takes over from the source where it has nothing itself."""
WHOLE = ("device", "location")
"""The same, for what is taken over whole or not at all."""
KEPT = (*FILLED, *WHOLE, "external_id", "email_proven_at")
"""What a merge may change about the canonical, and its undoing changes back, beside what is counted and added up."""

rules: dict[str, Rule] = {}


class MergeRefused(ValueError):
    """These two can't be one, or no longer two. The message says why."""


class RuleMissing(TypeError):
    """A relation with a uniqueness has no rule for what both visitors hold."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A foreign key to visitors."""

    model: type[models.Model]
    field: models.ForeignKey[Any, Any]

    @property
    def name(self) -> str:
        return f"{self.model._meta.label_lower}.{self.field.name}"

    @property
    def needs_rule(self) -> bool:
        """Whether two visitors can each have a row of which one visitor can have only one."""
        if self.field.unique:
            return True
        together = [set(names) for names in self.model._meta.unique_together]
        for constraint in self.model._meta.constraints:
            if isinstance(constraint, models.UniqueConstraint):
                together.append(set(constraint.fields))
                if constraint.expressions:
                    # What an expression is about isn't looked into: better a rule too many.
                    return True
        return any(self.field.name in names for names in together)


def relations() -> Sequence[Relation]:
    """Return every foreign key to visitors, of every app there is."""
    found = [
        Relation(model, field)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.ForeignKey) and field.related_model is Visitor
    ]
    return sorted(found, key=lambda relation: relation.name)


def collision(relation: str) -> Callable[[Rule], Rule]:
    """Declare what becomes of the source's rows of this relation (``app.model.field``) that would collide with the canonical's."""

    def register(rule: Rule) -> Rule:
        rules[relation] = rule
        return rule

    return register


def renumbered(model: type[models.Model], by: str, *, field: str = "visitor", within: Sequence[str] = ()) -> Rule:
    """Return the rule that gives the source's colliding rows a fresh UUID as ``by``: nothing is lost, and nothing becomes another's replay."""
    table = connection.ops.quote_name(model._meta.db_table)
    visitor = model._meta.get_field(field).column  # type: ignore[union-attr]
    same = " AND ".join(f"other.{column} = row.{column}" for column in (by, *within))

    def rule(source: UUID, canonical: UUID) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {table} AS row SET {by} = gen_random_uuid() WHERE row.{visitor} = %s "
                f"AND EXISTS (SELECT FROM {table} AS other WHERE other.{visitor} = %s AND {same})",
                [source, canonical],
            )

    return rule


def given_up(model: type[models.Model], *, field: str = "visitor") -> Rule:
    """Return the rule that drops the source's rows: they were about the source alone, and are soon over."""

    def rule(source: UUID, canonical: UUID) -> None:
        model._base_manager.filter(**{field: source}).delete()

    return rule


rules["visitors.trackedevent.visitor"] = renumbered(TrackedEvent, "client_id")
rules["visitors.emailcode.visitor"] = given_up(EmailCode)
rules["visitors.pendinglocation.visitor"] = given_up(PendingLocation)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would do."""

    canonical: Visitor
    source: Visitor
    counts: Mapping[str, int]
    gains: Mapping[str, Any] = field(default_factory=dict)
    """What the canonical would take over, by field."""

    @property
    def ends_sessions(self) -> bool:
        """Whether the source's browsers are let go: who is proven is reached by proof alone."""
        return self.canonical.is_proven


def preview(one: Visitor, other: Visitor) -> Preview:
    """Say what merging two visitors by hand would do. Raises MergeRefused."""
    canonical, source = _ordered(one, other)
    counts = {
        relation.name: relation.model._base_manager.filter(**{relation.field.attname: source.pk}).count()
        for relation in relations()
    }
    if canonical.is_proven:
        for left_behind in (VisitorSession, Browser):
            counts.pop(f"{left_behind._meta.label_lower}.visitor")
    return Preview(canonical, source, {name: n for name, n in counts.items() if n}, _gains(canonical, source))


def _ordered(one: Visitor, other: Visitor) -> tuple[Visitor, Visitor]:
    """Return the canonical and the source: who is proven stays, else who was here first."""
    if one.pk == other.pk or one.workspace_id != other.workspace_id:
        raise MergeRefused("Choose another visitor of this workspace.")
    if (one.proven_at and other.proven_at) or _read_different_mail(one, other):
        raise MergeRefused("Both are proven, each as somebody else. Two people can't be one.")
    canonical, source = sorted(
        (one, other),
        key=lambda visitor: (
            visitor.proven_at is None,
            visitor.email_proven_at is None,
            visitor.first_seen_at,
            visitor.pk,
        ),
    )
    if (
        source.external_id
        and canonical.external_id
        and source.external_id != canonical.external_id
        and canonical.proven_at
    ):
        raise MergeRefused("The other one calls itself by another id than the proven one has.")
    return canonical, source


def _read_different_mail(one: Visitor, other: Visitor) -> bool:
    """Whether both have proven an address, and not the same."""
    return one.email_proven and other.email_proven and one.email.lower() != other.email.lower()


def _gains(canonical: Visitor, source: Visitor) -> dict[str, Any]:
    gains = {name: getattr(source, name) for name in FILLED if getattr(source, name) and not getattr(canonical, name)}
    for whole in WHOLE:
        if getattr(source, whole) and not getattr(canonical, whole):
            gains[whole] = getattr(source, whole)
    same_address = source.email.lower() == canonical.email.lower() or "email" in gains
    if source.email_proven_at and same_address and not canonical.email_proven_at:
        gains["email_proven_at"] = source.email_proven_at
    if source.external_id and not canonical.external_id:
        gains["external_id"] = source.external_id
    if added := {name: value for name, value in source.attributes.items() if name not in canonical.attributes}:
        gains["attributes"] = added
    return gains


@transaction.atomic
def merge_by_hand(one: Visitor, other: Visitor, *, by: Member) -> Merge:
    """Make one of two visitors, as a member says. Asked again it is the merge that was made. Raises MergeRefused.

    Into somebody proven the source's browsers don't follow: their sessions end, and they come back by proof.
    """
    locked = lock({one.pk, other.pk})
    if len(locked) < 2:
        raise MergeRefused("One of them is gone meanwhile.")
    if being_erased(one.pk, other.pk):
        raise MergeRefused("One of them is being erased.")
    canonical, source = _ordered(locked[one.pk], locked[other.pk])
    if canonical.is_proven:
        let_go(source, by=by)
    return merge(source, canonical, why=Merge.Why.HAND, by=by, member=by)


def being_erased(*ids: UUID) -> bool:
    return Erasure.objects.filter(visitor_id__in=ids, state=Erasure.State.RUNNING).exists()


def let_go(visitor: Visitor, *, by: Actor) -> None:
    """End a visitor's sessions and forget their browsers: what becomes of their rows opens for nobody who held one."""
    ended, _ = VisitorSession.objects.filter(visitor=visitor).delete()
    Browser.objects.filter(visitor=visitor).delete()
    if ended:
        emit(VisitorSignedOut(actor=by, visitor=visitor))


def made(source_id: UUID, workspace_id: UUID) -> Merge | None:
    """Return the merge by which a visitor went into another, unless it was undone."""
    merges = Merge.objects.filter(source_id=source_id, workspace_id=workspace_id, undone_at=None)
    return merges.select_related("canonical").first()


def lock(ids: Iterable[UUID | None]) -> dict[UUID, Visitor]:
    """Lock visitors until the transaction ends, in the one order in which everybody does. Returns those that are there."""
    wanted = [id_ for id_ in ids if id_ is not None]
    # Without touching their keys: whoever writes for them at the moment isn't held up.
    rows = Visitor.objects.select_for_update(no_key=True).filter(pk__in=wanted).defer("search").order_by("pk")
    return {visitor.pk: visitor for visitor in rows}


TRIES = 5


def merge(source: Visitor, canonical: Visitor, *, why: Merge.Why, by: Actor, member: Member | None = None) -> Merge:
    """Move everything from the source to the canonical and delete the source. Both must be locked; belongs inside a transaction."""
    found = relations()
    for relation in found:
        if relation.needs_rule and relation.name not in rules:
            raise RuleMissing(f"Say with @collision({relation.name!r}) what becomes of rows that both visitors have.")
    for attempt in range(TRIES):
        try:
            with transaction.atomic():
                return _merge(source, canonical, found, why, by, member)
        except IntegrityError as error:
            # Something points at the source that the lock doesn't hold up; now it is there to be seen, and moves too.
            if not isinstance(error.__cause__, ForeignKeyViolation) or attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _merge(
    source: Visitor, canonical: Visitor, found: Sequence[Relation], why: Merge.Why, by: Actor, member: Member | None
) -> Merge:
    before = {"source": snapshot(source), "canonical": snapshot(canonical)}
    moved: dict[str, list[str]] = defaultdict(list)
    _move_all(found, source.pk, canonical.pk, moved)
    with connection.cursor() as cursor:
        # From here on nobody's write for the source is committed: it waits, and is refused once the source is gone. What was committed
        # since it moved is there to be seen now, and moves too, before the database would delete it with the source.
        cursor.execute("SELECT FROM visitors_visitor WHERE id = %s FOR UPDATE", [source.pk])
    _move_all(found, source.pk, canonical.pk, moved)
    _begin_copies_again(canonical)
    _take_over(canonical, source)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM visitors_visitor WHERE id = %s", [source.pk])
        # The database looks now, and not at the end, whether anything still points at the source.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    canonical.save(update_fields=[*KEPT, "attributes", "blocked", "first_seen_at", "last_seen_at"])
    counts = {name: len(keys) for name, keys in moved.items()}
    by_hand = why == Merge.Why.HAND
    row = Merge.objects.create(
        workspace_id=canonical.workspace_id,
        source_id=source.pk,
        canonical=canonical,
        why=why,
        member=member,
        counts=counts,
        before={**before, "after": snapshot(canonical)} if by_hand else {},
        moved=moved if by_hand else {},
    )
    emit(VisitorMerged(actor=by, visitor=canonical, gone=source.pk, why=why.value, counts=counts, moved=moved))
    return row


def _move_all(found: Sequence[Relation], source: UUID, canonical: UUID, moved: dict[str, list[str]]) -> None:
    for relation in found:
        if (rule := rules.get(relation.name)) is not None:
            rule(source, canonical)
        if keys := move(relation, source, canonical, None):
            moved[relation.name] += keys


def move(relation: Relation, source: UUID, canonical: UUID, keys: Sequence[str] | None) -> list[str]:
    """Let the source's rows, or those of them with these keys, point at the canonical. Returns their keys."""
    table = connection.ops.quote_name(relation.model._meta.db_table)
    primary = connection.ops.quote_name(str(relation.model._meta.pk.column))
    column = connection.ops.quote_name(relation.field.column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} = %s WHERE {column} = %s"
            + ("" if keys is None else f" AND {primary}::text = ANY(%s)")
            + f" RETURNING {primary}::text",
            [canonical, source, *([] if keys is None else [list(keys)])],
        )
        return [row[0] for row in cursor.fetchall()]


def _begin_copies_again(canonical: Visitor) -> None:
    """Let copies that are still being prepared begin again: there is more in them now."""
    preparing = ExportLink.objects.filter(visitor=canonical, state=ExportLink.State.PREPARING)
    preparing.update(at={}, size=0, rows=0, files=0)


def _take_over(canonical: Visitor, source: Visitor) -> None:
    for name, value in _gains(canonical, source).items():
        if name != "attributes":
            setattr(canonical, name, value)
    try:
        canonical.attributes = merged(source.attributes, canonical.attributes)
    except TooManyAttributes:
        # What the canonical has is kept whole; what the source had beyond the limit stays behind.
        room = {name: value for name, value in source.attributes.items() if name not in canonical.attributes}
        spare = max(0, limits.ATTRIBUTES - len(canonical.attributes))
        canonical.attributes = {**dict(list(room.items())[:spare]), **canonical.attributes}
    canonical.blocked = canonical.blocked or source.blocked
    canonical.first_seen_at = min(canonical.first_seen_at, source.first_seen_at)
    canonical.last_seen_at = max(canonical.last_seen_at, source.last_seen_at)


def snapshot(visitor: Visitor) -> dict[str, Any]:
    """Return a visitor's row as JSON."""
    kept = {}
    for field_ in Visitor._meta.concrete_fields:
        if field_.generated:
            continue
        value = getattr(visitor, field_.attname)
        plain = value is None or isinstance(value, (str, int, float, bool, list, dict))
        kept[field_.attname] = value if plain else str(value)
    return kept
