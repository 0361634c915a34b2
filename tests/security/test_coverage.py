"""Every case is tested, and every test that is said to prove one is there."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

from tests.security.cases import CASES, catalogue, proofs, reason

ROOT: Path = settings.ROOT


@cache
def names_in(path: str) -> set[str]:
    source = (ROOT / path).read_text(encoding="utf-8")
    return {
        node.name for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


@pytest.mark.parametrize("id_", CASES)
def test_a_case_has_a_test(id_: str) -> None:
    assert proofs()[id_], f"{id_} {CASES[id_].asked}"


@pytest.mark.parametrize("id_", catalogue())
def test_a_case_of_the_design_is_tested_or_says_why_it_is_not(id_: str) -> None:
    assert id_ in CASES or reason(id_)


def test_every_case_is_one_of_the_design() -> None:
    assert set(CASES) <= set(catalogue())


@pytest.mark.parametrize("name", sorted({name for case in CASES.values() for name in case.proven_by}))
def test_a_test_that_proves_a_case_is_there(name: str) -> None:
    path, _, test = name.partition("::")
    assert test in names_in(path)
