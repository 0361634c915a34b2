"""Postgres and Valkey as a run starts them: kept, alone, and gone with the run."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opencom_project.embedded.account import service_account
from opencom_project.embedded.problem import Busy, Problem
from opencom_project.embedded.state import LONGEST_SOCKET_FOLDER, State, disk_full

from .processes_below import eventually, using

ROOT = Path(__file__).resolve().parents[2]
RUN = [sys.executable, "-m", "opencom_project.embedded", "run", "--"]
SQL = (
    "import os, psycopg, sys; "
    "c = psycopg.connect(os.environ['OWNER_DATABASE_URL'].replace('postgres:', 'postgresql:'), autocommit=True)"
)


def run(script: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )


def test_a_run_gets_postgres_with_vectors_and_a_queue_and_leaves_nothing_running(
    own_services: dict[str, str], state_dir: Path
) -> None:
    script = f"""{SQL}
print(c.execute("SELECT '[1,2]'::vector <-> '[1,3]'::vector, lower('ÄЖ')").fetchone())
import redis; r = redis.Redis.from_url(os.environ["REDIS_URL"]); print(r.incr("n"), r.config_get("maxmemory-policy"))"""
    done = run(script, own_services)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["(1.0, 'äж')", "1 {'maxmemory-policy': 'noeviction'}"]
    assert using(state_dir) == []


def test_what_was_committed_and_queued_survives_a_killed_run(own_services: dict[str, str], state_dir: Path) -> None:
    write = f"""{SQL}
c.execute("CREATE TABLE kept (n int)"); c.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
import redis; redis.Redis.from_url(os.environ["REDIS_URL"]).set("kept", "yes")
import time; print("written", flush=True); time.sleep(1.2); print("settled", flush=True); time.sleep(60)"""
    runner = subprocess.Popen(
        [*RUN, sys.executable, "-c", write], cwd=ROOT, env=own_services, text=True, stdout=subprocess.PIPE
    )
    assert runner.stdout is not None
    assert [runner.stdout.readline().strip() for _ in range(2)] == ["written", "settled"]
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()
    # At once: what the killed run leaves may still be ending.
    read = f"""{SQL}
print(c.execute("SELECT count(*) FROM kept").fetchone()[0])
import redis; print(redis.Redis.from_url(os.environ["REDIS_URL"]).get("kept"))"""
    done = run(read, own_services)
    assert done.stdout.splitlines() == ["1000", "b'yes'"], done.stderr
    assert eventually(lambda: using(state_dir) == [])


def test_a_pid_file_of_a_restarted_machine_does_not_stop_the_database(
    own_services: dict[str, str], state_dir: Path
) -> None:
    assert run("", own_services).returncode == 0
    # The number belongs to another program now, of the same account as Postgres, which would refuse to start.
    account = service_account()
    options = account.spawn_options() if account else {}
    stranger = subprocess.Popen(["/bin/sleep", "60"], cwd="/", **options)
    try:
        (state_dir / "postgres" / "postmaster.pid").write_text(
            f"{stranger.pid}\n{state_dir / 'postgres'}\n1\n5432\n{state_dir / 'run'}\n\n0 0\nready\n", encoding="ascii"
        )
        assert run("", own_services).returncode == 0
        assert stranger.poll() is None, "the other program was left alone"
    finally:
        stranger.kill()
        stranger.wait()


def test_only_the_operator_can_reach_the_services_and_the_secret(own_services: dict[str, str], state_dir: Path) -> None:
    script = """import os, stat
from pathlib import Path
for path in sorted(Path(os.environ["STATE_DIR"]).rglob("*")):
    if path.is_socket(): print(path.name, oct(stat.S_IMODE(path.stat().st_mode) & 0o077))"""
    done = run(script, own_services)
    assert dict(line.split() for line in done.stdout.splitlines()) == {".s.PGSQL.5432": "0o0", "valkey.sock": "0o0"}
    key = State(state_dir, None).secret_key()
    assert len(key) >= 50
    assert State(state_dir, None).secret_key() == key
    assert len(State(state_dir, None).encryption_key()) == 43
    assert State(state_dir, None).secrets() == State(state_dir, None).secrets()
    for name in ("secret-key", "encryption-key"):
        assert stat.S_IMODE((state_dir / name).stat().st_mode) == 0o600


def test_a_second_run_in_the_same_folder_is_refused_and_told_the_remedy(state_dir: Path) -> None:
    first, second = State(state_dir, None), State(state_dir, None)
    first.claim()
    with pytest.raises(Busy, match=rf"already running from {state_dir} \(process {os.getpid()}\).*STATE_DIR="):
        second.claim()
    first.release()
    second.claim()
    second.release()


def test_throwaway_services_stand_beside_each_other(own_services: dict[str, str]) -> None:
    run_throwaway = [sys.executable, "-m", "opencom_project.embedded", "run", "--throwaway", "--"]
    inner = "import os; print(os.environ['DATABASE_URL'])"
    both = [
        subprocess.Popen(
            [*run_throwaway, sys.executable, "-c", f"{inner}; import time; time.sleep(2)"],
            cwd=ROOT,
            env=own_services,
            text=True,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    urls = {process.communicate(timeout=60)[0] for process in both}
    assert len(urls) == 2
    assert [process.returncode for process in both] == [0, 0]


def test_a_deep_folder_still_gets_sockets_short_enough(state_dir: Path, own_services: dict[str, str]) -> None:
    deep = state_dir / ("d" * 60) / ("e" * 60)
    assert len(os.fsencode(State(deep, None).sockets)) <= LONGEST_SOCKET_FOLDER
    for folder in (deep.parent, deep):
        folder.mkdir(mode=0o711)
    done = run(f"{SQL}; print(c.execute('SELECT 1').fetchone())", own_services | {"STATE_DIR": str(deep)})
    assert done.stdout.strip() == "(1,)", done.stderr
    sockets = State(deep, None).sockets
    for leftover in sorted(sockets.rglob("*"), reverse=True):
        leftover.rmdir() if leftover.is_dir() else leftover.unlink()
    sockets.rmdir()


def test_a_command_s_status_is_the_run_s_status(own_services: dict[str, str]) -> None:
    assert run("raise SystemExit(7)", own_services).returncode == 7


def test_data_of_another_postgres_is_left_alone_and_the_ways_out_are_named(
    own_services: dict[str, str], state_dir: Path
) -> None:
    assert run("", own_services).returncode == 0
    (state_dir / "postgres" / "PG_VERSION").write_text("14\n", encoding="ascii")
    done = run("print('ran')", own_services)
    assert done.returncode == 1
    assert "ran" not in done.stdout
    assert "written by Postgres 14" in done.stderr
    assert "pg_upgrade" in done.stderr
    (state_dir / "postgres" / "PG_VERSION").write_text("18\n", encoding="ascii")
    assert run("", own_services).returncode == 0


def test_a_wrong_program_folder_is_named(own_services: dict[str, str], tmp_path: Path) -> None:
    done = run("print('ran')", own_services | {"PG_BIN_DIR": str(tmp_path)})
    assert done.returncode == 1
    assert "ran" not in done.stdout
    assert f"PG_BIN_DIR={tmp_path} holds no Postgres programs" in done.stderr


def test_a_postgres_that_is_too_old_is_refused_before_it_makes_anything(
    own_services: dict[str, str], state_dir: Path, tmp_path: Path
) -> None:
    for name in ("initdb", "postgres"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.4'\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    done = run("print('ran')", own_services | {"PG_BIN_DIR": str(tmp_path)})
    assert done.returncode == 1
    assert "ran" not in done.stdout
    assert "is Postgres 15: Opencom needs 16 or newer" in done.stderr
    assert not (state_dir / "postgres").exists()


def test_given_addresses_replace_our_services(own_services: dict[str, str], state_dir: Path) -> None:
    given = own_services | {"DATABASE_URL": "postgres://elsewhere/db", "REDIS_URL": ""}
    done = run("import os; print(os.environ['DATABASE_URL'], repr(os.environ['REDIS_URL']))", given)
    assert done.stdout.strip() == "postgres://elsewhere/db ''"
    assert not (state_dir / "postgres").exists()


def test_a_full_disk_is_said_with_the_room_it_takes(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opencom_project.embedded.state.LEAST_FREE_BYTES", 1 << 60)
    with pytest.raises(Problem, match=r"is full \(\d+ MB free\): make at least \d+ MB free, or set STATE_DIR"):
        State(state_dir, None).claim()
    assert "STATE_DIR" in str(disk_full(state_dir))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as somebody else")
def test_root_is_told_when_postgres_could_not_enter_the_folder(own_services: dict[str, str], state_dir: Path) -> None:
    private = state_dir / "private"
    private.mkdir(mode=0o700)
    done = run("print('ran')", own_services | {"STATE_DIR": str(private / "state")})
    assert done.returncode == 1
    assert "ran" not in done.stdout
    assert "can't enter" in done.stderr
    assert "STATE_DIR" in done.stderr


def test_a_start_with_data_takes_seconds(own_services: dict[str, str]) -> None:
    assert run("", own_services).returncode == 0
    started = time.monotonic()
    assert run("", own_services).returncode == 0
    assert time.monotonic() - started < 5
