"""`manage.py secrets`: which keys the stored secrets need, and encrypting them with the current one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.core import envelope
from apps.core.envelope import KeyMissing, Tampered
from apps.core.reference.pages import table

HEADS = ("key", "secrets", "is")


class Command(BaseCommand):
    """Counts the sealed secrets by key; rotates them."""

    help = "Count the stored secrets by the key they need, or encrypt them all with the first of ENCRYPTION_KEYS."

    def add_arguments(self, parser: CommandParser) -> None:
        jobs = parser.add_subparsers(dest="job")
        jobs.add_parser("rotate", help="encrypt every stored secret with the first key; the others can go afterwards")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["job"] == "rotate":
            self._rotate()
        self._count()

    def _rotate(self) -> None:
        try:
            self.stdout.write(f"{envelope.rotate()} encrypted anew")
        except (KeyMissing, Tampered) as error:
            raise CommandError(f"{error} What was done before it stays; put the key back and start again.") from error

    def _count(self) -> None:
        counted = envelope.counted()
        known = [key.name for key in envelope.keys()]  # noqa: SIM118
        names = [*known, *sorted(set(counted) - set(known))]
        self.stdout.write(table(HEADS, ((name, counted[name], _standing(name, known)) for name in names)))


def _standing(name: str, known: list[str]) -> str:
    if name not in known:
        return "MISSING: put it back into ENCRYPTION_KEYS"
    return "encrypts and decrypts" if name == known[0] else "decrypts only"
