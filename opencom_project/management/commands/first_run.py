"""``manage.py first_run``: where an empty installation begins, for whoever has access to the machine."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.workspaces import sign_up


class Command(BaseCommand):
    help = "Print the address at which the first owner of an empty installation is made."

    def handle(self, **options: Any) -> None:
        if not sign_up.is_empty():
            raise CommandError("Somebody is here already; `manage.py workspace` makes one more workspace.")
        self.stdout.write(f"{settings.PUBLIC_URL}/first-run/?key={sign_up.first_run_key()}")
