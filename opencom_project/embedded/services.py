"""Postgres and Valkey together: what a run starts itself, and what it is told to use instead."""

import os
from collections.abc import Mapping

from .postgres import Postgres
from .state import State
from .supervisor import Supervisor
from .valkey import Valkey


class Services:
    """The services of one run. A DATABASE_URL or REDIS_URL in the environment replaces ours, an empty REDIS_URL means none."""

    def __init__(self, state: State, *, throwaway: bool = False) -> None:
        given = os.environ
        self.postgres = None if given.get("DATABASE_URL") else Postgres(state, throwaway=throwaway)
        self.valkey = None if "REDIS_URL" in given else Valkey(state, throwaway=throwaway)

    def start(self, supervisor: Supervisor) -> None:
        """Start what is ours and return when it can be used and the database exists."""
        programs = []
        if self.postgres:
            if self.postgres.prepare():
                supervisor.say("made a new database folder")
            programs.append(self.postgres.program())
        if self.valkey:
            self.valkey.prepare()
            programs.append(self.valkey.program())
        supervisor.start(*programs)
        supervisor.wait_ready()
        if self.postgres:
            self.postgres.create_database()

    def environment(self) -> Mapping[str, str]:
        """Return the variables that lead the application to these services."""
        variables = {}
        if self.postgres:
            variables["DATABASE_URL"] = self.postgres.url()
            variables["OWNER_DATABASE_URL"] = self.postgres.owner_url()
        if self.valkey:
            variables["REDIS_URL"] = self.valkey.url()
        return variables

    def describe(self) -> str:
        """Say in a few words what runs."""
        database = f"Postgres {self.postgres.version()}" if self.postgres else "Postgres at DATABASE_URL"
        if self.valkey:
            return f"{database} and Valkey"
        return f"{database} and {'Redis at REDIS_URL' if os.environ.get('REDIS_URL') else 'no Redis'}"
