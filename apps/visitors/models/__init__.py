"""Visitors and what belongs to them."""

from apps.visitors.models.identity import IdentityHour, IdentityPolicy, IdentitySecret
from apps.visitors.models.people import Browser, EmailCode, PendingLocation, TrackedEvent, Visitor, VisitorSession
from apps.visitors.models.records import Erasure, ExportLink, Merge

__all__ = [
    "Browser",
    "EmailCode",
    "Erasure",
    "ExportLink",
    "IdentityHour",
    "IdentityPolicy",
    "IdentitySecret",
    "Merge",
    "PendingLocation",
    "TrackedEvent",
    "Visitor",
    "VisitorSession",
]
