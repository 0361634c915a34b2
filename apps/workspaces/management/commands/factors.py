"""`manage.py factors`: letting somebody in again who has lost every second factor."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core.access import System
from apps.core.isolation import scopes
from apps.workspaces import user_sessions
from apps.workspaces.factors import enrolment
from apps.workspaces.models import User


class Command(BaseCommand):
    """Removes a person's factors. On record in each of their workspaces; they are told by mail."""

    help = "Remove every second factor of somebody who is locked out. Make sure first that it is them who ask."

    def add_arguments(self, parser: CommandParser) -> None:
        jobs = parser.add_subparsers(dest="job", required=True)
        reset = jobs.add_parser("reset", help="remove somebody's authenticator app, passkeys and recovery codes")
        reset.add_argument("email", help="the address that they sign in with")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        if user is None:
            raise CommandError("Nobody has this address.")
        with scopes.every_workspace(user_sessions.SEATS):
            had = enrolment.reset(user, by=System("operator"))
        self.stdout.write("Removed. Their sessions have ended." if had else "They have no second factor.")
