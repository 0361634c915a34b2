"""Real support dialogues, played by visitors and agents at once through the public API and sockets of a running installation.

`manage.py demo --replay FILE`, or `python -m opencom_project.demo.replay FILE`. Exits 0 only if every message was seen once, in order, by all.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from opencom_project import processes
from opencom_project.demo.caller import Caller, Refused, Unanswered
from opencom_project.demo.cast import PASSWORD, TEAM
from opencom_project.demo.checker import Verdict
from opencom_project.demo.clients import Place
from opencom_project.demo.dialogues import Dialogue, UnknownForm, load
from opencom_project.demo.players import Run, play_all
from opencom_project.embedded.account import service_account
from opencom_project.embedded.postgres import Postgres
from opencom_project.embedded.problem import Problem
from opencom_project.embedded.state import PROJECT_ROOT, State
from opencom_project.embedded.supervisor import Program, Stopped, Supervisor
from opencom_project.embedded.up import answers
from opencom_project.embedded.valkey import Valkey

SHOWN_ANOMALIES = 20
PROBE_SECONDS = 5.0
COMPLAINTS = ("holes", "missed", "deaf", "closed 4008", "closed 4400", "closed 4403", "closed 4429")
"""What a client counts that must not happen where nobody breaks anything."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that `manage.py demo --replay` and this module's own command share."""
    parser.add_argument("--limit", type=int, metavar="N", help="replay this many dialogues")
    parser.add_argument("--clients", type=int, default=24, metavar="N", help="replay this many at once")
    parser.add_argument("--web", metavar="URL", help="replay through this installation, not through one of its own")
    parser.add_argument("--live", metavar="URL", help="its live address, where it isn't the one it names itself")
    parser.add_argument("--history", type=Path, metavar="FILE", help="keep what every client did and saw")


def replay(
    file: Path, *, limit: int | None, clients: int, web: str | None, live: str | None, history: Path | None
) -> int:
    """Replay through the named installation, or through processes that are started for it; return the exit status."""
    if web is None:
        return _with_own_processes(file, limit=limit, clients=clients, history=history)
    try:
        dialogues = load(file, limit)
    except (OSError, UnknownForm) as error:
        print(error, file=sys.stderr)
        return 2
    started = time.monotonic()
    place = Place(web.rstrip("/"), web.rstrip("/"), (live or "").rstrip("/"))
    accounts = [(one.email, PASSWORD) for one in TEAM]
    try:
        run = asyncio.run(_play(place, dialogues, accounts, clients))
    except (Unanswered, Refused) as error:
        print(f"Nobody can sign in at {web}: {error}", file=sys.stderr)
        return 1
    if history is not None:
        run.history.save(history)
    verdict = run.verdict()
    print(report(run, verdict, len(dialogues), time.monotonic() - started))
    clean = verdict.valid and not run.stuck and not any(run.sockets[name] for name in COMPLAINTS)
    return 0 if clean else 1


async def _play(place: Place, dialogues: Sequence[Dialogue], accounts: Sequence[tuple[str, str]], clients: int) -> Run:
    """Play them all, once it is sure that somebody is there. Raises Unanswered, Refused."""
    probe = Caller(place.web, {"Origin": place.origin}, seconds=PROBE_SECONDS)
    email, password = accounts[0]
    await probe.call("POST", "/session", {"email": email, "password": password})
    probe.close()
    return await play_all(place, dialogues, accounts, clients=clients, progress=_progress(len(dialogues)))


def _progress(total: int) -> Callable[[int], None]:
    step = max(1, total // 10)

    def say(done: int) -> None:
        if done % step == 0 or done == total:
            print(f"{done:>6} of {total} dialogues", flush=True)

    return say


def report(run: Run, verdict: Verdict, dialogues: int, seconds: float) -> str:
    """Say in lines what a run came to."""
    times = verdict.milliseconds
    statuses = ", ".join(f"{status} ×{count}" for status, count in sorted(run.answers.items()))
    happened = ", ".join(f"{name} ×{count}" for name, count in sorted(run.sockets.items()))
    lines = [
        f"{dialogues} dialogues in {seconds:.1f} s: {verdict.acknowledged / seconds:.0f} messages/s",
        f"acknowledged {verdict.acknowledged}, replayed {verdict.replayed}, seen {verdict.seen}",
        "sent → seen by another: " + ", ".join(f"{name} {times[name]:.0f} ms" for name in times),
        f"answers: {statuses}",
        f"sockets: {happened}",
        f"lost {verdict.lost}, doubled {verdict.doubled}, reordered {verdict.reordered}, "
        f"other {len(verdict.anomalies) - verdict.lost - verdict.doubled - verdict.reordered}, stuck {len(run.stuck)}",
        *(f"  {anomaly.kind}: {anomaly.detail}" for anomaly in verdict.anomalies[:SHOWN_ANOMALIES]),
        *(f"  stuck: {words}" for words in run.stuck[:SHOWN_ANOMALIES]),
    ]
    return "\n".join(lines)


def _with_own_processes(file: Path, *, limit: int | None, clients: int, history: Path | None) -> int:
    """Start an installation in a temporary folder, replay through it from outside, and leave nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="opencom-replay-"))
    try:
        state = State(folder, service_account())
        state.claim()
        with Supervisor(lambda text: print(text, flush=True)) as supervisor:
            try:
                return _start_and_replay(supervisor, state, file, limit=limit, clients=clients, history=history)
            except Stopped:
                return 130
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start_and_replay(
    supervisor: Supervisor, state: State, file: Path, *, limit: int | None, clients: int, history: Path | None
) -> int:
    postgres, valkey = Postgres(state, throwaway=True), Valkey(state, throwaway=True)
    postgres.prepare()
    supervisor.start(postgres.program(), valkey.program())
    supervisor.wait_ready()
    postgres.create_database()
    environment = _environment(state, postgres, valkey)
    for words in (("migrate", "--no-input", "--verbosity", "0"), ("demo",)):
        if supervisor.run(processes.manage(*words), environment, name=words[0], directory=PROJECT_ROOT) != 0:
            raise Problem(f"`manage.py {words[0]}` failed; what it said is above.")
    supervisor.start(*(_program(name, environment) for name in ("web", "live", "worker", "beat")))
    supervisor.wait_ready()
    options = [] if limit is None else ["--limit", str(limit)]
    options += [] if history is None else ["--history", str(history.absolute())]
    command = [
        sys.executable,
        "-m",
        "opencom_project.demo.replay",
        str(file.absolute()),
        "--web",
        environment["PUBLIC_URL"],
    ]
    command += ["--clients", str(clients), *options]
    return supervisor.run(command, environment, name="replay", directory=PROJECT_ROOT)


def _environment(state: State, postgres: Postgres, valkey: Valkey) -> dict[str, str]:
    web, live = _free_ports(2)
    return {
        "PATH": "/usr/bin:/bin",
        **state.secrets(),
        "STATE_DIR": str(state.directory),
        "MEDIA_ROOT": str(state.media),
        "DATABASE_URL": postgres.url(),
        "OWNER_DATABASE_URL": postgres.owner_url(),
        "REDIS_URL": valkey.url(),
        "PORT": str(web),
        "LIVE_PORT": str(live),
        "PUBLIC_URL": f"http://127.0.0.1:{web}",
        "LIVE_URL": f"http://127.0.0.1:{live}",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "STATIC_ROOT": str(state.media),
        # A thousand visitors from one address, and agents faster than people.
        "LIMITS_ENFORCED": "0",
        "LOG_LEVEL": "WARNING",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges:UserWarning",
        **processes.ALLOCATOR,
    }


def _program(name: str, environment: dict[str, str]) -> Program:
    ports = {"web": "PORT", "live": "LIVE_PORT"}
    port = int(environment[ports[name]]) if name in ports else 0
    ready = (lambda: answers("127.0.0.1", port)) if port else None
    return Program(name, processes.PROCESSES[name](environment), environment, directory=PROJECT_ROOT, ready=ready)


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def main(words: Sequence[str]) -> int:
    """Replay as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m opencom_project.demo.replay", description=__doc__)
    parser.add_argument("file", type=Path, help="dialogues: DSTC11's logs or ABCD's conversations")
    arguments(parser)
    options = parser.parse_args(words)
    return replay(
        options.file,
        limit=options.limit,
        clients=options.clients,
        web=options.web,
        live=options.live,
        history=options.history,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
