"""What runs under `up` is kept running, and ends when it should, however its supervisor ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .processes_below import eventually, mentioning

ROOT = Path(__file__).resolve().parents[2]
PRELUDE = """
import sys
from pathlib import Path
from opencom_project.embedded.supervisor import Program, Stopped, Supervisor
def program(name, script, **more):
    return Program(name, [sys.executable, "-u", "-c", script, MARK], {}, **more)
def say(text): print("SAID", text, flush=True)
"""


@pytest.fixture
def mark(tmp_path: Path) -> str:
    """A word by which everything one test starts can be found."""
    return f"mark-{tmp_path.name}-{os.getpid()}"


def supervise(script: str, mark: str) -> subprocess.Popen[str]:
    code = PRELUDE.replace("MARK", repr(mark)) + script
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


WATCH = """
with Supervisor(say) as supervisor:
    try:
        supervisor.start({programs})
        say("started")
        supervisor.watch()
    except Stopped:
        say("stopping")
"""
SLEEP = "program('sleeper', 'import time; time.sleep(60)')"


def read_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip())
        if wanted in line:
            return lines
    raise AssertionError(f"{wanted!r} was never printed: {lines}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_children_and_then_the_supervisor(mark: str, number: signal.Signals) -> None:
    process = supervise(WATCH.format(programs=SLEEP), mark)
    read_until(process, "started")
    process.send_signal(number)
    assert process.wait(10) == 0
    assert mentioning(mark) == []


def test_children_end_when_the_supervisor_is_killed(mark: str) -> None:
    process = supervise(WATCH.format(programs=SLEEP), mark)
    read_until(process, "started")
    assert mentioning(mark)
    process.kill()
    process.wait()
    assert eventually(lambda: mentioning(mark) == [])


def test_everything_ends_when_the_parent_of_the_supervisor_is_killed(mark: str) -> None:
    code = PRELUDE.replace("MARK", repr(mark)) + WATCH.format(programs=SLEEP)
    launcher = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]]); input()"
    parent = subprocess.Popen(
        [sys.executable, "-c", launcher, code], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    read_until(parent, "started")
    parent.kill()
    parent.wait()
    assert eventually(lambda: mentioning(mark) == [])


def test_a_child_that_dies_is_started_again_with_a_growing_pause_and_it_is_said(mark: str) -> None:
    process = supervise(WATCH.format(programs="program('weak', 'raise SystemExit(3)')"), mark)
    lines = read_until(process, "in 1 s")
    process.terminate()
    process.wait(10)
    said = [line for line in lines if line.startswith("SAID weak")]
    assert said == [
        "SAID weak ended (status 3); starting it again in 0.5 s",
        "SAID weak ended (status 3); starting it again in 1 s",
    ]


def test_a_killed_child_s_own_children_do_not_keep_its_place(mark: str) -> None:
    parent = (
        "import subprocess, sys, time; "
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', sys.argv[1] + '-grandchild']); "
        "print('forked', flush=True); time.sleep(60)"
    )
    process = supervise(WATCH.format(programs=f"program('parent', {parent!r})"), mark)
    read_until(process, "forked")
    (before,) = mentioning(mark + "-grandchild")
    next(child for child in mentioning(mark) if child.pid not in {before.pid, process.pid}).kill()
    read_until(process, "forked")
    (after,) = mentioning(mark + "-grandchild")
    assert after.pid != before.pid
    process.terminate()
    process.wait(10)
    assert mentioning(mark) == []


def test_what_was_started_first_ends_last(mark: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    script = (
        "import signal, sys, time; "
        "end = lambda *_: (time.sleep(0.3), open({trace!r}, 'a').write({name!r} + ' '), sys.exit()); "
        "signal.signal(signal.SIGTERM, end); "
        "print('ready', flush=True); time.sleep(60)"
    )
    database = script.format(trace=str(trace), name="database")
    server = script.format(trace=str(trace), name="server")
    process = supervise(
        f"""
with Supervisor(say) as supervisor:
    try:
        supervisor.start(program("database", {database!r}))
        supervisor.start(program("server", {server!r}))
        supervisor.watch()
    except Stopped:
        pass
""",
        mark,
    )
    read_until(process, "ready")
    read_until(process, "ready")
    process.terminate()
    process.wait(10)
    assert trace.read_text(encoding="utf-8") == "server database "


def test_a_child_that_will_not_end_is_killed_and_it_is_said(mark: str) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    process = supervise(WATCH.format(programs=f"program('stubborn', {deaf!r}, stop_seconds=0.5)"), mark)
    read_until(process, "deaf")
    started = time.monotonic()
    process.terminate()
    lines = read_until(process, "was killed")
    assert process.wait(10) == 0
    assert time.monotonic() - started < 5
    assert lines[-1] == "SAID stubborn did not end in 0.5 s and was killed"
    assert mentioning(mark) == []


def test_a_child_that_dies_while_it_starts_is_a_problem_with_its_last_words(mark: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = supervise(
        f"""
from opencom_project.embedded.problem import Problem
try:
    with Supervisor(say) as supervisor:
        weak = program("weak", "raise SystemExit('no such thing')", log=Path({str(log)!r}), ready=lambda: False)
        supervisor.start(weak)
        supervisor.wait_ready()
except Problem as problem:
    say(str(problem))
""",
        mark,
    )
    output, _ = process.communicate(timeout=10)
    assert "SAID weak ended while it started." in output
    assert "no such thing" in output


def test_lines_carry_the_name_of_who_printed_them(mark: str) -> None:
    talk = "print('first'); print('second, without an end', end='', flush=True)"
    process = supervise(
        f"""
with Supervisor(say) as supervisor:
    status = supervisor.run([sys.executable, "-c", {talk!r}], {{}}, name="talker", directory=Path("/"))
    say(f"status {{status}}")
""",
        mark,
    )
    output, _ = process.communicate(timeout=10)
    assert output.splitlines() == ["talker   | first", "talker   | second, without an end", "SAID status 0"]
