"""What is the processes' own: the commands of production, two of each at once, and all in one under another server."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

from apps.workspaces.models import Workspace
from tests import factories
from tests.callers import Booted, SignedIn
from tests.live import LiveSocket
from tests.processes import Installation, Process, environment_of, fetch, free_port


def test_a_message_through_one_web_process_reaches_the_sockets_of_both_live_processes(
    installation: Installation, workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    sockets = [installation.socket_of(live, agent) for live in (0, 1)]
    for socket in sockets:
        assert socket.subscribe("inbox", "conversations.listForInbox")["data"]["items"] == []
    body = {"client_id": uuid.uuid4(), "body": "Is anybody there?"}

    status, started = installation.call(1, visitor, "POST", "/conversations", body)

    assert status == 201
    for socket in sockets:
        row = socket.wait_for("delta", "inbox")["items"][0]
        assert (row["key"], row["last_message"]["preview"]) == (started["conversation"]["id"], "Is anybody there?")
        socket.close()


def test_a_question_and_its_answer_cross_between_different_processes(
    installation: Installation, workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    _, started = installation.call(0, visitor, "POST", "/conversations", {"client_id": uuid.uuid4(), "body": "Hello?"})
    path = f"/conversations/{started['conversation']['id']}/messages"
    with installation.socket_of(0, visitor) as messenger, installation.socket_of(1, agent) as inbox:
        for socket in (messenger, inbox):
            socket.subscribe("log", "messages.list", conversation=started["conversation"]["id"])
        for number in range(10):
            side, web = (agent, 1) if number % 2 else (visitor, 0)
            status, _ = installation.call(web, side, "POST", path, {"client_id": uuid.uuid4(), "body": str(number)})
            assert status == 201
        for socket in (messenger, inbox):
            items: list[dict[str, object]] = []
            while len(items) < 10:
                items += socket.wait_for("delta", "log")["items"]
            assert [item["body"] for item in items] == [str(number) for number in range(10)]
            assert [item["seq"] for item in items] == list(range(2, 12))


def test_typing_is_heard_in_the_other_live_process(
    installation: Installation, workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    conversation = factories.start(visitor.visitor)
    with installation.socket_of(0, visitor) as messenger, installation.socket_of(1, agent) as inbox:
        inbox.subscribe("activity", "conversations.activity", conversation=conversation.pk)
        messenger.tell("typing", conversation=conversation.pk)
        typing = inbox.wait_for("snapshot", "activity")["data"]["typing"]
        assert [by["id"] for by in typing] == [str(visitor.visitor.pk)]


def test_the_same_message_sent_to_both_web_processes_is_stored_once(
    installation: Installation, workspace: Workspace, visitor: Booted
) -> None:
    conversation = factories.start(visitor.visitor)
    body = {"client_id": uuid.uuid4(), "body": "Once."}
    path = f"/conversations/{conversation.pk}/messages"
    answers = [installation.call(web, visitor, "POST", path, body) for web in (0, 1)]
    assert [status for status, _ in answers] == [201, 200]
    assert answers[0][1]["id"] == answers[1][1]["id"]
    assert conversation.messages.filter(body="Once.").count() == 1


def test_a_token_revoked_in_one_process_opens_nothing_in_the_other(
    installation: Installation, workspace: Workspace, visitor: Booted
) -> None:
    assert installation.call(1, visitor, "GET", "/widget/session")[0] == 200
    with installation.socket_of(0, visitor) as messenger:
        assert installation.call(0, visitor, "DELETE", "/widget/session")[0] == 204
        status, answer = installation.call(1, visitor, "GET", "/widget/session")
        assert (status, answer["error"]["code"]) == (401, "session_expired")
        assert messenger.closed() == 4401


def test_a_live_process_survives_frames_that_make_no_sense(
    installation: Installation, workspace: Workspace, visitor: Booted
) -> None:
    url = "ws" + installation.lives[0].removeprefix("http") + "/ws/"
    for junk in ("", "[]", "null", "{", '{"type":"nothing"}', "[" * 30_000, '"' + "x" * 70_000 + '"', b"\x00\xff"):
        with LiveSocket(url, visitor.headers["Origin"]) as socket:
            socket.connection.send(junk)
            assert socket.closed() == 4400, junk[:20]
    with installation.socket_of(0, visitor):
        assert "Traceback" not in installation.logs()


def test_the_whole_application_runs_in_one_process_under_daphne(
    committed: None, workspace: Workspace, visitor: Booted, tmp_path: Path
) -> None:
    port = free_port()
    public = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "daphne", "-p", str(port), "-v", "0", "opencom_project.asgi:application"]
    process = Process("daphne", command, environment_of(tmp_path, public), f"{public}/healthz", tmp_path / "daphne.log")
    try:
        process.wait_ready()
        email = factories.owner_of(workspace).user.email
        status, session = fetch(
            "POST", f"{public}/api/v1/session", {"email": email, "password": factories.PASSWORD}, {"Origin": public}
        )
        assert (status, session["workspace"]["id"]) == (200, str(workspace.pk))
        body = {"client_id": uuid.uuid4(), "body": "Over one port."}
        status, started = fetch("POST", f"{public}/api/v1/conversations", body, visitor.headers)
        assert status == 201
        with LiveSocket(f"ws://127.0.0.1:{port}/ws/", visitor.headers["Origin"]) as socket:
            socket.send(type="hello", token=visitor.token)
            assert socket.wait_for("ready")["actor"]["id"] == str(visitor.visitor.pk)
            answer = socket.subscribe("log", "messages.list", conversation=started["conversation"]["id"])
            assert [item["body"] for item in answer["data"]["items"]] == ["Over one port."]
    finally:
        process.stop()
