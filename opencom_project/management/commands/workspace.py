"""``manage.py workspace NAME --owner ADDRESS``: the first workspace of an installation, or one more."""

from __future__ import annotations

import getpass
import os
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction

from apps.workspaces import actions
from apps.workspaces.models import User


class Command(BaseCommand):
    help = "Create a workspace with its owner. Somebody who is new here gets a password: asked for, or from OWNER_PASSWORD."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner", required=True, metavar="ADDRESS", help="the owner's e-mail address")
        parser.add_argument("--owner-name", default="", metavar="NAME", help="what visitors and colleagues call them")

    @transaction.atomic
    def handle(self, **options: Any) -> None:
        owner = self._known(options["owner"]) or self._made(options["owner"], options["owner_name"])
        member = actions.create_workspace(options["name"], owner=owner)
        self.stdout.write(
            f"{member.workspace.name} is there: {member.workspace_id}. {owner.email} owns it and can sign in."
        )

    def _known(self, address: str) -> User | None:
        return User.objects.filter(email=address.strip().lower()).first()

    def _made(self, address: str, name: str) -> User:
        password = os.environ.get("OWNER_PASSWORD") or getpass.getpass(f"A password for {address}: ")
        try:
            validate_email(address.strip())
            validate_password(password, User(email=address, name=name))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        return User.objects.create_user(address, password, name=name)
