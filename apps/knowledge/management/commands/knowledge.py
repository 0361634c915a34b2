"""`manage.py knowledge reindex`: makes what search is found by anew."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.knowledge.embeddings.family import Rejected, Unavailable
from apps.knowledge.retrieval import reindexing


class Command(BaseCommand):
    """Cuts articles into passages and embeds them; what there was goes on serving."""

    help = (
        "Make the passages and embeddings of articles anew, and show how far that is. What there was serves meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        jobs = parser.add_subparsers(dest="job", required=True)
        reindex = jobs.add_parser("reindex", help="make passages and embeddings anew")
        reindex.add_argument("--workspace", type=UUID, metavar="ID", help="of this one only")

    def handle(self, *args: Any, **options: Any) -> None:
        ids = [options["workspace"]] if options["workspace"] else reindexing.workspaces()
        for id_ in ids:
            try:
                for progress in reindexing.reindex(id_):
                    self.stdout.write(f"{id_}: {progress.done} of {progress.of} passages")
            except (Unavailable, Rejected) as error:
                raise CommandError(f"{id_}: {error} What served goes on serving.") from error
