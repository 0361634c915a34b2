"""Replaying dialogues: through processes of its own, from a file of either form; and what it says where nobody answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from opencom_project.demo.checker import Anomaly, Verdict
from opencom_project.demo.dialogues import load
from opencom_project.demo.history import History
from opencom_project.demo.players import Run
from opencom_project.demo.replay import Place, report

ROOT = Path(__file__).resolve().parents[2]
SMALL = [
    [{"speaker": "U", "text": "Do you have a table for two?"}, {"speaker": "S", "text": "Yes, at eight."}],
    [
        {"speaker": "U", "text": "Is breakfast included?"},
        {"speaker": "U", "text": "And parking?"},
        {"speaker": "S", "text": "Both are."},
        {"speaker": "U", "text": "Lovely."},
    ],
]
ABCD = [
    {
        "original": [
            ["action", "pull up"],
            ["agent", "Hi!"],
            ["customer", "Hello"],
            ["action", "Checked."],
            ["agent", "Done."],
        ]
    }
]


def replay(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "opencom_project.demo.replay", *words]
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "PYTHONDONTWRITEBYTECODE"}}
    return subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=180, check=False)


def written(folder: Path, dialogues: object) -> Path:
    file = folder / "dialogues.json"
    file.write_text(json.dumps(dialogues), encoding="utf-8")
    return file


def test_dialogues_are_played_through_processes_of_their_own_and_nothing_is_lost(tmp_path: Path) -> None:
    kept = tmp_path / "history"
    done = replay(str(written(tmp_path, SMALL * 3)), "--clients", "4", "--history", str(kept))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"6 dialogues in .*\n.*acknowledged 18, replayed \d+, seen \d+\n", done.stdout)
    assert "lost 0, doubled 0, reordered 0, other 0, stuck 0" in done.stdout
    events = [json.loads(line) for line in kept.read_text().splitlines()]
    assert sum(event["k"] == "ok" for event in events) == 18
    assert {event["client"].split("-")[0] for event in events if event["k"] in ("see", "snap")} == {"visitor", "member"}


def test_a_conversation_that_an_agent_opens_with_notes_between_is_read_as_such(tmp_path: Path) -> None:
    (dialogue,) = load(written(tmp_path, ABCD))
    assert dialogue.turns == (("member", "Hi!"), ("visitor", "Hello"), ("note", "Checked."), ("member", "Done."))


def test_where_nobody_answers_it_says_so_and_fails(tmp_path: Path) -> None:
    done = replay(str(written(tmp_path, SMALL)), "--web", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "Nobody can sign in at http://127.0.0.1:9" in done.stderr


def test_a_file_of_another_form_is_refused_with_what_is_expected(tmp_path: Path) -> None:
    done = replay(str(written(tmp_path, [{"text": "hi"}])), "--web", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "Neither a DSTC11 log nor an ABCD conversation" in done.stderr


def test_what_was_lost_is_counted_and_shown() -> None:
    verdict = Verdict(anomalies=[Anomaly("lost", "m1"), Anomaly("overtaken", "m2")], acknowledged=2)
    said = report(Run(Place("", ""), "", [], History()), verdict, 1, 1.0)
    assert "lost 1, doubled 0, reordered 1, other 0" in said
    assert "  lost: m1" in said
