"""A workspace's help centre: made with its first article, found by its address, changed by its owner."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from apps.core.access import Actor
from apps.core.events import emit
from apps.core.joined import Entered
from apps.knowledge import slugs
from apps.knowledge.events import HelpCenterChanged
from apps.knowledge.models import HelpCenter
from apps.workspaces.models import Workspace

TRIES = 20


class AddressTaken(ValueError):
    """Another workspace's help centre is at this address."""


@transaction.atomic
def ensure_help_center(workspace_id: UUID) -> HelpCenter:
    """Return the workspace's help centre, made now if there is none: under its name, or with a number where that is taken."""
    found = HelpCenter.objects.filter(workspace_id=workspace_id).first()
    if found is not None:
        return found
    workspace = Workspace.objects.select_for_update().get(pk=workspace_id)
    stem = slugs.slug_of(workspace.name)[:50]
    for number in range(1, TRIES):
        try:
            with transaction.atomic():
                made, _ = HelpCenter.objects.get_or_create(
                    workspace_id=workspace_id, defaults={"slug": stem if number == 1 else f"{stem}-{number}"}
                )
                return made
        except IntegrityError:
            continue
    made, _ = HelpCenter.objects.get_or_create(workspace_id=workspace_id, defaults={"slug": workspace_id.hex})
    return made


def entered(address: str) -> HelpCenter | None:
    """Return the help centre at an address (its slug, or its workspace's id) and enter its workspace."""
    return _CENTERS.first([address.lower()])


@transaction.atomic
def change_help_center(workspace_id: UUID, changes: dict[str, Any], *, by: Actor) -> HelpCenter:
    """Change a help centre's address, title, tagline, language or readers; where there is none yet it is made.

    Raises AddressTaken, ValidationError; nothing is changed then.
    """
    row = HelpCenter.objects.select_for_update().get(pk=ensure_help_center(workspace_id).pk)
    changed = [name for name, value in changes.items() if getattr(row, name) != value]
    if not changed:
        return row
    for name in changed:
        setattr(row, name, changes[name])
    if slugs.slug_of(row.slug) != row.slug:
        raise ValidationError("Write the address in small letters, digits and hyphens.")
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise AddressTaken("This address is taken. Choose another.") from error
    emit(HelpCenterChanged(actor=by, help_center=row, changed=changed))
    return row


_CENTERS = Entered(HelpCenter, "workspace", function="knowledge_enter(%s::text)")
