"""The processes Opencom consists of, each by its one command: used by `up`, the container image and the tests.

`python -m opencom_project.processes web` becomes that process; nothing here imports Django.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping

Environment = Mapping[str, str]

QUEUES = "interactive,normal,bulk"
# glibc gives each thread an arena of its own; two are enough for threads that wait for the interpreter's lock anyway.
ALLOCATOR = {"MALLOC_ARENA_MAX": "2"}


def web(environment: Environment) -> list[str]:
    """Pages, the REST API and the widget's boot, over WSGI on PORT."""
    return [
        *_module("granian"),
        *("--interface", "wsgi", "--no-ws", "--http", "1"),
        *("--host", host(environment), "--port", str(web_port(environment))),
        *("--workers", environment.get("WEB_WORKERS", "1")),
        *("--blocking-threads", environment.get("WEB_THREADS", "4")),
        *("--workers-kill-timeout", "10", "--respawn-failed-workers"),
        *("--log-level", "warning"),
        "opencom_project.wsgi:application",
    ]


def live(environment: Environment) -> list[str]:
    """Sockets and long polls, over ASGI on the port after PORT."""
    return [
        *_module("uvicorn"),
        *("--host", host(environment), "--port", str(live_port(environment))),
        *("--ws", "opencom_project.live_protocol:LiveProtocol", "--loop", "uvloop", "--http", "httptools"),
        *("--lifespan", "off", "--no-access-log", "--no-proxy-headers", "--log-level", "warning"),
        *("--timeout-graceful-shutdown", "5"),
        "opencom_project.asgi:application",
    ]


def worker(environment: Environment) -> list[str]:
    """Effects, from the queues in WORKER_QUEUES."""
    return [
        *_module("celery"),
        *("--app", "opencom_project", "--quiet", "worker"),
        *("--queues", environment.get("WORKER_QUEUES", QUEUES)),
        *("--concurrency", environment.get("WORKER_CONCURRENCY", "2")),
        *("--without-gossip", "--without-mingle", "--include", "opencom_project.memory", "--loglevel", "WARNING"),
    ]


def beat(environment: Environment) -> list[str]:
    """The clock: everything that runs by schedule. One of it, whatever the number of the others."""
    folder = environment.get("STATE_DIR") or tempfile.gettempdir()
    return [*_module("opencom_project.clock"), "--state", f"{folder}/beat-schedule"]


def migrate(_: Environment) -> list[str]:
    """Bring the database to this version's shape, once before the others start."""
    return manage("migrate", "--no-input")


PROCESSES: Mapping[str, Callable[[Environment], list[str]]] = {
    "web": web,
    "live": live,
    "worker": worker,
    "beat": beat,
    "migrate": migrate,
}


def manage(*words: str) -> list[str]:
    """Return the command line of a management command."""
    return [sys.executable, "manage.py", *words]


def host(environment: Environment) -> str:
    """Return the address the servers bind: loopback unless HOST says otherwise."""
    return environment.get("HOST", "127.0.0.1")


def web_port(environment: Environment) -> int:
    """Return the port of the web process."""
    return int(environment.get("PORT", "8000"))


def live_port(environment: Environment) -> int:
    """Return the port of the live process: LIVE_PORT, or the one after the web's."""
    return int(environment.get("LIVE_PORT") or web_port(environment) + 1)


def main(arguments: list[str]) -> None:
    """Become the process named first; any other word is a management command."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(f"usage: opencom {{{'|'.join(PROCESSES)}}} or a management command and its arguments", file=sys.stderr)
        raise SystemExit(2)
    name, *rest = arguments
    command = [*PROCESSES[name](os.environ), *rest] if name in PROCESSES else manage(*arguments)
    os.execvpe(command[0], command, {**ALLOCATOR, **os.environ})


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


if __name__ == "__main__":
    main(sys.argv[1:])
