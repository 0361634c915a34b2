"""The limits of the help centre: by address, and one address's is not another's."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core import limits
from apps.knowledge.models import ArticleFeedback
from apps.workspaces.models import Workspace
from tests import factories
from tests.callers import Caller, nobody
from tests.core.test_limits import let_pass
from tests.pages.browsing import page, submit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("limits_enforced")]


def reader(address: str) -> Caller:
    caller = nobody()
    caller.client.defaults["REMOTE_ADDR"] = address
    return caller


def call(name: str, caller: Caller) -> Any:
    match name:
        case "help_pages":
            return page(caller, "/help/shop/")
        case "help_searches":
            return page(caller, "/help/shop/search/", q="returns")
        case _:
            return submit(caller, "/help/shop/articles/returns/feedback/", helpful="yes")


@pytest.mark.parametrize("name", ["help_pages", "help_searches", "help_feedback"])
def test_an_address_reads_so_much_and_has_to_wait(workspace: Workspace, name: str) -> None:
    factories.make_article(workspace)
    limit, caller = limits.RATES[name], reader("192.0.2.1")
    passed = 0
    while (answer := call(name, caller)).status_code == 200:
        passed += 1
        assert passed < 2 * limit.burst + 5, "never refused"
    assert answer.status_code == 429
    assert passed >= limit.burst
    assert call(name, reader("198.51.100.1")).status_code == 200, "one's limit is not another's"
    let_pass(limit.seconds / limit.amount + 1)
    assert call(name, caller).status_code == 200


def test_an_answer_beyond_the_limit_is_not_kept(workspace: Workspace) -> None:
    factories.make_article(workspace)
    while call("help_feedback", reader("192.0.2.1")).status_code == 200:
        pass
    kept = ArticleFeedback.objects.count()
    assert call("help_feedback", reader("192.0.2.1")).status_code == 429
    assert ArticleFeedback.objects.count() == kept
