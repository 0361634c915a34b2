"""Clients of the API as the tests use them: one a person, speaking HTTP with the headers that person's browser would send."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.http import HttpResponseBase
from django.test import Client

from apps.visitors.models import Visitor
from apps.workspaces import keys
from apps.workspaces.models import ApiKey, Member, Workspace
from tests import factories
from tests.factories import ORIGIN

API = "/api/v1"


class Caller:
    """Somebody with an HTTP client. Paths are the API's unless they begin with a slash and another word than the API knows."""

    def __init__(self, client: Client | None = None, **headers: str) -> None:
        self.client = client or Client()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call the API; ``body`` goes as JSON."""
        return self.send(
            method, API + path, "" if body is None else json.dumps(body, default=str), "application/json", **headers
        )

    def send(
        self, method: str, path: str, data: Any = "", content_type: str = "application/json", **headers: str
    ) -> Any:
        """Send anything to any address."""
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.client.generic(method, path, data, content_type, headers=sent)

    def get(self, path: str, **params: Any) -> Any:
        sent = {**self.headers}
        return self.client.get(API + path, params, headers=sent)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, {} if body is None else body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("PUT", path, {} if body is None else body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("PATCH", path, {} if body is None else body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.call("DELETE", path, **headers)

    def upload(self, file: Any, **fields: Any) -> Any:
        """Upload a file, any object with a name that can be read."""
        return self.client.post(f"{API}/attachments", {"file": file, **fields}, headers=self.headers)

    # What everybody does

    def start(self, body: str = "Hello?", **fields: Any) -> Any:
        return self.post("/conversations", {"client_id": str(uuid4()), "body": body, **fields})

    def say(self, conversation: Any, body: str = "Hi.", **fields: Any) -> Any:
        """Send a message to a conversation, given as its row or its id."""
        id_ = conversation["id"] if isinstance(conversation, dict) else getattr(conversation, "pk", conversation)
        return self.post(f"/conversations/{id_}/messages", {"client_id": str(uuid4()), "body": body, **fields})


class SignedIn(Caller):
    """A member at the dashboard."""

    def __init__(self, member: Member) -> None:
        super().__init__(Origin=settings.PUBLIC_URL)
        self.member = member
        self.client.force_login(member.user)
        session = self.client.session
        session["workspace"] = str(member.workspace_id)
        session["method"] = "password"
        session.save()


class Keyed(Caller):
    """An integration with an API key."""

    def __init__(self, token: str, key: ApiKey) -> None:
        super().__init__(Authorization=f"Bearer {token}")
        self.token = token
        self.key = key


class App(Caller):
    """A member's app, with an access token."""

    def __init__(self, member: Member, access: str) -> None:
        super().__init__(Authorization=f"Bearer {access}", X_Workspace=str(member.workspace_id))
        self.member = member


class Booted(Caller):
    """A visitor with a token, on a page of ORIGIN."""

    def __init__(self, token: str, visitor: Visitor, origin: str = ORIGIN) -> None:
        super().__init__(Origin=origin, Authorization=f"Bearer {token}")
        self.token = token
        self.visitor = visitor


def nobody(origin: str = ORIGIN) -> Caller:
    return Caller(Origin=origin)


def signed_in(workspace: Workspace, role: str = "agent", **fields: Any) -> SignedIn:
    """Return a new member's caller; the owner's is the one there is."""
    return SignedIn(
        factories.owner_of(workspace) if role == "owner" else factories.make_member(workspace, role, **fields)
    )


def keyed(maker: Member, *scopes: str, **fields: Any) -> Keyed:
    """Return a new key's caller. Without scopes it gets one that opens nothing that tests ask for."""
    key, token = keys.make(fields.pop("name", "Importer"), scopes or ("audit.read",), by=maker, **fields)
    return Keyed(token, key)


def tokens_of(member: Member) -> dict[str, Any]:
    """Sign a member in as an app does; returns what it is answered."""
    answer = nobody().post("/tokens", {"email": member.user.email, "password": factories.PASSWORD})
    assert answer.status_code == 201, answer.content
    said: dict[str, Any] = answer.json()
    return said


def app_of(member: Member) -> App:
    """Return the caller of a member's app."""
    return App(member, tokens_of(member)["access_token"])


def booted(workspace: Workspace, **details: Any) -> Booted:
    """Return a new visitor's caller."""
    issued = factories.boot(workspace, **details)
    return Booted(issued.token, issued.visitor)


def refusal(response: HttpResponseBase) -> tuple[int, str]:
    """Return the status and the error's code, having checked that the refusal has the one shape."""
    body = response.json()  # type: ignore[attr-defined]
    assert set(body) == {"error"}, body
    assert {"code", "message", "request_id"} <= set(body["error"]), body
    return response.status_code, body["error"]["code"]
