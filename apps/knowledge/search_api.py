"""REST edge for search: finding articles, what wasn't found, and which embeddings are used."""

from __future__ import annotations

from uuid import UUID

from django.utils.safestring import SafeString
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core import limits
from apps.core.access import allow
from apps.core.api import APIView, Input
from apps.core.errors import Invalid
from apps.core.live import NotVisible
from apps.core.outbound import FetchFailed, Refused, checked
from apps.core.shapes import answer
from apps.knowledge.embeddings.family import Access, providers
from apps.knowledge.retrieval import gaps, indexes
from apps.knowledge.retrieval.models import EmbeddingIndex, Gap
from apps.knowledge.search import Found, find
from apps.knowledge.search_shapes import (
    EmbeddingsShape,
    FoundListShape,
    FoundShape,
    GapShape,
    GapsShape,
    IndexShape,
    ProviderShape,
)
from apps.visitors.models import Visitor
from apps.workspaces.models import ApiKey, Member

GAPS_SHOWN = 200


class FindInput(Input):
    q = serializers.CharField(max_length=limits.QUERY_CHARACTERS)
    limit = serializers.IntegerField(required=False, default=10, min_value=1, max_value=20)
    language = serializers.CharField(required=False, default=None, max_length=10)


class EmbeddingsInput(Input):
    provider = serializers.CharField(max_length=30)
    model = serializers.CharField(max_length=100)
    url = serializers.CharField(required=False, default="", allow_blank=True, max_length=limits.URL_CHARACTERS)
    key = serializers.CharField(required=False, default="", allow_blank=True, max_length=500, write_only=True)


class Finding(APIView):
    """Search in articles."""

    actor: Member | ApiKey | Visitor

    @extend_schema(parameters=[FindInput], responses=answer(FoundListShape))
    @allow(member="articles.read", key="articles.read", visitor=True)
    def get(self, request: Request) -> Response:
        """Find the published articles that answer a query, by words and by meaning, the best first. What nobody finds is listed for members."""
        wanted = self.asked(FindInput)
        limits.spend(limits.SEARCHES, self.actor.pk)
        found = find(self.actor, wanted["q"], wanted["limit"], language=wanted["language"])
        if not found:
            gaps.record(self.actor.workspace_id, wanted["q"])
        return Response({"items": [_found_item(one) for one in found]})


class Gaps(APIView):
    """What was searched for and not found."""

    actor: Member | ApiKey

    @extend_schema(responses=answer(GapsShape))
    @allow(member="articles.read", key="articles.read")
    def get(self, request: Request) -> Response:
        """List what was searched for and not found in the last 90 days, the most often first."""
        rows = Gap.objects.visible_to(self.actor).order_by("-times", "-last_at", "pk")[:GAPS_SHOWN]
        return Response({"items": [_gap_item(row) for row in rows]})


class GapView(APIView):
    """One thing that was searched for and not found."""

    actor: Member

    @extend_schema(responses={204: None})
    @allow(member="articles.create")
    def delete(self, request: Request, gap_id: UUID) -> Response:
        """Take it off the list."""
        row = Gap.objects.visible_to(self.actor).filter(pk=gap_id).first()
        if row is None:
            raise NotVisible
        gaps.forget(row)
        return Response(status=204)


class Embeddings(APIView):
    """Which embeddings search uses."""

    actor: Member

    @extend_schema(responses=answer(EmbeddingsShape))
    @allow(member="settings.workspace")
    def get(self, request: Request) -> Response:
        """Return which embeddings serve, which are being built, and what there is to choose from."""
        return Response(self._item())

    @extend_schema(request=EmbeddingsInput, responses=answer(EmbeddingsShape))
    @allow(member="settings.workspace")
    def put(self, request: Request) -> Response:
        """Choose a provider and its model. What there was serves until every passage is embedded anew. An empty key keeps the one there is."""
        wanted = self.checked(EmbeddingsInput)
        try:
            kind = providers.all().get(wanted["provider"])
            if kind is not None and kind.needs_url and wanted["url"]:
                checked(wanted["url"])
            indexes.choose(
                self.actor.workspace_id,
                wanted["provider"],
                Access(wanted["model"], wanted["url"], wanted["key"]),
                by=self.actor,
            )
        except Refused as error:
            raise serializers.ValidationError({"url": str(error)}) from error
        except FetchFailed as error:
            raise Invalid("The server's name can't be looked up now.") from error
        except indexes.Unusable as error:
            raise serializers.ValidationError({error.field: str(error)}) from error
        return Response(self._item())

    def _item(self) -> EmbeddingsShape:
        rows = EmbeddingIndex.objects.visible_to(self.actor).order_by("-state")
        return {
            "indexes": [_index_item(row) for row in rows],
            "providers": [_provider_item(slug) for slug in providers.all()],
        }


def _found_item(found: Found) -> FoundShape:
    article = found.article
    return {
        "id": article.pk,
        "title": article.title,
        "slug": article.slug,
        "language": article.language,
        "audience": article.audience,
        "title_html": _text(found.title),
        "passage_html": _text(found.passage),
    }


def _text(html: SafeString) -> str:
    # A text that is marked as safe stays what it is when it is made a text; JSON knows plain ones only.
    return "".join([html])


def _gap_item(gap: Gap) -> GapShape:
    return {
        "id": gap.pk,
        "words": gap.words,
        "times": gap.times,
        "first_at": gap.first_at,
        "last_at": gap.last_at,
    }


def _index_item(row: EmbeddingIndex) -> IndexShape:
    progress = indexes.progress(row)
    return {
        "id": row.pk,
        "provider": row.provider,
        "model": row.model,
        "url": row.url,
        "key": bool(row.key),
        "state": row.state,
        "done": progress.done,
        "of": progress.of,
        "problem": row.problem,
    }


def _provider_item(slug: str) -> ProviderShape:
    kind = providers[slug]
    return {
        "provider": slug,
        "label": kind.label,
        "models": list(kind.models),
        "needs_key": kind.needs_key,
        "takes_key": kind.takes_key,
        "needs_url": kind.needs_url,
    }
