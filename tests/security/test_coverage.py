"""Every case is tested, and every test that is said to prove one is there."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

from tests.security.cases import CASES

ROOT: Path = settings.ROOT


def marked() -> dict[str, list[str]]:
    """Return which tests of this folder are marked with which case."""
    found: dict[str, list[str]] = {id_: [] for id_ in CASES}
    for path in Path(__file__).parent.glob("test_*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            for mark in function.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "case":
                    for argument in mark.args:
                        found[ast.literal_eval(argument)].append(f"{path.name}::{function.name}")
    return found


@cache
def names_in(path: str) -> set[str]:
    source = (ROOT / path).read_text(encoding="utf-8")
    return {
        node.name for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


@pytest.mark.parametrize("id_", CASES)
def test_a_case_has_a_test(id_: str) -> None:
    assert marked()[id_] or CASES[id_].proven_by, f"{id_} {CASES[id_].asked}"


@pytest.mark.parametrize("name", sorted({name for case in CASES.values() for name in case.proven_by}))
def test_a_test_that_proves_a_case_is_there(name: str) -> None:
    path, _, test = name.partition("::")
    assert test in names_in(path)
