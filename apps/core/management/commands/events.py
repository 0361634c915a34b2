"""`manage.py events`: what is announced, and who hears it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apps.core.reference.events import events_table


class Command(BaseCommand):
    """Prints every event with what it says, whether it is audited, its reactions and its topics."""

    help = "Print every event: what it says, whether it is audited, which reactions follow and which topics move."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(events_table())
