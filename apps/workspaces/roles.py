"""The permissions there are, and which role holds which."""

from __future__ import annotations

PERMISSIONS: tuple[str, ...] = (
    "conversations.read",
    "conversations.reply",
    "conversations.assign",
    "conversations.close",
    "conversations.delete",
    "users.read",
    "users.invite",
    "users.manage",
    "users.remove",
    "articles.read",
    "articles.create",
    "articles.publish",
    "articles.delete",
    "snippets.manage",
    "tours.manage",
    "checklists.manage",
    "settings.workspace",
    "settings.security",
    "settings.integrations",
    "settings.billing",
    "data.export",
    "data.delete",
    "audit.read",
)

VIEWER = frozenset({"conversations.read", "users.read", "articles.read"})
AGENT = frozenset(
    {
        "conversations.read",
        "conversations.reply",
        "conversations.assign",
        "conversations.close",
        "users.read",
        "articles.read",
        "snippets.manage",
        "checklists.manage",
    }
)
OWNER = frozenset(PERMISSIONS)
ADMIN = OWNER - {"settings.billing"}

BY_ROLE: dict[str, frozenset[str]] = {"owner": OWNER, "admin": ADMIN, "agent": AGENT, "viewer": VIEWER}
