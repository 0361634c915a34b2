"""`manage.py up`: the whole product on one machine."""

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    """Becomes the program that keeps everything running, which does without Django to stay small."""

    help = "Run Postgres, Valkey, web, live, worker and beat until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="let one message go both ways, report, and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        command = [sys.executable, "-m", "opencom_project.embedded", "up", *(["--once"] if options["once"] else [])]
        os.execv(command[0], command)
