"""The one command, run for real: from an empty folder to a message that went both ways, and to nothing left running."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from opencom_project.embedded.up import answers

from .conftest import two_free_ports
from .processes_below import eventually, using

ROOT = Path(__file__).resolve().parents[2]
UP = [sys.executable, "-m", "opencom_project.embedded", "up"]
START_SECONDS = 90


def environment_for(folder: Path, port: int) -> dict[str, str]:
    ours = (
        "DATABASE_URL",
        "OWNER_DATABASE_URL",
        "REDIS_URL",
        "DJANGO_SETTINGS_MODULE",
        "SECRET_KEY",
        "ENCRYPTION_KEYS",
        "TEST_DATABASE_TEMPLATE",
    )
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"STATE_DIR": str(folder), "PORT": str(port), "PYTHONDONTWRITEBYTECODE": ""}


@dataclass
class Running:
    """An `up` that is past its welcome."""

    process: subprocess.Popen[str]
    folder: Path
    environment: dict[str, str]
    log: Path

    def printed(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a management command as from another terminal, which knows the folder and nothing else."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def child(self, word: str) -> psutil.Process:
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if word in " ".join(child.cmdline()))


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    folder = Path(tempfile.mkdtemp(prefix="opencom-up-"))
    folder.chmod(0o711)
    port, _ = two_free_ports()
    environment = environment_for(folder, port)
    log = folder / "printed"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(UP, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True)
    up = Running(process, folder, environment, log)
    assert eventually(lambda: "Ctrl-C stops everything" in up.printed() or process.poll() is not None, START_SECONDS)
    assert process.poll() is None, up.printed()
    yield up
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0, up.printed()
    assert using(folder) == [], "something outlived the run"
    shutil.rmtree(folder)


def test_what_is_printed_leads_to_the_product(running: Running) -> None:
    printed = running.printed()
    web = f"http://127.0.0.1:{running.environment['PORT']}"
    for page in ("/", "/demo/", "/api/docs/", "/admin/"):
        assert f" {web}{page}\n" in printed
    assert re.search(r"^\[ +\d+\.\d s\] the database is ready$", printed, flags=re.MULTILINE)
    assert "@" in printed, "the demo's sign-in is printed"


def test_the_doctor_finds_all_well_from_another_terminal(running: Running) -> None:
    done = running.manage("doctor", "--json")
    findings = json.loads(done.stdout)
    assert [finding for finding in findings if finding["severity"] == "failure"] == []
    assert done.returncode == 0
    assert {
        "database",
        "pgvector",
        "migrations",
        "redis",
        "rumours",
        "worker",
        "socket",
        "clock",
        "disk",
        "secrets",
    } <= {finding["check"] for finding in findings}


def test_the_doctor_tells_a_silent_worker_and_what_to_do(running: Running) -> None:
    worker = running.child("celery --app opencom_project --quiet worker")
    worker.suspend()
    try:
        done = running.manage("doctor", "worker", "database")
    finally:
        worker.resume()
    assert done.returncode == 1
    assert re.search(r"FAIL +worker +no worker answers\n +-> start one: `bin/opencom worker`", done.stdout)
    assert re.search(r"ok +database +Postgres", done.stdout)


def test_processes_and_services_that_are_killed_come_back_and_it_is_said(running: Running) -> None:
    victims = {"live": "uvicorn", "web": "granian", "postgres": "bin/postgres", "valkey": "valkey-server"}
    before = {name: running.child(word) for name, word in victims.items()}
    for process in before.values():
        process.kill()
    for name in victims:
        said = f"{name} ended (signal SIGKILL); starting it again"
        assert eventually(lambda said=said: said in running.printed()), said
    ports = (int(running.environment["PORT"]), int(running.environment["PORT"]) + 1)
    assert eventually(lambda: all(answers("127.0.0.1", port) for port in ports), 60)
    found: list[str] = []

    def all_is_well() -> bool:
        done = running.manage("doctor", "--json")
        found[:] = [finding["text"] for finding in json.loads(done.stdout) if finding["severity"] == "failure"]
        return not found

    assert eventually(all_is_well, 60), found
    assert all(running.child(word).pid != before[name].pid for name, word in victims.items())


def test_a_second_run_in_the_same_folder_is_refused(running: Running) -> None:
    port, _ = two_free_ports()
    done = subprocess.run(
        UP, cwd=ROOT, env=environment_for(running.folder, port), text=True, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert f"already running from {running.folder} (process {running.process.pid})" in done.stderr


def test_a_port_in_use_is_named_with_one_that_may_be_free(running: Running, state_dir: Path) -> None:
    done = subprocess.run(
        UP,
        cwd=ROOT,
        env=environment_for(state_dir, int(running.environment["PORT"])),
        text=True,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert f"Port {running.environment['PORT']} is in use by another program" in done.stderr
    assert not (state_dir / "postgres").exists()


def test_once_lets_a_message_go_both_ways_beside_another_run(running: Running, state_dir: Path) -> None:
    port, _ = two_free_ports()
    first = subprocess.run(
        [*UP, "--once"],
        cwd=ROOT,
        env=environment_for(state_dir, port),
        text=True,
        capture_output=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert first.returncode == 0, first.stdout + first.stderr
    for step in ("the visitor's message is stored", "the agent sees it", "the visitor sees it"):
        assert re.search(rf"{step} +\d+ ms", first.stdout), first.stdout
    assert using(state_dir) == []
    assert running.process.poll() is None


def test_a_message_that_does_not_get_through_is_told_with_the_step_and_a_status(running: Running) -> None:
    web = f"http://127.0.0.1:{running.environment['PORT']}"
    wrong = subprocess.run(
        [sys.executable, "-m", "opencom_project.first_message", web],
        cwd=ROOT,
        input="nobody@example.test password: wrong",
        text=True,
        capture_output=True,
        check=False,
    )
    assert wrong.returncode == 1
    assert "POST /api/v1/session was answered with 40" in wrong.stdout
