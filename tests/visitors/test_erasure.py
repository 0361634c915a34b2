"""Erasing, exporting and withdrawing: nothing is left anywhere, a copy has everything and nothing of others, and who may is few."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models.functions import Now

from apps.audit import chain
from apps.audit.models import AuditEntry
from apps.core import effects
from apps.core.models import Effect
from apps.visitors import exports, merging, personal_data
from apps.visitors.models import ExportLink, Visitor
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn, refusal
from tests.database import nothing_happens, tables
from tests.visitors.test_merging import track
from tests.visitors.test_proof import Host

pytestmark = pytest.mark.django_db

WORD = "kanarienvogel"


def fill(host: Host) -> Booted:
    """Let a visitor leave their word wherever they can."""
    details = {
        "name": f"{WORD} Meier",
        "attributes": {WORD: WORD},
        "page": {"url": f"https://x/{WORD}", "title": WORD},
        "referrer": f"https://x/{WORD}",
        "device": {"browser": WORD},
        "client": {"identifier": WORD},
    }
    visitor = host.arrive(user_token=host.token(WORD, email=f"{WORD}@private.example"), **details)
    file = visitor.upload(SimpleUploadedFile(f"{WORD}.txt", f"{WORD} content".encode())).json()
    conversation = visitor.start(f"My {WORD}", attachments=[file["id"]]).json()["conversation"]
    visitor.upload(SimpleUploadedFile("staged.txt", f"{WORD} staged".encode()))
    host.owner.say(conversation, f"Dear {WORD}")
    host.owner.say(conversation, f"{WORD} is difficult", kind="note")
    host.owner.put(f"/conversations/{conversation['id']}/draft", {"kind": "message", "body": f"{WORD}!"})
    host.owner.put(f"/conversations/{conversation['id']}/status", {"status": "closed"})
    event = {"id": str(factories.uuid.uuid4()), "name": WORD, "at": "2026-01-01T00:00:00Z", "properties": {WORD: WORD}}
    visitor.post("/widget/events", {"events": [event]})
    host.owner.put(f"/visitors/{visitor.visitor.pk}/block")
    host.owner.delete(f"/visitors/{visitor.visitor.pk}/block")
    other = host.arrive(name=f"{WORD} two")
    other.start(f"Also {WORD}")
    merged = host.owner.post(f"/visitors/{visitor.visitor.pk}/merges", {"other": str(other.visitor.pk)})
    assert merged.status_code == 201, merged.content
    host.owner.post(f"/visitors/{visitor.visitor.pk}/exports")
    return visitor


def found_in_database() -> list[str]:
    """Return every column of every table in which the word stands, in whatever type."""
    found = []
    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s",
                [table],
            )
            for (column,) in cursor.fetchall():
                cursor.execute(
                    f"""SELECT count(*) FROM "{table}" WHERE "{column}"::text ILIKE %s OR "{column}"::text ILIKE %s""",
                    [f"%{WORD}%", f"%{WORD.encode().hex()}%"],
                )
                if cursor.fetchone()[0]:
                    found.append(f"{table}.{column}")
    return found


def found_on_disk(folder: Path) -> list[str]:
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and (WORD in path.name or WORD.encode() in path.read_bytes())
    ]


def pay_everything() -> None:
    for effect in Effect.objects.filter(state="ready"):
        effects.pay(effect.pk)


@pytest.fixture
def host(workspace: Workspace, media: Path) -> Host:
    host = Host(workspace)
    host.mode("optional")
    return host


def test_after_an_erasure_no_column_and_no_file_has_a_word_of_the_visitor(host: Host, media: Path) -> None:
    bystander = callers.booted(host.workspace, name="Bystander")
    bystander.start("I stay.")
    visitor = fill(host)
    chain.seal()
    host.owner.put(f"/visitors/{visitor.visitor.pk}/block")
    places = set(found_in_database())
    assert {
        "visitors_visitor.name", "visitors_visitor.search", "visitors_trackedevent.properties", "visitors_visitorsession.client",
        "visitors_merge.before", "conversations_message.body", "conversations_message.search", "conversations_draft.body",
        "conversations_conversation.last_preview", "conversations_attachment.name", "audit_auditentry.subject_label",
    } <= places, "the scan finds what is there"  # fmt: skip
    assert len(found_on_disk(media)) == 2
    answer = host.owner.delete(f"/visitors/{visitor.visitor.pk}")
    assert answer.status_code == 200
    pay_everything()
    assert found_in_database() == []
    assert found_on_disk(media) == []
    receipt = answer.json()
    assert receipt["files"] == 2
    assert receipt["counts"]["visitors.visitor"] == 1
    assert receipt["counts"]["conversations.conversation"] == 2
    assert receipt["rows"] == sum(receipt["counts"].values())
    assert len(bystander.get("/conversations").json()["items"]) == 1


def test_the_audit_log_keeps_what_was_done_without_the_name_and_its_chain_holds(host: Host) -> None:
    visitor = fill(host)
    chain.seal()
    before = AuditEntry.objects.count()
    host.owner.delete(f"/visitors/{visitor.visitor.pk}")
    chain.seal()
    verdict = chain.verify(host.workspace.pk)
    assert verdict.fault is None
    assert verdict.checked == AuditEntry.objects.filter(workspace_id=host.workspace.pk).count() == before + 1
    receipt = AuditEntry.objects.get(action="visitor.erased")
    assert receipt.subject_id == visitor.visitor.pk
    assert receipt.details["files"] == 2
    blocked = AuditEntry.objects.get(action="visitor.blocked")
    assert (blocked.subject_id, blocked.subject_label) == (visitor.visitor.pk, "")
    said = [item["sentence"] for item in host.owner.get("/audit", subject=str(visitor.visitor.pk)).json()["items"]]
    assert any("blocked an erased visitor" in sentence for sentence in said)


def test_a_name_that_was_removed_without_an_erasure_is_found_by_the_check(host: Host) -> None:
    visitor = fill(host)
    chain.seal()
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_forget(%s, %s)", [host.workspace.pk, visitor.visitor.pk])
    fault = chain.verify(host.workspace.pk).fault
    assert fault is not None
    assert "removed" in fault.why


def test_forgetting_a_name_is_all_that_the_database_lets_be_done_to_an_entry(host: Host) -> None:
    fill(host)
    chain.seal()
    from django.db import Error, transaction

    for statement in (
        "UPDATE audit_auditentry SET subject_label = 'another'",
        "UPDATE audit_auditentry SET action = 'x', subject_label = ''",
        "UPDATE audit_auditentry SET details = '{}'",
        "UPDATE audit_seal SET names_salt = 'x'",
        "UPDATE audit_seal SET hash = '', names_salt = ''",
        "DELETE FROM audit_auditentry",
    ):
        with (
            nothing_happens(),
            pytest.raises(Error, match=r"append-only|permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"SET LOCAL opencom.audit_forgetting = 'on'; {statement}")


def test_what_is_erased_is_a_404_for_everybody_and_its_token_is_dead(host: Host) -> None:
    visitor = fill(host)
    conversation = visitor.get("/conversations").json()["items"][0]["id"]
    host.owner.delete(f"/visitors/{visitor.visitor.pk}")
    assert refusal(visitor.get("/conversations")) == (401, "session_expired")
    with nothing_happens():
        for path in (f"/visitors/{visitor.visitor.pk}", f"/conversations/{conversation}"):
            assert refusal(host.owner.get(path)) == (404, "not_found")
        assert refusal(host.owner.delete(f"/visitors/{visitor.visitor.pk}")) == (404, "not_found")
    again = host.proven(WORD)
    assert again.visitor.pk != visitor.visitor.pk
    assert again.get("/conversations").json()["items"] == []


def test_who_may_not_erase_or_export_does_neither(host: Host) -> None:
    visitor = host.arrive()
    path = f"/visitors/{visitor.visitor.pk}"
    people = [callers.signed_in(host.workspace, role) for role in ("agent", "viewer")]
    foreigner = callers.signed_in(factories.make_workspace("Other"), "owner")
    with nothing_happens():
        for person in people:
            assert refusal(person.delete(path)) == (403, "forbidden")
            assert refusal(person.post(f"{path}/exports")) == (403, "forbidden")
        assert refusal(foreigner.delete(path)) == (404, "not_found")
        assert refusal(foreigner.post(f"{path}/exports")) == (404, "not_found")
    admin = callers.signed_in(host.workspace, "admin")
    assert admin.post(f"{path}/exports").status_code == 201
    assert admin.delete(path).status_code == 200


# Exports


def link_to(host: Host, visitor: Booted) -> str:
    made = host.owner.post(f"/visitors/{visitor.visitor.pk}/exports")
    assert made.status_code == 201
    url: str = made.json()["url"].removeprefix(django_settings.PUBLIC_URL)
    return url


def take(url: str) -> Any:
    return callers.nobody().client.post(url)


def opened(response: Any) -> zipfile.ZipFile:
    assert response.status_code == 200, response.content
    return zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))


def test_a_copy_has_everything_of_the_visitor_and_nothing_of_anybody_else(host: Host) -> None:
    bystander = callers.booted(host.workspace, name="Bystander", email="bystander@x.example")
    bystander.start("Nobody else's business.")
    visitor = fill(host)
    archive = opened(take(link_to(host, visitor)))
    text = archive.read("visitor.json").decode()
    data = json.loads(text)["data"]
    assert set(data) == set(personal_data.holdings)
    assert data["visitors.visitor"][0]["email"] == f"{WORD}@private.example"
    bodies = {row["body"] for row in data["conversations.message"] if row["body"]}
    assert bodies == {f"My {WORD}", f"Dear {WORD}", f"{WORD} is difficult", f"Also {WORD}"}
    assert data["visitors.trackedevent"][0]["properties"] == {WORD: WORD}
    for other in ("Bystander", "bystander@", "Nobody else's", host.owner.member.user.email, str(bystander.visitor.pk)):
        assert other not in text
    files = [name for name in archive.namelist() if name.startswith("files/")]
    assert {archive.read(name) for name in files} == {f"{WORD} content".encode()}
    for secret in (visitor.token, "token_hash", "session_hash", "search"):
        assert secret not in text


def test_a_link_opens_once_and_only_by_its_button(host: Host) -> None:
    visitor = fill(host)
    url = link_to(host, visitor)
    nobody = callers.nobody().client
    for _ in range(3):
        looked = nobody.get(url)
        assert (looked.status_code, looked["Referrer-Policy"]) == (200, "strict-origin-when-cross-origin")
        assert WORD not in looked.content.decode()
    assert len(opened(take(url)).namelist()) == 2
    assert take(url).status_code == nobody.get(url).status_code == 404
    taken = AuditEntry.objects.get(action="visitor.exported")
    assert taken.actor_id == host.owner.member.pk
    assert AuditEntry.objects.filter(action="visitor.export_requested").count() == 2


def test_a_link_ends_after_a_day(host: Host) -> None:
    visitor = host.arrive()
    url, fresh = link_to(host, visitor), link_to(host, visitor)
    ours = ExportLink.objects.order_by("expires_at").first()
    assert ours is not None
    ExportLink.objects.filter(pk=ours.pk).update(expires_at=Now() - timedelta(seconds=1))
    with nothing_happens():
        assert take(url).status_code == 404
    assert exports.forget_ended() == 1
    assert take(fresh).status_code == 200


@pytest.mark.parametrize("token", ["exp_" + "0" * 64, "exp_", "wst_" + "0" * 64, "x", "exp_" + "g" * 64, "%00"])
def test_a_link_that_was_guessed_opens_nothing(host: Host, token: str) -> None:
    host.owner.post(f"/visitors/{host.arrive().visitor.pk}/exports")
    with nothing_happens():
        assert take(f"/exports/{token}/").status_code in (400, 404)


def test_a_link_is_kept_as_a_hash_alone(host: Host) -> None:
    token = link_to(host, host.arrive()).split("/")[2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM visitors_exportlink AS t")
        assert token.removeprefix("exp_") not in cursor.fetchone()[0]


# The map of personal data


def test_every_table_of_ours_says_what_it_holds_of_a_person() -> None:
    assert list(personal_data.undeclared()) == []
    labels = {model._meta.label_lower for model in apps.get_models() if model.__module__.startswith("apps.")}
    assert set(personal_data.holdings) | set(personal_data.nothing) == labels, "and nobody declares what isn't there"
    assert not set(personal_data.holdings) & set(personal_data.nothing)


def test_a_table_that_nobody_declared_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(personal_data.holdings, "conversations.message")
    assert list(personal_data.undeclared()) == ["conversations.message"]


def test_what_points_at_a_visitor_is_in_the_map_and_goes_with_them() -> None:
    for relation in merging.relations():
        assert relation.model._meta.label_lower in personal_data.holdings, relation.name
        assert relation.field.remote_field.on_delete.__name__ == "CASCADE", relation.name


# Consent


def test_withdrawn_means_removed(workspace: Workspace, owner: SignedIn) -> None:
    mine = factories.session_id()
    visitor = callers.booted(
        workspace,
        session_id=mine,
        attributes={"plan": "gold"},
        device={"browser": "x"},
        page_url="https://x/",
        locale="de",
    )
    track(visitor.visitor)
    conversation = visitor.start("I stay as I was written.").json()["conversation"]["id"]
    assert visitor.delete("/widget/visitor").status_code == 204
    assert refusal(visitor.get("/conversations")) == (401, "session_expired")
    row = Visitor.objects.get(pk=visitor.visitor.pk)
    assert (row.attributes, row.device, row.page_url, row.locale) == ({}, {}, "", "")
    assert not row.tracked_events.exists()
    assert not row.browsers.exists()
    assert owner.get(f"/conversations/{conversation}").status_code == 200, "what was written is the team's too"
    assert factories.boot(workspace, session_id=mine).visitor.pk != row.pk, "the browser is nobody's now"


def test_of_who_has_written_nothing_nothing_is_left(workspace: Workspace) -> None:
    visitor, bystander = callers.booted(workspace, name="Ada"), callers.booted(workspace)
    track(visitor.visitor)
    visitor.delete("/widget/visitor")
    assert not Visitor.objects.filter(pk=visitor.visitor.pk).exists()
    assert bystander.get("/widget/session").status_code == 200
