"""What a messenger learns about its conversations at boot."""

from __future__ import annotations

from typing import Any

from apps.conversations.live import unread_item
from apps.core.slots import fill
from apps.visitors.models import Visitor


@fill("boot")
def unread(visitor: Visitor) -> dict[str, Any]:
    """Offer the count of waiting messages."""
    return dict(unread_item(visitor))
