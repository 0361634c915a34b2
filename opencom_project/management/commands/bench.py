"""`manage.py bench`: measures the product against its floors. `bench/README.md` says how, and how to read it."""

import sys
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Starts a product of its own, so that neither data nor services of this installation are touched."""

    help = "Measure latency, throughput, memory and size, each beside the least that it could cost on this machine."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quick", action="store_true", help="smaller counts, fewer rounds: within five minutes")
        parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report to this file")
        parser.add_argument("--only", nargs="+", metavar="NAME", default=[], help="take these measurements only")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            from bench import plan, rows, run
        except ImportError as error:
            raise CommandError(f"The measurements need the development packages: {error}. Run `make bench`.") from error
        unknown = sorted(set(options["only"]) - set(run.MEASUREMENTS))
        if unknown:
            raise CommandError(f"There is no {', '.join(unknown)}. There are: {', '.join(run.MEASUREMENTS)}.")
        chosen = plan.QUICK if options["quick"] else plan.FULL
        started = time.monotonic()
        names = [name for name in run.MEASUREMENTS if not options["only"] or name in options["only"]]
        report = run.run(chosen, names, lambda text: self.stderr.write(f"[{time.monotonic() - started:6.1f} s] {text}"))
        self.stdout.write(rows.table(report))
        if options["json"]:
            run.write(options["json"], chosen, report, time.monotonic() - started)
        if any(row.ours is None for row in report):
            sys.exit(1)
