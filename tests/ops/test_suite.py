"""The suite's runner: it counts what ran, and a part that ran nothing is a failure."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .suite import PARTS, Outcome, Part, count, owner, paths_of, report

ROOT = Path(__file__).resolve().parents[2]
UNIT = next(part for part in PARTS if part.name == "unit")


def run_pytest(folder: Path, text: str, *options: str) -> tuple[int, Path]:
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    written = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:django", "-p", "no:asyncio", "--junitxml", str(written)]
    done = subprocess.run([*command, *options, str(folder)], cwd=folder, capture_output=True, check=False)
    return done.returncode, written


def test_counts_are_those_of_the_part_s_own_report(tmp_path: Path) -> None:
    status, written = run_pytest(
        tmp_path,
        "import pytest\n"
        "def test_a(): pass\n"
        "def test_b(): assert False\n"
        "@pytest.mark.skip\ndef test_c(): pass\n"
        "@pytest.fixture\ndef broken(): raise OSError\n"
        "def test_d(broken): pass\n",
    )
    outcome = Outcome(UNIT)
    count(outcome, written, status)
    assert (outcome.passed, outcome.failed, outcome.skipped) == (1, 2, 1)


def test_a_part_that_finds_no_test_has_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, written = run_pytest(tmp_path, "")
    outcome = Outcome(UNIT)
    count(outcome, written, status)
    assert (outcome.passed, outcome.failed) == (0, 1)
    assert "unit found no test" in capsys.readouterr().out


def test_a_part_that_dies_without_a_report_has_failed(tmp_path: Path) -> None:
    outcome = Outcome(UNIT)
    count(outcome, tmp_path / "never-written.xml", -9)
    assert (outcome.passed, outcome.failed) == (0, 1)


def test_a_part_with_passing_tests_and_a_bad_status_has_failed(tmp_path: Path) -> None:
    _, written = run_pytest(tmp_path, "def test_a(): pass\n")
    outcome = Outcome(UNIT)
    count(outcome, written, 1)
    assert (outcome.passed, outcome.failed) == (1, 1)


def test_the_last_line_has_the_sums_and_the_status_follows_them(capsys: pytest.CaptureFixture[str]) -> None:
    fine, broken = Outcome(UNIT, passed=3, skipped=1), Outcome(UNIT, passed=1, failed=2)
    assert report([fine], [], 1.0) == 0
    assert report([fine, broken], ["e2e"], 2.0) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "4 passed, 2 failed, 1 skipped in 2.0 s"
    assert "e2e         has no folder here" in printed
    assert report([], ["unit"], 0.0) == 1, "a suite that ran nothing has not passed"


def test_a_path_is_run_by_the_part_that_sets_up_for_it() -> None:
    assert owner("tests/e2e/test_x.py") == "tests/e2e"
    assert owner("tests/conversations") == "tests"
    assert owner("tests/ops") == "tests/ops"
    named = [part.name for part in PARTS if paths_of(part, ["tests/e2e/test_x.py"])]
    assert named == ["e2e"]


def test_no_folder_of_tests_is_left_out_or_run_twice() -> None:
    ignored = {option.removeprefix("--ignore=") for option in UNIT.options}
    others = {part.folder for part in PARTS if part.folder.startswith("tests/") and part.in_suite}
    assert ignored == others


def test_every_part_is_pytest_or_a_program_that_exists() -> None:
    assert all(not part.command or (ROOT / part.command[0]).exists() for part in PARTS)
    assert isinstance(UNIT, Part)


def test_every_target_of_the_makefile_runs_something_that_exists() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z]+):.*## ", text, flags=re.MULTILINE)
    assert targets == ["help", "up", "test", "lint", "types", "docs", "bench", "evaluate", "chaos", "screenshots"]
    for module in re.findall(r"-m ([\w.]+)", text):
        assert importlib.util.find_spec(module), module
    for command in re.findall(r"manage\.py (\w+)", text):
        assert any(ROOT.glob(f"*/management/commands/{command}.py")) or any(
            ROOT.glob(f"apps/*/management/commands/{command}.py")
        ), command
    for program in re.findall(r"(?<![\w/.])(\.venv/bin/[\w-]+|bin/\w+)", text):
        assert (ROOT / program).exists(), program
