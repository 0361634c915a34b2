"""The bench measures the running product; here only with tiny counts, to see that it still can."""

from __future__ import annotations

import json
from pathlib import Path

from bench import plan, rows, run


def test_a_report_has_a_row_for_each_metric_beside_its_floor(tmp_path: Path) -> None:
    report = run.run(plan.TINY, ["latency", "counters"], lambda text: None)
    assert len(report) >= 3
    for row in report:
        assert row.ours is not None, row.note
        assert row.ours >= 0
    latency = report[0]
    assert latency.floor is not None
    assert latency.ratio is not None
    assert all(row.metric in rows.table(report) for row in report)
    run.write(tmp_path / "report.json", plan.TINY, report, 1.0)
    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert [row["metric"] for row in written["rows"]] == [row.metric for row in report]
    assert {"metric", "ours", "floor", "ratio", "goal", "met", "unit"} <= set(written["rows"][0])


def test_a_measurement_that_fails_says_why() -> None:
    row = rows.missing("nothing", "", "failed: it isn't there")
    assert row.ours is None
    assert "it isn't there" in rows.table([row])
