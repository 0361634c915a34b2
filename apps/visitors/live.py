"""Live queries about visitors, and what a messenger tells while it is open."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from uuid import UUID

from apps.core.access import Actor, allow
from apps.core.live import Item, NotVisible, Params, Value, live
from apps.core.whispers import Whisper, tell
from apps.visitors import actions, identity
from apps.visitors.actions import Blocked
from apps.visitors.events import erasure_topic, identity_topic
from apps.visitors.models import Erasure, Visitor, VisitorSession
from apps.visitors.shapes import (
    CoverageShape,
    ErasureShape,
    LocationShape,
    OwnVisitorShape,
    SignedBootShape,
    VisitorShape,
)
from apps.workspaces.models import Member


def visitor_item(visitor: Visitor) -> VisitorShape:
    """Return a visitor as members see them."""
    return {
        "key": str(visitor.pk),
        "id": visitor.pk,
        "readable_id": visitor.readable_id,
        "label": visitor.label,
        "name": visitor.name,
        "email": visitor.email,
        "email_proven": visitor.email_proven,
        "external_id": visitor.external_id,
        "external_id_proven": visitor.proven_at is not None,
        "proven": visitor.proven,
        "blocked": visitor.blocked,
        "attributes": visitor.attributes,
        "device": visitor.device,
        "location": location_item(visitor),
        "page": {"url": visitor.page_url, "title": visitor.page_title},
        "referrer": visitor.referrer,
        "locale": visitor.locale,
        "timezone": visitor.timezone,
        "online": visitor.online,
        "first_seen_at": visitor.first_seen_at,
        "last_seen_at": visitor.last_seen_at,
    }


def location_item(visitor: Visitor) -> LocationShape:
    """Return where a visitor is said to be."""
    where: dict[str, str] = visitor.location
    return {
        "country_code": where.get("country_code", ""),
        "country": where.get("country", ""),
        "region": where.get("region", ""),
        "city": where.get("city", ""),
    }


def own_item(visitor: Visitor) -> OwnVisitorShape:
    """Return a visitor as it sees itself."""
    return {
        "id": visitor.pk,
        "readable_id": visitor.readable_id,
        "name": visitor.name,
        "email": visitor.email,
        "email_proven": visitor.email_proven,
        "attributes": visitor.attributes,
    }


class VisitorParams(Params, frozen=True):
    visitor: UUID | None = None


@live("visitors.get")
@allow(member="users.read", visitor=True)
class VisitorGet(Value):
    """One visitor: for members anyone of the workspace, for a visitor itself."""

    Params = VisitorParams
    template = "visitors/panel.html#visitor"
    context_name = "visitor"
    pause = 0.5

    def topics(self, actor: Actor, params: VisitorParams) -> Iterable[str]:
        return (f"visitor:{self._id(actor, params)}",)

    def get(self, actor: Actor, params: VisitorParams) -> Item:
        visitor = Visitor.objects.visible_to(actor).filter(pk=self._id(actor, params)).first()
        if visitor is None:
            raise NotVisible
        return visitor_item(visitor) if actor.kind == "member" else own_item(visitor)

    def _id(self, actor: Actor, params: VisitorParams) -> Any:
        return actor.pk if actor.kind == "visitor" else params.visitor


def erasure_item(erasure: Erasure) -> ErasureShape:
    """Return an erasure, and so its receipt."""
    return {
        "id": erasure.pk,
        "visitor": erasure.visitor_id,
        "state": erasure.state,
        "rows": erasure.rows,
        "files": erasure.files,
        "counts": erasure.counts,
        "expected": erasure.expected,
        "asked_at": erasure.asked_at,
        "finished_at": erasure.finished_at,
    }


class ErasureParams(Params, frozen=True):
    erasure: UUID


@live("visitors.getErasure")
@allow(member="data.delete")
class ErasureGet(Value):
    """How far an erasure is, and in the end its receipt."""

    Params = ErasureParams
    template = "visitors/erasure.html#erasure"
    context_name = "erasure"
    pause = 0.5

    def topics(self, actor: Actor, params: ErasureParams) -> Iterable[str]:
        return (erasure_topic(params.erasure),)

    def get(self, actor: Actor, params: ErasureParams) -> Item:
        erasure = Erasure.objects.visible_to(actor).filter(pk=params.erasure).first()
        if erasure is None:
            raise NotVisible
        return erasure_item(erasure)


def signed_boot_item(session: VisitorSession) -> SignedBootShape:
    """Return a boot that came with a proof."""
    return {
        "key": bytes(session.pk).hex()[:16],
        "visitor": session.visitor.pk,
        "label": session.visitor.label,
        "user_id": session.visitor.external_id,
        "proof": session.proof,
        "hint": session.secret.hint if session.secret is not None else "",
        "origin": session.origin,
        "at": session.created_at,
    }


def coverage_item(workspace_id: UUID) -> CoverageShape:
    """Return how much of a workspace's traffic is signed."""
    counted = identity.coverage(workspace_id)
    return {
        "proven": counted.proven,
        "claimed": counted.claimed,
        "refused": counted.refused,
        "share": counted.share,
    }


@live("identity.recent")
@allow(member="settings.security")
class SignedBoots(Value):
    """The last boots that came with a proof, and how much of the traffic does."""

    template = "visitors/identity.html#recent"
    context_name = "recent"
    pause = 1.0

    def topics(self, actor: Actor, params: Params) -> Iterable[str]:
        return (identity_topic(getattr(actor, "workspace_id", None)),)

    def get(self, actor: Actor, params: Params) -> Item:
        assert isinstance(actor, Member)
        workspace_id = actor.workspace_id
        signed = identity.recent(workspace_id)
        return {"coverage": coverage_item(workspace_id), "items": [signed_boot_item(session) for session in signed]}


class PageParams(Params, frozen=True):
    url: str
    title: str = ""


@tell("page", PageParams)
@allow(visitor=True)
def page(actor: Actor, params: PageParams) -> Whisper | None:
    """The visitor is on another page now."""
    if isinstance(actor, Visitor):
        # Somebody who was merged, erased or blocked a moment ago is nowhere; their socket will hear of it.
        with suppress(Visitor.DoesNotExist, Blocked):
            actions.identify(actor, page_url=params.url[:2000], page_title=params.title[:300])
    return None
