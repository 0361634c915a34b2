"""Everybody in one test."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser

from apps.workspaces.models import Workspace
from tests.callers import SignedIn, signed_in
from tests.e2e.people import Desk, Member, Messenger, Person, Visitor
from tests.e2e.servers import Servers
from tests.e2e.sites import Site


class Crowd:
    """Makes people with browsers for one workspace, and says at the end whether all their pages behaved."""

    def __init__(self, browser: Browser, servers: Servers, site: Site, workspace: Workspace) -> None:
        self.browser = browser
        self.servers = servers
        self.site = site
        self.workspace = workspace
        self.people: list[Person] = []

    def visitor(self, **options: Any) -> Visitor:
        """Return a new visitor, nowhere yet."""
        return self._add(Visitor(self.browser, self.servers, self.site, **options))

    def agent(self, name: str = "Ada Okafor", role: str = "agent", **options: Any) -> Member:
        """Return a new member, signed in, nowhere yet."""
        return self._add(
            Member(self.browser, self.servers, self.site, signed_in(self.workspace, role, name=name), **options)
        )

    def owner(self, **options: Any) -> Member:
        return self._add(Member(self.browser, self.servers, self.site, signed_in(self.workspace, "owner"), **options))

    def again(self, member: Member, **options: Any) -> Member:
        """Return the same member in another browser with the same session."""
        return self._add(Member(self.browser, self.servers, self.site, member.caller, **options))

    def another_session(self, member: Member, **options: Any) -> Member:
        """Return the same member signed in a second time, on another device."""
        caller = SignedIn(member.caller.member)
        return self._add(Member(self.browser, self.servers, self.site, caller, **options))

    def allow(self, *origins: str) -> None:
        """Let the messenger run on these origins only."""
        self.workspace.allowed_origins = list(origins)
        self.workspace.save(update_fields=["allowed_origins"])

    def shop(self, **page: Any) -> str:
        """Put up a page with this workspace's messenger; returns its address."""
        return self.site.page(self.workspace.pk, **page)

    def talking(
        self, text: str = "Do you have the tourer in green?", *, address: str = "", **options: Any
    ) -> tuple[Visitor, Messenger, Member, Desk]:
        """A visitor has written this on a page, and an agent has the conversation open."""
        visitor = self.visitor(**options)
        messenger = visitor.visit(address or self.shop())
        messenger.start()
        messenger.send(text)
        messenger.expect_delivered()
        agent = self.agent()
        desk = agent.visit()
        desk.open(text)
        return visitor, messenger, agent, desk

    def leave(self) -> None:
        for person in self.people:
            person.close()
        for person in self.people:
            person.assert_calm()

    def _add[P: Person](self, person: P) -> P:
        self.people.append(person)
        return person
