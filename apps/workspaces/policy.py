"""How people get into a workspace: by which methods, and who may join without being added."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from apps.core import limits
from apps.core.access import Actor
from apps.core.events import emit
from apps.core.isolation import scopes
from apps.core.isolation.scopes import Exemption
from apps.workspaces import user_sessions
from apps.workspaces.events import SignInPolicyChanged
from apps.workspaces.models import Member, SignInMethod, SignInPolicy, SignUpMode, User, Workspace
from apps.workspaces.sso.models import SsoConnection

SEATS = Exemption("ways in", "where somebody works, is invited or may join is asked before they are in any workspace")
DOMAIN = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


class BadDomain(ValueError):
    """Not a domain, or none that this workspace's own people have an address of."""


class NoMethod(ValueError):
    """People have to be able to sign in by something."""


def policy_of(workspace: Workspace) -> SignInPolicy:
    """Return the workspace's policy, or the one that holds where it made none."""
    with scopes.workspace(workspace.pk):
        found = SignInPolicy.objects.filter(workspace=workspace).first()
    unasked = [method for method in SignInMethod.values if method != SignInMethod.OIDC]
    return found or SignInPolicy(workspace=workspace, methods=unasked, sign_up=SignUpMode.INVITED, domains=[])


def allows(workspace: Workspace, method: str) -> bool:
    """Say whether people may sign in to this workspace by this method."""
    return method in policy_of(workspace).methods


def takes(seat: Member, method: str) -> bool:
    """Say whether somebody may take their seat by this method. Where only single sign-on is allowed an owner has every other way as well:
    a provider that is down, or set up wrongly, locks nobody out for good."""
    methods = policy_of(seat.workspace).methods
    return method in methods or (methods == [SignInMethod.OIDC] and seat.role == Member.Role.OWNER)


def seats_by(user: User, method: str) -> list[Member]:
    """Return the seats that somebody may take by this method."""
    return [seat for seat in user_sessions.seats_of(user.pk) if takes(seat, method)]


@transaction.atomic
def change_policy(
    workspace: Workspace, *, methods: Sequence[str], sign_up: str, domains: Sequence[str], by: Actor
) -> SignInPolicy:
    """Say how people get in. No change says nothing. Sessions that are open stay; the next sign-in follows the policy.

    Raises NoMethod, and BadDomain for what isn't a domain of somebody who works here; nothing is changed then.
    """
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    row = policy_of(workspace)
    before = {"methods": row.methods, "sign_up": row.sign_up, "domains": row.domains}
    after = {
        "methods": [method for method in SignInMethod.values if method in methods],
        "sign_up": SignUpMode(sign_up).value,
        "domains": own_domains(workspace, domains),
    }
    if not after["methods"]:
        raise NoMethod("Choose at least one way to sign in.")
    if after["methods"] == [SignInMethod.PASSKEY]:
        raise NoMethod("Who has no passkey yet couldn't come in to set one up. Choose another way too.")
    if SignInMethod.OIDC in after["methods"] and not SsoConnection.objects.filter(pk=workspace.pk).exists():
        raise NoMethod("Set single sign-on up first.")
    if after["sign_up"] == SignUpMode.DOMAINS and not after["domains"]:
        raise BadDomain("Name at least one domain.")
    changed: dict[str, Any] = {
        name: {"before": before[name], "after": after[name]} for name in after if after[name] != before[name]
    }
    if changed:
        for name, value in after.items():
            setattr(row, name, value)
        row.save()
        emit(SignInPolicyChanged(actor=by, workspace=workspace, changed=changed))
    return row


def own_domains(workspace: Workspace, texts: Sequence[str]) -> list[str]:
    """Return domains as they are kept. Raises BadDomain for what isn't a domain of somebody who works here."""
    domains = list(dict.fromkeys(text.strip().lower().removeprefix("@") for text in texts if text.strip()))
    if len(domains) > limits.SIGN_UP_DOMAINS:
        raise BadDomain(f"At most {limits.SIGN_UP_DOMAINS} domains.")
    if strange := [domain for domain in domains if not DOMAIN.fullmatch(domain)]:
        raise BadDomain(f"“{strange[0]}” isn't a domain such as example.com.")
    # Otherwise a workspace could offer seats to a company it has nothing to do with, and look like that company's own.
    addresses = Member.objects.filter(workspace=workspace).values_list("user__email", flat=True)
    own = {domain_of(address) for address in addresses}
    kept = {*policy_of(workspace).domains, *_sso_domains(workspace)}
    if foreign := [domain for domain in domains if domain not in own | kept]:
        raise BadDomain(f"Nobody in this workspace has an address of {foreign[0]}.")
    return domains


def _sso_domains(workspace: Workspace) -> list[str]:
    connection = SsoConnection.objects.filter(pk=workspace.pk).first()
    return connection.domains if connection else []


def domain_of(email: str) -> str:
    """Return what stands after the @. Subdomains are domains of their own: being in one says nothing about another."""
    return email.rpartition("@")[2].lower()


def joinable_by(email: str) -> list[Workspace]:
    """Return the workspaces that whoever proves this address may join, leaving out those they are in."""
    with scopes.every_workspace(SEATS):
        return _joinable_by(email)


def _joinable_by(email: str) -> list[Workspace]:
    open_to = SignInPolicy.objects.filter(sign_up=SignUpMode.DOMAINS, domains__contains=[domain_of(email)])
    return list(
        Workspace.objects.filter(sign_in_policy__in=open_to).exclude(members__user__email=email).order_by("created_at")
    )
