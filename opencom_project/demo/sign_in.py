"""The demo's account, offered where people sign in."""

from __future__ import annotations

from django.conf import settings

from apps.core.slots import fill
from apps.workspaces.demo import demo_workspace
from opencom_project.demo.cast import PASSWORD, TEAM


@fill("sign-in.account")
def demo_account() -> dict[str, str] | None:
    """Return the account to try; none where there is no demo, or where others can reach the page."""
    if settings.HTTPS or demo_workspace() is None:
        return None
    return {"email": TEAM[0].email, "password": PASSWORD}
