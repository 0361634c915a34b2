"""Makes workspaces with members for a run, and prints them: `python -m tests.chaos.tenants WORKSPACES MEMBERS`."""

from __future__ import annotations

import json
import sys
import uuid

import django

PASSWORD = "a-long-enough-word"


def main(workspaces: int, members: int) -> None:
    """Make them in the database of the environment, by the actions the product has for it."""
    from django.db import transaction

    from apps.core import limits
    from apps.core.isolation import scopes
    from apps.workspaces.actions import add_member, change_security, create_workspace
    from apps.workspaces.models import Member, User

    made = []
    with scopes.every_workspace(scopes.MEASURING), transaction.atomic():
        # One password for all: hashing it anew for each would take longer than everything else.
        hashed = User(email="x@example.test")
        hashed.set_password(PASSWORD)
        for _ in range(workspaces):
            name = uuid.uuid4().hex[:8]
            users = [
                User.objects.create(
                    email=f"{name}-{number}@example.test", name=f"Member {number}", password=hashed.password
                )
                for number in range(members)
            ]
            owner = create_workspace(f"Workspace {name}", owner=users[0])
            for user in users[1:]:
                add_member(owner.workspace, user, Member.Role.AGENT, by=owner)
            change_security(
                owner.workspace,
                allowed_origins=[],
                any_origin=True,
                session_lifetime=limits.SESSION_LIFETIME_DEFAULT,
                by=owner,
            )
            made.append({"id": str(owner.workspace_id), "emails": [user.email for user in users]})
    json.dump(made, sys.stdout)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]), int(sys.argv[2]))
