"""`make test`: runs every part of the suite, each in a process of its own, and ends with the counts and the times.

Expects DATABASE_URL and REDIS_URL to lead to services that may be written to; `make test` provides them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import psycopg
from psycopg import sql

from opencom_project.embedded.up import SCHEMA_SOURCES, fingerprint

ROOT = Path(__file__).resolve().parents[2]
# pytest loads every plug-in it finds unless told which; most of those installed here serve other programs.
PLUGINS = ("pytest_django.plugin", "pytest_asyncio.plugin", "_hypothesis_pytestplugin")
NOTHING_COLLECTED = 5


@dataclass(frozen=True)
class Part:
    """One process's share of the suite. Without its folder it has no tests; one that finds none in it has failed."""

    name: str
    folder: str
    command: tuple[str, ...] = ()
    """What runs it, with {report} for the file of its counts; empty for pytest."""
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    needs_widget: bool = False
    in_suite: bool = True
    """Whether `make test` runs it; others run by name only."""

    def exists(self) -> bool:
        return (ROOT / self.folder).is_dir()


NPM = ("bin/node", "npm", "--prefix", "widget", "--silent")
VITEST_REPORTS = ("--reporter=default", "--reporter=junit", "--outputFile={report}")
ASYNC_UNSAFE = {"DJANGO_ALLOW_ASYNC_UNSAFE": "true"}
PARTS = (
    Part("unit", "tests", options=("--ignore=tests/ops", "--ignore=tests/e2e", "--ignore=tests/chaos")),
    Part("ops", "tests/ops", needs_widget=True),
    Part("widget", "widget", (*NPM, "test", "--", *VITEST_REPORTS), needs_widget=True),
    Part("budgets", "widget", (*NPM, "run", "size"), needs_widget=True),
    Part("e2e", "tests/e2e", environment=ASYNC_UNSAFE, needs_widget=True),
    Part("chaos", "tests/chaos", options=("-m", "smoke")),
    Part("chaos-full", "tests/chaos", in_suite=False),
)


@dataclass
class Outcome:
    """What one part came to."""

    part: Part
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    def describe(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.part.name:<11} {self.passed:>5} passed, {self.failed} failed{skipped:<12} {self.seconds:7.1f} s"


def main(arguments: list[str]) -> int:
    """Run the parts that were asked for and return 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="make test", description=__doc__)
    parser.add_argument("--part", choices=[part.name for part in PARTS], help="run this part only")
    parser.add_argument("paths", nargs="*", help="run only these test files or folders")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    wanted = [part for part in PARTS if part.name == options.part or (options.part is None and part.in_suite)]
    chosen = {part.name: paths_of(part, options.paths) for part in wanted}
    parts = [part for part in wanted if part.exists() and (chosen[part.name] or not options.paths)]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if any(not part.command for part in parts):
        environment["TEST_DATABASE_TEMPLATE"] = make_template()
    with tempfile.TemporaryDirectory() as reports:
        outcomes = [run(part, chosen[part.name], Path(reports) / f"{part.name}.xml", environment) for part in parts]
    missing = [part.name for part in wanted if not part.exists()]
    return report(outcomes, missing, time.monotonic() - started)


def paths_of(part: Part, paths: list[str]) -> list[str]:
    """Return those of the paths that belong to this part: its folder is the longest that holds them."""
    return [path for path in paths if owner(path) == part.folder] if not part.command else []


def owner(path: str) -> str:
    """Return the folder of the pytest part that a path belongs to."""
    folders = sorted({part.folder for part in PARTS if not part.command}, key=len, reverse=True)
    return next((folder for folder in folders if f"{path.rstrip('/')}/".startswith(f"{folder}/")), "tests")


def run(part: Part, paths: list[str], report_path: Path, environment: dict[str, str]) -> Outcome:
    """Run one part, with what it prints passed through, and count."""
    print(f"\n--- {part.name}", flush=True)
    outcome = Outcome(part)
    started = time.monotonic()
    if part.needs_widget and subprocess.run([ROOT / "bin" / "widget"], check=False).returncode != 0:
        outcome.failed = 1
    else:
        command = [word.format(report=report_path) for word in part.command] or pytest_command(part, paths, report_path)
        done = subprocess.run(command, cwd=ROOT, env=environment | part.environment, check=False)
        count(outcome, report_path, done.returncode)
    outcome.seconds = time.monotonic() - started
    return outcome


def pytest_command(part: Part, paths: list[str], report_path: Path) -> list[str]:
    """Return the command that runs a part by pytest."""
    plugins = [word for plugin in PLUGINS for word in ("-p", plugin)]
    options = [] if paths else list(part.options)
    quiet = ["-q", "--junitxml", str(report_path)]
    return [sys.executable, "-m", "pytest", *plugins, *quiet, *options, *(paths or [part.folder])]


def count(outcome: Outcome, report_path: Path, status: int) -> None:
    """Take the counts from the part's report; a part without one counts as one test."""
    if report_path.exists():
        for suite in ElementTree.parse(report_path).getroot().iter("testsuite"):
            failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped = int(suite.get("skipped", 0))
            outcome.failed += failed
            outcome.skipped += skipped
            outcome.passed += int(suite.get("tests", 0)) - failed - skipped
    elif status == 0:
        outcome.passed = 1
    if status != 0 and not outcome.failed:
        outcome.failed = 1
        said = "found no test" if status == NOTHING_COLLECTED else f"ended with status {status}"
        print(f"{outcome.part.name} {said}", flush=True)


def report(outcomes: list[Outcome], missing: list[str], seconds: float) -> int:
    """Print what each part came to and the sum, and return the exit status."""
    print("\n--- all parts")
    for outcome in outcomes:
        print(outcome.describe())
    for name in missing:
        print(f"{name:<11} has no folder here")
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    last_line = f"{passed} passed, {failed} failed, {skipped} skipped in {seconds:.1f} s"
    print(last_line)
    if os.environ.get("SUMMARY_FILE"):
        Path(os.environ["SUMMARY_FILE"]).write_text(last_line + "\n", encoding="utf-8")
    return 1 if failed or not outcomes else 0


def make_template() -> str:
    """Return the name of a migrated database that test databases are copied from, made when the schema has changed.

    Copying takes a third of a second where migrating takes several.
    """
    name = "template_" + fingerprint(SCHEMA_SOURCES)[:12]
    url = os.environ["OWNER_DATABASE_URL"]
    with psycopg.connect(url.replace("postgres://", "postgresql://"), autocommit=True) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^(template|test)_'").fetchall()
        existing = {row[0] for row in rows}
        for old in existing - {name}:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(old)))
        if name in existing:
            return name
        draft = "test_template_draft"
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(draft)))
        environment = os.environ | {
            **{
                name: os.environ[name].replace("/opencom?", f"/{draft}?")
                for name in ("DATABASE_URL", "OWNER_DATABASE_URL")
            },
            "DJANGO_SETTINGS_MODULE": "opencom_project.settings_test",
        }
        command = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        connection.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(draft), sql.Identifier(name))
        )
    return name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
