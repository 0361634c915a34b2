"""The snippets make what the API takes: run as they are printed, in the languages that this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from apps.visitors import snippets
from apps.visitors.snippets import Language
from apps.workspaces.models import Workspace
from tests.visitors.test_proof import Host

pytestmark = pytest.mark.django_db

USER = ("ü 1'\"<", "grete@home.example", 'Grété "G"')

FILES = {
    "node": (
        "snippet.js",
        "{code}\nconst [id, email, name] = process.argv.slice(2);\nprocess.stdout.write({call});",
        {"hash": "userHash(id)", "token": "userToken({ id, email, name })"},
        ["node"],
    ),
    "python": (
        "snippet.py",
        "{code}\nimport sys, types\nid, email, name = sys.argv[1:]\nprint({call}, end='')",
        {"hash": "user_hash(id)", "token": "user_token(types.SimpleNamespace(id=id, email=email, name=name))"},
        [sys.executable],
    ),
    "php": (
        "snippet.php",
        "<?php\n{code}\n[, $id, $email, $name] = $argv;\necho {call};",
        {"hash": "user_hash($id)", "token": "user_token((object) ['id' => $id, 'email' => $email, 'name' => $name])"},
        ["php"],
    ),
    "ruby": (
        "snippet.rb",
        "{code}\nid, email, name = ARGV\nprint {call}",
        {"hash": "user_hash(id)", "token": "user_token(Struct.new(:id, :email, :name).new(id, email, name))"},
        ["ruby"],
    ),
    "java": (
        "Snippet.java",
        "{imports}\nclass Snippet {{\n{code}\npublic static void main(String[] args) throws Exception "
        "{{ System.out.print({call}); }}\n}}",
        {"hash": "userHash(args[0])"},
        ["java"],
    ),
    "go": ("main.go", "package main\n{code}\nfunc main() {{ println({call}) }}", {}, ["go", "run"]),
}


def made_by(language: Language, what: str, host: Host, folder: Path) -> str:
    """Run a snippet and return what it makes."""
    name, around, calls, command = FILES[language.id]
    if shutil.which(command[0]) is None or what not in calls:
        pytest.skip(f"there is no {command[0]} here to run it")
    code = getattr(language, what)
    imports = (
        "\n".join(line for line in code.splitlines() if line.startswith("import ")) if "{imports}" in around else ""
    )
    if imports:
        code = "\n".join(line for line in code.splitlines() if not line.startswith("import "))
    (folder / name).write_text(around.format(code=code, call=calls[what], imports=imports), encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", snippets.SECRET: host.secret()}
    done = subprocess.run(
        [*command, name, *USER], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("what", ["hash", "token"])
@pytest.mark.parametrize("id_", list(FILES))
def test_what_a_snippet_makes_is_taken(workspace: Workspace, tmp_path: Path, id_: str, what: str) -> None:
    host = Host(workspace)
    host.mode("required")
    language = next(language for language in snippets.languages(workspace) if language.id == id_)
    proof = made_by(language, what, host, tmp_path)
    claim = {"user_id": USER[0], "user_hash": proof} if what == "hash" else {"user_token": proof}
    visitor = host.arrive(**claim).visitor
    assert visitor.external_id == USER[0]
    if what == "token":
        assert (visitor.email, visitor.name) == USER[1:]


def test_there_are_six_languages_and_none_has_a_secret_in_it(workspace: Workspace) -> None:
    host = Host(workspace)
    languages = snippets.languages(workspace)
    assert [language.id for language in languages] == ["node", "python", "php", "ruby", "go", "java"]
    for language in languages:
        for code in (language.hash, language.token):
            assert snippets.SECRET in code
            assert host.secret() not in code
        assert str(workspace.pk) in language.token
