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
from apps.conversations.models import Message
from apps.core import effects
from apps.core.models import Effect, KeptAnswer
from apps.visitors import erasure, exports, merging, personal_data
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


def rows_in(archive: zipfile.ZipFile) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of an archive by table, whichever of its parts they are in."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in archive.namelist():
        if name.startswith("data/"):
            found.setdefault(name.removeprefix("data/").rpartition("-")[0], []).extend(json.loads(archive.read(name)))
    return found


def test_a_copy_has_everything_of_the_visitor_and_nothing_of_anybody_else(host: Host) -> None:
    bystander = callers.booted(host.workspace, name="Bystander", email="bystander@x.example")
    bystander.start("Nobody else's business.")
    visitor = fill(host)
    archive = opened(take(link_to(host, visitor)))
    assert archive.testzip() is None
    text = "".join(archive.read(name).decode() for name in archive.namelist() if name.endswith(".json"))
    data = rows_in(archive)
    assert set(data) == set(personal_data.holdings)
    about = json.loads(archive.read("visitor.json"))
    assert about["tables"] == {name: len(rows) for name, rows in data.items()}
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
    assert WORD in opened(take(url)).read("data/visitors.visitor-1.json").decode()
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


# Much of it


MANY = 30_000


@pytest.fixture
def busy(host: Host) -> Booted:
    """Somebody of whom tens of thousands of rows are kept."""
    visitor = fill(host)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO visitors_trackedevent (workspace_id, visitor_id, client_id, name, properties, url, occurred_at)
            SELECT %s, %s, gen_random_uuid(), %s, '{}', '', now() FROM generate_series(1, %s)
            """,
            [host.workspace.pk, visitor.visitor.pk, WORD, MANY // 2],
        )
    first = Message.objects.filter(visitor=visitor.visitor).exclude(body="").first()
    assert first is not None
    names = ("workspace_id", "conversation_id", "visitor_id", "author_kind", "kind", "body", "created_at")
    same = {name: getattr(first, name) for name in names}
    Message.objects.bulk_create(
        Message(client_id=factories.uuid.uuid4(), seq=number, public_seq=number, **same)
        for number in range(1000, 1000 + MANY // 2)
    )
    return visitor


def worked_off() -> None:
    """Pay until nothing is owed now any more, as workers do."""
    while due := effects.due():
        for id_, _lane in due:
            effects.pay(id_)


def test_a_large_visitor_is_erased_in_steps_and_nothing_is_left(host: Host, busy: Booted, media: Path) -> None:
    answer = host.owner.delete(f"/visitors/{busy.visitor.pk}")
    assert (answer.status_code, answer.json()["state"]) == (202, "running")
    assert refusal(busy.get("/conversations")) == (401, "session_expired"), "nobody is let in as them meanwhile"
    assert host.owner.delete(f"/visitors/{busy.visitor.pk}").json()["id"] == answer.json()["id"]
    other = host.arrive()
    merge = host.owner.post(f"/visitors/{busy.visitor.pk}/merges", {"other": str(other.visitor.pk)})
    assert refusal(merge) == (409, "merge_refused"), "nothing gets away from under it"
    worked_off()
    receipt = host.owner.get(f"/erasures/{answer.json()['id']}").json()
    assert receipt["state"] == "done"
    assert receipt["rows"] == sum(receipt["counts"].values()) >= MANY
    assert receipt["counts"]["visitors.trackedevent"] == MANY // 2 + 1
    assert receipt["files"] == 2
    assert (found_in_database(), found_on_disk(media)) == ([], [])
    chain.seal()
    assert chain.verify(host.workspace.pk).fault is None
    entry = AuditEntry.objects.get(action="visitor.erased")
    assert (entry.actor_id, entry.details["rows"]) == (host.owner.member.pk, receipt["rows"])


def test_an_erasure_that_is_cut_off_is_taken_up_where_it_was(
    host: Host, busy: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = host.owner.delete(f"/visitors/{busy.visitor.pk}").json()
    steps = iter(range(100))

    def die(name: str) -> None:
        if name == "erasure_step" and next(steps) == 3:
            raise RuntimeError("the machine is gone")

    with monkeypatch.context() as crash:
        crash.setattr(erasure, "failpoint", die)
        [owed] = Effect.objects.filter(kind="visitors.erase")
        effects.pay(owed.pk)
    cut = host.owner.get(f"/erasures/{started['id']}").json()
    assert (cut["state"], 0 < cut["rows"] < MANY) == ("running", True)
    Effect.objects.filter(pk=owed.pk).update(available_at=Now() - timedelta(minutes=1))
    worked_off()
    done = host.owner.get(f"/erasures/{started['id']}").json()
    assert done["counts"]["visitors.trackedevent"] == MANY // 2 + 1, "nothing is counted twice"
    assert found_in_database() == []
    assert not Visitor.objects.filter(pk=busy.visitor.pk).exists()


def test_an_erasure_whose_worker_gave_up_goes_on_when_it_is_asked_for_again(host: Host, busy: Booted) -> None:
    started = host.owner.delete(f"/visitors/{busy.visitor.pk}").json()
    Effect.objects.filter(kind="visitors.erase").update(state="dead")
    worked_off()
    assert host.owner.get(f"/erasures/{started['id']}").json()["state"] == "running"
    assert host.owner.delete(f"/visitors/{busy.visitor.pk}").status_code == 202
    worked_off()
    assert host.owner.get(f"/erasures/{started['id']}").json()["state"] == "done"


def test_what_time_does_not_suffice_for_is_owed_again(
    host: Host, busy: Booted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "STEPS_SECONDS", 0.05)
    started = host.owner.delete(f"/visitors/{busy.visitor.pk}").json()
    worked_off()
    assert Effect.objects.filter(kind="visitors.erase").count() > 1
    assert host.owner.get(f"/erasures/{started['id']}").json()["state"] == "done"


def test_kept_answers_about_the_visitor_go_and_those_about_others_stay(host: Host) -> None:
    visitor, bystander = host.arrive(), host.arrive()
    mine, other = (who.start(WORD).json()["conversation"] for who in (visitor, bystander))
    said = {"client_id": str(factories.uuid.uuid4()), "body": f"Dear {WORD}"}
    again = {"client_id": str(factories.uuid.uuid4()), "body": "Dear you"}
    host.owner.post(f"/conversations/{mine['id']}/messages", said, Idempotency_Key="about the visitor")
    host.owner.post(f"/conversations/{other['id']}/messages", again, Idempotency_Key="about another")
    host.owner.put(f"/visitors/{visitor.visitor.pk}/block", Idempotency_Key="a block")
    assert KeptAnswer.objects.count() == 3
    host.owner.delete(f"/visitors/{visitor.visitor.pk}")
    assert [kept.key for kept in KeptAnswer.objects.all()] == ["about another"]


def test_a_large_copy_is_prepared_in_steps_and_is_whole(host: Host, busy: Booted, media: Path) -> None:
    made = host.owner.post(f"/visitors/{busy.visitor.pk}/exports").json()
    url = made["url"].removeprefix(django_settings.PUBLIC_URL)
    progress = f"/visitors/{busy.visitor.pk}/exports/{made['id']}"
    assert host.owner.get(progress).json()["state"] == "preparing"
    assert "being prepared" in callers.nobody().client.get(url).content.decode()
    assert take(url).status_code == 302, "what isn't ready can't be taken, and the link stays good"
    worked_off()
    assert host.owner.get(progress).json()["state"] == "ready"
    archive = opened(take(url))
    assert archive.testzip() is None
    data = rows_in(archive)
    assert (
        len(data["visitors.trackedevent"]) == len({row["id"] for row in data["visitors.trackedevent"]}) == MANY // 2 + 1
    )
    assert len({row["id"] for row in data["conversations.message"]}) == len(data["conversations.message"]) > MANY // 2
    assert [name for name in archive.namelist() if name.startswith("files/")] != []
    worked_off()
    assert list(media.glob("exports/*")) == [], "the file goes when it was taken"
    assert take(url).status_code == 404


def test_a_copy_that_is_cut_off_is_taken_up_where_it_was(
    host: Host, busy: Booted, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = host.owner.post(f"/visitors/{busy.visitor.pk}/exports").json()
    steps = iter(range(100))

    def die(name: str) -> None:
        if name == "export_step" and next(steps) == 4:
            raise RuntimeError("the machine is gone")

    with monkeypatch.context() as crash:
        crash.setattr(exports, "failpoint", die)
        [owed] = Effect.objects.filter(kind="visitors.prepare_export")
        effects.pay(owed.pk)
    Effect.objects.filter(pk=owed.pk).update(available_at=Now() - timedelta(minutes=1))
    worked_off()
    archive = opened(take(made["url"].removeprefix(django_settings.PUBLIC_URL)))
    assert archive.testzip() is None
    assert len({row["id"] for row in rows_in(archive)["visitors.trackedevent"]}) == MANY // 2 + 1
    assert len(archive.namelist()) == len(set(archive.namelist()))


def test_a_prepared_copy_goes_with_its_visitor_and_with_its_day(host: Host, busy: Booted, media: Path) -> None:
    host.owner.post(f"/visitors/{busy.visitor.pk}/exports")
    worked_off()
    assert len(list(media.glob("exports/*"))) == 1
    assert Effect.objects.filter(kind="visitors.delete_export", available_at__gt=Now()).count() == 1
    host.owner.delete(f"/visitors/{busy.visitor.pk}")
    worked_off()
    assert list(media.glob("exports/*")) == []


def test_only_who_may_erase_or_export_sees_how_far_it_is(host: Host, busy: Booted) -> None:
    erasing = host.owner.delete(f"/visitors/{busy.visitor.pk}").json()["id"]
    other = host.arrive()
    copy = host.owner.post(f"/visitors/{other.visitor.pk}/exports").json()["id"]
    agent = callers.signed_in(host.workspace)
    foreigner = callers.signed_in(factories.make_workspace("Other"), "owner")
    for path in (f"/erasures/{erasing}", f"/visitors/{other.visitor.pk}/exports/{copy}"):
        assert refusal(agent.get(path)) == (403, "forbidden")
        assert refusal(foreigner.get(path)) == (404, "not_found")
        assert host.owner.get(path).status_code == 200


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
