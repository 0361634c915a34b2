"""`manage.py doctor`: whether this installation works, and what to do where it doesn't."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from opencom_project.diagnosis import CHECKS, Finding, Severity, examine
from opencom_project.first_message import SignIn, Undelivered, exchange, say_step

MARKS = {Severity.OK: "ok", Severity.WARNING: "warn", Severity.FAILURE: "FAIL"}


class Command(BaseCommand):
    """Prints one line for each check and a remedy where one is needed; exits 1 when a check failed."""

    help = "Check the database, Redis, worker, sockets, clock, disk and secrets, and say the remedy for what is wrong."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("checks", nargs="*", metavar="CHECK", choices=[*CHECKS, []], help=", ".join(CHECKS))
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")
        parser.add_argument("--sign-in", nargs=2, metavar=("EMAIL", "PASSWORD"), help="also let a message go both ways")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = []
        for finding in examine(options["checks"]):
            findings.append(finding)
            if not options["json"]:
                self._print(finding)
        if options["sign_in"]:
            findings.append(self._exchange(SignIn(*options["sign_in"]), quiet=options["json"]))
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2))
        if any(finding.severity is Severity.FAILURE for finding in findings):
            sys.exit(1)

    def _exchange(self, sign_in: SignIn, *, quiet: bool) -> Finding:
        try:
            steps = exchange(settings.PUBLIC_URL, sign_in, (lambda *_: None) if quiet else say_step)
        except Undelivered as error:
            finding = Finding("message", Severity.FAILURE, str(error), "see the checks above")
        else:
            total = sum(seconds for _, seconds in steps)
            finding = Finding("message", Severity.OK, f"went both ways in {total:.2f} s")
        if not quiet:
            self._print(finding)
        return finding

    def _print(self, finding: Finding) -> None:
        style = {
            Severity.OK: self.style.SUCCESS,
            Severity.WARNING: self.style.WARNING,
            Severity.FAILURE: self.style.ERROR,
        }
        mark = style[finding.severity](f"{MARKS[finding.severity]:<5}")
        self.stdout.write(f"{mark} {finding.check:<11} {finding.text}")
        if finding.remedy:
            self.stdout.write(f"{'':17} -> {finding.remedy}")
