"""The image and the composition, without a container engine: what they name exists and is what `up` runs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from opencom_project import processes
from opencom_project.health import PORTS

ROOT = Path(__file__).resolve().parents[2]
OURS = {"web", "live", "worker", "beat", "migrate"}


@pytest.fixture(scope="module")
def composition() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word.upper(), rest) for word, _, rest in (line.strip().partition(" ") for line in lines if line.strip())]


def stages(instructions: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for word, rest in instructions:
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest))
    return found


def test_every_process_has_a_service_and_every_service_of_ours_is_a_process(composition: dict[str, Any]) -> None:
    ours = {name: service for name, service in composition["services"].items() if service.get("build")}
    assert set(ours) == OURS == set(processes.PROCESSES)
    assert all(service["command"] == [name] for name, service in ours.items())


def test_every_service_starts_only_after_the_database_has_its_shape(composition: dict[str, Any]) -> None:
    for name in OURS - {"migrate"}:
        waits = composition["services"][name]["depends_on"]
        assert waits["migrate"] == {"condition": "service_completed_successfully"}, name
        assert waits["postgres"] == {"condition": "service_healthy"}, name


def test_what_a_service_waits_for_exists_and_can_be_waited_for(composition: dict[str, Any]) -> None:
    services = composition["services"]
    for name, service in services.items():
        for other, wait in service.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}"
            if wait["condition"] == "service_healthy":
                assert services[other].get("healthcheck"), f"{name} waits for {other}, which has no health check"


def test_no_service_of_ours_may_write_its_own_code_or_gain_rights(composition: dict[str, Any]) -> None:
    for name in OURS:
        service = composition["services"][name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "ports" not in service, f"{name} is reached by the proxy only"


def test_secrets_come_from_the_environment_and_their_absence_stops_the_start(composition: dict[str, Any]) -> None:
    environment = composition["services"]["web"]["environment"]
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS"):
        assert environment[name].startswith(f"${{{name}:?")
    owner = composition["services"]["migrate"]["environment"]["OWNER_DATABASE_URL"]
    for url, password in ((environment["DATABASE_URL"], "DATABASE_PASSWORD"), (owner, "POSTGRES_PASSWORD")):
        assert f"${{{password}:?" in url
        assert not re.search(r"://[^:/$]+:[^$@]+@", url)


def test_only_the_migration_signs_in_as_the_databases_owner(composition: dict[str, Any]) -> None:
    for name in OURS:
        environment = composition["services"][name]["environment"]
        assert ("OWNER_DATABASE_URL" in environment) is (name == "migrate"), name
        assert "://opencom_login:" in environment["DATABASE_URL"]


def test_every_variable_the_composition_reads_is_in_the_example(composition: dict[str, Any]) -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    read = {name for name, default in re.findall(r"\$\{([A-Z_]+)(:-[^}]*)?", text) if not default}
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert read <= example


def test_only_the_network_of_the_composition_is_believed_about_who_calls(composition: dict[str, Any]) -> None:
    (network,) = composition["networks"]["default"]["ipam"]["config"]
    assert composition["services"]["web"]["environment"]["TRUSTED_PROXIES"] == network["subnet"]


def test_named_volumes_are_declared(composition: dict[str, Any]) -> None:
    for name, service in composition["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in composition["volumes"], (
                name,
                volume,
            )


def test_redis_keeps_its_queue_and_refuses_rather_than_forgets(composition: dict[str, Any]) -> None:
    command = composition["services"]["redis"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_the_proxy_sends_sockets_and_polls_to_live_and_the_rest_to_web(composition: dict[str, Any]) -> None:
    text = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
    assert text.count("{") == text.count("}")
    matcher, paths = re.search(r"(@\w+) path (.+)", text).groups()  # type: ignore[union-attr]
    assert paths.split() == ["/ws/*", "/live/*"]
    live = re.search(rf"handle {matcher} {{\s+reverse_proxy (\w+):(\d+)", text)
    rest = re.search(r"handle {\s+reverse_proxy (\w+):(\d+)", text)
    environment: dict[str, str] = {}
    assert live is not None
    assert live.groups() == ("live", str(processes.live_port(environment)))
    assert rest is not None
    assert rest.groups() == ("web", str(processes.web_port(environment)))
    assert {"live", "web"} <= set(composition["services"])


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_image_becomes_each_process_by_the_command_up_uses(name: str, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    stand_in = tmp_path / "python"
    stand_in.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{seen}"\n', encoding="utf-8")
    stand_in.chmod(0o755)
    script = (
        "import sys; sys.executable = sys.argv[1]; from opencom_project import processes; processes.main(sys.argv[2:])"
    )
    subprocess.run([sys.executable, "-c", script, str(stand_in), name], cwd=ROOT, check=True)
    assert seen.read_text(encoding="utf-8").splitlines() == processes.PROCESSES[name](os.environ)[1:]


def test_every_program_a_process_runs_is_installed() -> None:
    for name, process in processes.PROCESSES.items():
        command = process({})
        if command[1] == "-m":
            subprocess.run([sys.executable, "-c", f"import {command[2]}"], check=True)
        else:
            assert (ROOT / command[1]).exists(), name


def test_the_image_does_not_run_as_root_nor_carry_what_builds_it(instructions: list[tuple[str, str]]) -> None:
    last = stages(instructions)[-1]
    users = [rest for word, rest in last if word == "USER"]
    assert users
    assert users[-1] not in {"root", "0"}
    after = [word for word, _ in last[[word for word, _ in last].index("USER") :]]
    assert {"ENTRYPOINT", "CMD"} <= set(after), "what runs is said after the user is changed"
    assert not any(word == "COPY" and rest.split()[0] in {".", "./"} for word, rest in last)
    assert not any("node_modules" in rest or "apt-get" in rest for _, rest in last)


def test_every_file_the_image_takes_exists_and_is_not_left_out(instructions: list[tuple[str, str]]) -> None:
    kept = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    for word, rest in instructions:
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source.split("/")[0] in kept, f".dockerignore leaves {source} out"


def test_what_the_image_runs_is_where_it_was_put(instructions: list[tuple[str, str]]) -> None:
    last = stages(instructions)[-1]
    folder = next(rest for word, rest in last if word == "WORKDIR")
    (entry,) = [json.loads(rest) for word, rest in last if word == "ENTRYPOINT"]
    assert ("COPY", "bin/opencom bin/opencom") in last
    assert entry == [f"{folder}/bin/opencom"]


def test_stages_and_bases_are_pinned_and_named(instructions: list[tuple[str, str]]) -> None:
    named: set[str] = set()
    for word, rest in instructions:
        if word == "FROM":
            base = rest.split()[0]
            assert re.fullmatch(r"[a-z]+:\d[\w.-]*", base), base
            if " AS " in rest:
                named.add(rest.rpartition(" ")[2])
        elif word == "COPY" and rest.startswith("--from="):
            assert rest.split()[0].removeprefix("--from=") in named
        elif word == "RUN":
            subprocess.run(["sh", "-n", "-c", rest], check=True)
            assert "sudo" not in shlex.split(rest)
        assert word != "ADD"


def test_no_file_names_a_secret_or_a_registry() -> None:
    for file in ("Dockerfile", "compose.yaml", ".env.example", "requirements.lock", "bin/uv.lock", "bin/node.lock"):
        text = (ROOT / file).read_text(encoding="utf-8")
        assert not re.search(r"(pypi|npmjs|docker|ghcr|quay)\.(org|io|com)", text), file
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        if re.match(r"(SECRET_KEY|ENCRYPTION_KEYS|POSTGRES_PASSWORD)=", line):
            assert line.endswith("="), "an example secret gets used"


def test_health_is_asked_of_the_servers_only(composition: dict[str, Any]) -> None:
    asked = {
        service["healthcheck"]["test"][-1]
        for service in composition["services"].values()
        if "opencom_project.health" in service.get("healthcheck", {}).get("test", [])
    }
    assert asked == set(PORTS)


def test_what_the_image_takes_is_enough_to_run(instructions: list[tuple[str, str]], tmp_path: Path) -> None:
    image = tmp_path / "image"
    last = stages(instructions)[-1]
    for word, rest in last:
        sources = rest.split()
        if word != "COPY":
            continue
        *taken, target = [source for source in sources if not source.startswith("--from")]
        if sources[0] == "--from=widget":
            (image / target).mkdir(parents=True)
        elif sources[0] != "--from=python":
            for source in taken:
                destination = image / target / Path(source).name if target == "./" else image / target
                destination.parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, destination, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / source, destination)
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "STATE_DIR": str(tmp_path)}
    built = [rest for word, rest in last if word == "RUN"][-1]
    assert "collectstatic" in built
    subprocess.run(["sh", "-e", "-c", built], cwd=image, env=environment, check=True)
    assert any((image / "staticfiles").rglob("*.css"))
    settings = {
        "SECRET_KEY": "x" * 30 + "0123456789" * 3,
        "ENCRYPTION_KEYS": "k" * 43,
        "DATABASE_URL": os.environ["DATABASE_URL"],
    }
    command = [image / "bin" / "opencom", "check"]
    subprocess.run(command, env=environment | settings, check=True)
    # Without a secret of its own no process starts.
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "Set SECRET_KEY" in refused.stderr
