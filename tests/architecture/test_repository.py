"""What is in the repository: nothing of the machine it was written on, and nothing that names where packages come from."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT: Path = settings.ROOT
BINARY = {".png", ".ico", ".woff2", ".gz", ".jpg", ".webp", ".gif"}
LOCKS = ("requirements.lock", "bin/uv.lock", "bin/node.lock", "widget/package-lock.json")

MACHINE = re.compile(r"(?<![\w.])/(?:root|home/\w+|Users/\w+|work)/[\w.]")
HOSTS = re.compile(
    r"\b(?:registry\.npmjs\.org|pypi\.org|files\.pythonhosted\.org|registry\.yarnpkg\.com|index-url\s+http)"
)
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bghp_[A-Za-z0-9]{30,}|\bsk_live_[A-Za-z0-9]{10,}"
)
SEVERAL = (("a path of somebody's machine", MACHINE), ("a package registry", HOSTS), ("a secret", SECRETS))


def tracked() -> list[str]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, text=True, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this isn't a clone")
    return [name for name in listed.split("\0") if name and Path(name).suffix not in BINARY and (ROOT / name).is_file()]


def found(pattern: re.Pattern[str], names: list[str]) -> Iterator[str]:
    for name in names:
        if name == str(Path(__file__).resolve().relative_to(ROOT)):
            continue
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        for match in pattern.finditer(text):
            yield f"{name}:{text.count(chr(10), 0, match.start()) + 1} {match.group()}"


@pytest.mark.parametrize(("what", "pattern"), SEVERAL)
def test_no_file_holds(what: str, pattern: re.Pattern[str]) -> None:
    assert list(found(pattern, tracked())) == [], what


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("--python /root/.pyenv/bin/python3", MACHINE),
        ("open('/home/ada/opencom')", MACHINE),
        ('"resolved": "https://registry.npmjs.org/preact"', HOSTS),
        ("--index-url https://example.com/simple", HOSTS),
        ("-----BEGIN RSA PRIVATE KEY-----", SECRETS),
    ],
)
def test_it_would_be_found(text: str, pattern: re.Pattern[str]) -> None:
    assert pattern.search(text)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_pins_by_hash_and_names_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert '"resolved"' not in text
    assert "--index-url" not in text
    if name.endswith(".lock"):
        pins = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE).strip())
        assert pins
        assert [pin.split()[0] for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []


def test_every_npm_package_is_pinned_by_its_hash() -> None:
    import json

    packages = json.loads((ROOT / "widget/package-lock.json").read_text(encoding="utf-8"))["packages"]
    without = [
        name for name, pinned in packages.items() if name and not pinned.get("link") and "integrity" not in pinned
    ]
    assert packages
    assert without == []


def test_nothing_that_a_run_makes_is_in_the_repository() -> None:
    unwanted = re.compile(
        r"(^|/)(node_modules|\.venv|__pycache__|\.state|staticfiles|\.env)(/|$)|\.(pyc|sqlite3|log|map)$"
    )
    assert [name for name in tracked() if unwanted.search(name)] == []
