"""What can be wrong with an installation, each with how it is found and what puts it right."""

import json
import os
import shutil
import smtplib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import maxminddb
import psycopg
import redis
from django.conf import settings
from django.core.mail import mailers
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from kombu.exceptions import OperationalError
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import connect
from websockets.typing import Origin

from apps.core import effects, rumours
from apps.core.isolation import catalogue, scopes
from apps.core.mail.folder import FolderMailer
from apps.core.models import Effect

from .celery import app as celery_app
from .processes import QUEUES

OLDEST_POSTGRES = 160000
LATE_SECONDS = 60
MEGABYTE = 1024 * 1024
UNKNOWN_TOKEN = "wst_" + "0" * 64
NOT_AUTHENTICATED = 4401


class Severity(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Finding:
    """What one check found, and the remedy where something is wrong."""

    check: str
    severity: Severity
    text: str
    remedy: str = ""


Check = Callable[[], Finding]
CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Callable[[], tuple[Severity, str, str]]], Check]:
    """Register a check under the name it is listed by; it answers with severity, text and remedy."""

    def register(look: Callable[[], tuple[Severity, str, str]]) -> Check:
        def run() -> Finding:
            return Finding(name, *look())

        CHECKS[name] = run
        return run

    return register


def examine(names: list[str]) -> Iterator[Finding]:
    """Run the named checks, or all; those that need the database are left out once it has failed."""
    without_database = False
    for name in names or CHECKS:
        if without_database and name in {"pgvector", "migrations", "isolation", "clock", "effects"}:
            continue
        finding = CHECKS[name]()
        without_database |= name == "database" and finding.severity is Severity.FAILURE
        yield finding


def ok(text: str) -> tuple[Severity, str, str]:
    """Answer that all is well."""
    return Severity.OK, text, ""


def warning(text: str, remedy: str) -> tuple[Severity, str, str]:
    """Answer that it works, but not as it should."""
    return Severity.WARNING, text, remedy


def failure(text: str, remedy: str) -> tuple[Severity, str, str]:
    """Answer that something doesn't work."""
    return Severity.FAILURE, text, remedy


@check("secrets")
def secrets() -> tuple[Severity, str, str]:
    """The secret key is strong and debugging is off where strangers come."""
    key = settings.SECRET_KEY
    public = urlsplit(settings.PUBLIC_URL).scheme == "https"
    if len(key) < 40 or len(set(key)) < 10 or key.startswith("django-insecure"):
        return failure(
            "SECRET_KEY is short or a known one", "set SECRET_KEY to 50 random characters, the same everywhere"
        )
    if settings.DEBUG and public:
        return failure("DEBUG is on at a public address: errors show the inside to strangers", "set DEBUG=0")
    if settings.DEBUG:
        return warning("DEBUG is on", "set DEBUG=0 for anything but development")
    return ok("a long secret key, debugging off")


@check("database")
def database() -> tuple[Severity, str, str]:
    """Postgres answers and is new enough."""
    try:
        # Not through the pool, which says only how long it has waited.
        with psycopg.connect(**connection.get_connection_params(), connect_timeout=3) as direct:
            version = str(direct.info.parameter_status("server_version"))
            number = direct.info.server_version
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        return failure(f"Postgres can't be reached: {reason}", "start it, or correct DATABASE_URL")
    if number < OLDEST_POSTGRES:
        return failure(f"Postgres {version} is too old", "upgrade to Postgres 16 or newer")
    return ok(f"Postgres {version}")


@check("pgvector")
def pgvector() -> tuple[Severity, str, str]:
    """The vector extension is in the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT installed_version, default_version FROM pg_available_extensions WHERE name = 'vector'")
        row = cursor.fetchone()
    if row is None:
        return failure("pgvector is not on the database server", "install it there (Debian: postgresql-18-pgvector)")
    if row[0] is None:
        return failure("pgvector is not in this database", "run as a superuser in it: CREATE EXTENSION vector")
    return ok(f"pgvector {row[0]}")


@check("migrations")
def migrations() -> tuple[Severity, str, str]:
    """The database has the shape this version expects."""
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        return failure(f"{len(waiting)} migrations are waiting", "run `bin/opencom migrate`")
    return ok("all applied")


@check("isolation")
def isolation() -> tuple[Severity, str, str]:
    """Workspaces are kept apart by the database, and the application can't undo that."""
    faults = list(catalogue.missing())
    if faults:
        return failure(f"{faults[0].text}, and {len(faults) - 1} more", "run `bin/opencom migrate`")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT session_user, rolsuper OR rolbypassrls OR EXISTS (
              SELECT FROM pg_class WHERE relowner = pg_roles.oid AND relnamespace = 'public'::regnamespace)
            FROM pg_roles WHERE rolname = session_user
            """
        )
        login, mighty = cursor.fetchone()
    if mighty:
        return warning(
            f"row-level security is in force, but {login} owns the database: injected SQL could end it",
            "give DATABASE_URL a login of its own and put the owner's into OWNER_DATABASE_URL, then migrate",
        )
    return ok(f"row-level security on {len(catalogue.tenant_tables())} tables, {login} owns nothing")


@check("clock")
def clock() -> tuple[Severity, str, str]:
    """This machine and the database agree what time it is."""
    with connection.cursor() as cursor:
        before = time.time()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float")
        (there,) = cursor.fetchone()
        after = time.time()
    skew = max(before - there, there - after, 0.0)
    text = f"{skew:.1f} s between this machine and the database"
    if skew > 2:
        remedy = "keep both clocks by NTP (timedatectl set-ntp true)"
        return failure(text, remedy) if skew > 30 else warning(text, remedy)
    return ok(text)


@check("redis")
def broker() -> tuple[Severity, str, str]:
    """Redis answers and keeps what it is given."""
    if not settings.REDIS_URL:
        return warning(
            "no Redis: everything works, up to some seconds later",
            "set REDIS_URL for instant delivery and background work",
        )
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2) as client:
            told = client.info()
            policy = client.config_get("maxmemory-policy").get("maxmemory-policy")
    except redis.RedisError as error:
        return failure(f"Redis can't be reached: {error}", "start it, or correct REDIS_URL")
    name = "Valkey" if told.get("server_name") == "valkey" else "Redis"
    version = f"{name} {told.get('valkey_version') or told['redis_version']}"
    if policy not in (None, "noeviction"):
        return failure(f"{version} forgets queued work when full ({policy})", "set maxmemory-policy noeviction")
    if not told.get("aof_enabled"):
        return warning(
            f"{version} loses queued work when it restarts; it is found again in the database", "set appendonly yes"
        )
    return ok(version)


@check("worker")
def worker() -> tuple[Severity, str, str]:
    """Workers are up and serve every lane."""
    if not settings.REDIS_URL:
        return warning("no Redis: background work waits", "set REDIS_URL and start a worker")
    try:
        queues = celery_app.control.inspect(timeout=2).active_queues() or {}
    except (OperationalError, redis.RedisError) as error:
        return failure(f"the queue can't be reached: {error}", "see the check `redis`")
    if not queues:
        return failure("no worker answers", "start one: `bin/opencom worker`")
    served = {queue["name"] for names in queues.values() for queue in names}
    idle = [name for name in QUEUES.split(",") if name not in served]
    if idle:
        return failure(
            f"no worker serves {', '.join(idle)}", "start one with WORKER_QUEUES set to them, or unset WORKER_QUEUES"
        )
    return ok(f"{len(queues)} answering, serving {QUEUES.replace(',', ', ')}")


@check("effects")
def owed() -> tuple[Severity, str, str]:
    """Nothing owed is late, which is also how a dead beat shows."""
    late = len(effects.due(overdue_seconds=LATE_SECONDS))
    with scopes.every_workspace(effects.PAYING):
        dead = Effect.objects.filter(state=Effect.State.DEAD).count()
    if late:
        return failure(
            f"{late} effects are over {LATE_SECONDS} s late", "check that the worker and beat run: `bin/opencom beat`"
        )
    if dead:
        return warning(
            f"{dead} effects have failed for good", "see `manage.py effects`, put the cause right, and retry them"
        )
    return ok("nothing late, nothing dead")


@check("web")
def web() -> tuple[Severity, str, str]:
    """The web process answers at its public address."""
    address = settings.PUBLIC_URL.rstrip("/") + "/healthz"
    try:
        with urlopen(address, timeout=5):
            return ok(address)
    except HTTPError as error:
        return failure(f"{address} answers with {error.code}", "check ALLOWED_HOSTS and where the proxy sends requests")
    except (URLError, OSError) as error:
        return failure(f"{address} can't be reached: {error}", "start the web process, or correct PUBLIC_URL")


@check("socket")
def socket() -> tuple[Severity, str, str]:
    """A websocket opens at the public address and reaches a live process that can look up a token."""
    address = settings.LIVE_SOCKET_URL
    remedy = "start the live process, and let the proxy pass /ws/ to it with the Upgrade header"
    try:
        # A stranger's token has to be looked up before it is refused: the code shows that the whole way works.
        with connect(address, origin=Origin(settings.PUBLIC_URL), open_timeout=5, proxy=None) as client:
            client.send(json.dumps({"type": "hello", "token": UNKNOWN_TOKEN}))
            client.recv(timeout=5)
            client.recv(timeout=5)
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else None
        if code == NOT_AUTHENTICATED:
            return ok(address)
        return failure(f"{address} closed with {code}", "look at what the live process prints")
    except TimeoutError:
        return failure(f"{address} opened but didn't answer", remedy)
    except (OSError, WebSocketException) as error:
        return failure(f"{address} didn't open: {error}", remedy)
    return failure(f"{address} let a stranger in", "check that it is an Opencom that answers there")


@check("rumours")
def hearsay() -> tuple[Severity, str, str]:
    """What one process spreads is heard, and the live processes listen."""
    if not settings.REDIS_URL:
        return warning("no Redis: sockets learn of changes from the database every 2 s", "set REDIS_URL")
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2) as client:
            listeners = _count_listeners(client)
            with client.pubsub(ignore_subscribe_messages=True) as ear:
                ear.subscribe(rumours.CHANNEL)
                ear.get_message(timeout=2)
                heard = rumours.spread([]) and _hear(ear)
    except redis.RedisError as error:
        return failure(f"publishing failed: {error}", "see the check `redis`")
    if not heard:
        return failure("a rumour was not heard within 2 s", "look for a Redis that is overloaded or blocks PUBLISH")
    if not listeners:
        return warning("no live process listens", "if one runs, check that it has the same REDIS_URL")
    return ok(f"heard at once; {listeners} live process{'es' if listeners > 1 else ''} listening")


@check("files")
def files() -> tuple[Severity, str, str]:
    """Uploads can be written."""
    folder = Path(settings.MEDIA_ROOT)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as probe:
            probe.write(b"x")
            probe.flush()
    except OSError as error:
        return failure(f"{folder} can't be written: {error.strerror}", "give it to the account that runs Opencom")
    return ok(str(folder))


@check("mail")
def mail() -> tuple[Severity, str, str]:
    """Codes and invitations reach people."""
    mailer = mailers.default
    if isinstance(mailer, FolderMailer):
        public = urlsplit(settings.PUBLIC_URL).scheme == "https"
        kept = f"mail stays in {mailer.folder}"
        return warning(f"{kept}: nobody gets it", "set MAIL_URL and MAIL_FROM") if public else ok(kept)
    try:
        mailer.open()
        mailer.close()
    except (OSError, smtplib.SMTPException) as error:
        return failure(f"the mail server can't be used: {type(error).__name__}", "correct MAIL_URL")
    return ok(f"by {type(mailer).__module__.rpartition('.')[2]}, from {settings.MAIL_FROM}")


@check("location")
def location() -> tuple[Severity, str, str]:
    """Visitors are located by what is set for it."""
    if settings.GEOIP_PATH:
        try:
            with maxminddb.open_database(settings.GEOIP_PATH) as places:
                return ok(f"by {places.metadata().database_type}")
        except (OSError, maxminddb.InvalidDatabaseError) as error:
            return failure(f"GEOIP_PATH can't be used: {type(error).__name__}", "name a file in MaxMind's format")
    if settings.GEOIP_URL and "{address}" not in settings.GEOIP_URL:
        return failure("GEOIP_URL says nowhere where the address goes", "put {address} into it")
    return ok("by a provider" if settings.GEOIP_URL else "off")


@check("disk")
def disk() -> tuple[Severity, str, str]:
    """There is room for uploads and data."""
    folders = {Path(settings.MEDIA_ROOT), Path(os.environ.get("STATE_DIR") or settings.MEDIA_ROOT)}
    free, folder = min((shutil.disk_usage(folder).free // MEGABYTE, folder) for folder in folders if folder.exists())
    text = f"{free:,} MB free at {folder}"
    if free < 1024:
        remedy = "make room, or move the data to a larger disk"
        return failure(text, remedy) if free < 300 else warning(text, remedy)
    return ok(text)


@check("widget")
def widget() -> tuple[Severity, str, str]:
    """The visitors' messenger has been built."""
    if not (settings.WIDGET_DIST / "manifest.json").exists():
        return failure("the messenger has not been built", "run `bin/widget`")
    return ok("built")


def _hear(ear: redis.client.PubSub) -> bool:
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        if ear.get_message(timeout=max(0.0, deadline - time.monotonic())):
            return True
    return False


def _count_listeners(client: redis.Redis) -> int:
    """A live process starts to listen with its first socket, which the check before this one may just have been."""
    deadline = time.monotonic() + 2
    while not (listeners := client.pubsub_numsub(rumours.CHANNEL)[0][1]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return int(listeners)
