"""Secrets at rest: readable by who has the key and the row, by nobody else; keys change without anybody noticing."""

from __future__ import annotations

import secrets
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection

from apps.core import envelope
from apps.core.envelope import KeyMissing, Tampered
from apps.visitors.models import IdentitySecret
from apps.workspaces.models import Workspace
from opencom_project import environment

pytestmark = pytest.mark.django_db

WORD = "kanarienvogel"


def kept(workspace: Workspace, text: str = WORD, slot: int = 1) -> IdentitySecret:
    row = IdentitySecret(workspace=workspace, kind="shared", slot=slot, hint="ogel")
    envelope.seal(row, "secret", text)
    row.save()
    return IdentitySecret.objects.get(pk=row.pk)


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text || encode(secret, 'escape'), ' ') FROM visitors_identitysecret AS t")
        return str(cursor.fetchone()[0])


def new_key() -> str:
    return secrets.token_urlsafe(32)


def said(*arguments: str) -> str:
    out = StringIO()
    call_command("secrets", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("text", [WORD, "", "ä" * 5000, "\x00"])
def test_what_was_sealed_can_be_read_again(workspace: Workspace, text: str) -> None:
    assert envelope.reveal(kept(workspace, text), "secret") == text


def test_the_database_alone_tells_nothing(workspace: Workspace) -> None:
    first, second = kept(workspace), kept(workspace, slot=2)
    assert WORD not in stored()
    assert bytes(first.secret) != bytes(second.secret), "the same text looks different each time"
    assert bytes(first.secret)[21:] != bytes(second.secret)[21:]


def test_a_secret_that_is_put_into_another_row_opens_nothing(workspace: Workspace) -> None:
    first, second = kept(workspace), kept(workspace, slot=2)
    second.secret = first.secret
    with pytest.raises(Tampered):
        envelope.reveal(second, "secret")
    assert envelope.reveal(first, "secret") == WORD


@pytest.mark.parametrize("place", [0, 1, 9, 21, 40, 70, 85, -1])
def test_a_changed_byte_is_noticed(workspace: Workspace, place: int) -> None:
    row = kept(workspace)
    changed = bytearray(row.secret)
    changed[place] ^= 1
    row.secret = bytes(changed)
    with pytest.raises((Tampered, KeyMissing)):
        envelope.reveal(row, "secret")


@pytest.mark.parametrize("length", [0, 1, 9, 68, 69, 80])
def test_a_cut_secret_is_noticed(workspace: Workspace, length: int) -> None:
    row = kept(workspace)
    row.secret = bytes(row.secret)[:length]
    with pytest.raises(Tampered):
        envelope.reveal(row, "secret")


def test_rotation_lets_the_old_key_go(workspace: Workspace, settings: Any) -> None:
    old, new = settings.ENCRYPTION_KEYS[0], new_key()
    row = kept(workspace)
    before = bytes(row.secret)
    settings.ENCRYPTION_KEYS = [new, old]
    assert envelope.reveal(row, "secret") == WORD, "readable before the rotation"
    assert "1 encrypted anew" in said("rotate")
    assert "0 encrypted anew" in said("rotate"), "a second time nothing is left to do"
    settings.ENCRYPTION_KEYS = [new]
    row = IdentitySecret.objects.get(pk=row.pk)
    assert envelope.reveal(row, "secret") == WORD
    assert bytes(row.secret)[envelope.HEAD_BYTES :] == before[envelope.HEAD_BYTES :], "the secret itself wasn't touched"
    settings.ENCRYPTION_KEYS = [old]
    with pytest.raises(KeyMissing):
        envelope.reveal(row, "secret")


def test_rotation_without_the_key_that_is_needed_changes_nothing_and_says_which(
    workspace: Workspace, settings: Any
) -> None:
    row = kept(workspace)
    needed = envelope.key_of(row.secret)
    settings.ENCRYPTION_KEYS = [new_key()]
    with pytest.raises(CommandError, match=needed):
        said("rotate")
    assert "MISSING" in said()
    assert bytes(IdentitySecret.objects.get(pk=row.pk).secret) == bytes(row.secret)


def test_the_command_says_which_key_can_go(workspace: Workspace, settings: Any) -> None:
    kept(workspace)
    settings.ENCRYPTION_KEYS = [new_key(), *settings.ENCRYPTION_KEYS]
    counts = [line.split("|")[2].strip() for line in said().splitlines() if "crypts" in line]
    assert counts == ["0", "1"]
    assert WORD not in said()
    for key in settings.ENCRYPTION_KEYS:
        assert key not in said()


@pytest.mark.parametrize("keys", ["", " , ", "short", "k" * 42, "k" * 44, "k" * 42 + "!", "k" * 43 + ",short"])
def test_nothing_starts_without_a_good_key(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setenv("ENCRYPTION_KEYS", keys)
    with pytest.raises(ImproperlyConfigured, match="ENCRYPTION_KEYS"):
        environment.encryption_keys("ENCRYPTION_KEYS")
    good = new_key()
    monkeypatch.setenv("ENCRYPTION_KEYS", good)
    assert environment.encryption_keys("ENCRYPTION_KEYS") == [good]
