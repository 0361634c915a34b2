"""A workspace's connection to its provider: set up, changed, tested, removed, and found by who wants to sign in."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.core import envelope
from apps.core.access import Actor
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.outbound import FetchFailed, Refused, checked
from apps.workspaces import policy
from apps.workspaces.models import SignInMethod, Workspace
from apps.workspaces.sso import provider as providers
from apps.workspaces.sso.events import SsoChanged, SsoRemoved, SsoSetUp
from apps.workspaces.sso.models import SsoConnection
from apps.workspaces.sso.provider import ProviderFailed

PUBLIC_MAIL = frozenset(
    (
        *("aol.com", "fastmail.com", "gmail.com", "gmx.com", "gmx.de", "gmx.net", "googlemail.com", "hey.com"),
        *("hotmail.com", "icloud.com", "live.com", "mac.com", "mail.com", "mail.ru", "me.com", "msn.com"),
        *("outlook.com", "pm.me", "proton.me", "protonmail.com", "qq.com", "163.com", "web.de", "yahoo.com"),
        *("yandex.com", "yandex.ru", "zoho.com"),
    )
)
"""Where anybody gets an address: no workspace's provider speaks for these."""


class BadIssuer(ValueError):
    """Not an address that a provider can have."""


class BadDomains(ValueError):
    """Not domains of this workspace's own people."""


class SecretNeeded(ValueError):
    """A secret is for one client at one issuer."""


class OnlyWayIn(ValueError):
    """People have to be able to sign in by something."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a test looked at: right, wrong, or (None) not to be told."""

    about: str
    right: bool | None
    text: str


def connection_of(workspace_id: UUID) -> SsoConnection | None:
    """Return a workspace's connection, if it has one."""
    with scopes.workspace(workspace_id):
        return SsoConnection.objects.select_related("workspace").filter(pk=workspace_id).first()


def usable(workspace_id: UUID) -> SsoConnection | None:
    """Return a workspace's connection, if people may sign in by it."""
    found = connection_of(workspace_id)
    return found if found is not None and policy.allows(found.workspace, SignInMethod.OIDC) else None


def for_domain(domain: str) -> list[SsoConnection]:
    """Return the connections for people of a domain. Asks nothing about accounts."""
    with scopes.every_workspace(policy.SEATS):
        named = SsoConnection.objects.select_related("workspace").filter(domains__contains=[domain.lower()])
        found = list(named.order_by("workspace__created_at"))
    return [each for each in found if policy.allows(each.workspace, SignInMethod.OIDC)]


def redirect_uri(workspace_id: UUID) -> str:
    """Return where the provider sends people back to: another address for each workspace, so that none is taken for another."""
    return f"{settings.PUBLIC_URL}/sso/{workspace_id}/callback/"


def secret_of(connection: SsoConnection) -> str:
    """Return the client's secret, for the provider alone."""
    return envelope.reveal(connection, "client_secret")


def check_issuer(issuer: str) -> str:
    """Return an issuer as it is kept. Raises BadIssuer. Looks its host up: belongs before a transaction."""
    issuer = issuer.strip()
    if "?" in issuer or "#" in issuer:
        raise BadIssuer("An issuer has no ? and no #.")
    if issuer.endswith("/.well-known/openid-configuration"):
        issuer = issuer.removesuffix("/.well-known/openid-configuration")
    try:
        checked(issuer)
    except Refused as error:
        raise BadIssuer(str(error)) from error
    except FetchFailed as error:
        raise BadIssuer("This host isn't found.") from error
    return issuer


def set_up(
    workspace: Workspace,
    *,
    issuer: str,
    client_id: str,
    client_secret: str,
    label: str,
    domains: Sequence[str],
    joins_as: str,
    by: Actor,
) -> SsoConnection:
    """Name the workspace's provider, or change what is known of it; an empty secret keeps the one there is. No change says nothing.

    Raises BadIssuer, BadDomains, SecretNeeded; nothing is changed then.
    """
    issuer = check_issuer(issuer)
    values = {
        "issuer": issuer,
        "client_id": client_id.strip(),
        "label": label.strip(),
        "domains": _domains(workspace, domains, joins_as),
        "joins_as": joins_as,
    }
    return _save(workspace, values, client_secret, by)


def _domains(workspace: Workspace, domains: Sequence[str], joins_as: str) -> list[str]:
    try:
        checked_domains = policy.own_domains(workspace, domains)
    except policy.BadDomain as error:
        raise BadDomains(str(error)) from error
    if public := [domain for domain in checked_domains if domain in PUBLIC_MAIL]:
        raise BadDomains(f"Anybody can have an address of {public[0]}: no workspace's provider speaks for it.")
    if joins_as and not checked_domains:
        raise BadDomains("Name the domains whose people may join.")
    return checked_domains


@transaction.atomic
def _save(workspace: Workspace, values: dict[str, Any], client_secret: str, by: Actor) -> SsoConnection:
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    row = SsoConnection.objects.filter(pk=workspace.pk).first()
    if row is None:
        if not client_secret:
            raise SecretNeeded("Enter the client's secret.")
        row = SsoConnection(workspace=workspace, **values)
        envelope.seal(row, "client_secret", client_secret)
        row.save(force_insert=True)
        emit(SsoSetUp(actor=by, workspace=workspace, changed={"issuer": row.issuer}))
        return row
    changed = {
        name: {"before": getattr(row, name), "after": value}
        for name, value in values.items()
        if getattr(row, name) != value
    }
    # Else whoever may change the issuer could have the secret sent to a server of theirs.
    if not client_secret and {"issuer", "client_id"} & set(changed):
        raise SecretNeeded("Enter the secret of this client: the one that is kept was for another.")
    for name, value in values.items():
        setattr(row, name, value)
    if client_secret:
        envelope.seal(row, "client_secret", client_secret)
        changed["client_secret"] = {}
    if changed:
        row.save()
        emit(SsoChanged(actor=by, workspace=workspace, changed=changed))
    return row


@transaction.atomic
def remove(workspace: Workspace, *, by: Actor) -> bool:
    """Forget the workspace's provider, and take single sign-on off its ways in. Returns whether there was one. Raises OnlyWayIn."""
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    row = SsoConnection.objects.filter(pk=workspace.pk).first()
    if row is None:
        return False
    ways = policy.policy_of(workspace)
    if ways.methods == [SignInMethod.OIDC]:
        raise OnlyWayIn("It is the only way to sign in. Allow another one first.")
    if SignInMethod.OIDC in ways.methods:
        methods = [method for method in ways.methods if method != SignInMethod.OIDC]
        policy.change_policy(workspace, methods=methods, sign_up=ways.sign_up, domains=ways.domains, by=by)
    row.delete()
    emit(SsoRemoved(actor=by, workspace=workspace, changed={"issuer": row.issuer}))
    return True


def test(connection: SsoConnection) -> list[Finding]:
    """Ask the provider now whether it would work. Says of each part whether it is right, and where that can't be told from here."""
    try:
        provider = providers.describe(connection.issuer)
    except ProviderFailed as error:
        return [Finding("Provider", False, str(error))]
    findings = [Finding("Provider", True, f"It answers, and signs by {', '.join(provider.algorithms)}.")]
    try:
        count = len(providers.fetch_keys(provider))
        findings.append(Finding("Keys", True, f"It publishes {count} that can be used."))
    except ProviderFailed as error:
        findings.append(Finding("Keys", False, str(error)))
    return [*findings, _client(connection, provider)]


def _client(connection: SsoConnection, provider: providers.Provider) -> Finding:
    """Ask for a token with a code that nobody was given: who knows the client refuses the code, who doesn't refuses the client."""
    try:
        answer = providers.ask_for_tokens(
            provider,
            client_id=connection.client_id,
            client_secret=secret_of(connection),
            code=secrets.token_urlsafe(16),
            verifier=secrets.token_urlsafe(32),
            redirect_uri=redirect_uri(connection.workspace_id),
        )
        error = providers.error_of(answer)
    except ProviderFailed as failed:
        return Finding("Client", False, str(failed))
    if error == "invalid_grant":
        return Finding("Client", True, "It knows the client id and the secret.")
    if error in ("invalid_client", "unauthorized_client") or answer.status == 401:
        return Finding("Client", False, "It doesn't accept the client id or the secret.")
    return Finding("Client", None, "It doesn't tell whether the client id and the secret are right. Sign in to see.")
