"""What is kept about visitors, and where: one map for exporting and erasing. An app adds what it keeps in a module of this name.

A model that the map doesn't name fails the tests: whoever adds a table has to say what of a person is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import models
from django.db.models import BinaryField, FileField

from apps.core import limits


@dataclass(frozen=True, slots=True)
class Holding:
    """A table with something about visitors."""

    model: str
    path: str
    """The look-up from a row to its visitor; empty for the visitor itself."""
    kept: str
    """For how long, in words."""
    left_out: tuple[str, ...] = ()
    """Fields that an export doesn't show: they are about somebody else, or about our inside."""

    @property
    def model_class(self) -> type[models.Model]:
        return apps.get_model(self.model)

    def rows(self, visitor_id: object) -> models.QuerySet[models.Model]:
        """Return what is kept about a visitor."""
        return self.model_class._base_manager.filter(**{self.path or "pk": visitor_id}).order_by("pk")

    @property
    def fields(self) -> list[models.Field[object, object]]:
        """The fields that an export shows."""
        concrete = apps.get_model(self.model)._meta.concrete_fields
        return [field for field in concrete if not _is_unshown(field) and field.name not in self.left_out]

    @property
    def files(self) -> list[str]:
        """The names of the fields that hold a file."""
        return [
            field.name for field in apps.get_model(self.model)._meta.concrete_fields if isinstance(field, FileField)
        ]


def _is_unshown(field: models.Field[object, object]) -> bool:
    """Whether a field never leaves with an export: hashes of tokens, sealed secrets, and what is derived from other columns."""
    return isinstance(field, BinaryField) or field.generated


holdings: dict[str, Holding] = {}
nothing: dict[str, str] = {}


def holds(model: str, path: str, *, kept: str, left_out: tuple[str, ...] = ()) -> None:
    """Declare that a model (``app.model``) holds something about visitors, and how its rows lead to them."""
    holdings[model] = Holding(model, path, kept, left_out)


def holds_nothing(model: str, why: str) -> None:
    """Declare that a model holds nothing about visitors, and what it holds instead."""
    nothing[model] = why


def undeclared() -> Iterator[str]:
    """Yield the models of ours that nobody has declared."""
    for model in apps.get_models():
        label = model._meta.label_lower
        if model.__module__.startswith("apps.") and label not in holdings and label not in nothing:
            yield label


UNTIL_ERASED = "until the visitor is erased"

holds("visitors.visitor", "", kept=UNTIL_ERASED)
holds("visitors.browser", "visitor", kept=UNTIL_ERASED)
holds("visitors.visitorsession", "visitor", kept="until it ends, at most 7 days unless renewed", left_out=("secret",))
holds("visitors.trackedevent", "visitor", kept=f"{limits.EVENT_DAYS} days")
holds(
    "visitors.merge",
    "canonical",
    kept="until the visitor is erased; what is needed to undo it, 7 days",
    left_out=("member", "before", "moved"),
)
holds("visitors.emailcode", "visitor", kept="10 minutes", left_out=("digest", "issue"))
holds("visitors.pendinglocation", "visitor", kept="until a provider has answered, at most an hour")
holds("visitors.exportlink", "visitor", kept="24 hours", left_out=("member", "file", "at"))
holds_nothing("visitors.erasure", "receipts: how much was erased, by id")
holds_nothing("visitors.identitypolicy", "a workspace's choice")
holds_nothing("visitors.identitysecret", "a workspace's secrets, sealed")
holds_nothing("visitors.identityhour", "counts")
holds_nothing("workspaces.workspace", "a workspace's settings")
holds_nothing("workspaces.messenger", "a workspace's settings")
holds_nothing("workspaces.user", "who works here")
holds_nothing("workspaces.member", "who works here")
holds_nothing("workspaces.ticket", "members' tickets for a socket")
holds_nothing("workspaces.usersession", "sessions of who works here")
holds_nothing("workspaces.refreshtoken", "hashes of their apps' tokens")
holds_nothing("workspaces.authenticator", "second factors of who works here")
holds_nothing("workspaces.passkey", "second factors of who works here")
holds_nothing("workspaces.recoverycode", "hashes of their codes")
holds_nothing("workspaces.signinstep", "sign-ins by half of who works here, for minutes")
holds_nothing("workspaces.passkeychallenge", "hashes of what passkeys are asked to sign, for minutes")
holds_nothing("workspaces.apikey", "hashes of a workspace's keys")
holds_nothing("workspaces.ownershipoffer", "who is offered a workspace")
holds_nothing("workspaces.invitation", "who is invited to work here")
holds_nothing("workspaces.signinpolicy", "a workspace's choice")
holds_nothing("workspaces.ssoconnection", "a workspace's provider for single sign-on")
holds_nothing("workspaces.linkedidentity", "accounts at providers of who works here")
holds_nothing("workspaces.failedsignin", "when somebody failed to sign in as who works here")
holds_nothing("workspaces.signincode", "addresses of who signs in, until the code has ended")
holds_nothing("workspaces.passwordreset", "addresses of who signs in, until the link has ended")
holds_nothing(
    "core.keptanswer", "what members and keys were answered to writes with an Idempotency-Key; goes after 24 hours"
)
holds_nothing("core.installation", "the installation's epoch")
holds_nothing("core.effect", "ids of what is owed; paid ones go after 7 days")
holds_nothing("core.bucket", "rates, by keyed hash")
holds_nothing("core.webhookreceipt", "ids of what others sent us, so that none is taken twice")
holds_nothing("core.job", "when the clock's jobs ran")
