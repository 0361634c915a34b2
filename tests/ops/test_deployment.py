"""A real deployment without containers: the commands of compose.yaml, its kind of environment, its proxy."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import pytest
import redis

from opencom_project import processes
from opencom_project.embedded.up import answers
from opencom_project.first_message import SignIn, exchange

from .conftest import two_free_ports
from .processes_below import eventually

ROOT = Path(__file__).resolve().parents[2]
OPENCOM = str(ROOT / "bin" / "opencom")
CADDY = shutil.which("caddy") or (str(ROOT / ".tools" / "caddy") if (ROOT / ".tools" / "caddy").exists() else None)
RUN_WITH_SERVICES = [sys.executable, "-m", "opencom_project.embedded", "run", "--throwaway", "--"]
TELL_AND_WAIT = "import os, sys; print(*(os.environ[name] for name in sys.argv[1:]), flush=True); sys.stdin.read()"
PUBLIC = {
    "SECRET_KEY": "a-secret-key-for-tests-that-is-long-enough-to-be-taken-0123456789",
    "ENCRYPTION_KEYS": "a-key-for-tests-that-is-as-long-as-it-must-",
    "PUBLIC_URL": "https://chat.example.test",
    "LIVE_URL": "https://chat.example.test",
    "ALLOWED_HOSTS": "chat.example.test",
    "CSRF_TRUSTED_ORIGINS": "https://chat.example.test",
    "TRUSTED_PROXIES": "127.0.0.1",
    "MALLOC_ARENA_MAX": "2",
}


@pytest.fixture(scope="module")
def deployment() -> Iterator[dict[str, str]]:
    """The environment of a migrated installation with services of its own."""
    folder = Path(tempfile.mkdtemp(prefix="opencom-deployment-"))
    folder.chmod(0o711)
    told = ("DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL")
    ours = {*told, "DJANGO_SETTINGS_MODULE", "TEST_DATABASE_TEMPLATE", "DEBUG"}
    base = {name: value for name, value in os.environ.items() if name not in ours} | {"STATE_DIR": str(folder)}
    services = subprocess.Popen(
        [*RUN_WITH_SERVICES, sys.executable, "-c", TELL_AND_WAIT, *told],
        cwd=ROOT,
        env=base,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert services.stdout is not None
    assert services.stdin is not None
    urls = dict(zip(told, services.stdout.readline().split(), strict=True))
    environment = base | PUBLIC | urls | {"MEDIA_ROOT": str(folder / "media")}
    environment["STATIC_ROOT"] = str(folder / "static")
    subprocess.run([OPENCOM, "collectstatic", "--no-input", "--verbosity", "0"], env=environment, check=True)
    subprocess.run([OPENCOM, "migrate", "--verbosity", "0"], env=environment, check=True)
    yield environment
    services.stdin.close()
    assert services.wait(30) == 0
    shutil.rmtree(folder)


@dataclass
class Server:
    """A process of the installation."""

    name: str
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def running(names: list[str], environment: dict[str, str]) -> Iterator[list[Server]]:
    servers = [
        Server(name, subprocess.Popen([OPENCOM, name], env=environment, cwd="/", start_new_session=True))
        for name in names
    ]
    try:
        yield servers
        assert [server.name for server in servers if server.process.poll() is not None] == []
    finally:
        for server in servers:
            server.process.send_signal(signal.SIGTERM)
        for server in servers:
            server.process.wait(30)


def healthy(name: str, environment: dict[str, str]) -> bool:
    command = [sys.executable, "-m", "opencom_project.health", name]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False).returncode == 0


def doctor(environment: dict[str, str], *checks: str) -> dict[str, str]:
    done = subprocess.run(
        [OPENCOM, "doctor", "--json", *checks], env=environment, text=True, capture_output=True, timeout=60, check=False
    )
    return {finding["check"]: f"{finding['severity']}: {finding['text']}" for finding in json.loads(done.stdout)}


def test_the_deployment_s_settings_pass_django_s_own_check(deployment: dict[str, str]) -> None:
    done = subprocess.run(
        [OPENCOM, "check", "--deploy", "--fail-level", "WARNING"],
        env=deployment,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("secret", ["SECRET_KEY", "ENCRYPTION_KEYS"])
def test_no_process_starts_without_a_secret_of_its_own(deployment: dict[str, str], secret: str) -> None:
    without = {name: value for name, value in deployment.items() if name != secret}
    started = {
        name: subprocess.Popen(
            [OPENCOM, name], env=without, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for name in processes.PROCESSES
    }
    for name, process in started.items():
        said, _ = process.communicate(timeout=60)
        assert process.returncode != 0, name
        assert secret in said, name


def test_the_clock_hands_its_jobs_to_the_workers_queues(deployment: dict[str, str]) -> None:
    with redis.Redis.from_url(deployment["REDIS_URL"]) as queues, running(["beat"], deployment):
        assert eventually(lambda: any(b"schedule.run" in job for job in queues.lrange("interactive", 0, -1)), 20)


@pytest.fixture
def proxied(deployment: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """The installation's environment behind its proxy; where there is no proxy program, with two ports as in development."""
    port, live_port = two_free_ports()
    addresses = {"PUBLIC_URL": f"http://127.0.0.1:{port}", "LIVE_URL": f"http://127.0.0.1:{live_port}"}
    if CADDY is None:
        yield deployment | {"PORT": str(port), "ALLOWED_HOSTS": "127.0.0.1"} | addresses
        return
    public_port, admin_port = two_free_ports()
    origin = f"http://127.0.0.1:{public_port}"
    text = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
    text = text.replace("live:8001", f"127.0.0.1:{live_port}").replace("web:8000", f"127.0.0.1:{port}")
    (tmp_path / "Caddyfile").write_text(f"{{\n\tadmin 127.0.0.1:{admin_port}\n}}\n{text}", encoding="utf-8")
    command = [CADDY, "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    proxy = subprocess.Popen(command, env={"DOMAIN": origin, "HOME": str(tmp_path)}, stderr=subprocess.DEVNULL)
    yield deployment | {"PORT": str(port), "PUBLIC_URL": origin, "LIVE_URL": origin, "ALLOWED_HOSTS": "127.0.0.1"}
    proxy.terminate()
    proxy.wait(10)


def test_the_four_processes_carry_a_message_both_ways_and_end_when_told(proxied: dict[str, str]) -> None:
    environment = proxied | {"CSRF_TRUSTED_ORIGINS": proxied["PUBLIC_URL"]}
    with running(["web", "live", "worker", "beat"], environment) as servers:
        subprocess.run([OPENCOM, "demo", "--if-empty"], env=environment, check=True)
        ports = [port_of(environment) for port_of in (processes.web_port, processes.live_port)]
        assert eventually(lambda: all(answers("127.0.0.1", port) for port in ports), 60)
        told = subprocess.run([OPENCOM, "demo", "--print-sign-in"], env=environment, check=True, text=True, stdout=PIPE)
        found: dict[str, str] = {}

        def all_is_well() -> bool:
            found.update(doctor(environment))
            return not any(text.startswith("failure") for text in found.values())

        assert eventually(all_is_well, 60), found
        assert healthy("web", environment)
        assert healthy("live", environment)
        steps = exchange(environment["PUBLIC_URL"], SignIn.from_text(told.stdout), lambda *_: None)
        assert steps[-1][0] == "the visitor sees it"
    assert all(server.process.returncode in {0, -signal.SIGTERM} for server in servers), servers
    assert not healthy("web", environment)
    assert not healthy("live", environment)
