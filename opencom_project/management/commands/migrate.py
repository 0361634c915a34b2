"""``manage.py migrate``, as the database's owner, and then everything that keeps workspaces apart."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate

from apps.core.isolation import catalogue, roles


class Command(migrate.Command):
    """Django's command, with the roles before it and row-level security, keys and grants after it."""

    def execute(self, *args: Any, **options: Any) -> Any:
        with roles.as_owner():
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check_unapplied"] or options["plan"]:
            super().handle(*args, **options)
            return
        try:
            roles.prepare()
            super().handle(*args, **options)
            faults = catalogue.secure()
            roles.finish()
        except (roles.RolesMissing, catalogue.TargetNotUnique) as error:
            raise CommandError(str(error)) from error
        if options["verbosity"]:
            for fault in faults:
                self.stdout.write(f"  Put right: {fault.text}")
