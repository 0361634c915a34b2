"""`manage.py effects`: what is owed, what has failed for good, and owing it again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from apps.core import effects
from apps.core.isolation import scopes
from apps.core.models import Effect
from apps.core.reference.pages import table

DUE = Q(state=Effect.State.READY, available_at__lte=Now())
HEADS = ("id", "state", "lane", "kind", "tries", "due", "key", "last error")


class Command(BaseCommand):
    """Counts, lists, retries and purges effects."""

    help = "Count the effects by lane and state; list them, retry dead ones, or purge old ones."

    def add_arguments(self, parser: CommandParser) -> None:
        jobs = parser.add_subparsers(dest="job")
        listing = jobs.add_parser("list", help="list effects, the newest first")
        listing.add_argument("--state", choices=Effect.State.values)
        listing.add_argument("--kind")
        listing.add_argument("--workspace", type=UUID, metavar="ID")
        listing.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")
        retry = jobs.add_parser("retry", help="owe dead effects once more, with fresh tries")
        which = retry.add_mutually_exclusive_group(required=True)
        which.add_argument("ids", nargs="*", type=int, metavar="ID", default=[])
        which.add_argument("--all-dead", action="store_true")
        purge = jobs.add_parser("purge", help="delete what was paid, or is dead, long ago")
        purge.add_argument("--state", choices=[Effect.State.DONE, Effect.State.DEAD], default=Effect.State.DONE)
        purge.add_argument("--days", type=int, default=7, metavar="N", help="older than so many days (7)")

    def handle(self, *args: Any, **options: Any) -> None:
        with scopes.every_workspace(effects.PAYING):
            self._do(options)

    def _do(self, options: dict[str, Any]) -> None:
        match options["job"]:
            case "list":
                self._list(options)
            case "retry":
                self._retry(options["ids"], all_dead=options["all_dead"])
            case "purge":
                self._purge(options["state"], options["days"])
            case _:
                self._count()

    def _count(self) -> None:
        counted = Effect.objects.values_list("lane", "state").annotate(n=Count("id"), due=Count("id", filter=DUE))
        numbers = {(lane, state): (n, due) for lane, state, n, due in counted}
        rows = []
        for lane in Effect.Lane:
            ready, done, dead = (numbers.get((lane, state), (0, 0)) for state in Effect.State)
            rows.append((lane, ready[0], ready[1], done[0], dead[0]))
        self.stdout.write(table(("lane", "ready", "of which due", "done", "dead"), rows))

    def _list(self, options: dict[str, Any]) -> None:
        asked = {"state": options["state"], "kind": options["kind"], "workspace_id": options["workspace"]}
        found = Effect.objects.filter(**{name: value for name, value in asked.items() if value is not None})
        self.stdout.write(table(HEADS, (_row(effect) for effect in found.order_by("-id")[: options["limit"]])))

    def _retry(self, ids: list[int], *, all_dead: bool) -> None:
        dead: QuerySet[Effect] = Effect.objects.filter(state=Effect.State.DEAD)
        chosen = dead if all_dead else dead.filter(pk__in=ids)
        missing = sorted(set(ids) - set(chosen.values_list("pk", flat=True)))
        if missing:
            raise CommandError(f"Not dead, or not there: {', '.join(map(str, missing))}. Nothing was changed.")
        failed_reactions = chosen.filter(kind="reaction").count()
        self.stdout.write(f"{effects.requeue(chosen)} owed again")
        if failed_reactions:
            self.stdout.write(
                f"{failed_reactions} left: a reaction that failed can't be run again; purge it when it is dealt with"
            )

    def _purge(self, state: str, days: int) -> None:
        if days < 0:
            raise CommandError("--days can't be negative.")
        purged = effects.forget_done(days) if state == Effect.State.DONE else effects.forget_dead(days)
        self.stdout.write(f"{purged} deleted")


def _row(effect: Effect) -> tuple[object, ...]:
    due = f"{effect.available_at:%Y-%m-%d %H:%M:%S}"
    return effect.pk, effect.state, effect.lane, effect.kind, effect.attempts, due, effect.key, effect.last_error
