"""Live queries about visitors, and what a messenger tells while it is open."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from apps.core.access import Actor, allow
from apps.core.live import Item, NotVisible, Params, Value, live
from apps.core.whispers import Whisper, tell
from apps.visitors import actions
from apps.visitors.models import Visitor
from apps.visitors.shapes import OwnVisitorShape, VisitorShape


def visitor_item(visitor: Visitor) -> VisitorShape:
    """Return a visitor as members see them."""
    return {
        "key": str(visitor.pk),
        "id": visitor.pk,
        "readable_id": visitor.readable_id,
        "label": visitor.label,
        "name": visitor.name,
        "email": visitor.email,
        "email_proven": False,
        "external_id": visitor.external_id,
        "attributes": visitor.attributes,
        "device": visitor.device,
        "page": {"url": visitor.page_url, "title": visitor.page_title},
        "referrer": visitor.referrer,
        "locale": visitor.locale,
        "timezone": visitor.timezone,
        "online": visitor.online,
        "first_seen_at": visitor.first_seen_at,
        "last_seen_at": visitor.last_seen_at,
    }


def own_item(visitor: Visitor) -> OwnVisitorShape:
    """Return a visitor as it sees itself."""
    return {
        "id": visitor.pk,
        "readable_id": visitor.readable_id,
        "name": visitor.name,
        "email": visitor.email,
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


class PageParams(Params, frozen=True):
    url: str
    title: str = ""


@tell("page", PageParams)
@allow(visitor=True)
def page(actor: Actor, params: PageParams) -> Whisper | None:
    """The visitor is on another page now."""
    if isinstance(actor, Visitor):
        actions.identify(actor, page_url=params.url[:2000], page_title=params.title[:300])
    return None
