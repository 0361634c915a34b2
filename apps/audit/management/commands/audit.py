"""`manage.py audit verify`: whether the audit log is as it was written."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.audit import chain
from apps.audit.chain import HeadPruned, Link, Verdict
from apps.audit.events import VERIFYING
from apps.core.isolation import scopes
from apps.core.reference.pages import table
from apps.workspaces.models import Workspace

HEADS = ("workspace", "checked", "waiting", "head", "holds")


class Command(BaseCommand):
    """Checks the chain of each workspace's audit log, and names the first bad entry."""

    help = "Check that no entry of the audit log was changed, deleted or slipped in. Note the heads it prints: --head checks one later."

    def add_arguments(self, parser: CommandParser) -> None:
        jobs = parser.add_subparsers(dest="job", required=True)
        verify = jobs.add_parser("verify", help="check the chains, and print where each ends")
        verify.add_argument("--workspace", type=UUID, metavar="ID", help="check this one only")
        verify.add_argument(
            "--head", type=_link, metavar="N:HASH", help="an earlier head of this workspace: it must still be there"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        workspace, head = options["workspace"], options["head"]
        if head is not None and workspace is None:
            raise CommandError("Say whose head this is: --workspace ID.")
        ids = [workspace] if workspace else _all_workspaces()
        chain.seal()
        try:
            verdicts = [chain.verify(id_, expected=head) for id_ in ids]
        except HeadPruned as error:
            raise CommandError(str(error)) from error
        self.stdout.write(table(HEADS, (_row(verdict) for verdict in verdicts)))
        broken = [verdict for verdict in verdicts if verdict.fault is not None]
        for verdict in broken:
            assert verdict.fault is not None
            entry = f" (entry {verdict.fault.entry_id})" if verdict.fault.entry_id else ""
            self.stderr.write(f"{verdict.workspace_id}: number {verdict.fault.number}{entry}: {verdict.fault.why}")
        if broken:
            raise CommandError(f"{len(broken)} of {len(verdicts)} chains don't hold.")


def _all_workspaces() -> list[UUID]:
    with scopes.every_workspace(VERIFYING):
        return list(Workspace.objects.order_by("pk").values_list("pk", flat=True))


def _row(verdict: Verdict) -> tuple[object, ...]:
    return verdict.workspace_id, verdict.checked, verdict.waiting, verdict.head, verdict.fault is None


def _link(text: str) -> Link:
    number, _, digest = text.partition(":")
    try:
        return Link(int(number), bytes.fromhex(digest))
    except ValueError:
        raise CommandError("A head reads NUMBER:HASH, as this command prints it.") from None
