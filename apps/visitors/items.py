"""How merges, exports and erasures are shown, to the API and to the pages alike."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from apps.visitors import separating
from apps.visitors.exports import Link
from apps.visitors.live import visitor_item
from apps.visitors.merging import Preview
from apps.visitors.models import ExportLink, IdentitySecret, Merge
from apps.visitors.shapes import ExportShape, IdentitySecretShape, MergePreviewShape, MergeShape


def preview_item(preview: Preview) -> MergePreviewShape:
    """Return what a merge would do."""
    return {
        "canonical": visitor_item(preview.canonical),
        "source": visitor_item(preview.source),
        "counts": dict(preview.counts),
        "gains": sorted(preview.gains),
        "ends_sessions": preview.ends_sessions,
    }


def merge_item(merge: Merge) -> MergeShape:
    """Return a merge that was made."""
    return {
        "id": merge.pk,
        "source": merge.source_id,
        "canonical": merge.canonical_id,
        "why": merge.why,
        "counts": merge.counts,
        "made_at": merge.made_at,
        "undoable": separating.undoable(merge),
    }


def export_item(link: ExportLink) -> ExportShape:
    """Return how far a copy is."""
    return {
        "id": link.id,
        "state": link.state,
        "rows": link.rows,
        "expected": link.expected,
        "expires_at": link.expires_at,
    }


def export_url(link: Link) -> str:
    """Return the address that a link opens."""
    return f"{settings.PUBLIC_URL}{reverse('visitor-export', args=[link.token])}"


def secret_item(secret: IdentitySecret) -> IdentitySecretShape:
    """Return a secret or key, without what is secret of it."""
    return {
        "id": secret.pk,
        "kind": secret.kind,
        "hint": secret.hint,
        "created_at": secret.created_at,
        "last_used_at": secret.last_used_at,
        "expires_at": secret.expires_at,
    }
