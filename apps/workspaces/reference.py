"""The reference page of roles."""

from __future__ import annotations

from apps.core.reference.pages import page, table
from apps.workspaces import roles


@page("roles.md")
def roles_page() -> str:
    rows = [(permission, *(permission in held for held in roles.BY_ROLE.values())) for permission in roles.PERMISSIONS]
    return f"""# Roles and permissions

A member has a role; permissions named on the member replace the role's.

{table(("permission", *roles.BY_ROLE), rows)}"""
