"""Mail: handed to real servers, tried again where that can help, sent once, and kept in a folder where there is no server."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.db.models.functions import Now
from django.test import Client

from apps.core import effects
from apps.core.models import Effect
from apps.workspaces import invitations, passwords
from apps.workspaces.models import PasswordReset, Workspace
from opencom_project import diagnosis, environment
from tests import factories
from tests.carriers import ResendServer, SmtpServer
from tests.processes import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(workspace: Workspace) -> str:
    return factories.owner_of(workspace).user.email


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture
def resend() -> Iterator[ResendServer]:
    with ResendServer() as server:
        yield server


def carry_by(settings: Any, monkeypatch: pytest.MonkeyPatch, url: str, **options: Any) -> None:
    """Have mail carried as MAIL_URL says."""
    monkeypatch.setenv("MAIL_URL", url)
    mailer = environment.mailer("MAIL_URL", Path("mail"))
    settings.MAILERS = {"default": {**mailer, "OPTIONS": {**mailer["OPTIONS"], **options}}}


def owe(address: str) -> Effect:
    """Owe a mail: the link to a new password."""
    passwords.request_reset(address, client_address="192.0.2.1")
    return Effect.objects.get(kind="workspaces.mail_reset")


def pay(owed: Effect) -> Effect:
    """Pay it now, whenever the next try is due."""
    Effect.objects.filter(pk=owed.pk).update(available_at=Now() - timedelta(minutes=5), lease_until=None)
    assert effects.pay(owed.pk)
    return Effect.objects.get(pk=owed.pk)


# SMTP


def test_a_mail_goes_to_an_smtp_server_as_text_and_html(
    smtp: SmtpServer, address: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_by(settings, monkeypatch, f"smtp://127.0.0.1:{smtp.port}")
    assert pay(owe(address)).state == "done"
    [mail] = smtp.taken
    assert (mail["To"], mail["From"]) == (address, django_settings.MAIL_FROM)
    assert mail["Subject"] == "Set a new password for Opencom"
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    link = f"{django_settings.PUBLIC_URL}/reset/rst_"
    assert link in text.get_content()
    assert f'href="{link}' in html.get_content()
    assert "prefers-color-scheme: dark" in html.get_content()


def test_a_server_that_wants_a_name_and_a_password_gets_them(
    address: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer(login=("mailer", "p@ss/word")) as server:
        carry_by(settings, monkeypatch, f"smtp://mailer:wrong@127.0.0.1:{server.port}")
        owed = pay(owe(address))
        assert (owed.state, owed.last_error) == ("ready", "Postponed: SMTP SMTPAuthenticationError")
        assert server.taken == []
        carry_by(settings, monkeypatch, f"smtp://mailer:p%40ss%2Fword@127.0.0.1:{server.port}")
        assert pay(owed).state == "done"
        assert len(server.taken) == 1


def test_a_recipient_that_is_refused_for_good_is_not_tried_again(
    smtp: SmtpServer, address: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_by(settings, monkeypatch, f"smtp://127.0.0.1:{smtp.port}")
    smtp.answer = f"550 {address} doesn't exist"
    owed = pay(owe(address))
    assert (owed.state, owed.last_error, owed.attempts) == ("dead", "SMTP 550", 1)
    smtp.answer = "250 OK"
    effects.requeue(Effect.objects.filter(pk=owed.pk))
    assert pay(owed).state == "done"


@pytest.mark.parametrize(("answer", "end"), [("451 later", "250 OK"), ("250 OK", "452 no room")])
def test_what_a_server_cannot_take_now_is_tried_again(
    smtp: SmtpServer, address: str, settings: Any, monkeypatch: pytest.MonkeyPatch, answer: str, end: str
) -> None:
    carry_by(settings, monkeypatch, f"smtp://127.0.0.1:{smtp.port}")
    smtp.answer, smtp.end = answer, end
    owed = pay(owe(address))
    assert owed.state == "ready"
    assert owed.last_error.startswith("Postponed: SMTP")
    smtp.answer = smtp.end = "250 OK"
    assert pay(owed).state == "done"
    assert len(smtp.taken) == 1


def test_a_server_that_is_away_is_tried_until_there_are_no_tries_left(
    address: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_by(settings, monkeypatch, f"smtp://127.0.0.1:{free_port()}")
    owed = owe(address)
    tries = 0
    while (owed := pay(owed)).state == "ready":
        tries += 1
        assert owed.last_error == "Postponed: ConnectionRefusedError"
    assert owed.state == "dead"
    assert tries == len(effects.registry[owed.kind].pauses)


def test_a_mail_that_is_tried_again_is_the_same_mail(
    smtp: SmtpServer, address: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_by(settings, monkeypatch, f"smtp://127.0.0.1:{smtp.port}")
    owed = owe(address)
    salt = PasswordReset.objects.get().salt
    pay(owed)
    # As after a crash between the server's yes and its being written down.
    PasswordReset.objects.update(salt=salt)
    Effect.objects.update(state="ready")
    pay(owed)
    first, second = smtp.taken
    assert first["Message-ID"] == second["Message-ID"]
    assert first.get_body(("plain",)).get_content() == second.get_body(("plain",)).get_content()  # type: ignore[union-attr]


# Resend


def carry_by_resend(settings: Any, monkeypatch: pytest.MonkeyPatch, server: ResendServer, **options: Any) -> None:
    carry_by(settings, monkeypatch, "resend://re_key", api_url=server.url, **options)


def test_a_mail_goes_through_resend_with_its_key(
    resend: ResendServer, address: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_by_resend(settings, monkeypatch, resend)
    assert pay(owe(address)).state == "done"
    [(key, body)] = resend.sent.items()
    assert len(key) == 32
    assert body["to"] == [address]
    assert body["from"] == django_settings.MAIL_FROM
    assert "/reset/rst_" in body["text"]
    assert "/reset/rst_" in body["html"]
    assert resend.asked[0]["Authorization"] == "Bearer re_key"


def test_one_key_sends_one_mail_however_often_it_is_tried(
    resend: ResendServer, address: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_by_resend(settings, monkeypatch, resend)
    owed = owe(address)
    salt = PasswordReset.objects.get().salt
    for _ in range(2):
        assert pay(owed).state == "done"
        PasswordReset.objects.update(salt=salt)
        Effect.objects.update(state="ready")
    assert len(resend.asked) == 2
    assert len(resend.sent) == 1


@pytest.mark.parametrize(
    "fails", [(400, "validation_error"), (401, "missing_api_key"), (403, "invalid_api_key"), (422, "validation_error")]
)
def test_what_resend_refuses_is_dead_and_says_why_without_saying_to_whom(
    resend: ResendServer, address: str, settings: Any, monkeypatch: pytest.MonkeyPatch, fails: tuple[int, str]
) -> None:
    carry_by_resend(settings, monkeypatch, resend)
    resend.fails = fails
    owed = pay(owe(address))
    assert (owed.state, owed.attempts) == ("dead", 1)
    assert owed.last_error == f"Resend {fails[0]} {fails[1]}"
    assert resend.sent == {}


@pytest.mark.parametrize(
    "fails",
    [
        (429, "rate_limit_exceeded"),
        (500, "application_error"),
        (503, "unavailable"),
        (409, "concurrent_idempotent_requests"),
    ],
)
def test_what_resend_cannot_do_now_is_tried_again(
    resend: ResendServer, address: str, settings: Any, monkeypatch: pytest.MonkeyPatch, fails: tuple[int, str]
) -> None:
    carry_by_resend(settings, monkeypatch, resend)
    resend.fails = fails
    owed = pay(owe(address))
    assert (owed.state, owed.last_error) == ("ready", f"Postponed: Resend {fails[0]} {fails[1]}")
    resend.fails = None
    assert pay(owed).state == "done"
    assert len(resend.sent) == 1


def test_an_answer_that_is_late_is_asked_for_again_and_the_mail_was_sent_once(
    resend: ResendServer, address: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_by_resend(settings, monkeypatch, resend, timeout=1)
    resend.slow = 1.5
    owed = pay(owe(address))
    assert (owed.state, owed.last_error) == ("ready", "Postponed: Resend 500 HttpClientError")
    resend.slow = 0
    assert pay(owed).state == "done"
    assert len(resend.asked) == 2
    assert len(resend.sent) == 1


# What is told


def test_neither_the_effect_nor_a_log_says_what_a_mail_says_or_to_whom(
    resend: ResendServer,
    address: str,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    carry_by_resend(settings, monkeypatch, resend)
    owed = owe(address)
    resend.fails = (500, "application_error")
    pay(owed)
    resend.fails = None
    pay(owed)
    [body] = resend.sent.values()
    token = body["text"].split("/reset/")[1].split("/")[0]
    assert len(token) == len("rst_") + 64
    said = (
        f"{list(Effect.objects.values())} {list(PasswordReset.objects.values('issue', 'salt', 'digest'))} {caplog.text}"
    )
    assert token not in said
    assert address not in said
    assert passwords.user_of_link(token).email == address


def test_a_link_is_mailed_after_the_secret_key_was_changed_if_the_former_is_still_taken(
    resend: ResendServer, address: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_by_resend(settings, monkeypatch, resend)
    owed = owe(address)
    former, settings.SECRET_KEY = settings.SECRET_KEY, "another-key-" * 5
    assert pay(owed).last_error == "It was made with a secret key that is no longer set."
    assert resend.asked == []
    settings.SECRET_KEY_FALLBACKS = [former]
    effects.requeue(Effect.objects.filter(pk=owed.pk))
    assert pay(owed).state == "done"
    token = next(iter(resend.sent.values()))["text"].split("/reset/")[1].split("/")[0]
    assert passwords.user_of_link(token).email == address


# MAIL_URL


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.com", {"port": 25, "use_tls": False, "use_ssl": False}),
        ("smtp+tls://ada:s@mail.example.com", {"port": 587, "use_tls": True, "use_ssl": False, "username": "ada"}),
        ("smtps://mail.example.com:4650", {"port": 4650, "use_tls": False, "use_ssl": True}),
    ],
)
def test_an_address_says_how_mail_is_carried(monkeypatch: pytest.MonkeyPatch, url: str, expected: Any) -> None:
    monkeypatch.setenv("MAIL_URL", url)
    options = environment.mailer("MAIL_URL", Path("mail"))["OPTIONS"]
    assert options.items() >= {**expected, "host": "mail.example.com"}.items()


@pytest.mark.parametrize("url", ["mail.example.com", "smtp://", "resend://", "http://mail.example.com"])
def test_what_carries_no_mail_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("MAIL_URL", url)
    with pytest.raises(ImproperlyConfigured, match="MAIL_URL"):
        environment.mailer("MAIL_URL", Path("mail"))


# The folder, and its page


@pytest.fixture
def folder(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No server: mail stays here, and the page shows it."""
    settings.MAIL_FOLDER, settings.MAIL_VIEWER = tmp_path / "mail", True
    settings.MAILERS = {"default": environment.mailer("MAIL_URL_UNSET", tmp_path / "mail")}
    return tmp_path / "mail"


def test_without_a_server_a_mail_stays_in_the_folder_once_and_for_its_owner_only(folder: Path, address: str) -> None:
    owed = owe(address)
    salt = PasswordReset.objects.get().salt
    for _ in range(2):
        assert pay(owed).state == "done"
        PasswordReset.objects.update(salt=salt)
        Effect.objects.update(state="ready")
    [path] = folder.iterdir()
    assert path.suffix == ".eml"
    assert path.stat().st_mode & 0o077 == folder.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_is_tried_again(settings: Any, address: str, tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    settings.MAILERS = {"default": environment.mailer("MAIL_URL_UNSET", tmp_path / "mail")}
    assert pay(owe(address)).last_error == "Postponed: FileExistsError"


def test_the_page_shows_what_the_folder_holds(folder: Path, address: str) -> None:
    client = Client(headers={"host": "127.0.0.1"})
    assert "No mail yet" in client.get("/mail/").content.decode()
    pay(owe(address))
    listed = client.get("/mail/").content.decode()
    assert "Set a new password for Opencom" in listed
    assert address in listed
    [name] = [path.stem for path in folder.iterdir()]
    shown = client.get(f"/mail/{name}/")
    assert "/reset/rst_" in shown.content.decode()
    assert 'sandbox=""' in shown.content.decode()
    html = client.get(f"/mail/{name}/html/")
    assert html["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert html["X-Frame-Options"] == "SAMEORIGIN"
    assert "/reset/rst_" in html.content.decode()


def test_a_mail_is_text_on_its_page_whatever_is_in_it(folder: Path, workspace: Workspace) -> None:
    workspace.name = "<script>alert(1)</script>\r\nBcc: everybody@evil.example"
    workspace.save()
    invitations.invite("new@team.example", "agent", by=factories.owner_of(workspace))
    pay(Effect.objects.get(kind="workspaces.mail_invitation"))
    [path] = folder.iterdir()
    client = Client(headers={"host": "127.0.0.1"})
    for where in ("", "html/"):
        assert b"<script>" not in client.get(f"/mail/{path.stem}/{where}").content
    kept = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert (kept["To"], kept["Bcc"]) == ("new@team.example", None)


@pytest.mark.parametrize("path", ["/mail/", "/mail/{name}/", "/mail/{name}/html/"])
@pytest.mark.parametrize(
    ("host", "peer", "viewer"),
    [("127.0.0.1", "127.0.0.1", False), ("127.0.0.1", "192.0.2.1", True), ("testserver", "127.0.0.1", True)],
    ids=["it is off", "from another machine", "by another name"],
)
def test_nobody_else_sees_the_page(
    folder: Path, address: str, settings: Any, path: str, host: str, peer: str, viewer: bool
) -> None:
    pay(owe(address))
    [name] = [file.stem for file in folder.iterdir()]
    settings.MAIL_VIEWER = viewer
    client = Client(headers={"host": host}, REMOTE_ADDR=peer)
    assert client.get(path.format(name=name)).status_code == 404
    settings.MAIL_VIEWER = True
    assert Client(headers={"host": "127.0.0.1"}).get(path.format(name=name)).status_code == 200


@pytest.mark.parametrize("name", ["..", "secret-key", "0" * 31, "0" * 32, "0" * 32 + ".eml"])
def test_the_page_reads_nothing_but_mails(folder: Path, name: str) -> None:
    folder.mkdir()
    (folder / "secret-key.eml").write_text("secret")
    (folder.parent / "secret-key").write_text("secret")
    answer = Client(headers={"host": "127.0.0.1"}).get(f"/mail/{name}/")
    assert answer.status_code == 404
    assert b"secret" not in answer.content


# The doctor


def test_the_doctor_says_whether_mail_leaves(
    smtp: SmtpServer, folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = diagnosis.CHECKS["mail"]
    assert (look().severity, look().text) == ("ok", f"mail stays in {folder}")
    settings.PUBLIC_URL = "https://chat.example.test"
    assert look().severity == "warning"
    carry_by(settings, monkeypatch, f"smtp://127.0.0.1:{smtp.port}")
    assert look().severity == "ok"
    carry_by(settings, monkeypatch, f"smtp://127.0.0.1:{free_port()}")
    assert (look().severity, look().remedy) == ("failure", "correct MAIL_URL")
