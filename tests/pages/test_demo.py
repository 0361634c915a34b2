"""The made-up shop, and what the sign-in page says about it."""

import pytest
from django.conf import settings

from apps.workspaces.demo import DEMO_WORKSPACE, PRODUCTS
from tests import factories
from tests.callers import nobody
from tests.pages.browsing import page, text_of

pytestmark = pytest.mark.django_db


def test_without_a_demo_workspace_there_is_no_shop_and_no_account_to_try() -> None:
    factories.make_workspace("A real one")
    assert page(nobody(), "/demo/").status_code == 404
    assert "demo workspace" not in text_of(page(nobody(), "/sign-in/"))


def test_the_shop_shows_the_demo_workspaces_messenger() -> None:
    workspace = factories.make_workspace(DEMO_WORKSPACE)
    shown = page(nobody(), "/demo/")
    assert shown.status_code == 200
    assert f'data-opencom-workspace="{workspace.pk}"' in shown.content.decode()
    for product in PRODUCTS.values():
        assert page(nobody(), f"/demo/bikes/{product.slug}/").status_code == 200
    assert page(nobody(), "/demo/bikes/hovercraft/").status_code == 404


def test_the_sign_in_page_offers_the_demos_account_only_where_nobody_else_can_reach_it(settings: settings) -> None:  # type: ignore[valid-type]
    factories.make_workspace(DEMO_WORKSPACE)
    assert "demo workspace" in text_of(page(nobody(), "/sign-in/"))
    settings.HTTPS = True  # type: ignore[attr-defined]
    assert "demo workspace" not in text_of(page(nobody(), "/sign-in/"))
