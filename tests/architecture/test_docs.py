"""The reference pages say what the code says, and the live protocol's page is right to the letter."""

from __future__ import annotations

import ast
import inspect
import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.conf import settings
from django.core.management import call_command

from apps.core import effects, events, frames, hub, limits, live, socket, whispers
from apps.core.isolation import scopes
from apps.core.reference import pages

ROOT: Path = settings.ROOT
REFERENCE = ROOT / "docs" / "reference"
LIVE = (REFERENCE / "live.md").read_text(encoding="utf-8")
PAGES = (
    "access.md",
    "effects.md",
    "events.md",
    "isolation.md",
    "kinds.md",
    "limits.md",
    "live-queries.md",
    "personal-data.md",
    "roles.md",
    "security-cases.md",
    "settings.md",
)


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_every_generated_page_says_what_the_code_says_now() -> None:
    assert tuple(pages.pages()) == PAGES
    call_command("reference", "--check")


def test_a_page_that_has_fallen_behind_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pages, "folder", lambda: tmp_path)
    call_command("reference", stdout=StringIO())
    assert sorted(path.name for path in tmp_path.iterdir()) == list(PAGES)
    monkeypatch.setitem(limits.RATES, "x", limits.Limit("x", 1, 1, 1))
    monkeypatch.setattr(limits, "IDENTIFY", limits.Limit("identify", 61, 3600, 10))
    with pytest.raises(SystemExit) as ended:
        call_command("reference", "--check", stderr=(said := StringIO()))
    assert ended.value.code == 1
    assert said.getvalue().startswith("limits.md no longer says")
    call_command("reference", stdout=StringIO())
    call_command("reference", "--check")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("events.md", list(events.registry)),
        ("effects.md", list(effects.registry)),
        ("isolation.md", list(scopes.exemptions)),
        ("live-queries.md", [*live.registry, *whispers.registry]),
        ("limits.md", [*limits.RATES, "MESSAGE_CHARACTERS", "FRAME_BYTES"]),
        ("settings.md", ["SECRET_KEY", "DATABASE_URL", "TRUSTED_PROXIES", "LIVE_PORT", "WORKER_QUEUES"]),
        ("roles.md", ["settings.billing"]),
    ],
)
def test_a_page_names_everything_there_is(name: str, said: list[str]) -> None:
    assert [word for word in said if f"| {word} " not in page(name)] == []


def test_every_link_between_the_pages_leads_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)} -> {target}"
        for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
        if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists()
    ]
    assert broken == []


# The live protocol

EXAMPLES: list[dict[str, Any]] = [json.loads(text) for text in re.findall(r"```json\n(.*?)\n\s*```", LIVE, re.DOTALL)]
CLIENTS = ("hello", "sub", "unsub", "tell", "ping")
SERVERS = ("ready", "snapshot", "delta", "resync", "pong", "error")


def test_every_frame_has_an_example() -> None:
    assert {example["type"] for example in EXAMPLES} == {*CLIENTS, *SERVERS}


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example["type"] in CLIENTS])
def test_an_example_of_a_clients_frame_is_one_the_server_takes(example: dict[str, Any]) -> None:
    frame = socket._decoder.decode(json.dumps(example))
    if isinstance(frame, socket.Sub):
        query = live.registry[frame.query]
        msgspec.convert(frame.params, query.Params, strict=False)
    if isinstance(frame, socket.TellFrame):
        msgspec.convert(frame.params, whispers.registry[frame.what].params, strict=False)


@pytest.mark.parametrize("example", [example for example in EXAMPLES if example["type"] in SERVERS])
def test_an_example_of_a_servers_frame_has_the_fields_that_are_sent(example: dict[str, Any]) -> None:
    sent = {
        "ready": frames.ready("epoch", "visitor", "id"),
        "snapshot": frames.snapshot("id", "version", b"{}"),
        "delta": frames.delta("id", "version", []),
        "resync": frames.resync("id"),
        "pong": frames.pong({}),
        "error": frames.error("code", "message", "id"),
    }
    assert set(example) == set(json.loads(sent[example["type"]].text))


def test_every_close_code_is_explained_and_no_other() -> None:
    sources = "".join(inspect.getsource(module) for module in (socket, hub))
    used = set(re.findall(r"(?:Refused\(|close\(|\"code\": )(\d{4})", sources)) | {"1012"}
    told = set(re.findall(r"^\| (\d{4}) \|", LIVE, re.MULTILINE))
    assert told == used


def test_every_error_code_is_explained_and_no_other() -> None:
    used = {
        call.args[0].value
        for module in (socket, __import__("apps.core.feeds", fromlist=["feeds"]))
        for call in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in ("frames.error", "self._refuse")
        and isinstance(call.args[0], ast.Constant)
    }
    assert set(re.findall(r"^\| `(\w+)` \|", LIVE, re.MULTILINE)) == used


@pytest.mark.parametrize("name", sorted(live.registry))
def test_the_page_says_what_the_items_of_a_query_hold(name: str) -> None:
    assert f"`{name}`" in LIVE


def test_the_numbers_on_the_page_are_the_ones_that_hold() -> None:
    said = {
        f"within {limits.HELLO_SECONDS} seconds",
        f"at most {limits.FRAMES_PER_10_SECONDS} in 10 seconds",
        f"at most {limits.FRAME_BYTES // 1024} KiB",
        f"at most {limits.SOCKETS_PER_VISITOR} sockets, a member {limits.SOCKETS_PER_MEMBER}",
        f"at most {limits.SUBSCRIPTIONS} subscriptions",
        f"within {limits.TICKET_SECONDS} seconds",
        f"silent for {limits.IDLE_SECONDS} seconds",
        f"holds for {limits.TYPING_SECONDS} seconds",
        f"More than {limits.TELLS.amount} a minute are dropped",
        f"over {limits.SOCKET_BUFFER_BYTES // 1024**2} MiB waited",
    }
    assert [words for words in said if words not in LIVE] == []
