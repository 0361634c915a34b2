"""REST for members about one visitor: blocking, merging, erasing and exporting."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import allow
from apps.core.api import APIView, Input
from apps.core.errors import Conflict
from apps.core.live import NotVisible
from apps.core.shapes import answer
from apps.visitors import blocking, erasure, exports, merging, separating
from apps.visitors.directory import candidates
from apps.visitors.items import export_item, export_url, merge_item, preview_item
from apps.visitors.live import erasure_item, visitor_item
from apps.visitors.merging import MergeRefused
from apps.visitors.models import Erasure, ExportLink, Merge, Visitor
from apps.visitors.shapes import (
    CandidatesShape,
    ErasureShape,
    ExportLinkShape,
    ExportShape,
    MergePreviewShape,
    MergeShape,
    MergesShape,
    VisitorShape,
)
from apps.workspaces.models import Member


class VisitorScoped(APIView):
    """A view of one visitor that the member can see."""

    actor: Member

    def visitor(self, id_: UUID) -> Visitor:
        """Return the visitor. Raises NotVisible."""
        found = Visitor.objects.visible_to(self.actor).filter(pk=id_).first()
        if found is None:
            raise NotVisible
        return found


class DirectoryEntry(VisitorScoped):
    """One visitor."""

    @extend_schema(responses=answer(VisitorShape))
    @allow(member="users.read", key="users.read")
    def get(self, request: Request, visitor_id: UUID) -> Response:
        """Return a visitor as members see them."""
        return Response(visitor_item(self.visitor(visitor_id)))

    @extend_schema(responses={200: answer(ErasureShape), 202: answer(ErasureShape)})
    @allow(member="data.delete")
    def delete(self, request: Request, visitor_id: UUID) -> Response:
        """Erase the visitor and everything that is kept about them, for good.

        200 with the receipt; 202 where it takes longer: follow it by its id.
        """
        try:
            asked = erasure.request(self.visitor(visitor_id), by=self.actor)
        except Visitor.DoesNotExist:
            raise NotVisible from None
        return Response(erasure_item(asked), status=200 if asked.state == Erasure.State.DONE else 202)


class ErasureView(APIView):
    """One erasure."""

    actor: Member

    @extend_schema(responses=answer(ErasureShape))
    @allow(member="data.delete")
    def get(self, request: Request, erasure_id: UUID) -> Response:
        """Say how far the erasure is; when it is done, this is its receipt."""
        found = Erasure.objects.visible_to(self.actor).filter(pk=erasure_id).first()
        if found is None:
            raise NotVisible
        return Response(erasure_item(found))


class Block(VisitorScoped):
    """Whether a visitor may write."""

    @extend_schema(request=None, responses=answer(VisitorShape))
    @allow(member="conversations.close")
    def put(self, request: Request, visitor_id: UUID) -> Response:
        """Block the visitor: their sockets close, and whatever they send is refused."""
        return Response(visitor_item(blocking.block(self.visitor(visitor_id), by=self.actor)))

    @extend_schema(responses=answer(VisitorShape))
    @allow(member="conversations.close")
    def delete(self, request: Request, visitor_id: UUID) -> Response:
        """Let the visitor write again."""
        return Response(visitor_item(blocking.unblock(self.visitor(visitor_id), by=self.actor)))


class OtherInput(Input):
    other = serializers.UUIDField()


class Candidates(VisitorScoped):
    """Visitors who may be the same person."""

    @extend_schema(responses=answer(CandidatesShape))
    @allow(member="users.manage")
    def get(self, request: Request, visitor_id: UUID) -> Response:
        """List who shares the address, the id or the name; nothing of it proves anything."""
        found = candidates(self.visitor(visitor_id), self.actor)
        return Response({"items": [visitor_item(visitor) for visitor in found]})


class MergePreview(VisitorScoped):
    """What a merge would do."""

    @extend_schema(parameters=[OtherInput], responses=answer(MergePreviewShape))
    @allow(member="users.manage")
    def get(self, request: Request, visitor_id: UUID) -> Response:
        """Say who would stay, what would move, and what the one who stays would take over. Nothing is changed."""
        visitor = self.visitor(visitor_id)
        try:
            preview = merging.preview(visitor, self.visitor(self.asked(OtherInput)["other"]))
        except MergeRefused as error:
            raise Conflict(str(error), "merge_refused") from error
        return Response(preview_item(preview))


class Merges(VisitorScoped):
    """The merges of a visitor."""

    @extend_schema(operation_id="visitor_merges_list", responses=answer(MergesShape))
    @allow(member="users.read")
    def get(self, request: Request, visitor_id: UUID) -> Response:
        """List who went into this visitor, the last first."""
        merges = Merge.objects.visible_to(self.actor).filter(canonical=self.visitor(visitor_id), undone_at=None)
        return Response({"items": [merge_item(merge) for merge in merges.order_by("-made_at")[: limits.PAGE_SIZE]]})

    @extend_schema(request=OtherInput, responses={201: answer(MergeShape)})
    @allow(member="users.manage")
    def post(self, request: Request, visitor_id: UUID) -> Response:
        """Make one of two visitors: who is proven stays, else who was here first. Asked again, the merge that was made is answered."""
        other_id = self.checked(OtherInput)["other"]
        made = _made(self.actor, visitor_id, other_id)
        if made is not None:
            return Response(merge_item(made))
        try:
            merge = merging.merge_by_hand(self.visitor(visitor_id), self.visitor(other_id), by=self.actor)
        except MergeRefused as error:
            raise Conflict(str(error), "merge_refused") from error
        return Response(merge_item(merge), status=201)


def _made(actor: Member, one: UUID, other: UUID) -> Merge | None:
    pairs = ((one, other), (other, one))
    merges = Merge.objects.visible_to(actor).filter(undone_at=None)
    for source, canonical in pairs:
        if (found := merges.filter(source_id=source, canonical_id=canonical).first()) is not None:
            return found
    return None


class MergeView(VisitorScoped):
    """One merge."""

    @extend_schema(responses=answer(VisitorShape))
    @allow(member="users.manage")
    def delete(self, request: Request, visitor_id: UUID, merge_id: UUID) -> Response:
        """Undo a merge by hand, within 7 days. Returns who is back."""
        merges = Merge.objects.visible_to(self.actor).filter(pk=merge_id, canonical=self.visitor(visitor_id))
        merge = merges.first()
        if merge is None:
            raise NotVisible
        try:
            return Response(visitor_item(separating.undo(merge, by=self.actor)))
        except MergeRefused as error:
            raise Conflict(str(error), "merge_refused") from error


class Exports(VisitorScoped):
    """Copies of everything that is kept about a visitor."""

    @extend_schema(request=None, responses={201: answer(ExportLinkShape)})
    @allow(member="data.export")
    def post(self, request: Request, visitor_id: UUID) -> Response:
        """Make a link to a copy, as JSON with files: it opens once, within 24 hours. On record.

        A large copy is prepared first: follow it by its id.
        """
        visitor = self.visitor(visitor_id)
        limits.spend(limits.VISITOR_EXPORTS, self.actor.workspace_id)
        link = exports.request(visitor, by=self.actor)
        return Response({**export_item(link.row), "url": export_url(link)}, status=201)


class ExportView(VisitorScoped):
    """One copy."""

    @extend_schema(responses=answer(ExportShape))
    @allow(member="data.export")
    def get(self, request: Request, visitor_id: UUID, export_id: UUID) -> Response:
        """Say how far the copy is."""
        links = ExportLink.objects.visible_to(self.actor).filter(id=export_id, visitor=self.visitor(visitor_id))
        found = links.first()
        if found is None:
            raise NotVisible
        return Response(export_item(found))
