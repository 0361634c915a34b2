"""Webhooks that come in: only what the provider signed has an effect, and it has it once."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import clear_url_caches, path
from svix.webhooks import Webhook

from apps.core import limits, webhooks
from apps.core.effects import bury
from apps.core.models import Effect, WebhookReceipt
from apps.core.webhooks import WebhookMessage, WebhookReceiver
from tests.database import nothing_happens
from tests.security.cases import case

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "dGhpcyBpcyBhbm90aGVyIHNlY3JldCBvZiBvdXJz"
ADDRESS = "/api/v1/webhooks/test"


class Receiver(WebhookReceiver):
    """A provider made for the tests: what a known kind of message does is a row."""

    receiver = "test"
    valid: tuple[str, ...] = (SECRET,)

    def secrets(self) -> Sequence[str]:
        return self.valid

    def received(self, message: WebhookMessage) -> None:
        if message.data.get("type") == "delivered":
            bury("test", payload={"id": message.id}, error="taken")


urlpatterns = [path(ADDRESS.removeprefix("/"), Receiver.as_view())]


@pytest.fixture(autouse=True)
def receiver(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.ROOT_URLCONF = __name__
    clear_url_caches()
    monkeypatch.setattr(Receiver, "valid", (SECRET,))
    yield
    clear_url_caches()


def signed(body: str, secret: str = SECRET, *, id_: str = "", at: datetime | None = None) -> dict[str, str]:
    """Return the headers that the provider would send."""
    id_, at = id_ or f"msg_{uuid.uuid4().hex}", at or datetime.now(UTC)
    return {
        "svix-id": id_,
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": Webhook(secret).sign(id_, at, body),
    }


def send(body: str | bytes, headers: dict[str, str], content_type: str = "application/json") -> HttpResponse:
    return Client().generic("POST", ADDRESS, body, content_type, headers=headers)


def effects() -> int:
    return Effect.objects.filter(kind="test").count()


BODY = json.dumps({"type": "delivered", "data": {"to": "maya@example.com"}})


@pytest.mark.django_db
def test_what_the_provider_signed_is_taken() -> None:
    answer = send(BODY, signed(BODY))
    assert (answer.status_code, answer.json(), effects()) == (200, {"received": True}, 1)  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_the_standard_names_of_the_headers_are_taken_too() -> None:
    headers = {name.replace("svix", "webhook"): value for name, value in signed(BODY).items()}
    assert send(BODY, headers).status_code == 200
    assert effects() == 1


NONSENSE = [
    "",
    " ",
    "v1",
    "v1,",
    "v1,!!!",
    ",",
    "v1,a,b",
    "v2,AAAA",
    "v1,é",
    "v1," + "A" * 10_000,
    "\x00",
    "v1,AAAA v1,AAAA",
]


@case("H01")
@pytest.mark.django_db
@pytest.mark.parametrize("signature", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_for_a_signature_is_refused_and_never_an_error(signature: str) -> None:
    with nothing_happens():
        assert send(BODY, {**signed(BODY), "svix-signature": signature}).status_code == 401


@case("H01")
@pytest.mark.django_db
@pytest.mark.parametrize("missing", ["svix-id", "svix-timestamp", "svix-signature", "all"])
def test_a_missing_header_is_refused(missing: str) -> None:
    headers = {name: value for name, value in signed(BODY).items() if missing not in (name, "all")}
    with nothing_happens():
        assert send(BODY, headers).status_code == 401


@case("H01")
@pytest.mark.django_db
def test_another_secrets_signature_is_refused() -> None:
    with nothing_happens():
        assert send(BODY, signed(BODY, OTHER)).status_code == 401
        assert send(BODY, signed(BODY, id_="x" * 201)).status_code == 401


@case("H01")
@pytest.mark.django_db
@pytest.mark.parametrize("body", [b"\xff\xfe", b"\x00", b"[" * 5000, b"null"])
def test_bytes_that_are_no_text_are_refused_and_never_an_error(body: bytes) -> None:
    with nothing_happens():
        assert send(body, {**signed(BODY)}).status_code == 401


@case("H02")
@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [-301, 302, -86400])
def test_a_message_of_another_time_is_refused(seconds: int) -> None:
    with nothing_happens():
        assert send(BODY, signed(BODY, at=datetime.now(UTC) + timedelta(seconds=seconds))).status_code == 401


@case("H02")
@pytest.mark.django_db
@pytest.mark.parametrize("time", ["", "now", "NaN", "inf", "1e999", "-1", "1" * 400, "１２３"])
def test_a_time_that_is_none_is_refused(time: str) -> None:
    with nothing_happens():
        assert send(BODY, {**signed(BODY), "svix-timestamp": time}).status_code == 401


@case("H03")
@pytest.mark.django_db
@pytest.mark.parametrize("changed", [BODY + " ", BODY.replace(" ", ""), json.dumps(json.loads(BODY), indent=1)])
def test_a_body_that_is_not_byte_for_byte_the_signed_one_is_refused(changed: str) -> None:
    with nothing_happens():
        assert send(changed, signed(BODY)).status_code == 401


@case("H04")
@pytest.mark.django_db
def test_a_message_that_comes_again_has_no_second_effect_and_the_same_answer() -> None:
    headers = signed(BODY)
    first = send(BODY, headers)
    again = send(BODY, headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert effects() == 1


@case("H04")
def test_a_message_that_comes_many_times_at_once_has_one_effect(committed: None) -> None:
    headers, statuses = signed(BODY), []
    start = threading.Barrier(8)

    def repeat() -> None:
        start.wait()
        for _ in range(5):
            statuses.append(send(BODY, headers).status_code)
        connection.close()

    threads = [threading.Thread(target=repeat) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 40
    assert effects() == 1


@pytest.mark.django_db
def test_a_message_whose_effect_fails_is_taken_when_it_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = signed(BODY)
    with monkeypatch.context() as patched:
        patched.setattr(Receiver, "received", lambda self, message: 1 / 0)
        client = Client(raise_request_exception=False)
        assert client.generic("POST", ADDRESS, BODY, "application/json", headers=headers).status_code == 500
    assert not WebhookReceipt.objects.exists()
    assert send(BODY, headers).status_code == 200
    assert effects() == 1


@case("H05")
@pytest.mark.django_db
def test_without_a_secret_nobody_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Receiver, "valid", ())
    with nothing_happens():
        assert send(BODY, signed(BODY)).status_code == 503


@case("H06")
@pytest.mark.django_db
def test_a_large_body_or_another_type_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    large = json.dumps({"type": "delivered", "text": "x" * limits.WEBHOOK_BYTES})
    looked: list[bytes] = []
    monkeypatch.setattr(webhooks, "_is_signed", lambda body, headers, secret: looked.append(body) or True)
    with nothing_happens():
        assert send(large, signed(large)).status_code == 413
        assert send(BODY, signed(BODY), "text/plain").status_code == 415
        assert send(BODY, signed(BODY), "application/x-www-form-urlencoded").status_code == 415
    assert looked == []


@case("H06")
@pytest.mark.django_db
def test_too_many_messages_are_refused(limits_enforced: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WEBHOOKS", limits.Limit("webhooks", 60, 60, 2))
    assert [send(BODY, signed(BODY)).status_code for _ in range(3)] == [200, 200, 429]
    assert effects() == 2


@case("H07")
@pytest.mark.django_db
def test_a_message_about_nothing_we_know_gets_the_same_answer() -> None:
    known = send(BODY, signed(BODY))
    unknown = json.dumps({"type": "never.heard.of"})
    answer = send(unknown, signed(unknown))
    assert (answer.status_code, answer.content) == (known.status_code, known.content)
    assert effects() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("body", ["not json", '{"type": "delivered", "text": "\\u0000"}', "[" * 30 + "]" * 30])
def test_what_is_signed_and_still_no_message_is_refused_as_such(body: str) -> None:
    with nothing_happens():
        assert send(body, signed(body)).status_code == 400


@case("H08")
@pytest.mark.django_db
def test_two_secrets_are_valid_while_one_replaces_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Receiver, "valid", (OTHER, SECRET))
    assert [send(BODY, signed(BODY, secret)).status_code for secret in (SECRET, OTHER)] == [200, 200]
    monkeypatch.setattr(Receiver, "valid", (OTHER,))
    assert [send(BODY, signed(BODY, secret)).status_code for secret in (SECRET, OTHER)] == [401, 200]
    assert effects() == 3


@pytest.mark.django_db
def test_other_methods_do_nothing() -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        with nothing_happens():
            assert Client().generic(method, ADDRESS, BODY, "application/json", headers=signed(BODY)).status_code == 405


@pytest.mark.django_db
def test_receipts_are_forgotten_when_nobody_sends_again() -> None:
    send(BODY, signed(BODY))
    assert webhooks.forget_receipts() == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_webhookreceipt SET received_at = now() - interval '25 hours'")
    assert webhooks.forget_receipts() == 1
