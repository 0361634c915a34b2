"""The worker: what it can't pay is in its log by kind and number, and not by what it is about."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import transaction

from apps.core import effects
from apps.core.models import Effect
from opencom_project import processes
from tests import callers, factories
from tests.live import wait_until
from tests.processes import ROOT, environment_of
from tests.security.cases import case

WORD = "Zyzzogeton"
SECONDS = 40.0


@pytest.fixture
def log(committed: None, tmp_path: Path) -> Iterator[Path]:
    """What a real worker on the test database prints, to the end of the test."""
    environment = environment_of(tmp_path, "http://127.0.0.1:1", WORKER_CONCURRENCY="1", LOG_LEVEL="DEBUG")
    path = tmp_path / "worker.log"
    with path.open("wb") as output:
        worker = subprocess.Popen(
            processes.worker(environment), cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    try:
        yield path
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(20)


@case("D01", "T14")
def test_a_worker_logs_no_word_of_what_it_could_not_pay_and_pays_within_one_workspace(log: Path) -> None:
    workspace = factories.make_workspace()
    visitor = callers.booted(workspace)
    conversation = factories.start(visitor.visitor, f"My {WORD}")
    payloads = {
        "broken": {"conversation": str(conversation.pk), "until": WORD},
        "nobody's": {"conversation": WORD, "until": "2026-01-01T00:00:00+00:00"},
        "good": {"conversation": str(uuid4()), "until": "2026-01-01T00:00:00+00:00"},
    }
    with transaction.atomic():
        for key, payload in payloads.items():
            effects.owe("conversations.wake_up", key=key, payload=payload, workspace_id=workspace.pk)
    tried = Effect.objects.filter(attempts__gt=0)
    wait_until(lambda: tried.count() == len(payloads), "the worker has tried all", SECONDS)
    wait_until(lambda: Effect.objects.filter(key="good", state="done").exists(), "what can be paid is paid", SECONDS)
    wait_until(lambda: log.read_text().count("failed:") >= 2, "what can't is logged", SECONDS)
    written = log.read_text()
    assert WORD not in written
    assert visitor.token not in written
    assert "effect conversations.wake_up" in written
    assert not [row.last_error for row in Effect.objects.all() if WORD in row.last_error]
