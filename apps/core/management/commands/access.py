"""`manage.py access`: who may call what."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.core.reference.access import access_table, blank


class Command(BaseCommand):
    """Prints every handler with who may call it."""

    help = "Print every REST, page, live-query and tell handler with who may call it. A row with nobody in it was forgotten."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="print forgotten handlers only, and exit 1 if there are any"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["check"]:
            self.stdout.write(access_table())
            return
        for endpoint in blank():
            self.stderr.write(f"{endpoint.verb} {endpoint.name} has no @allow: nobody may call it.")
        if blank():
            sys.exit(1)
