"""Keeps a set of programs running: starts them, says what they print, restarts those that die, and ends them all."""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import BinaryIO, Self

from .account import Account
from .problem import Problem

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
# A program that ran this long before it died starts again without a pause that grew from earlier deaths.
STEADY_SECONDS = 60.0
LOG_BYTES = 5 * 1024 * 1024
PR_SET_PDEATHSIG = 1

Say = Callable[[str], None]


@dataclass(frozen=True)
class Program:
    """What to run, how to end it, and how to tell that it is ready."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    account: Account | None = None
    # A file for what it prints; without one its lines appear in ours, with its name before them.
    log: Path | None = None
    directory: Path = Path("/")
    stop_signal: str = "SIGTERM"
    stop_seconds: float = 15.0
    # Its standard input, of a length that a pipe holds.
    given: str = ""
    ready: Callable[[], bool] | None = None
    ready_seconds: float = 60.0


@dataclass
class Child:
    """A program that runs, or waits to be started again."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause: float = FIRST_PAUSE
    start_again_at: float | None = None
    unfinished_line: bytes = field(default=b"", repr=False)


class Stopped(Exception):
    """The operator, the system or the death of our parent asked for the end."""


class Supervisor:
    """Runs children of this process. Used from one thread: the one that made it."""

    def __init__(self, say: Say) -> None:
        self.say = say
        # Those started together end together; see `stop_all`.
        self.groups: list[list[Child]] = []
        self.selector = selectors.DefaultSelector()
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._woken, False)
        self.selector.register(self._wake, selectors.EVENT_READ, None)
        self._stop_asked = False
        self._parent = os.getppid()
        self._width = 8

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        end_with_parent(signal.SIGTERM)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()
        signal.set_wakeup_fd(-1)

    def start(self, *programs: Program) -> None:
        """Start programs side by side; `wait_ready` tells when they can be used."""
        group = [Child(program) for program in programs]
        self.groups.append(group)
        for child in group:
            self._spawn(child)

    def wait_ready(self, on_ready: Callable[[str], None] | None = None) -> None:
        """Return when everything started so far is ready; raise `Problem` when a child dies first or takes too long."""
        waiting = [child for group in self.groups for child in group]
        started = time.monotonic()
        while waiting:
            for child in list(waiting):
                name = child.program.name
                if child.process is None or child.process.poll() is not None:
                    raise Problem(f"{name} ended while it started.{self._last_words(child)}")
                if child.program.ready is None or child.program.ready():
                    waiting.remove(child)
                    if on_ready:
                        on_ready(name)
                elif time.monotonic() - started > child.program.ready_seconds:
                    raise Problem(
                        f"{name} was not ready after {child.program.ready_seconds:.0f} s.{self._last_words(child)}"
                    )
            if waiting:
                self._turn(0.05, restart=False)

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], *, name: str, directory: Path, given: str = ""
    ) -> int:
        """Run one command to its end beside the children, with `given` as its input, and return its exit status."""
        child = Child(Program(name, command, environment, directory=directory, given=given))
        process = self._spawn(child)
        try:
            self.watch_until(process)
        finally:
            self._stop([child])
        return process.returncode

    def watch(self) -> None:
        """Keep the children running until somebody asks for the end, then raise `Stopped`."""
        while True:
            self._turn(1.0)

    def watch_until(self, process: subprocess.Popen[bytes]) -> int:
        """Keep the children running until this process of the caller's ends, and return its exit status."""
        while process.poll() is None:
            self._turn(1.0)
        return process.returncode

    def stop_all(self) -> None:
        """End every child: those started together at once, those started last first."""
        while self.groups:
            self._stop(self.groups.pop())

    def _spawn(self, child: Child) -> subprocess.Popen[bytes]:
        program = child.program
        with contextlib.ExitStack() as stack:
            output: int | BinaryIO = subprocess.PIPE
            if program.log is not None:
                output = stack.enter_context(program.log.open("wb" if _is_long(program.log) else "ab"))
            options = program.account.spawn_options() if program.account else {}
            given, giver = os.pipe()
            stack.callback(os.close, given)
            os.write(giver, program.given.encode())
            os.close(giver)
            process = subprocess.Popen(
                list(program.command),
                stdin=given,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=program.directory,
                env=dict(program.environment),
                # A group of its own: Ctrl-C reaches us alone, and we end things in their order.
                process_group=0,
                preexec_fn=lambda: end_with_parent(signal.Signals[program.stop_signal]),  # noqa: PLW1509 - one thread
                **options,
            )
        child.process, child.started_at, child.start_again_at = process, time.monotonic(), None
        if process.stdout is not None:
            os.set_blocking(process.stdout.fileno(), False)
            self.selector.register(process.stdout, selectors.EVENT_READ, child)
        return process

    def _turn(self, seconds: float, *, restart: bool = True) -> None:
        """Pass on what was printed, notice who died, start who is due; at most about `seconds`."""
        for key, _ in self.selector.select(seconds):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    while os.read(self._wake, 512):
                        pass
            else:
                self._pass_on(key.data)
        if self._stop_asked or (os.getppid() != self._parent and self._parent != 1):
            raise Stopped
        if restart:
            for child in (child for group in self.groups for child in group):
                self._look_after(child)

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None and child.process.poll() is not None:
            status = child.process.returncode
            self._drain(child)
            _end_group(child.process)
            if now - child.started_at > STEADY_SECONDS:
                child.pause = FIRST_PAUSE
            child.process, child.start_again_at = None, now + child.pause
            self.say(f"{child.program.name} ended ({describe_status(status)}); starting it again in {child.pause:g} s")
            child.pause = min(child.pause * 2, LONGEST_PAUSE)
        elif child.start_again_at is not None and now >= child.start_again_at:
            self._spawn(child)

    def _pass_on(self, child: Child) -> None:
        process = child.process
        if process is None or process.stdout is None:
            return
        chunk = process.stdout.read(65536)
        if chunk is None:
            return
        if not chunk:
            self.selector.unregister(process.stdout)
            process.stdout.close()
            process.stdout = None
        lines = (child.unfinished_line + chunk).split(b"\n")
        child.unfinished_line = lines.pop() if chunk else b""
        for line in lines:
            if line.strip():
                text = line.decode("utf-8", "replace").rstrip()
                sys.stdout.write(f"{child.program.name:<{self._width}} | {text}\n")
        sys.stdout.flush()

    def _drain(self, child: Child) -> None:
        """Pass on the last words of a process that has ended, even if a stray grandchild keeps its pipe open."""
        process = child.process
        if process is not None and process.stdout is not None:
            self._pass_on(child)
        if process is not None and process.stdout is not None:
            self.selector.unregister(process.stdout)
            process.stdout.close()
            process.stdout = None

    def _stop(self, children: list[Child]) -> None:
        alive = [(child, child.process) for child in children if child.process and child.process.poll() is None]
        for child, process in alive:
            process.send_signal(signal.Signals[child.program.stop_signal])
        started = time.monotonic()
        for child, process in alive:
            while process.poll() is None and time.monotonic() - started < child.program.stop_seconds:
                for key, _ in self.selector.select(0.05):
                    if key.data is None:
                        with contextlib.suppress(BlockingIOError):
                            os.read(self._wake, 512)
                    else:
                        self._pass_on(key.data)
            if process.poll() is None:
                self.say(f"{child.program.name} did not end in {child.program.stop_seconds:g} s and was killed")
        for child in children:
            if child.process is not None:
                _end_group(child.process)
                child.process.wait()
                self._drain(child)

    def _last_words(self, child: Child) -> str:
        if child.program.log is None:
            return " Its own words are above."
        lines = child.program.log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
        return f" The end of {child.program.log}:\n  " + "\n  ".join(lines)

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_asked = True


def end_with_parent(number: signal.Signals) -> None:
    """Ask the kernel to send this process a signal when its parent dies (Linux; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))


def describe_status(status: int) -> str:
    """Say an exit status as people do: `signal SIGKILL`, `status 1`."""
    if status < 0:
        return f"signal {signal.Signals(-status).name}"
    return f"status {status}"


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a program's own children, so that a new start finds its port free."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _is_long(log: Path) -> bool:
    return log.exists() and log.stat().st_size > LOG_BYTES
