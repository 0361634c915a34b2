"""The product as it runs, customers' pages beside it, and people with browsers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e.crowd import Crowd
from tests.e2e.people import PATIENCE_MS
from tests.e2e.servers import Servers
from tests.e2e.sites import Site

if TYPE_CHECKING:
    from apps.workspaces.models import Workspace

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)


@pytest.fixture(scope="session", autouse=True)
def committed_data(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The database, as the processes see it. Each test has a workspace of its own, so nothing needs to be emptied."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="session")
def servers(committed_data: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with Servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture(scope="session")
def site(servers: Servers) -> Iterator[Site]:
    with Site(servers.origin) as running:
        yield running


@pytest.fixture(scope="session")
def browser(committed_data: None) -> Iterator[Browser]:
    from django.db import connections

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield launched
        launched.close()
        # Beside Playwright's event loop Django keeps another connection than without it.
        connections.close_all()


@pytest.fixture
def seeing(browser: Browser) -> Iterator[None]:
    """What the test itself reads and writes is of every workspace, also by the connection beside Playwright's event loop."""
    from apps.core.isolation import scopes

    with scopes.every_workspace(scopes.MEASURING):
        yield


@pytest.fixture
def workspace(committed_data: None, seeing: None, site: Site) -> Workspace:
    """A workspace whose messenger may run on the site."""
    from tests import factories

    return factories.make_workspace("Acme Bikes", allowed_origins=[site.origin])


@pytest.fixture
def crowd(browser: Browser, servers: Servers, site: Site, workspace: Workspace) -> Iterator[Crowd]:
    """Makes visitors and members. Afterwards none of their pages may have shown an error or asked a stranger for anything."""
    people = Crowd(browser, servers, site, workspace)
    yield people
    people.leave()
