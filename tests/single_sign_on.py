"""A workspace whose people sign in by a provider, and browsers that do it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.test import Client

from apps.workspaces.models import Member, Workspace
from tests.callers import SignedIn
from tests.providers import CLIENT, SECRET, Provider

DOMAIN = "team.example"


def connection(provider: Provider, **fields: Any) -> dict[str, Any]:
    """Return what a provider is set up with over REST."""
    return {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "label": "Corp",
        "domains": [DOMAIN],
        "joins_as": "",
        **fields,
    }


def allow(owner: SignedIn, *methods: str) -> None:
    """Say by which methods people sign in."""
    body = {"methods": list(methods), "sign_up": "invited", "domains": []}
    answer = owner.put("/workspace/sign-in", body)
    assert answer.status_code == 200, answer.content


def set_up(owner: SignedIn, provider: Provider, *methods: str, **fields: Any) -> None:
    """Set a provider up, and allow it (beside passwords and codes, if nothing else is said)."""
    answer = owner.put("/workspace/sso", connection(provider, **fields))
    assert answer.status_code == 200, answer.content
    allow(owner, *(methods or ("password", "code", "oidc")))


def go(client: Client, workspace: Workspace, **query: str) -> str:
    """Begin in a browser. Returns the provider's address that it is sent to."""
    answer = client.get(f"/sso/{workspace.pk}/go/", query)
    assert answer.status_code == 302, answer.content
    return str(answer["Location"])


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def arrive(client: Client, workspace: Workspace, provider: Provider, **query: str) -> Any:
    """Sign in by the provider in a browser, all the way. Returns what our page answers at the end."""
    return client.get(path_of(provider.authorize(go(client, workspace, **query))))


def link(member: SignedIn, provider: Provider) -> Any:
    """Link whoever is at the provider to a member, as the profile's page does."""
    asked = member.client.post("/settings/profile/sso/")
    assert asked.status_code == 200, asked
    return arrive(member.client, member.member.workspace, provider)


def signed_in(client: Client) -> Member | None:
    """Return the member that a browser is signed in as."""
    answer = client.get("/api/v1/session")
    return Member.objects.get(pk=answer.json()["member"]["id"]) if answer.status_code == 200 else None
