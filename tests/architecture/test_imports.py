"""Which part may import which, and how modules are called."""

from __future__ import annotations

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from django.conf import settings

ROOT: Path = settings.ROOT
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "part2"}


def lint_imports(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", *arguments]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)


def test_every_import_goes_the_way_it_may() -> None:
    done = lint_imports()
    assert done.returncode == 0, done.stdout[-3000:]
    assert "0 broken" in done.stdout


def test_an_import_upwards_would_be_found(tmp_path: Path) -> None:
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    for name in contracts.sections():
        if name not in ("importlinter", "importlinter:contract:apps"):
            contracts.remove_section(name)
    layers = contracts["importlinter:contract:apps"]
    layers["layers"] = "\n".join(["", *reversed(layers["layers"].split())])
    with (tmp_path / "upside-down").open("w") as file:
        contracts.write(file)
    done = lint_imports("--config", str(tmp_path / "upside-down"))
    assert done.returncode == 1
    assert "is not allowed to import" in done.stdout


@pytest.mark.parametrize("package", ["apps", "opencom_project", "bench"])
def test_every_module_has_a_name_that_says_what_is_in_it(package: str) -> None:
    nameless = {path for path in (ROOT / package).rglob("*.py") if path.stem in NAMELESS}
    # Django looks for a backend's connection in a module of this name.
    assert nameless - {ROOT / "apps" / "core" / "database" / "base.py"} == set()


def test_every_app_that_is_there_has_its_place_in_the_layers() -> None:
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    placed = set(contracts["importlinter:contract:apps"]["layers"].split())
    assert placed == {path.parent.name for path in (ROOT / "apps").glob("*/__init__.py")}
    assert placed == {app.rsplit(".", 1)[1] for app in settings.INSTALLED_APPS if app.startswith("apps.")}
