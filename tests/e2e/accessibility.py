"""axe on a page as it is now."""

from __future__ import annotations

from functools import cache
from typing import Any

from playwright.sync_api import Page

from tests.processes import ROOT

AXE = ROOT / "widget" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => [node.target.flat().join(" "), node.failureSummary]) }));
}"""


@cache
def _source() -> str:
    return AXE.read_text(encoding="utf-8")


def violations(page: Page) -> list[Any]:
    """Return what axe finds on the page, into its shadow roots and frames of the same origin."""
    for frame in page.frames:
        if not frame.evaluate("() => 'axe' in window"):
            # Straight into the page, so that its policy on scripts doesn't matter.
            frame.evaluate(_source())
    found: list[Any] = page.evaluate(RUN)
    return found


def assert_accessible(page: Page, state: str) -> None:
    """Fail with every violation and where it is."""
    found = violations(page)
    said = "\n".join(
        f"{each['id']}: {each['help']}\n" + "\n".join(f"  {where}: {why}" for where, why in each["nodes"])
        for each in found
    )
    assert not found, f"{state}:\n{said}"
