"""Slugs: the last part of an address, made of a title, unique in its workspace, and never lost once it was given."""

from __future__ import annotations

import re
import unicodedata
from uuid import UUID

from apps.knowledge.models import Article, Collection, OldSlug

LONGEST = 80
_GAP = re.compile(r"[\W_]+", re.UNICODE)


def slug_of(title: str) -> str:
    """Return a title in lower case with hyphens: Latin letters without accents, those of other scripts as they are; never empty."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", title.lower()) if not _is_latin_accent(char))
    slug = _GAP.sub("-", unicodedata.normalize("NFC", plain)).strip("-")[:60].strip("-")
    return slug or "untitled"


def _is_latin_accent(char: str) -> bool:
    return "\u0300" <= char <= "\u036f"


def free(model: type[Article] | type[Collection], workspace_id: UUID, wanted: str, own: UUID | None = None) -> str:
    """Return the wanted slug, or with the first number behind it that nothing else has or had."""
    field = "article" if model is Article else "collection"
    stem = wanted[: LONGEST - 8]
    rows = model.objects.filter(workspace_id=workspace_id, slug__startswith=stem)
    old = OldSlug.objects.filter(workspace_id=workspace_id, slug__startswith=stem, **{f"{field}__isnull": False})
    if own is not None:
        rows, old = rows.exclude(pk=own), old.exclude(**{field: own})
    taken = {*rows.values_list("slug", flat=True), *old.values_list("slug", flat=True)}
    if wanted not in taken:
        return wanted
    return next(slug for number in range(2, len(taken) + 3) if (slug := f"{stem}-{number}") not in taken)


def remember(row: Article | Collection, old: str) -> None:
    """Let an old slug lead to where the row is now. A row that takes an old slug of its own back has it no longer as an old one."""
    field = "article" if isinstance(row, Article) else "collection"
    OldSlug.objects.filter(workspace_id=row.workspace_id, slug=row.slug, **{field: row}).delete()
    if isinstance(row, Article):
        OldSlug.objects.get_or_create(workspace_id=row.workspace_id, slug=old, article=row)
    else:
        OldSlug.objects.get_or_create(workspace_id=row.workspace_id, slug=old, collection=row)
