"""What the first start says on a machine that lacks something, and that it does nothing when nothing is lacking."""

import os
import shutil
import stat
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What bin/bootstrap uses of a machine that has neither Python nor uv.
TOOLS = ("sh", "dirname", "date", "mkdir", "cat", "rm", "ln", "cmp", "cp", "grep", "tail", "printf", "sleep", "env")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As much of a fresh clone as the bootstrap reads."""
    target = tmp_path / "clone"
    target.mkdir()
    shutil.copytree(ROOT / "bin", target / "bin")
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, target / name)
    return target


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs to be the whole PATH: a machine with no Python at all until a test adds one."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if found:
            (programs / tool).symlink_to(found)
    return programs


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def bootstrap(clone: Path, machine: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / "bin" / "bootstrap"],
        env={"PATH": str(machine), "HOME": str(machine), "PYENV_ROOT": "/nonexistent", **environment},
        text=True,
        capture_output=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def last_words(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode != 0, done.stdout
    return done.stderr.strip().splitlines()[-1]


def has_python_outside_path() -> bool:
    places = (
        *Path("/opt").glob("python*/bin/python3"),
        Path("/usr/local/bin/python3"),
        Path("/opt/homebrew/bin/python3"),
    )
    test = "import sys; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 14))"
    return any(place.exists() and subprocess.run([place, "-c", test], check=False).returncode == 0 for place in places)


needs_bare_machine = pytest.mark.skipif(
    has_python_outside_path(), reason="this machine has a Python in a well-known place"
)


@needs_bare_machine
def test_a_machine_without_python_is_told_to_install_one(clone: Path, machine: Path) -> None:
    assert last_words(bootstrap(clone, machine)).startswith("No python3 is on this machine: install Python 3.13")
    assert not (clone / ".venv").exists()


@needs_bare_machine
def test_a_python_without_venv_and_pip_is_told_what_to_install(clone: Path, machine: Path) -> None:
    program(
        machine, "python3", 'case "$*" in *"-m venv"*|*"-m pip"*) echo "No module named $2" >&2; exit 1;; esac; exit 1'
    )
    said = last_words(bootstrap(clone, machine))
    assert "has neither venv nor pip" in said
    assert "python3-venv" in said


def test_an_unreachable_index_is_named_as_such(clone: Path, machine: Path) -> None:
    (machine / "python3").symlink_to(getattr(sys, "_base_executable", sys.executable))
    nowhere = "http://127.0.0.1:9/simple"
    done = bootstrap(
        clone, machine, PYTHON=sys.executable, PIP_INDEX_URL=nowhere, PIP_RETRIES="0", PIP_CONFIG_FILE=os.devnull
    )
    assert last_words(done).startswith("The package index could not be reached for fetching uv: check the network")


def test_a_full_disk_is_named_as_such(clone: Path, machine: Path) -> None:
    program(
        machine,
        "uv",
        'case "$*" in "venv "*) exit 0;; esac\n'
        'echo "error: failed to write: No space left on device (os error 28)" >&2\nexit 2',
    )
    assert last_words(bootstrap(clone, machine, PYTHON=sys.executable)).startswith(
        "The disk is full: installing the Python packages takes"
    )


def test_other_files_than_the_lock_names_are_refused(clone: Path, machine: Path) -> None:
    program(machine, "uv", 'case "$*" in "venv "*) exit 0;; esac; echo "error: Hash mismatch for django" >&2; exit 1')
    said = last_words(bootstrap(clone, machine, PYTHON=sys.executable))
    assert said.startswith("The package index serves other files than requirements.lock names")
    assert not (clone / ".venv" / "requirements.lock").exists()


def test_a_wrong_python_is_named(clone: Path, machine: Path) -> None:
    program(machine, "python-old", "exit 1")
    said = last_words(bootstrap(clone, machine, PYTHON=str(machine / "python-old")))
    assert "is not a Python 3.12, 3.13 or 3.14" in said


@needs_bare_machine
def test_without_a_new_enough_python_and_without_a_download_the_ways_out_are_named(clone: Path, machine: Path) -> None:
    program(machine, "uv", 'echo "error: failed to download: dns error" >&2; exit 2')
    said = last_words(bootstrap(clone, machine))
    assert said.startswith("This machine has no Python 3.12 or newer and none could be downloaded: install Python 3.13")


def test_the_lock_is_what_gets_installed_and_only_once(clone: Path, machine: Path) -> None:
    calls = machine.parent / "calls"
    program(
        machine,
        "uv",
        f'echo "$@" >>"{calls}"\n'
        f'case "$*" in "venv "*) mkdir -p .venv/bin; ln -s "{sys.executable}" .venv/bin/python;; esac',
    )
    first = bootstrap(clone, machine, PYTHON=sys.executable)
    assert first.returncode == 0, first.stderr
    assert (
        calls.read_text(encoding="utf-8").splitlines()[-1]
        == "pip sync -q --python .venv --require-hashes requirements.lock"
    )
    calls.unlink()
    started = time.monotonic()
    second = bootstrap(clone, machine, PYTHON=sys.executable)
    assert (second.returncode, second.stdout, calls.exists()) == (0, "", False)
    assert time.monotonic() - started < 2
    (clone / "requirements.lock").write_text("# changed\n", encoding="utf-8")
    assert bootstrap(clone, machine, PYTHON=sys.executable).returncode == 0
    assert calls.exists()


def test_a_lock_left_by_a_killed_start_is_taken_over(clone: Path, machine: Path) -> None:
    program(
        machine, "uv", f'case "$*" in "venv "*) mkdir -p .venv/bin; ln -s "{sys.executable}" .venv/bin/python;; esac'
    )
    ended = subprocess.Popen(["true"])
    ended.wait()
    (clone / ".tools" / "lock").mkdir(parents=True)
    (clone / ".tools" / "lock" / "pid").write_text(str(ended.pid), encoding="ascii")
    assert bootstrap(clone, machine, PYTHON=sys.executable).returncode == 0
    assert not (clone / ".tools" / "lock").exists()


def test_every_script_is_posix_and_may_be_run() -> None:
    for script in (*(ROOT / "bin").iterdir(), ROOT / ".ci" / "run"):
        if script.suffix != ".lock":
            assert script.stat().st_mode & stat.S_IXUSR, script
            subprocess.run(["sh", "-n", script], check=True)
            assert script.read_text(encoding="utf-8").startswith("#!/bin/sh\n"), script


def test_locks_name_no_host_and_hold_every_pinned_dependency() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    locked = {line.split(" ")[0] for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = tomllib.loads(project)
    wanted = [
        *declared["project"]["dependencies"],
        *(d for group in declared["dependency-groups"].values() for d in group),
    ]
    for dependency in wanted:
        name = dependency.split(";")[0].strip().split("[")[0].split("==")[0].lower()
        version = dependency.split(";")[0].partition("==")[2].strip()
        found = [pin for pin in locked if pin.split("==")[0] == name]
        assert found, f"{dependency} is not in requirements.lock"
        assert not version or found == [f"{name}=={version}"], dependency
    package_lock = ROOT / "widget" / "package-lock.json"
    assert '"resolved"' not in package_lock.read_text(encoding="utf-8")
