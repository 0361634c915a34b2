"""New accounts: made only for a proven address, with a seat, in one transaction."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils.crypto import constant_time_compare, salted_hmac

from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.models import Installation
from apps.workspaces import actions, invitations, passwords, policy
from apps.workspaces.events import MemberJoined
from apps.workspaces.models import Invitation, Member, SignInMethod, User, Workspace

FIRST_RUN_LOCK = 0x6F70656E
"""The advisory lock that lets one first owner at a time be made."""


class Closed(Exception):
    """Nobody may do this here, or not any more."""


class AddressTaken(Exception):
    """Somebody has an account with this address."""


@transaction.atomic
def account_for(email: str, *, name: str, password: str, workspace_names: tuple[str, ...] = ()) -> User:
    """Return a new account for an address that was proven; without a password its owner signs in by code.

    Raises AddressTaken, and ValidationError for a password that is too easy.
    """
    user = User(email=email, name=name)
    if password:
        passwords.check_rules(password, user, *workspace_names)
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password or None, name=name)
    except IntegrityError as error:
        raise AddressTaken from error


@transaction.atomic
def found_workspace(user: User, name: str) -> Member:
    """Create a workspace that somebody owns. Raises Closed where the installation lets nobody."""
    if not settings.SIGN_UP_OPEN:
        raise Closed
    return actions.create_workspace(name, owner=user)


@transaction.atomic
def join_by_domain(user: User, workspace: Workspace) -> Member:
    """Take a seat as an agent where the domain of one's proven address is allowed to. Raises Closed."""
    with scopes.workspace(workspace.pk):
        locked = Workspace.objects.select_for_update().get(pk=workspace.pk)
        if locked not in policy.joinable_by(user.email) or not user.is_active:
            raise Closed
        member = Member.objects.create(workspace=locked, user=user, role=Member.Role.AGENT)
        emit(MemberJoined(actor=member, member=member))
    return member


@transaction.atomic
def accept_with_new_account(invitation: Invitation, *, name: str, password: str) -> Member:
    """Make the account that an invitation's link proves the address of, and take the seat. Raises Ended, AddressTaken, ValidationError."""
    require_a_way_in(invitation.workspace, password)
    user = account_for(invitation.email, name=name, password=password, workspace_names=(invitation.workspace.name,))
    return invitations.accept(invitation, user)


def require_a_way_in(workspace: Workspace, password: str) -> None:
    """Raise ValidationError where somebody without a password couldn't come back."""
    if policy.policy_of(workspace).methods == [SignInMethod.OIDC]:
        raise ValidationError(f"{workspace.name} is entered by single sign-on only.")
    if not password and not policy.allows(workspace, SignInMethod.CODE):
        raise ValidationError(f"{workspace.name} is entered by password: choose one.")


def is_empty() -> bool:
    """Say whether this installation has nobody yet."""
    return not User.objects.exists()


def first_run_key() -> str:
    """Return what proves, on the first run, that one has access to the machine."""
    epoch = Installation.objects.get_or_create(pk=1)[0].epoch
    return salted_hmac("opencom.first-run", str(epoch), algorithm="sha256").hexdigest()[:32]


def key_is_needed() -> bool:
    """Say whether the first run asks for the key: wherever somebody else could come first."""
    return urlsplit(settings.PUBLIC_URL).hostname not in ("127.0.0.1", "localhost", "::1")


@transaction.atomic
def first_run(*, email: str, name: str, password: str, workspace: str, key: str) -> Member:
    """Make the first owner with their workspace, on an installation that has nobody. Raises Closed, PermissionError, ValidationError."""
    if key_is_needed() and not constant_time_compare(key, first_run_key()):
        raise PermissionError("This isn't the key of this installation.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FIRST_RUN_LOCK])
    if not is_empty():
        raise Closed
    user = account_for(email.strip().lower(), name=name, password=password, workspace_names=(workspace,))
    return actions.create_workspace(workspace, owner=user)
