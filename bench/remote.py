"""Talking to processes of our own: one JSON line asks, one JSON line answers, and all of them end when we do."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import selectors
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from opencom_project.embedded.supervisor import end_with_parent

ROOT = Path(__file__).resolve().parents[1]
ANSWER_SECONDS = 300.0


class RemoteFailed(Exception):
    """What was asked of another process went wrong there; carries its traceback."""


class Remote:
    """A module that runs `serve`, as a process of its own."""

    def __init__(self, module: str, environment: Mapping[str, str] | None = None) -> None:
        self.module = module
        self._rest = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=dict(environment if environment is not None else os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=lambda: end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one thread
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def ask(self, name: str, *, within: float = ANSWER_SECONDS, **arguments: Any) -> Any:
        """Call a method over there and return its answer. Raises RemoteFailed, also when it takes longer than ``within`` seconds."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"name": name, "arguments": arguments}).encode() + b"\n")
        self.process.stdin.flush()
        line = self._line(time.monotonic() + within)
        answer = json.loads(line)
        if "failed" in answer:
            raise RemoteFailed(f"{self.module}.{name}: {answer['failed']}")
        return answer["answer"]

    def _line(self, deadline: float) -> bytes:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise RemoteFailed(f"{self.module} gave no answer in time")
                data = os.read(self.process.stdout.fileno(), 1 << 20)
                if not data:
                    raise RemoteFailed(f"{self.module} ended")
                self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def serve(methods: object) -> None:
    """Answer what is asked on standard input by this object's methods, until it is closed."""
    for line in sys.stdin.buffer:
        question = json.loads(line)
        try:
            _answer({"answer": getattr(methods, question["name"])(**question["arguments"])})
        except Exception:  # noqa: BLE001 - whatever it was, the one who asked must hear of it
            _answer({"failed": traceback.format_exc()})


async def serve_async(methods: object) -> None:
    """Do as `serve` does, with an event loop that goes on between questions."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
        question = json.loads(line)
        try:
            result = getattr(methods, question["name"])(**question["arguments"])
            _answer({"answer": await result if inspect.isawaitable(result) else result})
        except Exception:  # noqa: BLE001 - whatever it was, the one who asked must hear of it
            _answer({"failed": traceback.format_exc()})


def _answer(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()
