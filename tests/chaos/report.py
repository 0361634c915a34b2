"""What a run came to, in lines; and the demands that every run must meet."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from opencom_project.demo.checker import percentiles
from tests.chaos.invariants import broken
from tests.chaos.load import Outcome

COMPLETE_SECONDS = 10.0
"""After the last fault every connected client is complete within this, without anybody's doing."""
KEPT_REPORTS = Path(os.environ.get("CHAOS_REPORTS", "/var/tmp/opencom-chaos-reports"))


def judge(name: str, outcome: Outcome, happened: Counter[str], *, without: Sequence[str] = ()) -> dict[str, Any]:
    """Print the report of a run, keep it (with the history, where something is wrong), and fail unless every promise was kept.

    ``happened`` counts the faults that were really there: a run without any proves nothing and fails.
    """
    with outcome.load.installation.connect() as connection:
        wrong = broken(connection.cursor(), without)
    report = _report(outcome, happened, wrong)
    complaints = _complaints(outcome, happened, wrong)
    KEPT_REPORTS.mkdir(parents=True, exist_ok=True)
    kept = KEPT_REPORTS / f"{name}.json"
    kept.write_text(json.dumps(report, indent=1, default=str))
    print(f"\n{name}: " + json.dumps(report, default=str), flush=True)
    if complaints:
        history = KEPT_REPORTS / f"{name}-{int(time.time())}.jsonl"
        outcome.load.history.save(history)
        raise AssertionError(f"{name} (history in {history}):\n  " + "\n  ".join(complaints))
    return report


def _report(outcome: Outcome, happened: Counter[str], wrong: dict[str, list[Any]]) -> dict[str, Any]:
    verdict = outcome.verdict
    return {
        "acknowledged": verdict.acknowledged,
        "replayed": verdict.replayed,
        "seen": verdict.seen,
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "reordered": verdict.reordered,
        "anomalies": dict(Counter(anomaly.kind for anomaly in verdict.anomalies)),
        "broken invariants": list(wrong),
        "happened": dict(happened),
        "deaths": dict(outcome.deaths),
        "answers": dict(outcome.answers),
        "sockets": dict(outcome.sockets),
        "ms": _rounded(verdict.milliseconds),
        "ms by window": _by_window(outcome),
        "settled after": round(outcome.settle_seconds, 2),
        "complete after": round(outcome.calm_seconds, 2),
    }


def _by_window(outcome: Outcome) -> dict[str, dict[str, float]]:
    """Return the waits of messages first sent within each kind of window, and outside of all; of clients that nothing impaired."""
    windows = outcome.load.windows
    waits = [wait for wait in outcome.verdict.waits if wait.client not in outcome.load.impaired]
    found = {"outside": [w.milliseconds for w in waits if not any(start <= w.sent <= end for _, start, end in windows)]}
    for name in dict.fromkeys(name for name, _, _ in windows):
        spans = [(start, end) for named, start, end in windows if named == name]
        found[name] = [w.milliseconds for w in waits if any(start <= w.sent <= end for start, end in spans)]
    return {name: _rounded(percentiles(times)) for name, times in found.items()}


def _rounded(times: dict[str, float]) -> dict[str, float]:
    return {name: round(value) for name, value in times.items()}


def _complaints(outcome: Outcome, happened: Counter[str], wrong: dict[str, list[Any]]) -> list[str]:
    verdict, sockets = outcome.verdict, outcome.sockets
    found = [f"{anomaly.kind}: {anomaly.detail}" for anomaly in verdict.anomalies[:15]]
    found += [f"invariant: {name}: {rows}" for name, rows in wrong.items()]
    found += [f"no {name} happened" for name, count in happened.items() if not count]
    found += [f"isolation: {words}" for words in outcome.strangers]
    found += [f"refused: {words}" for words in outcome.load.refusals[:10]]
    found += [f"{count} answers {status}" for status, count in outcome.answers.items() if status in ("500", "501")]
    found += [f"sockets: {name} ×{sockets[name]}" for name in ("holes", "missed", "closed 4400") if sockets[name]]
    if not happened:
        found.append("no fault happened: the run proves nothing")
    if not verdict.acknowledged or not verdict.seen:
        found.append("nothing was sent or seen")
    if outcome.calm_seconds > COMPLETE_SECONDS:
        found.append(f"clients were complete only after {outcome.calm_seconds:.1f} s")
    return found
