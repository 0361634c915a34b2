"""Fixtures for everybody. Nothing here runs unless a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from apps.workspaces.models import Workspace
    from tests.callers import Booted, SignedIn
    from tests.live import LiveThread
    from tests.processes import Installation


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "filterwarnings", "ignore:No directory at:UserWarning"
    )  # no collected files are needed here


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any
) -> Iterator[None]:
    """Make the test database, also where no test in the run asks for it by pytest-django's own fixtures, with its epoch for good:
    each process reads that once and keeps it."""
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    from apps.core.isolation import scopes
    from apps.core.isolation.roles import as_owner
    from apps.core.models import Installation
    from tests.database import AS_OWNER

    with django_db_blocker.unblock():
        with as_owner():
            made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
            with connection.cursor() as cursor:
                cursor.execute(AS_OWNER)
        assert connection.settings_dict["NAME"].startswith("test_")
        Installation.objects.get_or_create(pk=1)
    with scopes.every_workspace(scopes.MEASURING):
        yield
    with django_db_blocker.unblock(), as_owner():
        teardown_databases(made, verbosity=0)


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The database as other threads and processes see it: what a test writes is committed, and emptied after it."""
    from tests.database import empty

    with django_db_blocker.unblock():
        yield
        empty()


@pytest.fixture
def live(committed: None) -> Iterator[LiveThread]:
    """The live process in a thread of this one: real sockets, and its limits and its queries within reach."""
    from tests.live import LiveThread

    with LiveThread() as thread:
        yield thread


@pytest.fixture(scope="session")
def _installation(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    from tests.processes import Installation

    with Installation(tmp_path_factory.mktemp("processes")) as installation:
        yield installation


@pytest.fixture
def installation(_installation: Installation, committed: None) -> Installation:
    """Two web and two live processes on the test database, by the commands of production."""
    return _installation


@pytest.fixture
def workspace(request: pytest.FixtureRequest) -> Workspace:
    """A workspace with an owner, whose messenger may run on one origin."""
    from tests import factories

    if not {"db", "committed"} & set(request.fixturenames):
        request.getfixturevalue("db")
    return factories.make_workspace()


@pytest.fixture
def agent(workspace: Workspace) -> SignedIn:
    """An agent of the workspace, signed in."""
    from tests import callers

    return callers.signed_in(workspace, name="Ada")


@pytest.fixture
def owner(workspace: Workspace) -> SignedIn:
    """The workspace's owner, signed in."""
    from tests import callers

    return callers.signed_in(workspace, "owner")


@pytest.fixture
def visitor(workspace: Workspace) -> Booted:
    """A visitor of the workspace, with a token."""
    from tests import callers

    return callers.booted(workspace)


@pytest.fixture
def limits_enforced(settings: Any) -> Iterator[None]:
    """Rates count, from nothing."""
    from tests.database import forget_rates

    settings.LIMITS_ENFORCED = True
    forget_rates()
    yield
    forget_rates()


@pytest.fixture
def media(settings: Any, tmp_path: Any) -> Any:
    """The folder in which this test's uploads lie."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT
