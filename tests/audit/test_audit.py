"""The audit log: each audited action is written down once, with who, what and what was before; never changed, never with a secret."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.test import Client

from apps.audit.models import AuditEntry
from apps.conversations import actions as conversations
from apps.conversations.models import Conversation
from apps.core import effects, events, limits
from apps.core.access import System
from apps.core.models import Effect
from apps.knowledge.collections import make_collection
from apps.knowledge.models import Article, Collection, HelpCenter
from apps.knowledge.retrieval.models import EmbeddingIndex
from apps.knowledge.snippets.models import Snippet
from apps.visitors import erasure, identity
from apps.visitors.models import IdentitySecret, Merge
from apps.workspaces import actions, invitations, passwords, sign_up
from apps.workspaces.models import ApiKey, Invitation, Member, Workspace
from apps.workspaces.sso import connections, identities
from apps.workspaces.sso.id_tokens import Identity
from apps.workspaces.sso.models import LinkedIdentity, SsoConnection
from tests import callers, factories
from tests.authenticators import code_of, with_app
from tests.callers import Booted, SignedIn
from tests.database import as_owner, nothing_happens
from tests.factories import PASSWORD
from tests.mailing import link_for
from tests.security.scene import PICTURE

pytestmark = pytest.mark.django_db

Entry = dict[str, Any]


class Scene:
    """A workspace, its people, and what they do there that is written down."""

    def __init__(self) -> None:
        self.workspace = factories.make_workspace()
        self.owner, self.agent = (
            callers.signed_in(self.workspace, "owner"),
            callers.signed_in(self.workspace, name="Ada"),
        )
        self.elsewhere = SignedIn(self.agent.member)
        self.visitor = callers.booted(self.workspace)
        self.conversation = factories.start(self.visitor.visitor, "CANARY of the visitor")
        self.other = factories.make_visitor(self.workspace, name="Grete")
        self.operator, self.newcomer = factories.make_user(), factories.make_user()

    def do(self, name: str) -> Entry:
        """Do what the event is about; returns what the entry must say."""
        doing: dict[str, Callable[[], Entry]] = {
            "member.signed_in": self._sign_in,
            "member.signed_out": self._sign_out,
            "member.sign_in_failed": self._fail,
            "member.password_changed": self._change_password,
            "member.password_reset": self._reset,
            "member.factor_added": self._add_factor,
            "member.factor_removed": self._remove_factor,
            "member.factors_reset": self._reset_factors,
            "member.recovery_codes_made": self._make_recovery_codes,
            "member.recovery_code_used": self._use_recovery_code,
            "workspace.second_factor_changed": self._ask_for_factors,
            "member.joined": self._join,
            "invitation.sent": self._invite,
            "invitation.accepted": self._accept,
            "invitation.revoked": self._revoke,
            "workspace.sign_in_changed": self._change_sign_in,
            "member.added": self._add,
            "member.changed": self._change,
            "member.renamed": self._rename,
            "member.sessions_ended": self._end_sessions,
            "member.token_reused": self._reuse,
            "access.refused": self._be_refused,
            "key.made": self._make_key,
            "snippet.created": self._make_snippet,
            "snippet.changed": self._change_snippet,
            "snippet.deleted": self._delete_snippet,
            "key.revoked": self._revoke_key,
            "ownership.offered": self._offer,
            "ownership.withdrawn": self._withdraw,
            "ownership.transferred": self._transfer,
            "member.removed": self._remove,
            "member.locked_out": self._lock_out,
            "member.let_in": self._let_in,
            "workspace.created": self._create,
            "workspace.messenger_changed": self._change_messenger,
            "workspace.security_changed": self._change_security,
            "conversation.status_changed": self._close,
            "conversation.assigned": self._assign,
            "visitor.blocked": self._block,
            "visitor.unblocked": self._unblock,
            "visitor.merged": self._merge,
            "visitor.separated": self._separate,
            "visitor.erasure_requested": self._ask_for_erasure,
            "visitor.erased": self._erase,
            "visitor.export_requested": self._ask_for_copy,
            "visitor.exported": self._take_copy,
            "identity.mode_changed": self._change_mode,
            "identity.mailed_codes_changed": self._take_mailed_codes,
            "identity.refused": self._refuse_proof,
            "identity.refusals_rose": self._refuse_many,
            "embeddings.chosen": self._choose_embeddings,
            "identity.secret_created": self._make_secret,
            "identity.secret_shown": self._show_secret,
            "identity.secret_revoked": self._revoke_secret,
            "workspace.sso_set_up": self._set_sso_up,
            "workspace.sso_changed": self._change_sso,
            "workspace.sso_removed": self._remove_sso,
            "workspace.sso_failed": self._fail_sso,
            "member.joined_by_sso": self._join_by_sso,
            "member.identity_linked": self._link_identity,
            "member.identity_unlinked": self._unlink_identity,
            "member.left": self._leave,
            "article.created": self._write_article,
            "article.changed": self._change_article,
            "article.published": self._publish_article,
            "article.scheduled": self._schedule_article,
            "article.unpublished": self._unpublish_article,
            "article.deleted": self._delete_article,
            "collection.created": self._make_collection,
            "collection.changed": self._change_collection,
            "collection.deleted": self._delete_collection,
            "asset.added": self._add_asset,
            "asset.deleted": self._delete_asset,
            "helpcenter.changed": self._change_help_center,
            "audit.exported": self._export,
            "audit.retention_changed": self._change_retention,
        }
        return doing[name]()

    def entry(self, by: Any, about: Any, details: Entry | None = None) -> Entry:
        """Return an entry by an actor (a member, or the system) about a row."""
        return {
            "workspace_id": self.workspace.pk,
            "actor_kind": by.kind,
            "actor_id": by.pk,
            "actor_label": by.label,
            "subject_kind": about._meta.label_lower,
            "subject_id": about.pk,
            "details": details or {},
        }

    def _sign_in(self) -> Entry:
        body = {"email": self.agent.member.user.email, "password": PASSWORD}
        assert callers.nobody().post("/session", body).status_code == 200
        return self.entry(self.agent.member, self.agent.member, {"method": "password"})

    def prepare(self, name: str) -> None:
        """Do what comes before, and isn't written down itself."""
        email = self.agent.member.user.email
        if name == "member.sign_in_failed":
            body = {"email": email, "password": "CANARY of a guess"}
            assert callers.nobody().post("/session", body).status_code == 401
        elif name == "member.password_reset":
            passwords.request_reset(email, client_address="192.0.2.1")
            self.link = link_for(email)
        elif name == "member.factor_added":
            self.secret = self.agent.post("/factors/app").json()["secret"]
        elif name in ("member.factor_removed", "member.factors_reset", "member.recovery_codes_made"):
            with_app(self.agent.member)
        elif name == "workspace.second_factor_changed":
            with_app(self.owner.member)
        elif name == "member.recovery_code_used":
            _, self.codes = with_app(self.agent.member)
            self.half_in = callers.nobody()
            self.half_in.post("/session", {"email": email, "password": PASSWORD})

    def _fail(self) -> Entry:
        [owed] = Effect.objects.filter(kind="workspaces.record_failed_sign_in")
        effects.registry[owed.kind].handler(owed)
        return self.entry(System(), self.agent.member, {"method": "password"})

    def _change_password(self) -> Entry:
        body = {"present": PASSWORD, "password": "nine CANARY lamps"}
        assert self.agent.put("/password", body).status_code == 204
        return self.entry(self.agent.member, self.agent.member)

    def _reset(self) -> Entry:
        assert Client().post(self.link, {"password": "nine CANARY lamps"}).status_code == 302
        return self.entry(self.agent.member, self.agent.member)

    def _add_factor(self) -> Entry:
        assert self.agent.put("/factors/app", {"code": code_of(self.secret)}).status_code == 200
        return self.entry(self.agent.member, self.agent.member, {"factor": "authenticator app"})

    def _remove_factor(self) -> Entry:
        assert self.agent.delete("/factors/app").status_code == 204
        return self.entry(self.agent.member, self.agent.member, {"factor": "authenticator app"})

    def _reset_factors(self) -> Entry:
        assert self.owner.delete(f"/members/{self.agent.member.pk}/factors").status_code == 204
        return self.entry(self.owner.member, self.agent.member)

    def _make_recovery_codes(self) -> Entry:
        assert self.agent.post("/factors/recovery-codes").status_code == 201
        return self.entry(self.agent.member, self.agent.member)

    def _use_recovery_code(self) -> Entry:
        proof = {"method": "recovery_code", "proof": self.codes[0]}
        assert self.half_in.post("/session/factor", proof).status_code == 200
        return self.entry(self.agent.member, self.agent.member, {"left": 9})

    def _ask_for_factors(self) -> Entry:
        assert self.owner.put("/workspace/second-factor", {"everyone": True}).status_code == 200
        return self.entry(self.owner.member, self.workspace, {"required": "on"})

    def _join(self) -> Entry:
        self._change_sign_in()
        made = sign_up.join_by_domain(self.newcomer, self.workspace)
        return self.entry(made, made, {"role": "agent"})

    def _invite(self) -> Entry:
        body = {"email": self.newcomer.email, "role": "viewer"}
        assert self.owner.post("/invitations", body).status_code == 201
        return self.entry(self.owner.member, Invitation.objects.get(), {"role": "viewer"})

    def _accept(self) -> Entry:
        self._invite()
        invitation = Invitation.objects.get()
        made = invitations.accept(invitation, self.newcomer)
        return self.entry(made, made, {"role": "viewer", "invitation": str(invitation.pk)})

    def _revoke(self) -> Entry:
        self._invite()
        invitation = Invitation.objects.get()
        assert self.owner.delete(f"/invitations/{invitation.pk}").status_code == 204
        return self.entry(self.owner.member, invitation, {"role": "viewer"})

    def _change_sign_in(self) -> Entry:
        body = {"methods": ["password", "code", "passkey"], "sign_up": "domains", "domains": ["team.example"]}
        assert self.owner.put("/workspace/sign-in", body).status_code == 200
        said = {
            "sign_up": {"before": "invited", "after": "domains"},
            "domains": {"before": [], "after": ["team.example"]},
            "fields": ["domains", "sign_up"],
        }
        return self.entry(self.owner.member, self.workspace, said)

    def _sign_out(self) -> Entry:
        assert self.agent.delete("/session").status_code == 204
        return self.entry(self.agent.member, self.agent.member)

    def _add(self) -> Entry:
        made = actions.add_member(self.workspace, self.newcomer, "viewer", by=self.owner.member)
        return self.entry(self.owner.member, made, {"role": "viewer"})

    def _change(self) -> Entry:
        actions.change_role(self.agent.member, "admin", by=self.owner.member)
        return self.entry(self.owner.member, self.agent.member, {"before": "agent", "after": "admin"})

    def _remove(self) -> Entry:
        said = {"user": str(self.agent.member.user_id), "role": "agent"}
        expected = self.entry(self.owner.member, self.agent.member, said)
        actions.remove_member(Member.objects.get(pk=self.agent.member.pk), by=self.owner.member)
        return expected

    def _leave(self) -> Entry:
        said = {"user": str(self.agent.member.user_id), "role": "agent"}
        expected = self.entry(self.agent.member, self.agent.member, said)
        actions.leave(Member.objects.get(pk=self.agent.member.pk))
        return expected

    def _lock_out(self) -> Entry:
        actions.deactivate_user(self.agent.member.user, by=System("admin"), operator=self.operator)
        return self.entry(System(), self.agent.member, {"operator": str(self.operator.pk)})

    def _let_in(self) -> Entry:
        actions.activate_user(self.agent.member.user, by=System("admin"), operator=self.operator)
        return self.entry(System(), self.agent.member, {"operator": str(self.operator.pk)})

    def _sso(self, **fields: Any) -> SsoConnection:
        values = {"issuer": "https://93.184.216.34", "client_id": "opencom", "client_secret": "CANARY of a client"}
        more = {"label": "Corp", "domains": ["team.example"], "joins_as": "viewer"}
        return connections.set_up(self.workspace, by=self.owner.member, **{**values, **more, **fields})  # type: ignore[arg-type]

    def _set_sso_up(self) -> Entry:
        self._sso()
        return self.entry(self.owner.member, self.workspace, {"issuer": "https://93.184.216.34"})

    def _change_sso(self) -> Entry:
        self._sso()
        self._sso(label="Corporation")
        said = {
            "label": {"before": "Corp", "after": "Corporation"},
            "client_secret": {},
            "fields": ["client_secret", "label"],
        }
        return self.entry(self.owner.member, self.workspace, said)

    def _remove_sso(self) -> Entry:
        self._sso()
        connections.remove(self.workspace, by=self.owner.member)
        return self.entry(self.owner.member, self.workspace, {"issuer": "https://93.184.216.34"})

    def _fail_sso(self) -> Entry:
        identities.record_failure(self.workspace, "wrong_nonce")
        return self.entry(System(), self.workspace, {"reason": "wrong_nonce"})

    def _join_by_sso(self) -> Entry:
        identity = Identity("https://93.184.216.34", "CANARY of a subject", "grace@team.example", "Grace")
        made = identities.seat_of(self._sso(), identity)
        return self.entry(made, made, {"role": "viewer"})

    def _link_identity(self) -> Entry:
        identities.link(self.agent.member, Identity("https://idp.example", "CANARY of a subject", None, ""))
        return self.entry(self.agent.member, self.agent.member, {"issuer": "https://idp.example"})

    def _unlink_identity(self) -> Entry:
        self._link_identity()
        identities.unlink(self.agent.member, LinkedIdentity.objects.get().pk)
        return self.entry(self.agent.member, self.agent.member, {"issuer": "https://idp.example"})

    def _rename(self) -> Entry:
        assert self.agent.patch("/profile", {"name": "CANARY of a name"[7:]}).status_code == 200
        return {**self.entry(self.agent.member, self.agent.member), "actor_label": "of a name"}

    def _end_sessions(self) -> Entry:
        assert self.agent.delete("/sessions").status_code == 204
        return self.entry(self.agent.member, self.agent.member, {"count": 1})

    def _reuse(self) -> Entry:
        first = callers.tokens_of(self.agent.member)
        second = callers.nobody().post("/tokens/refresh", {"refresh_token": first["refresh_token"]}).json()
        for token in (second["refresh_token"], first["refresh_token"]):
            callers.nobody().post("/tokens/refresh", {"refresh_token": token})
        return self.entry(self.agent.member, self.agent.member, {"device": "Unknown device"})

    def _be_refused(self) -> Entry:
        assert self.agent.put("/workspace/security", {}).status_code == 403
        return self.entry(self.agent.member, self.agent.member, {"request": "PUT /api/v1/workspace/security"})

    def _make_key(self) -> Entry:
        answer = self.owner.post("/keys", {"name": "Importer", "scopes": ["users.read"]})
        assert answer.status_code == 201
        made = answer.json()
        key = ApiKey.objects.get(pk=made["id"])
        assert made["key"] not in str(list(AuditEntry.objects.values()))
        return self.entry(self.owner.member, key, {"scopes": ["users.read"]})

    def _revoke_key(self) -> Entry:
        key = callers.keyed(self.owner.member, "users.read").key
        assert self.owner.delete(f"/keys/{key.pk}").status_code == 204
        return self.entry(self.owner.member, key)

    def _offer(self) -> Entry:
        assert self.owner.post("/ownership", {"member": str(self.agent.member.pk)}).status_code == 201
        return self.entry(self.owner.member, self.agent.member)

    def _withdraw(self) -> Entry:
        self._offer()
        assert self.agent.delete("/ownership").status_code == 204
        return self.entry(self.agent.member, self.agent.member)

    def _transfer(self) -> Entry:
        self._offer()
        assert self.agent.post("/ownership/acceptance").status_code == 200
        return self.entry(self.agent.member, self.agent.member, {"giver": str(self.owner.member.pk)})

    def _create(self) -> Entry:
        owner = actions.create_workspace("New", owner=self.newcomer)
        return {**self.entry(owner, owner.workspace), "workspace_id": owner.workspace_id}

    def _change_messenger(self) -> Entry:
        answer = self.owner.patch("/workspace/messenger", {"greeting": "CANARY of the greeting", "theme": "dark"})
        assert answer.status_code == 200
        return self.entry(self.owner.member, self.workspace, {"fields": ["greeting", "theme"]})

    def _change_security(self) -> Entry:
        body = {"allowed_origins": [factories.ORIGIN], "any_origin": True, "session_lifetime": 86_400}
        assert self.owner.put("/workspace/security", body).status_code == 200
        return self.entry(self.owner.member, self.workspace, {"any_origin": {"before": False, "after": True}})

    def _close(self) -> Entry:
        assert self.agent.put(f"/conversations/{self.conversation.pk}/status", {"status": "closed"}).status_code == 200
        return self.entry(self.agent.member, self.conversation, {"before": "open", "after": "closed"})

    def _assign(self) -> Entry:
        body = {"member": str(self.agent.member.pk)}
        assert self.owner.put(f"/conversations/{self.conversation.pk}/assignee", body).status_code == 200
        return self.entry(self.owner.member, self.conversation, {"before": None, "after": body["member"]})

    def _block(self) -> Entry:
        assert self.agent.put(f"/visitors/{self.visitor.visitor.pk}/block").status_code == 200
        return self.entry(self.agent.member, self.visitor.visitor)

    def _unblock(self) -> Entry:
        self._block()
        assert self.agent.delete(f"/visitors/{self.visitor.visitor.pk}/block").status_code == 200
        return self.entry(self.agent.member, self.visitor.visitor)

    def _merge(self) -> Entry:
        path = f"/visitors/{self.visitor.visitor.pk}/merges"
        assert self.owner.post(path, {"other": str(self.other.pk)}).status_code == 201
        counts = {"visitors.browser.visitor": 1, "visitors.visitorsession.visitor": 1}
        said = {"source": str(self.other.pk), "target": str(self.visitor.visitor.pk), "why": "hand", "counts": counts}
        return self.entry(self.owner.member, self.visitor.visitor, said)

    def _separate(self) -> Entry:
        self._merge()
        merge = Merge.objects.get()
        assert self.owner.delete(f"/visitors/{self.visitor.visitor.pk}/merges/{merge.pk}").status_code == 200
        said = {"source": str(self.other.pk), "target": str(self.visitor.visitor.pk)}
        return self.entry(self.owner.member, self.visitor.visitor, said)

    def _ask_for_erasure(self) -> Entry:
        with patch.object(limits, "AT_ONCE_ROWS", 0):
            erasure.request(self.visitor.visitor, by=self.owner.member)
        return self.entry(self.owner.member, self.visitor.visitor)

    def _take_mailed_codes(self) -> Entry:
        body = {"mode": "off", "mailed_codes": True}
        assert self.owner.put("/workspace/identity", body).status_code == 200
        return self.entry(self.owner.member, self.workspace, {"before": False, "after": True})

    def _erase(self) -> Entry:
        assert self.owner.delete(f"/visitors/{self.other.pk}").status_code == 200
        counts = {"visitors.browser": 1, "visitors.visitor": 1, "visitors.visitorsession": 1}
        return self.entry(self.owner.member, self.other, {"rows": 3, "files": 0, "counts": counts})

    def _ask_for_copy(self) -> Entry:
        assert self.owner.post(f"/visitors/{self.other.pk}/exports").status_code == 201
        return self.entry(self.owner.member, self.other)

    def _take_copy(self) -> Entry:
        link = self.owner.post(f"/visitors/{self.other.pk}/exports")
        assert link.status_code == 201
        assert callers.nobody().client.post(link.json()["url"]).status_code == 200
        return self.entry(self.owner.member, self.other, {"rows": 3, "files": 0})

    def _choose_embeddings(self) -> Entry:
        body = {"provider": "local", "model": "minilm"}
        assert self.owner.put("/search/embeddings", body).status_code == 200
        return self.entry(self.owner.member, EmbeddingIndex.objects.get(), body)

    def _make_snippet(self) -> Entry:
        made = self.owner.post("/snippets", {"name": "Greeting", "body": "CANARY of a text"})
        assert made.status_code == 201
        self.snippet = Snippet.objects.get(pk=made.json()["id"])
        return self.entry(self.owner.member, self.snippet, {})

    def _change_snippet(self) -> Entry:
        self._make_snippet()
        assert (
            self.owner.patch(f"/snippets/{self.snippet.pk}", {"body": "CANARY", "folder": "Start"}).status_code == 200
        )
        return self.entry(self.owner.member, self.snippet, {"changed": "folder, body"})

    def _delete_snippet(self) -> Entry:
        self._make_snippet()
        assert self.owner.delete(f"/snippets/{self.snippet.pk}").status_code == 204
        return self.entry(self.owner.member, self.snippet, {})

    def _make_secret(self) -> Entry:
        made = self.owner.post("/workspace/identity/secrets", {})
        assert made.status_code == 201
        self.secret = IdentitySecret.objects.get(pk=made.json()["id"])
        said = {"kind": "secret", "hint": self.secret.hint, "grace_days": 7}
        return self.entry(self.owner.member, self.secret, said)

    def _show_secret(self) -> Entry:
        self._make_secret()
        assert self.owner.post(f"/workspace/identity/secrets/{self.secret.pk}/reveal").status_code == 200
        return self.entry(self.owner.member, self.secret, {"kind": "secret", "hint": self.secret.hint})

    def _revoke_secret(self) -> Entry:
        self._make_secret()
        assert self.owner.delete(f"/workspace/identity/secrets/{self.secret.pk}").status_code == 204
        said = {"kind": "secret", "hint": self.secret.hint, "sessions": 0}
        return self.entry(self.owner.member, self.secret, said)

    def _change_mode(self) -> Entry:
        self._make_secret()
        assert self.owner.put("/workspace/identity", {"mode": "optional"}).status_code == 200
        return self.entry(self.owner.member, self.workspace, {"before": "off", "after": "optional"})

    def _refuse_proof(self) -> Entry:
        identity.refused(self.workspace, "the hash is wrong")
        return self.entry(System("identity"), self.workspace, {"why": "the hash is wrong"})

    def _refuse_many(self) -> Entry:
        for _ in range(limits.IDENTITY_ALERT_AT):
            identity.refused(self.workspace, "the hash is wrong")
        return self.entry(System("identity"), self.workspace, {"refused": limits.IDENTITY_ALERT_AT})

    def _write_article(self) -> Entry:
        answer = self.owner.post("/articles", {"title": "Returns", "body": "CANARY of a text"})
        assert answer.status_code == 201
        return self.entry(self.owner.member, Article.objects.get(pk=answer.json()["id"]))

    def _change_article(self) -> Entry:
        article = factories.make_article(self.workspace)
        assert self.owner.patch(f"/articles/{article.pk}", {"audience": "internal"}).status_code == 200
        return self.entry(self.owner.member, article, {"changed": "audience"})

    def _article_becomes(self, **said: str) -> Article:
        article = factories.make_article(self.workspace, publish=said["status"] == "draft")
        assert self.owner.put(f"/articles/{article.pk}/status", said).status_code == 200
        article.refresh_from_db()
        return article

    def _publish_article(self) -> Entry:
        details = {"version": 1, "audience": "public"}
        return self.entry(self.owner.member, self._article_becomes(status="published"), details)

    def _schedule_article(self) -> Entry:
        at = datetime.now(UTC) + timedelta(days=1)
        article = self._article_becomes(status="scheduled", publish_at=at.isoformat())
        return self.entry(self.owner.member, article, {"publish_at": str(at)})

    def _unpublish_article(self) -> Entry:
        return self.entry(self.owner.member, self._article_becomes(status="draft"), {"status": "draft"})

    def _delete_article(self) -> Entry:
        article = factories.make_article(self.workspace)
        assert self.owner.delete(f"/articles/{article.pk}").status_code == 204
        return self.entry(self.owner.member, article)

    def _make_collection(self) -> Entry:
        answer = self.owner.post("/collections", {"name": "Orders"})
        assert answer.status_code == 201
        return self.entry(self.owner.member, Collection.objects.get(pk=answer.json()["id"]))

    def _change_collection(self) -> Entry:
        collection = make_collection(self.workspace.pk, "Orders", by=self.owner.member)
        assert self.owner.patch(f"/collections/{collection.pk}", {"name": "Parcels"}).status_code == 200
        return self.entry(self.owner.member, collection, {"changed": "name"})

    def _delete_collection(self) -> Entry:
        collection = make_collection(self.workspace.pk, "Orders", by=self.owner.member)
        assert self.owner.delete(f"/collections/{collection.pk}").status_code == 204
        return self.entry(self.owner.member, collection)

    def _add_asset(self) -> Entry:
        return self.entry(self.owner.member, factories.make_asset(self.workspace, PICTURE))

    def _delete_asset(self) -> Entry:
        asset = factories.make_asset(self.workspace, PICTURE)
        assert self.owner.delete(f"/articles/assets/{asset.pk}").status_code == 204
        return self.entry(self.owner.member, asset)

    def _change_help_center(self) -> Entry:
        assert self.owner.patch("/help-center", {"mode": "restricted"}).status_code == 200
        center = HelpCenter.objects.get(workspace=self.workspace)
        return self.entry(self.owner.member, center, {"changed": "mode"})

    def _export(self) -> Entry:
        entries = AuditEntry.objects.filter(workspace_id=self.workspace.pk).count()
        assert self.owner.post("/audit/exports", {"format": "csv"}).status_code == 200
        return self.entry(self.owner.member, self.workspace, {"entries": entries, "format": "csv"})

    def _change_retention(self) -> Entry:
        assert self.owner.put("/audit/retention", {"days": 30}).status_code == 200
        return self.entry(self.owner.member, self.workspace, {"before": 90, "after": 30})


AUDITED = sorted(name for name, event in events.registry.items() if event.audited and name != "audit.pruned")
"""All but what only the clock does (tests/audit/test_chain.py)."""


NOT_A_CHANGE = ("access.refused", "member.signed_in", "member.signed_out")
"""What writes more than the action's own rows, or nothing but the entry."""


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("name", AUDITED)
def test_an_audited_action_is_written_down_once_with_who_and_what(scene: Scene, name: str) -> None:
    scene.prepare(name)
    before = set(AuditEntry.objects.values_list("pk", flat=True))
    expected = scene.do(name)
    made = AuditEntry.objects.exclude(pk__in=before).filter(action=name)
    entry = made.get()
    assert {field: getattr(entry, field) for field in expected} == expected
    text = str(list(AuditEntry.objects.values()))
    for secret in ("CANARY", PASSWORD, scene.visitor.token):
        assert secret not in text


@pytest.mark.parametrize("name", [name for name in AUDITED if name != "access.refused"])
def test_an_action_that_is_undone_was_never_written_down(scene: Scene, name: str) -> None:
    scene.prepare(name)
    with nothing_happens(), transaction.atomic():
        scene.do(name)
        transaction.set_rollback(True)


@pytest.mark.parametrize("name", [name for name in AUDITED if name not in NOT_A_CHANGE])
def test_what_cannot_be_written_down_is_not_done(scene: Scene, name: str) -> None:
    scene.prepare(name)
    as_owner("ALTER TABLE audit_auditentry ADD CONSTRAINT full_disk CHECK (false) NOT VALID")
    for caller in (scene.owner, scene.agent):
        caller.client.raise_request_exception = False
    with nothing_happens(), pytest.raises((DatabaseError, AssertionError)):
        scene.do(name)


def test_an_action_by_the_clock_is_the_systems(scene: Scene) -> None:
    until = datetime.now(UTC) + timedelta(days=1)
    conversations.change_status(scene.conversation, "snoozed", by=scene.agent.member, until=until)
    conversations.change_status(scene.conversation, "open", by=System("snooze"))
    entry = AuditEntry.objects.filter(action="conversation.status_changed").latest("created_at", "id")
    assert (entry.actor_kind, entry.actor_id, entry.actor_label) == ("system", None, "Opencom")
    assert entry.details == {"before": "snoozed", "after": "open"}


def test_what_is_refused_or_changes_nothing_is_not_written_down(scene: Scene) -> None:
    path = f"/conversations/{scene.conversation.pk}"
    outsider = callers.signed_in(factories.make_workspace("Other"), "owner")
    viewer = callers.signed_in(scene.workspace, "viewer")
    with nothing_happens():
        assert outsider.put(f"{path}/status", {"status": "closed"}).status_code == 404
        assert viewer.put(f"{path}/status", {"status": "closed"}).status_code == 403
        assert scene.agent.put(f"{path}/status", {"status": "open"}).status_code == 200
        assert scene.agent.put(f"{path}/assignee", {"member": str(uuid.uuid4())}).status_code == 400


def test_each_conversation_of_a_bulk_change_is_written_down(scene: Scene) -> None:
    rows = [scene.conversation, factories.start(scene.visitor.visitor)]
    body = {"conversations": [str(row.pk) for row in rows], "change": {"status": "closed"}}
    assert scene.agent.post("/conversations/bulk", body).status_code == 200
    subjects = AuditEntry.objects.filter(action="conversation.status_changed").values_list("subject_id", flat=True)
    assert set(subjects) == {row.pk for row in rows}


# Append-only


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditentry SET actor_label = 'somebody else'",
        "UPDATE audit_auditentry SET details = '{}' WHERE false OR id IS NOT NULL",
        "DELETE FROM audit_auditentry",
        "TRUNCATE audit_auditentry",
    ],
)
def test_the_database_changes_and_deletes_no_entry(scene: Scene, statement: str) -> None:
    scene.do("conversation.status_changed")
    with nothing_happens():
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            as_owner(statement)
    AuditEntry.objects.create(
        workspace_id=scene.workspace.pk, action="test", actor_kind="system", actor_label="test", subject_kind="test"
    )


def test_the_models_own_ways_are_refused_too(scene: Scene) -> None:
    scene.do("conversation.status_changed")
    entry = AuditEntry.objects.latest("created_at")
    with nothing_happens():
        for change in (
            lambda: AuditEntry.objects.update(action="another"),
            lambda: AuditEntry.objects.all().delete(),
            entry.delete,
            entry.save,
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                change()


def test_an_entry_outlives_what_it_is_about(scene: Scene) -> None:
    scene.do("conversation.status_changed")
    Conversation.objects.filter(pk=scene.conversation.pk).delete()
    entry = AuditEntry.objects.get(action="conversation.status_changed")
    assert entry.subject_id == scene.conversation.pk
    assert entry.actor_label == "Ada"


# Who may see it


def test_members_see_the_entries_of_their_own_workspace_only(scene: Scene, agent: SignedIn, visitor: Booted) -> None:
    scene.do("conversation.assigned")
    elsewhere: Workspace = agent.member.workspace
    ours = AuditEntry.objects.visible_to(scene.owner.member)
    assert {entry.workspace_id for entry in ours} == {scene.workspace.pk}
    assert {entry.workspace_id for entry in AuditEntry.objects.visible_to(agent.member)} == {elsewhere.pk}
    for actor in (visitor.visitor, System()):
        assert not AuditEntry.objects.visible_to(actor).exists()
