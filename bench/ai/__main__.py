"""`python -m bench.ai retrieval`: measures answers on real questions, in a database of its own."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import sys
import time
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

GOALS = {"mtrag-un": 0.86, "xquad-en-en": 0.995, "xquad-de-en": 0.975}
"""Recall among the first five that both ways together must reach, beside never being below the better of them."""


def main() -> int:
    """Run what the command line asks for. Ends with 1 where a goal isn't reached."""
    parser = argparse.ArgumentParser(prog="python -m bench.ai", description=__doc__)
    jobs = parser.add_subparsers(dest="job", required=True)
    retrieval = jobs.add_parser("retrieval", help="recall@5 and MRR of full text, vectors and both, on each set")
    retrieval.add_argument("--sets", nargs="+", metavar="NAME", help="these only")
    retrieval.add_argument("--remember", type=Path, metavar="FILE", help="keep the embeddings here for the next run")
    retrieval.add_argument("--dump", type=Path, metavar="FILE", help="write every question's candidates, for tuning")
    retrieval.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    scale = jobs.add_parser("scale", help="recall@10 against exact, and time, at many passages over many workspaces")
    scale.add_argument("--passages", type=int, default=100_000)
    scale.add_argument("--workspaces", type=int, default=50)
    scale.add_argument("--questions", type=int, default=200)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opencom_project.settings")
    django.setup()
    call_command("migrate", verbosity=0)
    from apps.core.isolation import scopes

    with scopes.every_workspace(scopes.MEASURING):
        return measure_retrieval(options) if options.job == "retrieval" else measure_scale(options)


def measure_retrieval(options: Any) -> int:
    """Print a row for each set and way."""
    from bench.ai import retrieval, sets
    from bench.ai.remembered import remember

    kept = remember(options.remember)
    report: dict[str, Any] = {}
    dumped: dict[str, Any] = {}
    print(f"{'set':<14} {'way':<10} {'recall@5':>8} {'MRR':>6}")
    for name in options.sets or sets.SETS:
        data = sets.SETS[name]()
        began = time.monotonic()
        workspace, names = retrieval.fill(data)
        kept.keep()
        answered = list(retrieval.ask(data, workspace, names))
        kept.keep()
        dumped[name] = [
            (
                one.question.text,
                one.question.answers,
                one.found,
                {row.article: names[row.article] for row in one.found.near},
            )
            for one in answered
        ]
        report[name] = {}
        for way, function in retrieval.WAYS.items():
            figures = retrieval.figures(answered, function)
            report[name][way] = {"recall@5": figures.recall, "MRR": figures.mrr}
            print(f"{name:<14} {way:<10} {figures.recall:>8.3f} {figures.mrr:>6.3f}", flush=True)
        print(f"{'':<14} {len(data.documents)} documents, {len(answered)} questions, {time.monotonic() - began:.0f} s")
        if options.dump:
            options.dump.write_bytes(pickle.dumps(dumped))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2))
    missed = [name for name, ways in report.items() if not reached(name, ways)]
    return 1 if missed else 0


def reached(name: str, ways: dict[str, dict[str, float]]) -> bool:
    """Say whether a set's goals hold, and print those that don't."""
    both = ways["both"]
    least = {figure: max(ways["full text"][figure], ways["vectors"][figure]) for figure in both}
    least["recall@5"] = max(least["recall@5"], GOALS.get(name, 0.0))
    missed = [figure for figure in both if both[figure] < least[figure] - 5e-4]
    for figure in missed:
        print(f"{name}: {figure} is {both[figure]:.3f}, the goal {least[figure]:.3f}")
    return not missed


def measure_scale(options: Any) -> int:
    """Print recall and time of vector search."""
    from bench.ai import scale

    return scale.measure(options.passages, options.workspaces, options.questions)


if __name__ == "__main__":
    sys.exit(main())
