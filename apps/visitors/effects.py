"""What is owed about visitors: a code by mail, where they are, and what takes longer than a request: erasures and copies."""

from __future__ import annotations

from uuid import UUID

from apps.core import mailed_secrets
from apps.core.clock import now
from apps.core.effects import Hopeless, effect
from apps.core.mail.delivery import deliver
from apps.core.models import Effect
from apps.visitors import email_proof, erasure, exports, letters, location
from apps.visitors.models import EmailCode

SOON = (1.0, 5.0, 20.0, 60.0, 120.0)
"""Somebody waits in a messenger, and what they wait for ends within minutes."""


@effect("visitors.mail_code", lane=Effect.Lane.INTERACTIVE, pauses=SOON)
def mail_code(owed: Effect) -> None:
    """Mail the code that proves a visitor's address."""
    row = EmailCode.objects.select_related("workspace").filter(issue=owed.payload["issue"]).first()
    if row is None or row.salt is None:
        return
    if row.expires_at <= now():
        raise Hopeless("It had expired before its mail could leave.")
    code = mailed_secrets.code_of(bytes(row.salt), row.digest)
    if code is None:
        raise Hopeless("It was made with a secret key that is no longer set.")
    deliver(letters.email_code(code, row.workspace.name), to=row.email, key=owed.key)
    email_proof.forget_salt(row)


@effect("visitors.locate", pauses=(5.0, 60.0, 300.0, 1200.0))
def locate(owed: Effect) -> None:
    """Ask a provider where a visitor's request came from."""
    location.locate(UUID(owed.payload["visitor"]))


@effect("visitors.erase", lane=Effect.Lane.BULK)
def erase(owed: Effect) -> None:
    """Take an erasure further, or to its end."""
    erasure.advance(UUID(owed.payload["erasure"]))


@effect("visitors.delete_files", lane=Effect.Lane.BULK)
def delete_files(owed: Effect) -> None:
    """Delete files of somebody who was erased."""
    erasure.delete_files(owed.payload["model"], owed.payload["field"], owed.payload["files"])


@effect("visitors.prepare_export", lane=Effect.Lane.BULK)
def prepare_export(owed: Effect) -> None:
    """Take a copy further, or to its end."""
    exports.advance(UUID(owed.payload["export"]))


@effect("visitors.delete_export", lane=Effect.Lane.BULK)
def delete_export(owed: Effect) -> None:
    """Delete the file of a copy whose link is gone."""
    exports.delete_file(owed.payload["file"])
