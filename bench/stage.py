"""What the measurements of one run share: the running product, people in it, and databases filled to a size."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import psycopg

from bench import database
from bench.plan import Plan
from bench.product import Product
from bench.remote import Remote
from bench.servers import Server

AGENTS = 80
FLOOR_TABLE = """
CREATE TABLE IF NOT EXISTS message (
  id bigserial PRIMARY KEY, conversation bigint NOT NULL, body text NOT NULL, created_at timestamptz NOT NULL DEFAULT now())
"""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Filled:
    """A database of a certain size, with somebody who reads it."""

    conversations: int
    url: str
    workspace: str
    backstage: Remote
    environment: dict[str, str]


class Stage:
    """One run's surroundings; what is asked for is made once and lasts to the end."""

    def __init__(self, product: Product, plan: Plan, say: Say) -> None:
        self.product = product
        self.plan = plan
        self.say = say
        self._end = ExitStack()
        self._backstage: Remote | None = None
        self._workspace = ""
        self._people: list[dict[str, str]] = []
        self._floor_url = ""
        self._filled: dict[int, Filled] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.close()

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.product.environment())

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.product.port}"

    @property
    def backstage(self) -> Remote:
        """Whoever looks into the product's own database."""
        if self._backstage is None:
            self._backstage = self._end.enter_context(Remote("bench.backstage", self.environment))
        return self._backstage

    @property
    def workspace(self) -> str:
        """The workspace that the load goes to."""
        if not self._workspace:
            self._workspace = str(self.backstage.ask("workspace", agents=AGENTS))
        return self._workspace

    def people(self, count: int) -> list[dict[str, str]]:
        """Return so many visitors with a conversation each; the same ones at each call."""
        if (lacking := count - len(self._people)) > 0:
            self._people += self.backstage.ask("people", workspace=self.workspace, count=lacking)
        return self._people[:count]

    def tickets(self, count: int) -> list[str]:
        """Return tickets for so many agents' sockets."""
        tickets: list[str] = self.backstage.ask("tickets", workspace=self.workspace, count=count)
        return tickets

    def floor_url(self) -> str:
        """Return the address of the floor's database, on the product's own server."""
        if not self._floor_url:
            self._floor_url = database.create(self.environment["OWNER_DATABASE_URL"], "bench_floor")
            with psycopg.connect(self._floor_url, autocommit=True) as connection:
                connection.execute(FLOOR_TABLE)
        return self._floor_url

    @contextmanager
    def durable_floor(self) -> Iterator[Server]:
        """Run the floor of durable delivery."""
        with Server.floor("durable", self.environment | {"FLOOR_DATABASE_URL": self.floor_url()}) as server:
            yield server

    def filled(self, conversations: int) -> Filled:
        """Return a database whose one workspace has so many conversations."""
        if conversations not in self._filled:
            self._filled[conversations] = self._fill(conversations)
        return self._filled[conversations]

    def _fill(self, conversations: int) -> Filled:
        name = f"bench_{conversations}"
        url = database.create(self.environment["OWNER_DATABASE_URL"], name, template=self._template())
        environment = self._environment_of(name)
        backstage = self._end.enter_context(Remote("bench.backstage", environment))
        workspace = str(backstage.ask("workspace", agents=20))
        made: dict[str, Any] = backstage.ask("fill", workspace=workspace, count=conversations, within=900)
        self.say(f"made {conversations:,} conversations in {made['seconds']:.1f} s")
        return Filled(conversations, url, workspace, backstage, environment)

    def _template(self) -> str:
        name = "bench_template"
        with contextlib.suppress(psycopg.errors.DuplicateDatabase):
            database.create(self.environment["OWNER_DATABASE_URL"], name)
            database.migrate(self._environment_of(name))
        return name

    def _environment_of(self, name: str) -> dict[str, str]:
        urls = ("DATABASE_URL", "OWNER_DATABASE_URL")
        return self.environment | {url: database.url_of(self.environment[url], name) for url in urls}
