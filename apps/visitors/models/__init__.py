"""Visitors and what belongs to them."""

from apps.visitors.models.identity import IdentityHour, IdentityPolicy, IdentitySecret, IdentitySecretQuerySet
from apps.visitors.models.people import (
    Browser,
    EmailCode,
    PendingLocation,
    TrackedEvent,
    Visitor,
    VisitorQuerySet,
    VisitorSession,
)
from apps.visitors.models.records import Erasure, ErasureQuerySet, ExportLink, ExportLinkQuerySet, Merge, MergeQuerySet

__all__ = [
    "Browser",
    "EmailCode",
    "Erasure",
    "ErasureQuerySet",
    "ExportLink",
    "ExportLinkQuerySet",
    "IdentityHour",
    "IdentityPolicy",
    "IdentitySecret",
    "IdentitySecretQuerySet",
    "Merge",
    "MergeQuerySet",
    "PendingLocation",
    "TrackedEvent",
    "Visitor",
    "VisitorQuerySet",
    "VisitorSession",
]
