"""What only a browser can tell: when the agent sees the message, and what the messenger does to a customer's page."""

from __future__ import annotations

import importlib.util
import itertools
import json
from collections.abc import Iterator
from statistics import median
from urllib.parse import quote

from bench.remote import ROOT, Remote
from bench.rounds import Comparison, Sample, percentile
from bench.rows import Goal, Row, compared, missing, single
from bench.stage import Stage

PAUSE = 0.11
"""A conversation takes ten messages a second."""
AT_ONCE = 8
"""A visitor may send ten at once; then it is the next one's turn."""
MANIFEST = ROOT / "widget" / "dist" / "manifest.json"
EMPTY_TAG = "<script async src='/empty.js'></script>"
LANGUAGES = ("de", "es")


def has_browser() -> bool:
    """Tell whether Playwright is installed; whether it finds a browser shows when it starts."""
    return importlib.util.find_spec("playwright") is not None


def dom(stage: Stage) -> Iterator[Row]:
    """Yield the time from a visitor's POST until the message is in the agent's page."""
    metric = "visitor POST → agent's DOM, durable, p50"
    if not has_browser():
        yield missing(metric, "ms", "Playwright isn't installed")
        return
    plan = stage.plan
    turns = max(1, plan.dom_sends // AT_ONCE)
    people = iter(stage.people(plan.rounds * turns))
    [cookie] = stage.backstage.ask("cookies", workspace=stage.workspace, count=1)
    with stage.durable_floor() as floor, Remote("bench.load.browser") as browser:
        browser.ask("open_dashboard", port=stage.product.port, cookie=cookie)
        browser.ask("open_floor", port=floor.port)
        comparison = Comparison()
        for _ in range(plan.rounds):
            ours: list[float] = []
            bare: list[float] = []
            for visitor in itertools.islice(people, turns):
                browser.ask("show", port=stage.product.port, conversation=visitor["conversation"])
                for side, taken in (("ours", ours), ("floor", bare)):
                    taken.extend(browser.ask("send", side=side, visitor=visitor, count=AT_ONCE, pause=PAUSE))
            comparison.add(Sample(percentile(ours, 0.5)), Sample(percentile(bare, 0.5)))
        browser.ask("close")
    yield compared(metric, "ms", comparison, Goal(ratio_most=1.5), "in headless Chromium")


def widget(stage: Stage) -> Iterator[Row]:
    """Yield the messenger's bytes, and what it costs a customer's page before anybody opens it."""
    yield from _bytes()
    if not has_browser():
        yield missing("messenger: main thread in its scripts", "ms", "Playwright isn't installed")
        return
    tag = f"<script async src='{stage.origin}/widget/opencom.js' data-opencom-workspace='{stage.workspace}'></script>"
    main_thread, moved, shift, requests = Comparison(), Comparison(), 0.0, 0
    with Remote("bench.load.browser") as browser:
        for script in (tag, EMPTY_TAG):
            browser.ask("visit", script=quote(script))
        for _ in range(stage.plan.page_loads):
            ours, empty = (browser.ask("visit", script=quote(script)) for script in (tag, EMPTY_TAG))
            main_thread.add(Sample(ours["main_thread"] - empty["main_thread"]), Sample(empty["main_thread"]))
            moved.add(Sample(ours["moved"] - empty["moved"]), Sample(empty["moved"]))
            shift = max(shift, ours["shift"])
            requests = max(requests, int(ours["requests"]))
        profiles = [browser.ask("profile", script=quote(tag)) for _ in range(stage.plan.page_loads)]
        browser.ask("close")
    yield single(
        "messenger: main thread in its scripts",
        "ms",
        median(profile["idle"] for profile in profiles),
        Goal(most=33),
        note="4× throttle, until quiet; what Lighthouse counts a third party's main thread by",
    )
    yield single(
        "messenger: main thread in its scripts, with its live connection",
        "ms",
        median(profile["moved"] for profile in profiles),
        note="after the pointer's first move",
    )
    note = "4× throttle, all that it adds; the floor is the page with an empty script"
    yield compared("messenger: main thread, with the browser's own work", "ms", main_thread, note=note)
    yield compared("messenger: the same, with its live connection", "ms", moved, note="after the pointer's first move")
    yield single(
        "messenger: requests before it is opened",
        "requests",
        requests,
        Goal(most=3),
        note="boot included, preflights not",
    )
    yield single("messenger: layout shift", "CLS", shift, Goal(most=0))


def _bytes() -> Iterator[Row]:
    if not MANIFEST.exists():
        yield missing("messenger: bytes", "bytes gz", "it isn't built: bin/widget")
        return
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    entries, files = manifest["entries"], manifest["files"]
    loader = files[entries["loader"]]["gzip"]
    launcher = files[entries["launcher"]]["gzip"]
    everything = sum(
        file["gzip"] for name, file in files.items() if name not in {entries[language] for language in LANGUAGES}
    )
    yield single("messenger: loader", "bytes gz", loader, Goal(most=3000))
    yield single(
        "messenger: until its button can be used",
        "bytes gz",
        loader + launcher,
        Goal(most=15_000),
        note="loader and launcher",
    )
    yield single("messenger: everything", "bytes gz", everything, Goal(most=45_000), note="with one language of three")
