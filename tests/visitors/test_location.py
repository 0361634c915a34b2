"""Location: by the request's address and never by what a client says; off unless set; an address is kept no longer than it is needed."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import netaddr
import pytest
from django.db import connection
from django.db.models.functions import Now
from mmdb_writer import MMDBWriter

from apps.core import effects, limits
from apps.core.models import Effect
from apps.core.volatile import volatile
from apps.visitors import location
from apps.visitors.models import PendingLocation, Visitor
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import SignedIn
from tests.database import nothing_happens, tables

pytestmark = pytest.mark.django_db

BERLIN, NOWHERE = "81.2.69.142", "81.9.9.9"
PLACE = {
    "country": {"iso_code": "DE", "names": {"en": "Germany"}},
    "subdivisions": [{"iso_code": "BE", "names": {"en": "State of Berlin"}}],
    "city": {"names": {"en": "Berlin"}},
}
FOUND = {"country_code": "DE", "country": "Germany", "region": "State of Berlin", "city": "Berlin"}
NOTHING = {"country_code": "", "country": "", "region": "", "city": ""}


def boot(workspace: Workspace, address: str, **said: Any) -> Any:
    caller = callers.nobody()
    caller.client.defaults["REMOTE_ADDR"] = address
    body = {"workspace": str(workspace.pk), "session_id": factories.session_id(), **said}
    return caller.post("/widget/boot", body)


def shown(member: SignedIn, booted: Any) -> dict[str, Any]:
    where: dict[str, Any] = member.get(f"/visitors/{booted.json()['visitor']['id']}").json()["location"]
    return where


@pytest.fixture
def file(tmp_path: Path, settings: Any) -> Path:
    """A file in MaxMind's format that knows one network."""
    path = tmp_path / "city.mmdb"
    writer = MMDBWriter(ip_version=6, database_type="GeoLite2-City", ipv4_compatible=True)
    writer.insert_network(netaddr.IPSet(["81.2.69.0/24"]), PLACE)
    writer.insert_network(
        netaddr.IPSet(["2a02:8100::/32"]), {"country": {"iso_code": "DE", "names": {"en": "Germany"}}}
    )
    writer.to_db_file(str(path))
    settings.GEOIP_PATH = str(path)
    return path


class Provider:
    """A server that speaks ip-api's protocol."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status, self.answer = 200, self.success()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                body = provider.answer
                self.send_response(provider.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def success(self, **changed: Any) -> bytes:
        said = {"status": "success", "countryCode": "DE", "country": "Germany", "regionName": "State of Berlin"}
        return json.dumps({**said, "city": "Berlin", **changed}).encode()


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    provider = Provider()
    settings.GEOIP_URL = f"http://127.0.0.1:{provider.port}/json/{{address}}?fields={location.FIELDS}"
    settings.OUTBOUND_HTTP, settings.OUTBOUND_PORTS = True, [provider.port]
    settings.OUTBOUND_NETWORKS = [ip_network("127.0.0.0/8")]
    volatile.call(lambda client: [client.delete(key) for key in client.scan_iter("location:*")])
    yield provider
    provider.server.shutdown()
    provider.server.server_close()


def pay() -> None:
    for effect in Effect.objects.filter(kind="visitors.locate", state="ready"):
        effects.pay(effect.pk)


def test_without_a_setting_nobody_is_located(workspace: Workspace, agent: SignedIn) -> None:
    assert shown(agent, boot(workspace, BERLIN)) == NOTHING
    assert not Effect.objects.filter(kind="visitors.locate").exists()


def test_a_file_says_where_a_request_came_from(workspace: Workspace, agent: SignedIn, file: Path) -> None:
    assert shown(agent, boot(workspace, BERLIN)) == FOUND
    assert shown(agent, boot(workspace, "2a02:8100::7")) == {**NOTHING, "country_code": "DE", "country": "Germany"}
    for unknown in (NOWHERE, "127.0.0.1", "10.1.2.3", "::1"):
        assert shown(agent, boot(workspace, unknown)) == NOTHING


@pytest.mark.parametrize("content", [None, b"", b"no database of MaxMind's"], ids=["missing", "empty", "another file"])
def test_a_file_that_cannot_be_read_keeps_nobody_out(
    workspace: Workspace, agent: SignedIn, settings: Any, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "broken.mmdb"
    settings.GEOIP_PATH = str(path)
    if content is not None:
        path.write_bytes(content)
    assert shown(agent, boot(workspace, BERLIN)) == NOTHING


def test_a_file_that_was_replaced_is_read_anew(workspace: Workspace, agent: SignedIn, file: Path) -> None:
    assert shown(agent, boot(workspace, BERLIN))["city"] == "Berlin"
    writer = MMDBWriter(ip_version=4, database_type="GeoLite2-City")
    writer.insert_network(netaddr.IPSet(["81.2.69.0/24"]), {**PLACE, "city": {"names": {"en": "Potsdam"}}})
    fresh = file.with_suffix(".new")
    writer.to_db_file(str(fresh))
    fresh.replace(file)
    assert shown(agent, boot(workspace, BERLIN))["city"] == "Potsdam"
    assert shown(agent, boot(workspace, "2a02:8100::7")) == NOTHING, "it knows no IPv6"


def test_what_a_client_says_about_its_location_is_refused(workspace: Workspace, agent: SignedIn, file: Path) -> None:
    with nothing_happens():
        assert boot(workspace, NOWHERE, location=FOUND).status_code == 400
    visitor = callers.booted(workspace)
    with nothing_happens():
        assert visitor.patch("/widget/visitor", {"location": FOUND}).status_code == 400
    caller = callers.nobody()
    body = {"workspace": str(workspace.pk), "session_id": factories.session_id()}
    booted = caller.post("/widget/boot", body, X_Forwarded_For=BERLIN)
    assert shown(agent, booted) == NOTHING, "a header of one's own making is none of ours"


def test_a_location_is_in_the_copy_and_goes_with_the_visitor_or_their_consent(workspace: Workspace, file: Path) -> None:
    booted = boot(workspace, BERLIN).json()
    visitor = callers.Booted(booted["token"], Visitor.objects.get(pk=booted["visitor"]["id"]))
    visitor.start("I stay as I was written.")
    visitor.delete("/widget/visitor")
    assert Visitor.objects.get(pk=visitor.visitor.pk).location == {}


def test_a_provider_is_asked_once_a_day_and_the_address_is_kept_no_longer(
    workspace: Workspace, agent: SignedIn, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    booted = boot(workspace, BERLIN)
    assert provider.asked == [], "not while the visitor waits"
    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(f"""SELECT count(*) FROM "{table}" AS t WHERE t::text LIKE %s""", [f"%{BERLIN}%"])
            assert cursor.fetchone()[0] == 0, table
    pay()
    assert provider.asked == [f"/json/{BERLIN}?fields={location.FIELDS}"]
    assert shown(agent, booted) == FOUND
    assert not PendingLocation.objects.exists()
    assert BERLIN not in caplog.text
    other = boot(workspace, BERLIN)
    pay()
    assert shown(agent, other) == FOUND
    assert len(provider.asked) == 1, "who comes from the same address isn't asked about again"


@pytest.mark.parametrize(
    ("status", "answer"),
    [(429, b""), (500, b""), (200, b"not JSON"), (200, b"[" * 5000)],
    ids=["too often", "broken", "no JSON", "nested"],
)
def test_a_provider_that_fails_is_asked_again(
    workspace: Workspace, agent: SignedIn, provider: Provider, status: int, answer: bytes
) -> None:
    provider.status, provider.answer = status, answer
    booted = boot(workspace, BERLIN)
    pay()
    assert Effect.objects.get(kind="visitors.locate").state == "ready"
    assert shown(agent, booted) == NOTHING
    provider.status, provider.answer = 200, provider.success()
    Effect.objects.update(available_at=Now() - timedelta(minutes=1))
    pay()
    assert shown(agent, booted) == FOUND


@pytest.mark.parametrize(
    "answer", [b'{"status":"fail","message":"private range"}', b"[]", b"null", b'{"status":"success"}']
)
def test_where_a_provider_knows_nothing_nothing_is_noted(
    workspace: Workspace, agent: SignedIn, provider: Provider, answer: bytes
) -> None:
    provider.answer = answer
    booted = boot(workspace, BERLIN)
    pay()
    assert Effect.objects.get(kind="visitors.locate").state == "done"
    assert shown(agent, booted) == NOTHING


def test_what_a_provider_says_is_text_of_one_line_and_not_endless(
    workspace: Workspace, agent: SignedIn, provider: Provider
) -> None:
    provider.answer = provider.success(city="Ber\nlin" + "x" * 1000, region=7, country={"a": 1})
    booted = boot(workspace, BERLIN)
    pay()
    where = shown(agent, booted)
    assert where["city"].startswith("Ber lin")
    assert len(where["city"]) == location.NAME_CHARACTERS
    assert where["country"] == ""


def test_over_the_limit_a_provider_is_asked_later(
    workspace: Workspace, provider: Provider, limits_enforced: None
) -> None:
    for _ in range(limits.LOCATION_LOOKUPS.burst):
        limits.spend(limits.LOCATION_LOOKUPS, "provider")
    boot(workspace, BERLIN)
    pay()
    assert provider.asked == []
    assert Effect.objects.get(kind="visitors.locate").state == "ready"


def test_an_address_that_nobody_asks_about_goes_within_the_hour(workspace: Workspace, provider: Provider) -> None:
    boot(workspace, BERLIN)
    assert location.forget_pending() == 0
    PendingLocation.objects.update(asked_at=Now() - timedelta(seconds=limits.PENDING_LOCATION_SECONDS))
    assert location.forget_pending() == 1
    pay()
    assert provider.asked == []


def test_a_private_address_is_nobody_s_business(workspace: Workspace, provider: Provider) -> None:
    for address in ("10.0.0.7", "127.0.0.1", "::1", "fe80::1", "not an address"):
        boot(workspace, address)
    assert not Effect.objects.filter(kind="visitors.locate").exists()
    assert not PendingLocation.objects.exists()
