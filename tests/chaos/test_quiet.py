"""Without any fault: the load itself is exact, so that what a fault test finds is the fault's."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.chaos.installation import Installation
from tests.chaos.load import Load
from tests.chaos.report import judge

pytestmark = [pytest.mark.asyncio(loop_scope="session")]


async def test_nothing_is_lost_while_nothing_breaks(installation: Installation) -> None:
    load = Load(installation)
    await load.start()
    await asyncio.sleep(8)
    outcome = await load.finish()
    judge("quiet", outcome, Counter({"messages": outcome.verdict.acknowledged}))
    assert not outcome.deaths
    assert set(outcome.answers) <= {"200", "201", "204"}
