"""`manage.py demo`: a made-up shop to look at, many conversations to measure with, real dialogues to prove delivery with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core.isolation import scopes
from apps.workspaces.demo import DEMO, demo_workspace
from apps.workspaces.models import User, Workspace
from opencom_project.demo import replay, workspace
from opencom_project.demo.bulk import fill
from opencom_project.demo.cast import PASSWORD, TEAM


class Command(BaseCommand):
    """Makes the demo workspace; with an option does one of the other things."""

    help = "Make the demo workspace, fill one with many conversations, or replay real dialogues through a running installation."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--if-empty", action="store_true", help="make the demo workspace if there is none of any kind"
        )
        what.add_argument("--print-sign-in", action="store_true", help="print how to sign in to the demo workspace")
        what.add_argument("--fill", type=int, metavar="N", help="add N conversations to the demo workspace, at once")
        what.add_argument(
            "--replay", type=Path, metavar="FILE", help="play the dialogues of a JSON file by real clients"
        )
        replay.arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["print_sign_in"]:
            self._print_sign_in()
        elif options["fill"] is not None:
            self._fill(options["fill"])
        elif options["replay"] is not None:
            sys.exit(
                replay.replay(
                    options["replay"],
                    limit=options["limit"],
                    clients=options["clients"],
                    web=options["web"],
                    live=options["live"],
                    history=options["history"],
                )
            )
        elif not (options["if_empty"] and self._is_used()):
            self._make()

    def _is_used(self) -> bool:
        with scopes.every_workspace(DEMO):
            return Workspace.objects.exists()

    def _make(self) -> None:
        if settings.HTTPS:
            raise CommandError(
                "The demo's password is public; this installation is at an address that others can reach."
            )
        if User.objects.filter(email__in=[one.email for one in TEAM]).exists():
            raise CommandError("The demo workspace is here already.")
        with scopes.every_workspace(DEMO):
            workspace.make()

    def _print_sign_in(self) -> None:
        if demo_workspace() is None:
            return
        owner, *agents = (one.email for one in TEAM)
        self.stdout.write(f"Sign in as  {owner} (or {' and '.join(agents)})\nPassword    {PASSWORD}")

    def _fill(self, conversations: int) -> None:
        filled = demo_workspace()
        if filled is None:
            raise CommandError("There is no demo workspace to fill; `manage.py demo` makes it.")
        with scopes.every_workspace(DEMO):
            for done in fill(filled, conversations):
                self.stdout.write(f"{done:>9} conversations", ending="\r" if sys.stdout.isatty() else "\n")
                self.stdout.flush()
