"""Databases beside the product's own, on the same server, and pgbench."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from bench.remote import ROOT
from bench.rounds import percentile
from opencom_project import processes
from opencom_project.embedded.account import service_account
from opencom_project.embedded.postgres import find_programs

STATEMENTS = ROOT / "bench" / "floors"


class PgbenchFailed(Exception):
    """pgbench ended with an error; carries what it said."""


def url_of(url: str, database: str) -> str:
    """Return the address of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def create(url: str, database: str, template: str | None = None) -> str:
    """Make a database, a copy of another one where a template is named, and return its address."""
    with psycopg.connect(url, autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database))
        if template:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        connection.execute(statement)
    return url_of(url, database)


def migrate(environment: Mapping[str, str]) -> None:
    """Bring the database of this environment to the code's shape."""
    command = [*processes.migrate(environment), "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=dict(environment), check=True)


def secure(url: str, *, secured: bool) -> None:
    """Switch row-level security of every table that has policies on or off."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT DISTINCT tablename FROM pg_policies WHERE schemaname = 'public' ORDER BY 1"
        ).fetchall()
        for (table,) in tables:
            statement = (
                "ALTER TABLE {} ENABLE ROW LEVEL SECURITY" if secured else "ALTER TABLE {} DISABLE ROW LEVEL SECURITY"
            )
            connection.execute(sql.SQL(statement).format(sql.Identifier(table)))


def commits_per_second(url: str, clients: int, seconds: float) -> float:
    """Return how many one-row transactions a second Postgres itself takes from so many clients."""
    said = _pgbench(
        url, "commit.sql", ["-c", str(clients), "-j", str(min(clients, 2)), "-T", str(max(1, round(seconds)))]
    )
    return float(_found(r"tps = ([\d.]+)", said))


def page_ms(url: str, pages: int, variables: Mapping[str, str]) -> float:
    """Return the median time in ms of an index-only scan of one page, read by pgbench over one connection."""
    with tempfile.TemporaryDirectory() as folder:
        defined = [word for name, value in variables.items() for word in ("-D", f"{name}={value}")]
        log = ["-l", f"--log-prefix={folder}/page"]
        _pgbench(url, "page.sql", ["-c", "1", "-t", str(pages), *defined, *log])
        lines = [line.split() for file in Path(folder).iterdir() for line in file.read_text().splitlines()]
    return percentile([int(line[2]) / 1000 for line in lines], 0.5)


def _pgbench(url: str, script: str, options: list[str]) -> str:
    program = find_programs(service_account()) / "pgbench"
    command = [str(program), "-n", "-M", "prepared", "-f", str(STATEMENTS / script), *options]
    done = subprocess.run(
        command, env=_connection(url), capture_output=True, text=True, cwd=tempfile.gettempdir(), check=False
    )
    if done.returncode != 0:
        raise PgbenchFailed(done.stderr[-500:])
    return done.stdout


def _connection(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    wanted = {
        "PGHOST": options.get("host") or parts.hostname or "",
        "PGPORT": options.get("port") or str(parts.port or ""),
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
        "PGDATABASE": parts.path.lstrip("/"),
    }
    return {"PATH": os.environ["PATH"], "LC_ALL": "C"} | {name: value for name, value in wanted.items() if value}


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise PgbenchFailed(f"no {pattern} in: {text[-500:]}")
    return match[1]
