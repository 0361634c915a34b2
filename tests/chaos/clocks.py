"""Other clocks for single processes, by libfaketime."""

from __future__ import annotations

from pathlib import Path

import pytest

PLACES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", ".tools/faketime/libfaketimeMT.so.1")
ROOT = Path(__file__).resolve().parents[2]


def library() -> Path:
    """Return libfaketime, or fail with what to do."""
    for place in PLACES:
        base = Path("/") if place.startswith("/") else ROOT
        for found in sorted(base.glob(place.lstrip("/"))):
            return found
    pytest.fail("Clocks can't be moved without libfaketime: apt-get install libfaketime", pytrace=False)


def skewed(seconds: int) -> dict[str, str]:
    """Return the variables that make a program's clock wrong by so much; its monotonic clock stays right. 0 takes them away."""
    if not seconds:
        return {"LD_PRELOAD": "", "FAKETIME": "", "FAKETIME_DONT_FAKE_MONOTONIC": "", "DONT_FAKE_MONOTONIC": ""}
    return {
        "LD_PRELOAD": str(library()),
        "FAKETIME": f"{seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
