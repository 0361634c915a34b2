"""The database keeps workspaces apart by itself, whatever the code above it forgets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, connection, models, transaction
from django.test import override_settings

from apps.conversations.models import Message
from apps.core.database.roles import APP_ROLE, SYSTEM_ROLE
from apps.core.isolation import catalogue, scopes
from apps.core.isolation.scopes import Exemption
from apps.knowledge.models import Asset
from apps.knowledge.retrieval.models import Chunk, Embedding, EmbeddingIndex, Gap
from apps.visitors import location
from apps.visitors.models import Visitor
from apps.workspaces import keys, seats
from apps.workspaces.models import Member, Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn
from tests.database import nothing_happens, owner
from tests.security.cases import case
from tests.security.scene import PICTURE, Scene, named


@contextmanager
def refused(*kinds: type[DatabaseError]) -> Iterator[None]:
    """Expect Postgres to refuse, and leave the transaction as it was."""
    with pytest.raises(kinds or DatabaseError) as caught, transaction.atomic():
        yield
    assert any(
        word in str(caught.value) for word in ("row-level security", "permission denied", "violates foreign key")
    )


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}"')
        return int(cursor.fetchone()[0])


def workspaces_in(table: catalogue.TenantTable) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT DISTINCT "{table.column}"::text FROM "{table.name}" WHERE "{table.column}" IS NOT NULL')
        return {row[0] for row in cursor.fetchall()}


@pytest.fixture
def filled(cell: Scene) -> Scene:
    """Two workspaces with rows in every table."""
    for caller in (cell.agent, cell.foreigner):
        visitor = cell.visitor if caller is cell.agent else cell.stranger
        started = visitor.start("Hello?").json()["conversation"]["id"]
        visitor.upload(named(PICTURE, "a.png"))
        caller.put(f"/conversations/{started}/draft", {"kind": "note", "body": "Later"})
        caller.post("/live/tickets")
        caller.put(f"/conversations/{started}/status", {"status": "closed"}, Idempotency_Key="once")
        seats.offer(factories.make_member(caller.member.workspace).pk, by=factories.owner_of(caller.member.workspace))
        event = {"id": str(uuid4()), "name": "looked", "at": "2026-01-01T00:00:00Z"}
        visitor.post("/widget/events", {"events": [event]})
    from apps.audit import actions as audit
    from apps.audit import chain
    from apps.workspaces import invitations, policy
    from apps.workspaces.sso import connections

    for workspace in (cell.workspace, cell.elsewhere):
        owner = factories.owner_of(workspace)
        audit.change_retention(workspace, 365, by=owner)
        identify(workspace)
        connections.set_up(
            workspace,
            issuer="https://93.184.216.34",
            client_id="opencom",
            client_secret="secret",
            label="Corp",
            domains=[],
            joins_as="",
            by=owner,
        )
        policy.change_policy(workspace, methods=["code"], sign_up="invited", domains=[], by=owner)
        publish(workspace, owner)
        search(workspace)
        invitations.invite(f"guest-of-{workspace.pk}@guest.example", "agent", by=owner)
    chain.seal()
    factories_entry(cell)
    return cell


def publish(workspace: Workspace, owner: Member) -> None:
    """Leave what the knowledge base keeps: a collection that has moved, an article with another slug, a picture, and what two readers said."""
    from apps.knowledge import actions, collections, feedback
    from apps.knowledge.snippets import actions as snippets

    outer = collections.make_collection(workspace.pk, "Orders", by=owner)
    inner = collections.make_collection(workspace.pk, "Returns", by=owner, parent=outer)
    collections.change_collection(inner, {"slug": "sent-back"}, by=owner)
    asset = factories.make_asset(workspace, PICTURE)
    Asset.objects.filter(pk=asset.pk).update(
        article=(article := factories.make_article(workspace, "How to return", collection=inner))
    )
    actions.change_article(article, {"slug": "returning"}, by=owner)
    key, _ = keys.make("Importer", ["audit.read"], by=owner)
    actions.save_text(article, actions.Text("How to return", "", "Anew"), base=1, by=key)
    snippets.note_use(snippets.make(shared=True, by=owner, name="Greeting", body="Hello"), by=owner)
    feedback.answer(article, helpful=True, comment="", who=factories.make_visitor(workspace))
    feedback.answer(article, helpful=False, comment="Too short", who=feedback.new_browser())


def search(workspace: Workspace) -> None:
    """Leave what search keeps: a passage's embedding, and what wasn't found."""
    chunk = Chunk.objects.filter(workspace=workspace).first()
    index = EmbeddingIndex.objects.get(workspace=workspace)
    Embedding.objects.create(workspace=workspace, index=index, chunk=chunk, dimensions=3, vector=[1, 0, 0])
    Gap.objects.create(workspace=workspace, words="zebras")


def identify(workspace: Workspace) -> None:
    """Leave what identity verification, merging, exporting, erasing and locating keep."""
    owner = callers.signed_in(workspace, "owner")
    assert owner.post("/workspace/identity/secrets", {}).status_code == 201
    assert owner.put("/workspace/identity", {"mode": "optional"}).status_code == 200
    claim = {"workspace": str(workspace.pk), "session_id": factories.session_id(), "user_id": "u1"}
    assert callers.nobody().post("/widget/boot", claim).status_code == 200
    one, other = factories.make_visitor(workspace), factories.make_visitor(workspace)
    assert owner.post(f"/visitors/{one.pk}/merges", {"other": str(other.pk)}).status_code == 201
    assert owner.post(f"/visitors/{one.pk}/exports").status_code == 201
    assert owner.delete(f"/visitors/{factories.make_visitor(workspace).pk}").status_code == 200
    claimed = {"email": f"{one.pk}@guest.example"}
    assert callers.booted(workspace).post("/widget/visitor/email/codes", claimed).status_code == 202
    with override_settings(GEOIP_URL="https://places.example/{address}"):
        location.ask_provider(one, "81.2.69.142")


def factories_entry(scene: Scene) -> None:
    """Leave an entry of each workspace without its seal."""
    for person in (scene.agent, scene.foreigner):
        person.put("/conversations/none/status")
    for workspace in (scene.workspace, scene.elsewhere):
        factories.make_member(workspace)


def test_every_table_has_rows_of_both_workspaces(filled: Scene) -> None:
    both = {str(filled.workspace.pk), str(filled.elsewhere.pk)}
    for table in catalogue.tenant_tables():
        assert both <= workspaces_in(table), f"nothing of {table.name} would be tested"


# The catalogue


@pytest.mark.django_db
def test_the_database_has_what_the_models_ask_for() -> None:
    assert [fault.text for fault in catalogue.missing()] == []


@pytest.mark.django_db
def test_every_model_of_a_workspace_is_secured() -> None:
    secured = {table.name for table in catalogue.tenant_tables()}
    assert set(catalogue.tenants_models()) <= secured
    assert {"conversations_count"} <= secured, "tables without a model too"


@pytest.mark.django_db
def test_no_relation_between_workspaces_goes_by_a_table_that_no_model_owns() -> None:
    owned = catalogue.tenants_models()
    loose = [
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.auto_created
        and {field.related_model._meta.db_table for field in model._meta.concrete_fields if field.is_relation}
        & set(owned)
    ]
    assert loose == [], "give it a through model with a workspace"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("undo", "says"),
    [
        ("ALTER TABLE conversations_message NO FORCE ROW LEVEL SECURITY", "conversations_message shows"),
        ("DROP POLICY of_workspace ON visitors_visitor", "visitors_visitor shows"),
        ("CREATE POLICY leak ON visitors_visitor USING (true)", "visitors_visitor shows"),
        (
            "ALTER TABLE conversations_message DROP CONSTRAINT conversations_message_visitor_id_in_workspace",
            "may cross",
        ),
        (f"GRANT DELETE ON audit_auditentry TO {APP_ROLE}", "other rights on audit_auditentry"),
        (f"REVOKE INSERT ON conversations_message FROM {APP_ROLE}", "other rights on conversations_message"),
        ("CREATE TABLE forgotten (workspace_id uuid NOT NULL)", "forgotten shows"),
    ],
)
def test_what_is_undone_is_noticed_and_put_right(undo: str, says: str) -> None:
    with owner() as cursor:
        cursor.execute(undo)
        try:
            found = [fault for fault in catalogue.missing() if says in fault.text]
            assert found
            for fault in catalogue.missing():
                for statement in fault.statements:
                    cursor.execute(statement)
            assert list(catalogue.missing()) == []
        finally:
            cursor.execute("DROP TABLE IF EXISTS forgotten")


@pytest.mark.django_db
def test_a_relation_to_a_table_that_is_not_unique_in_its_workspace_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loose = catalogue.Relation("conversations_draft", "conversation_id", "conversations_attachment", "id", "CASCADE")
    monkeypatch.setattr(catalogue, "relations", lambda: [loose])
    with pytest.raises(catalogue.TargetNotUnique, match=r"UniqueConstraint\(fields="):
        list(catalogue.missing())


# Who the application is


@pytest.mark.django_db
def test_the_application_is_neither_owner_nor_superuser_nor_beyond_the_policies() -> None:
    with scopes.closed(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname IN (current_user, session_user, %s)",
            [SYSTEM_ROLE],
        )
        assert set(cursor.fetchall()) == {(False, False, False, False)}
        cursor.execute(
            "SELECT current_user, count(*) FROM pg_class WHERE relowner IN (%s::regrole, session_user::regrole)",
            [APP_ROLE],
        )
        assert cursor.fetchone() == (APP_ROLE, 0)
        cursor.execute("SELECT pg_has_role(%s, %s, 'USAGE') OR pg_has_role(%s, %s, 'SET')", [APP_ROLE, SYSTEM_ROLE] * 2)
        assert cursor.fetchone() == (False,)


@pytest.mark.django_db
@pytest.mark.parametrize("scope", ["workspace", "every workspace"])
def test_the_application_cannot_change_the_databases_shape(scope: str, workspace: Workspace) -> None:
    within = scopes.workspace(workspace.pk) if scope == "workspace" else scopes.every_workspace(scopes.MEASURING)
    with within:
        for statement in ("CREATE TABLE mine (id int)", "CREATE ROLE another LOGIN"):
            with refused(), connection.cursor() as cursor:
                cursor.execute(statement)
        for statement in (
            "ALTER TABLE visitors_visitor DISABLE ROW LEVEL SECURITY",
            "DROP POLICY of_workspace ON visitors_visitor",
            "TRUNCATE visitors_visitor CASCADE",
        ):
            with (
                pytest.raises(DatabaseError, match=r"must be owner|permission denied"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)


# Rows

PUBLIC = "public_seq IS NOT NULL"


@case("T12")
def test_within_no_workspace_no_row_of_any_table_is_seen(filled: Scene) -> None:
    with scopes.closed():
        seen = {table.name: workspaces_in(table) for table in catalogue.tenant_tables()}
    assert {name: found for name, found in seen.items() if found} == {}


@case("T12")
def test_within_a_workspace_its_own_rows_are_seen_and_no_others(filled: Scene) -> None:
    for workspace in (filled.workspace, filled.elsewhere):
        with scopes.workspace(workspace.pk):
            for table in catalogue.tenant_tables():
                assert workspaces_in(table) == {str(workspace.pk)}, table.name


@case("T12")
@pytest.mark.parametrize("scope", ["none", "another"])
def test_no_row_is_written_changed_or_deleted_from_outside_its_workspace(filled: Scene, scope: str) -> None:
    rows = {model: model._default_manager.filter(workspace_id=filled.workspace.pk).first() for model in tenant_models()}
    within = scopes.closed() if scope == "none" else scopes.workspace(filled.elsewhere.pk)
    with nothing_happens(), within:
        for model, row in rows.items():
            assert row is not None, model
            if not getattr(model, "append_only", False):
                assert model._default_manager.filter(pk=row.pk).update(workspace_id=filled.workspace.pk) == 0
                assert model._default_manager.filter(pk=row.pk).delete()[0] == 0
            row.pk = copy_key(model)
            row._state.adding = True
            with refused():
                row.save(force_insert=True)
        with refused():
            Workspace(name="Mine").save(force_insert=True)


def tenant_models() -> list[type[models.Model]]:
    return [
        model
        for model in apps.get_models()
        if model is not Workspace and any(field.attname == "workspace_id" for field in model._meta.concrete_fields)
    ]


def copy_key(model: type[models.Model]) -> Any:
    key = model._meta.pk
    if isinstance(key, models.BinaryField):
        return uuid4().bytes * 2
    return None if isinstance(key, models.AutoField) else uuid4()


@case("T12")
def test_a_row_cannot_be_moved_to_another_workspace(filled: Scene) -> None:
    with nothing_happens(), scopes.workspace(filled.workspace.pk), refused():
        Visitor.objects.filter(pk=filled.visitor.visitor.pk).update(workspace_id=filled.elsewhere.pk)


@case("T13")
@pytest.mark.parametrize("relation", catalogue.relations(), ids=lambda one: f"{one.table}.{one.column}")
def test_no_row_points_into_another_workspace_even_across_all(filled: Scene, relation: catalogue.Relation) -> None:
    with nothing_happens(), refused(IntegrityError), connection.cursor() as cursor:
        cursor.execute(
            f'SELECT "{relation.key}" FROM "{relation.target}" WHERE workspace_id = %s LIMIT 1', [filled.elsewhere.pk]
        )
        foreign = cursor.fetchone()[0]
        # An author of either kind excludes the other, and numbers are given once a conversation.
        beside = {"visitor_id": ", member_id = NULL", "member_id": ", visitor_id = NULL"}
        beside["conversation_id"] = ", seq = 999, public_seq = 999"
        more = beside.get(relation.column, "") if relation.table == "conversations_message" else ""
        exclusive = {
            "knowledge_articlefeedback.visitor_id": ", browser_hash = NULL",
            "knowledge_articleversion.article_id": ", number = 999",
            "knowledge_oldslug.article_id": ", collection_id = NULL",
            "knowledge_oldslug.collection_id": ", article_id = NULL",
        }
        other = exclusive.get(f"{relation.table}.{relation.column}", "")
        cursor.execute(
            f'UPDATE "{relation.table}" SET "{relation.column}" = %s{more}{other} '
            f'WHERE ctid = (SELECT ctid FROM "{relation.table}" WHERE workspace_id = %s AND {PUBLIC if more else "true"} LIMIT 1)',
            [foreign, filled.workspace.pk],
        )
        assert cursor.rowcount > 0
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_deleted_member_leaves_messages_without_author_and_still_in_their_workspace(filled: Scene) -> None:
    message = Message.objects.filter(member=filled.agent.member).first()
    assert message is not None
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM workspaces_ticket; DELETE FROM conversations_draft")
        cursor.execute("DELETE FROM workspaces_member WHERE id = %s", [filled.agent.member.pk])
    message.refresh_from_db()
    assert (message.member_id, message.workspace_id) == (None, filled.workspace.pk)


# Code that forgets


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look-up sees everything: as if each handler had forgotten to ask what its caller may see."""
    from apps.audit.models import AuditQuerySet
    from apps.conversations.models import AttachmentQuerySet, ConversationQuerySet, MessageQuerySet
    from apps.visitors.models import VisitorQuerySet
    from apps.workspaces.models import MemberQuerySet

    for queries in (
        AuditQuerySet,
        AttachmentQuerySet,
        ConversationQuerySet,
        MessageQuerySet,
        VisitorQuerySet,
        MemberQuerySet,
    ):
        monkeypatch.setattr(queries, "visible_to", lambda self, actor: self.all())


@case("T01")
def test_handlers_that_forget_whose_rows_they_read_leak_none_of_another_workspace(
    forgetful: None, filled: Scene
) -> None:
    theirs, ours = filled.foreigner, filled.agent
    for path in (
        f"/conversations/{filled.conversation}",
        f"/visitors/{filled.visitor.visitor.pk}",
        f"/attachments/{filled.attachment}",
    ):
        assert ours.get(path).status_code == 200, path
        assert theirs.get(path).status_code == 404, path
    with nothing_happens():
        assert theirs.say(filled.conversation, "Let me in").status_code == 404
        assert theirs.put(f"/conversations/{filled.conversation}/status", {"status": "closed"}).status_code == 404
    listed = {row["id"] for row in theirs.get("/conversations", status="all").json()["items"]}
    assert listed
    assert filled.conversation not in listed
    assert str(filled.visitor.visitor.pk) not in {row["id"] for row in theirs.get("/visitors").json()["items"]}
    assert {row["id"] for row in theirs.get("/members").json()["items"]} == {
        str(pk) for pk in filled.elsewhere.members.values_list("pk", flat=True)
    }


# Scopes


@pytest.mark.django_db
def test_a_request_ends_within_no_workspace_and_begins_so(
    workspace: Workspace, agent: SignedIn, visitor: Booted
) -> None:
    with scopes.closed():
        assert visitor.get("/conversations").status_code == 200
        assert scopes.current() == ""
        assert agent.get("/conversations").status_code == 200
        assert scopes.current() == ""
        assert Workspace.objects.count() == 0


@pytest.mark.django_db
def test_a_refused_token_enters_nothing(workspace: Workspace, visitor: Booted) -> None:
    from apps.visitors import actions

    with scopes.closed():
        assert actions.session_of(visitor.token) is not None
        assert scopes.current() == str(workspace.pk)
        assert Workspace.objects.count() == 1
        assert actions.session_of("wst_" + "0" * 64) is None
        assert scopes.current() == ""
        assert Workspace.objects.count() == 0


@pytest.mark.django_db
def test_a_scope_survives_what_is_rolled_back(workspace: Workspace) -> None:
    other = factories.make_workspace("Other")
    with scopes.workspace(workspace.pk):
        try:
            with transaction.atomic(), scopes.workspace(other.pk):
                assert Workspace.objects.get() == other
                raise LookupError
        except LookupError:
            pass
        assert Workspace.objects.get() == workspace
        with (
            pytest.raises(DatabaseError),
            transaction.atomic(),
            scopes.workspace(other.pk),
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT 1 / 0")
        assert Workspace.objects.get() == workspace


def test_an_exemption_has_a_name_of_its_own_and_a_reason() -> None:
    assert all(one.why for one in scopes.exemptions.values())
    with pytest.raises(TypeError):
        Exemption(scopes.MEASURING.name, "again")


# The audit log


@case("D05")
@pytest.mark.parametrize("statement", ["UPDATE {} SET workspace_id = workspace_id", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["audit_auditentry", "audit_seal"])
def test_the_application_may_not_change_the_audit_log(filled: Scene, table: str, statement: str) -> None:
    ways = (scopes.closed(), scopes.workspace(filled.workspace.pk), scopes.every_workspace(scopes.MEASURING))
    with nothing_happens():
        for within in ways:
            with (
                within,
                pytest.raises(DatabaseError, match="permission denied"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement.format(table))
    assert count(table) > 0
