"""Fixtures of the negative cases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.security.scene import Scene


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "case(*ids): a negative case of tests/security/cases.py")


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Two workspaces with everybody in them. Made once a module, undone after it; what a test changes must be undone by the test."""
    from django.conf import settings
    from django.db import transaction
    from django.test import override_settings

    from tests.security.scene import Scene

    media = tmp_path_factory.mktemp("media")
    with django_db_blocker.unblock(), override_settings(MEDIA_ROOT=media), transaction.atomic():
        assert media == settings.MEDIA_ROOT
        yield Scene()
        transaction.set_rollback(True)


@pytest.fixture
def cell(scene: Scene) -> Iterator[Scene]:
    """The scene, for one test: what it writes is undone, also in the people's browsers."""
    with scene.undone():
        yield scene
