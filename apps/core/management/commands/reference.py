"""`manage.py reference`: the pages under docs/reference that are written from the code."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.core.reference import pages


class Command(BaseCommand):
    """Writes the pages, or says which are stale."""

    help = "Write docs/reference from the code."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; name the stale pages and exit 1 if there are any"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["check"]:
            for name in pages.write():
                self.stdout.write(f"{name} written")
            return
        if stale := pages.stale():
            self.stderr.write(f"{', '.join(stale)} no longer says what the code says. Run `make docs`.")
            sys.exit(1)
