"""`python -m opencom_project.embedded up` runs the product; `… run -- COMMAND` runs a command beside its own services."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from .account import service_account
from .problem import Busy, Problem
from .services import Services
from .state import PROJECT_ROOT, State, open_state
from .supervisor import Stopped, Supervisor, end_with_parent
from .up import Up

STOPPED_BY_SIGNAL = 130
THROWAWAY_RUNS = 16


def main(arguments: list[str]) -> int:
    """Do what the command line says and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m opencom_project.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="run the whole product until Ctrl-C")
    up.add_argument("--once", action="store_true", help="let one message go both ways, report, and stop")
    run = commands.add_parser("run", help="run a command with DATABASE_URL and REDIS_URL set to services of its own")
    run.add_argument("--throwaway", action="store_true", help="fast services whose data need not survive the machine")
    run.add_argument("run_command", nargs=argparse.REMAINDER, metavar="COMMAND")
    options = parser.parse_args(arguments)
    try:
        if options.command == "up":
            return Up(once=options.once).run()
        command = options.run_command[1:] if options.run_command[:1] == ["--"] else options.run_command
        return run_beside_services(command, throwaway=options.throwaway)
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1


def run_beside_services(command: list[str], *, throwaway: bool) -> int:
    """Run a command with services of its own around it, and return its exit status."""
    state = claim_throwaway_state() if throwaway else open_state(service_account())
    if not throwaway:
        state.claim()
    try:
        return _run_in(state, command, throwaway=throwaway)
    except Problem:
        if not throwaway or not state.postgres.exists():
            raise
        # Throwaway clusters don't survive a crash of the machine; nothing in them is worth keeping.
        shutil.rmtree(state.postgres)
        return _run_in(state, command, throwaway=True)
    finally:
        state.release()


def _run_in(state: State, command: list[str], *, throwaway: bool) -> int:
    services = Services(state, throwaway=throwaway)
    with Supervisor(say=lambda _: None) as supervisor:
        try:
            services.start(supervisor)
            ours = {**services.environment(), "STATE_DIR": str(state.directory)}
            environment = {**state.secrets(), **os.environ, **ours}
            process = subprocess.Popen(command, env=environment, preexec_fn=lambda: end_with_parent(signal.SIGTERM))  # noqa: PLW1509
            try:
                return supervisor.watch_until(process)
            finally:
                process.terminate()
                process.wait()
        except Stopped:
            return STOPPED_BY_SIGNAL


def claim_throwaway_state() -> State:
    """Return the first folder of the throwaway services that no other run uses, claimed."""
    account = service_account()
    parent = Path(os.environ.get("STATE_DIR") or open_state(account).directory)
    for number in range(THROWAWAY_RUNS):
        state = State(parent / f"throwaway-{number}", account)
        try:
            state.claim()
        except Busy:
            continue
        return state
    raise Busy(f"{THROWAWAY_RUNS} runs already use services of their own under {parent}: wait for one to end.")


if __name__ == "__main__":
    os.chdir(PROJECT_ROOT)
    sys.exit(main(sys.argv[1:]))
