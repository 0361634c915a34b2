"""A whole installation in a folder of its own, as production runs it, with a keeper who restarts what dies and proxies on every link."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from opencom_project import processes
from opencom_project.demo.clients import Place
from opencom_project.embedded.account import service_account
from opencom_project.embedded.postgres import LOGIN, SOCKET_PORT, Postgres
from opencom_project.embedded.state import PROJECT_ROOT, State
from opencom_project.embedded.supervisor import Program, end_with_parent
from opencom_project.embedded.up import answers
from opencom_project.embedded.valkey import Valkey
from tests.chaos.proxy import Proxy

RESTART_SECONDS = 0.2
READY_SECONDS = 90.0
STOP_SECONDS = 10.0


@dataclass
class Kept:
    """A program that is started again whenever it dies."""

    program: Program
    log: Path
    deaths: Counter[str] = field(default_factory=Counter)
    process: asyncio.subprocess.Process | None = None
    wanted: bool = True
    _task: asyncio.Task[None] | None = None
    _again: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self) -> None:
        """Run it, for ever."""
        self.wanted = True
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        while self.wanted:
            with self.log.open("ab") as output:
                account = self.program.account
                self.process = await asyncio.create_subprocess_exec(
                    *self.program.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=self.program.directory,
                    env=dict(self.program.environment),
                    process_group=0,
                    preexec_fn=lambda: end_with_parent(signal.Signals[self.program.stop_signal]),
                    **(account.spawn_options() if account else {}),
                )
            status = await self.process.wait()
            # What it leaves behind holds ports and shared memory.
            self.signal(signal.SIGKILL)
            if self.wanted:
                self.deaths[signal.Signals(-status).name if status < 0 else f"status {status}"] += 1
                await asyncio.sleep(RESTART_SECONDS)

    def signal(self, number: signal.Signals, *, group: bool = True) -> None:
        """Send a signal to the program and all its children, or to the program alone."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number) if group else os.kill(self.process.pid, number)

    async def stop(self) -> None:
        """End it for good."""
        self.wanted = False
        self.signal(signal.SIGCONT)
        self.signal(signal.Signals[self.program.stop_signal], group=False)
        if self._task is not None:
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await asyncio.shield(self._task)
            except TimeoutError:
                self.signal(signal.SIGKILL)
                await self._task

    async def restart_with(self, **environment: str) -> None:
        """End it and start it with these variables changed; an empty value takes one away."""
        await self.stop()
        kept = {**self.program.environment, **environment}
        self.program = replace(self.program, environment={name: value for name, value in kept.items() if value})
        self.start()
        await self.ready()

    async def ready(self) -> None:
        """Return when it can be used."""
        deadline = time.monotonic() + READY_SECONDS
        while not await self.is_ready():
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.program.name} isn't ready: {self.log.read_text(errors='replace')[-2000:]}")
            await asyncio.sleep(0.1)

    async def is_ready(self) -> bool:
        """Tell whether it can be used now; what has no way to tell is ready when it runs."""
        running = self.process is not None and self.process.returncode is None
        if running and self.program.ready is not None:
            return await asyncio.to_thread(self.program.ready)
        return running


@dataclass
class Installation:
    """Postgres that really syncs, Valkey that appends, two web, two live and two worker processes, the beat, and proxies between them.

    Clients reach web and live through ``web`` and ``live``; the processes reach Postgres and Valkey through ``database`` and ``redis``.
    """

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="opencom-chaos-", dir="/var/tmp")))
    kept: dict[str, Kept] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    web: Proxy = field(init=False)
    live: Proxy = field(init=False)
    database: Proxy = field(init=False)
    redis: Proxy = field(init=False)

    async def start(self, **more: str) -> None:
        """Start everything and return when it can be used."""
        self.state = State(self.folder, service_account())
        self.state.claim()
        self.postgres, self.valkey = Postgres(self.state), Valkey(self.state)
        await asyncio.to_thread(self.postgres.prepare)
        self._keep(self.postgres.program())
        self._keep(self.valkey.program())
        await self.ready()
        await asyncio.to_thread(self.postgres.create_database)
        await self._open_proxies()
        self.environment = {**self._variables(), **more}
        await self.manage("migrate", "--no-input", "--verbosity", "0")
        ports = dict(zip(("web-0", "web-1", "live-0", "live-1"), free_ports(4), strict=True))
        self.web.upstreams = [("127.0.0.1", ports["web-0"]), ("127.0.0.1", ports["web-1"])]
        self.live.upstreams = [("127.0.0.1", ports["live-0"]), ("127.0.0.1", ports["live-1"])]
        for name, port in ports.items():
            self._keep_process(name, port)
        for name in ("worker-0", "worker-1", "beat"):
            self._keep_process(name, 0)
        await self.ready()

    async def stop(self) -> None:
        """End everything and leave nothing behind."""
        for names in (("web", "live", "worker", "beat"), ("postgres", "valkey")):
            await asyncio.gather(*(kept.stop() for name, kept in self.kept.items() if name.split("-")[0] in names))
        for proxy in (self.web, self.live, self.database, self.redis):
            await proxy.stop()
        self.state.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def ready(self) -> None:
        """Return when every process can be used."""
        await asyncio.gather(*(kept.ready() for kept in self.kept.values()))

    @property
    def place(self) -> Place:
        """Where clients find it."""
        url = f"http://127.0.0.1:{self.web.port}"
        return Place(url, url, addresses=True)

    def deaths(self) -> Counter[str]:
        """Return how often which program died."""
        return Counter({name: kept.deaths.total() for name, kept in self.kept.items()})

    def kill(self, name: str) -> None:
        """Kill a program with all its children, as the kernel does when memory runs out."""
        self.kept[name].signal(signal.SIGKILL)

    def pids(self, name: str) -> list[int]:
        """Return the processes of a program: itself first; none while it is dead."""
        process = self.kept[name].process
        assert process is not None
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        except FileNotFoundError:
            return []
        return [process.pid, *map(int, children)]

    async def manage(self, *words: str) -> str:
        """Run a management command and return what it prints."""
        return await self.run(*processes.manage(*words))

    async def tenants(self, workspaces: int, members: int) -> list[dict[str, Any]]:
        """Make workspaces with members."""
        made = await self.run(sys.executable, "-m", "tests.chaos.tenants", str(workspaces), str(members))
        return list(json.loads(made))

    async def run(self, *command: str) -> str:
        """Run a program beside the others and return what it prints."""
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=PROJECT_ROOT,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        printed, complained = await process.communicate()
        assert process.returncode == 0, complained.decode()
        return printed.decode()

    def connect(self) -> psycopg.Connection[Any]:
        """Open a connection to the database past the proxies."""
        return psycopg.connect(self.postgres.owner_url().replace("postgres://", "postgresql://"), autocommit=True)

    def logs(self, name: str) -> str:
        """Return what a program has printed."""
        return self.kept[name].log.read_text(errors="replace")

    async def _open_proxies(self) -> None:
        pg, valkey = self.folder / "run" / "through", self.folder / "run" / "through.sock"
        pg.mkdir(exist_ok=True)
        self.database = Proxy(
            pg / f".s.PGSQL.{SOCKET_PORT}", [self.postgres.socket_folder / f".s.PGSQL.{self.postgres.settings['port']}"]
        )
        self.redis = Proxy(valkey, [self.valkey.address])
        self.web, self.live = Proxy(("127.0.0.1", 0), []), Proxy(("127.0.0.1", 0), [])
        for proxy in (self.database, self.redis, self.web, self.live):
            await proxy.start()

    def _variables(self) -> dict[str, str]:
        folder = quote(str(self.folder / "run" / "through"), safe="")
        return {
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "opencom_project.settings",
            **self.state.secrets(),
            "STATE_DIR": str(self.state.directory),
            "MEDIA_ROOT": str(self.state.media),
            "STATIC_ROOT": str(self.state.media),
            "DATABASE_URL": f"postgres://{LOGIN}@/opencom?host={folder}",
            "OWNER_DATABASE_URL": self.postgres.owner_url(),
            "REDIS_URL": f"unix://{self.redis.listen}?db=0",
            "PUBLIC_URL": f"http://127.0.0.1:{self.web.port}",
            "LIVE_URL": f"http://127.0.0.1:{self.live.port}",
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            # Each client says its own address, so that the limits for one address hold as they do for real people.
            "TRUSTED_PROXIES": "127.0.0.0/8",
            "LOG_LEVEL": "WARNING",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges:UserWarning",
            **processes.ALLOCATOR,
        }

    def _keep(self, program: Program) -> Kept:
        kept = Kept(program, self.state.logs / f"{program.name}.out")
        self.kept[program.name] = kept
        kept.start()
        return kept

    def _keep_process(self, name: str, port: int) -> None:
        kind = name.split("-", maxsplit=1)[0]
        ports = {"PORT": str(port)} if kind == "web" else {"LIVE_PORT": str(port)}
        environment = self.environment | (ports if port else {})
        ready = (lambda: answers("127.0.0.1", port)) if port else None
        command = processes.PROCESSES[kind](environment)
        if kind == "worker":
            command += ["--hostname", f"{name}@%h"]
        self._keep(Program(name, command, environment, directory=PROJECT_ROOT, ready=ready))


def free_ports(count: int) -> list[int]:
    """Return ports that nobody uses."""
    import socket

    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
