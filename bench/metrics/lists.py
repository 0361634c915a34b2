"""The inbox, a conversation, search and the counters as they grow a thousandfold."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from bench import database
from bench.remote import Remote
from bench.rounds import Comparison, Sample
from bench.rows import Goal, Row, compared, single
from bench.servers import Server
from bench.stage import Filled, Stage
from bench.usage import cpu_ms

PAGE = 50
READS = {
    "inbox": "inbox page",
    "conversation": "newest page of a long conversation",
    "search": "search, a rare word",
    "search_common": "search, a word in every message",
    "counts": "counters",
}


def measure(stage: Stage) -> Iterator[Row]:
    """Yield the inbox page beside an index-only scan at each size, and how every list grows from the smallest to the largest."""
    sizes = [stage.filled(count) for count in stage.plan.conversations]
    taken: dict[str, dict[int, list[dict[str, float]]]] = {
        read: {size.conversations: [] for size in sizes} for read in READS
    }
    pages: dict[int, list[float]] = {size.conversations: [] for size in sizes}
    for _ in range(stage.plan.rounds):
        for size in sizes:
            for read in READS:
                taken[read][size.conversations].append(
                    size.backstage.ask("time", what=read, workspace=size.workspace, times=stage.plan.pages)
                )
            pages[size.conversations].append(
                database.page_ms(size.url, stage.plan.pages, {"workspace": size.workspace})
            )
    for size in sizes:
        ours = [Sample(turn["p50"], turn["cpu_ms"]) for turn in taken["inbox"][size.conversations]]
        floor = [Sample(ms) for ms in pages[size.conversations]]
        yield compared(
            f"inbox page at {size.conversations:,}, without HTTP", "ms", Comparison(ours, floor), Goal(ratio_most=3)
        )
    yield from _growth(stage, sizes, taken)
    yield from _looks(sizes[-1])


def _growth(stage: Stage, sizes: list[Filled], taken: dict[str, dict[int, list[dict[str, float]]]]) -> Iterator[Row]:
    small, large = sizes[0].conversations, sizes[-1].conversations
    note = "the floor is the same list at the smaller size" + (
        ", no 1,000,000 in a quick run" if stage.plan.quick else ""
    )
    for read, name in READS.items():
        comparison = Comparison(
            *([Sample(turn["p50"], turn["cpu_ms"]) for turn in taken[read][count]] for count in (large, small))
        )
        yield compared(
            f"{name}: {large:,} against {small:,} conversations", "ms", comparison, Goal(ratio_most=1.3), note
        )


def _looks(size: Filled) -> Iterator[Row]:
    look: dict[str, Any] = size.backstage.ask("look", what="inbox", workspace=size.workspace)
    yield single(f"queries of an inbox page at {size.conversations:,}", "queries", look["queries"], Goal(most=1))
    rows = look["rows"].get("conversations_conversation", 0)
    beside = ", ".join(
        f"{count} of {table}" for table, count in look["rows"].items() if table != "conversations_conversation"
    )
    yield single(
        f"rows an inbox page reads at {size.conversations:,}",
        "rows",
        rows,
        Goal(most=PAGE + 1),
        note=f"conversations; {beside} joined",
    )


def http(stage: Stage) -> Iterator[Row]:
    """Yield the inbox page over HTTP, the largest workspace beside the smallest, by web processes of their own."""
    sizes = [stage.filled(count) for count in (stage.plan.conversations[-1], stage.plan.conversations[0])]
    comparison = Comparison([], [])
    with (
        Server.web(sizes[0].environment) as large,
        Server.web(sizes[1].environment) as small,
        Remote("bench.load.pages") as agent,
    ):
        for _ in range(stage.plan.rounds):
            turns = [_gets(stage, agent, size, server) for size, server in zip(sizes, (large, small), strict=True)]
            comparison.add(*turns)
    yield compared(
        f"GET inbox page: {sizes[0].conversations:,} against {sizes[1].conversations:,}",
        "ms",
        comparison,
        Goal(ratio_most=1.3),
    )


def _gets(stage: Stage, agent: Remote, size: Filled, server: Server) -> Sample:
    cookies = size.backstage.ask("cookies", workspace=size.workspace, count=20)
    before = cpu_ms([server.pid])
    taken = agent.ask(
        "get", port=server.port, path="/api/v1/conversations?status=open", cookies=cookies, count=stage.plan.pages
    )
    return Sample(median(taken), (cpu_ms([server.pid]) - before) / len(taken))


def counters(stage: Stage) -> Iterator[Row]:
    """Yield what reading the counters costs beside one row, and whether they are exact after many changes."""
    size = stage.filled(stage.plan.conversations[min(1, len(stage.plan.conversations) - 1)])
    backstage, workspace = size.backstage, size.workspace
    changed = backstage.ask("transitions", workspace=workspace, count=stage.plan.transitions, within=900)
    comparison = Comparison()
    for _ in range(stage.plan.rounds):
        turns = [
            backstage.ask("time", what=what, workspace=workspace, times=5 * stage.plan.pages)
            for what in ("counts", "one_row")
        ]
        comparison.add(*(Sample(turn["p50"], turn["cpu_ms"]) for turn in turns))
    yield compared(
        "reading all counters",
        "ms",
        comparison,
        Goal(most=1),
        f"at {size.conversations:,} conversations; the floor reads one row",
    )
    yield single(
        "counters that differ from a recount",
        "counters",
        changed["wrong"],
        Goal(most=0),
        note=f"after {stage.plan.transitions:,} random changes, before and after folding",
    )
