"""What is said where nobody should read it: in logs, in errors, in what the database keeps."""

from __future__ import annotations

import io
import logging
import re
import urllib.error
import urllib.request
from typing import Any
from uuid import uuid4

import pytest
from django.urls import get_resolver

from opencom_project.logs import LineFormatter
from tests import callers, factories
from tests.architecture.test_access import routes
from tests.callers import API
from tests.database import nothing_happens
from tests.live import LiveSocket
from tests.processes import Installation, fetch
from tests.security.cases import case
from tests.security.scene import Scene
from tests.security.test_matrix import ENDPOINTS, body_of, call

WORD = "kanarienvogel"
PASSWORD = f"{WORD}-password-of-mine"
ADDRESS = f"{WORD}@private.example"


# Logs of real processes


@case("D01", "V05", "W03", "D12")
def test_no_secret_and_no_word_of_anybodys_is_in_the_logs_of_real_processes(installation: Installation) -> None:
    workspace = factories.make_workspace()
    visitor, agent = callers.booted(workspace), callers.signed_in(workspace)
    agent.member.user.set_password(PASSWORD)
    agent.member.user.save()
    agent.client.force_login(agent.member.user)
    secrets = [WORD, visitor.token, visitor.token.removeprefix("wst_"), str(agent.client.session.session_key)]
    web, live = installation.webs[0], installation.lives[0]
    headers = dict(visitor.headers)

    def post(path: str, body: Any, more: dict[str, str] | None = None) -> int:
        return fetch("POST", web + API + path, body, {**headers, **(more or {})})[0]

    # What goes well
    id_ = str(uuid4())
    status, started = installation.call(0, visitor, "POST", "/conversations", {"client_id": id_, "body": f"My {WORD}"})
    assert status == 201
    conversation = started["conversation"]["id"]
    details = {
        "name": WORD,
        "email": ADDRESS,
        "attributes": {WORD: WORD},
        "page": {"url": f"https://x/{WORD}", "title": WORD},
    }
    assert installation.call(0, visitor, "PATCH", "/widget/visitor", details)[0] == 200
    assert installation.call(0, agent, "GET", f"/conversations?q={WORD}")[0] == 200
    own = {"Origin": installation.public, "Authorization": ""}
    assert post("/session", {"email": agent.member.user.email, "password": PASSWORD}, own) in (200, 401)
    with installation.socket_of(0, visitor) as socket:
        socket.subscribe("log", "messages.list", conversation=conversation)
        socket.tell("page", url=f"https://shop.example/{WORD}", title=WORD)
        socket.settle()
        # What is refused
        socket.tell(WORD, word=WORD)
        socket.subscribe("wrong", f"messages.{WORD}", word=WORD)
    assert post("/session", {"email": ADDRESS, "password": PASSWORD}, own) == 401
    assert post(f"/conversations/{conversation}/messages", {"client_id": id_, "body": f"other {WORD}"}) == 409
    assert post("/conversations", {"client_id": WORD, "body": WORD, WORD: WORD}) == 400
    assert fetch("GET", f"{web}{API}/conversations?token={visitor.token}", headers=headers)[0] == 400
    assert status_of(urllib.request.Request(f"{web}/{WORD}/{visitor.token}")) == 404
    told = {"User-Agent": f"{WORD}\x1b[31m", "Referer": WORD}
    assert status_of(urllib.request.Request(f"{web}{API}/{WORD}", headers=told)) == 400, (
        "no header has control characters"
    )
    told["User-Agent"] = WORD
    assert status_of(urllib.request.Request(f"{web}{API}/{WORD}", headers=told)) == 404
    for query in (f"?token={visitor.token}", f"?{WORD}"):
        with pytest.raises(Exception, match="403"):
            LiveSocket(f"ws{live.removeprefix('http')}/ws/{query}", headers["Origin"])
    with LiveSocket(f"ws{live.removeprefix('http')}/ws/", headers["Origin"]) as wrong:
        wrong.connection.send(f'{{"type": "{WORD}", "token": "{visitor.token}"}}')
        assert wrong.closed() == 4400
    poll = f"{live}/live/poll?query=messages.list&params=%7B%22{WORD}%22%3A1%7D"
    assert fetch("GET", poll, headers=headers)[0] == 400
    assert upload(f"{web}{API}/attachments", f"{WORD}.svg", f"<svg>{WORD}</svg>", headers) == 415

    logs = installation.logs()
    assert [secret for secret in secrets if secret in logs] == []
    assert "\x1b" not in logs


def upload(url: str, name: str, content: str, headers: dict[str, str]) -> int:
    body = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n{content}\r\n--b--\r\n'
    request = urllib.request.Request(url, body.encode(), {**headers, "Content-Type": "multipart/form-data; boundary=b"})
    return status_of(request)


def status_of(request: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@case("D12", "D01")
@pytest.mark.parametrize("word", ["a\r\nb", "a\x1b[31mb", "a\x00b", "a\x7fb", "a\x0bb"])
def test_whatever_is_logged_stays_in_its_line(word: str) -> None:
    written = logged(f"sent by {word}")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", written)
    for line in written.splitlines()[1:]:
        assert line.startswith("  "), "a line that isn't an event's first is set in"


@case("D01")
@pytest.mark.parametrize("prefix", ["wst_", "oca_", "inv_", "whsec_"])
def test_whatever_looks_like_a_token_is_cut(prefix: str) -> None:
    assert logged(f"Authorization: Bearer {prefix}{'0a' * 32} was refused").endswith(f"Bearer {prefix}… was refused")
    assert logged("nothing secret").endswith("nothing secret")


def logged(message: str) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter())
    handler.emit(logging.LogRecord("opencom", logging.WARNING, __file__, 1, message, (), None))
    return stream.getvalue().rstrip("\n")


# Errors of ours

BREAKABLE = [endpoint for endpoint in ENDPOINTS if endpoint.verb != "ANY"]


@case("D02")
@pytest.mark.parametrize("endpoint", BREAKABLE, ids=lambda endpoint: f"{endpoint.verb} {endpoint.name}")
def test_an_error_of_ours_tells_nothing_but_its_requests_id(
    cell: Scene, endpoint: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    view: Any = dict(routes(get_resolver().url_patterns))[endpoint.name]
    view_class = getattr(view, "cls", None) or view.view_class
    handler = getattr(view_class, endpoint.verb.lower())

    def breaks(self: Any, request: Any, **kwargs: Any) -> None:
        raise RuntimeError(f"SELECT {WORD} FROM /srv/opencom")

    breaks.access = handler.access  # type: ignore[attr-defined]
    monkeypatch.setattr(view_class, endpoint.verb.lower(), breaks)
    person = cell.person("the visitor" if endpoint.access.visitor and not endpoint.access.member else "owner")
    person.caller.client.raise_request_exception = False
    body = body_of(endpoint, person, cell)
    try:
        with nothing_happens():
            response = call(endpoint, person, cell, cell.ids, body or {})
    finally:
        person.caller.client.raise_request_exception = True
    assert response.status_code == 500
    for secret in (WORD, "SELECT", "RuntimeError", "/srv/", "Traceback", "test_privacy"):
        assert secret not in response.content.decode()
    request_id = response["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{16}", request_id)
    if endpoint.name.startswith("/api/"):
        assert response.json() == {
            "error": {"code": "internal", "message": "Something went wrong on our side.", "request_id": request_id}
        }
    assert WORD in caplog.text, "we are told"


# What is kept


@case("V13", "D01")
@pytest.mark.django_db
def test_no_secret_is_anywhere_in_the_database_in_clear(media: Any) -> None:
    from django.db import connection

    from tests.database import tables

    scene = Scene()
    session_id = factories.session_id()
    booted = factories.boot(scene.workspace, session_id=session_id)
    ticket = scene.agent.post("/live/tickets").json()["ticket"]
    secrets = [booted.token, booted.token.removeprefix("wst_"), session_id, ticket, factories.PASSWORD]
    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(f"SELECT t::text FROM {table} AS t")
            kept = "\n".join(row[0] for row in cursor.fetchall())
            assert [secret for secret in secrets if secret in kept] == [], table
        cursor.execute("SELECT t::text FROM conversations_message AS t")
        assert "Where is my bike?" in cursor.fetchone()[0], "what is no secret is found this way"
