"""Proof of an address by a mailed code: who types it is who reads the mail, and nobody else gains anything by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, connection
from django.db.models.functions import Now

from apps.core import effects
from apps.core.models import Effect
from apps.visitors import email_proof
from apps.visitors.models import EmailCode, Merge, Visitor
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn, refusal
from tests.database import nothing_happens, tables
from tests.mailing import code_for, mails_to, pay_all
from tests.visitors.test_proof import Host

pytestmark = pytest.mark.django_db

ADDRESS = "ada@mail.example"


def ask(visitor: Booted, email: str = ADDRESS) -> Any:
    return visitor.post("/widget/visitor/email/codes", {"email": email})


def type_in(visitor: Booted, code: str) -> Any:
    return visitor.put("/widget/visitor/email", {"code": code})


def prove(visitor: Booted, email: str = ADDRESS) -> dict[str, Any]:
    assert ask(visitor, email).status_code == 202
    answer = type_in(visitor, code_for(email))
    assert answer.status_code == 200, answer.content
    proven: dict[str, Any] = answer.json()
    return proven


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def previews(visitor: Booted) -> set[str]:
    return {row["last_message"]["preview"] for row in visitor.get("/conversations").json()["items"]}


def test_an_address_is_proven_by_the_code_that_was_mailed_to_it(
    workspace: Workspace, visitor: Booted, agent: SignedIn
) -> None:
    assert ask(visitor).status_code == 202
    claimed = agent.get(f"/visitors/{visitor.visitor.pk}").json()
    assert (claimed["email"], claimed["email_proven"]) == (ADDRESS, False)
    code = code_for(ADDRESS)
    [letter] = mails_to(ADDRESS)
    assert workspace.name in letter.subject
    assert type_in(visitor, code).json()["email_proven"] is True
    shown = agent.get(f"/visitors/{visitor.visitor.pk}").json()
    assert (shown["email"], shown["email_proven"], shown["external_id_proven"]) == (ADDRESS, True, False)


def test_whoever_proves_the_same_address_on_another_device_finds_their_conversations(
    workspace: Workspace, visitor: Booted
) -> None:
    visitor.start("On my phone.")
    prove(visitor)
    other = callers.booted(workspace)
    other.start("On my laptop.")
    proven = prove(other, ADDRESS.upper())
    assert proven["id"] == str(visitor.visitor.pk), "who was here first stays"
    assert previews(other) == previews(visitor) == {"On my phone.", "On my laptop."}
    assert Merge.objects.get().why == "email"


def test_a_claim_alone_opens_nothing_of_who_has_proven_the_address(workspace: Workspace, visitor: Booted) -> None:
    visitor.start("Only for who reads my mail.")
    prove(visitor)
    stranger = callers.booted(workspace, email=ADDRESS)
    assert ask(stranger).status_code == 202
    code = code_for(ADDRESS)
    with nothing_happens(but={"visitors_emailcode"}):
        assert refusal(type_in(stranger, wrong(code))) == (400, "invalid")
    assert previews(stranger) == set()
    assert Visitor.objects.count() == 2
    prove(stranger)
    assert previews(stranger) == {"Only for who reads my mail."}, "who does read it, may"


def test_who_claims_to_be_two_users_and_reads_one_address_is_one(workspace: Workspace) -> None:
    one, other = (claiming(workspace, user_id) for user_id in ("u1", "u2"))
    one.start("As u1.")
    prove(one)
    assert prove(other)["id"] == str(one.visitor.pk)
    assert previews(other) == {"As u1."}, "what is claimed counts less than what is proven"


def claiming(workspace: Workspace, user_id: str) -> Booted:
    visitor = callers.booted(workspace)
    assert visitor.patch("/widget/visitor", {"user_id": user_id}).status_code == 200
    return visitor


def test_the_unproven_never_merge_into_the_proven(workspace: Workspace, visitor: Booted) -> None:
    claimant = callers.booted(workspace, email=ADDRESS)
    claimant.start("I said this was my address.")
    prove(visitor)
    assert previews(visitor) == set()
    assert not Merge.objects.exists()


def test_a_code_works_once(visitor: Booted) -> None:
    ask(visitor)
    code = code_for(ADDRESS)
    assert type_in(visitor, code).status_code == 200
    with nothing_happens():
        assert type_in(visitor, code).status_code == 400


def test_a_code_ends_after_ten_minutes_and_after_five_wrong_tries(visitor: Booted) -> None:
    ask(visitor)
    code = code_for(ADDRESS)
    EmailCode.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert type_in(visitor, code).status_code == 400
    ask(visitor)
    code = code_for(ADDRESS)
    for _ in range(5):
        assert type_in(visitor, wrong(code)).status_code == 400
    with nothing_happens():
        assert type_in(visitor, code).status_code == 400
    ask(visitor)
    assert type_in(visitor, code_for(ADDRESS)).status_code == 200


def test_a_former_code_dies_with_the_next(visitor: Booted) -> None:
    ask(visitor)
    former = code_for(ADDRESS)
    ask(visitor, "new@mail.example")
    assert type_in(visitor, former).status_code == 400
    assert type_in(visitor, code_for("new@mail.example")).json()["email"] == "new@mail.example"


def test_a_code_is_for_the_visitor_who_asked_alone(workspace: Workspace, visitor: Booted) -> None:
    ask(visitor)
    code, other = code_for(ADDRESS), callers.booted(workspace)
    with nothing_happens():
        assert type_in(other, code).status_code == 400
    assert type_in(visitor, code).status_code == 200


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", 123456, None])
def test_what_is_no_code_is_refused_before_it_is_tried(visitor: Booted, code: Any) -> None:
    ask(visitor)
    good = code_for(ADDRESS)
    with nothing_happens():
        assert visitor.put("/widget/visitor/email", {"code": code}).status_code == 400
    assert type_in(visitor, good).status_code == 200


def test_a_code_is_kept_as_a_hash_alone_once_its_mail_has_left(visitor: Booted) -> None:
    ask(visitor)
    code = code_for(ADDRESS)
    assert EmailCode.objects.get().salt is None
    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(
                f"""SELECT count(*) FROM "{table}" AS t WHERE t::text ~ '(^|[^0-9a-f]){code}([^0-9a-f]|$)'"""
            )
            assert cursor.fetchone()[0] == 0, table


def test_a_mail_that_comes_too_late_is_not_sent(visitor: Booted) -> None:
    ask(visitor)
    EmailCode.objects.update(expires_at=Now() - timedelta(seconds=1))
    pay_all()
    assert mail.outbox == []
    assert Effect.objects.get(kind="visitors.mail_code").state == "dead"
    assert email_proof.forget_ended() == 1


def test_a_proven_address_is_changed_by_proof_and_not_by_what_a_page_says(visitor: Booted, agent: SignedIn) -> None:
    prove(visitor)
    visitor.patch("/widget/visitor", {"email": "mallory@mail.example", "name": "Ada"})
    shown = agent.get(f"/visitors/{visitor.visitor.pk}").json()
    assert (shown["email"], shown["name"]) == (ADDRESS, "Ada")
    ask(visitor, "next@mail.example")
    assert agent.get(f"/visitors/{visitor.visitor.pk}").json()["email"] == ADDRESS
    assert type_in(visitor, code_for("next@mail.example")).json()["email"] == "next@mail.example"


def test_the_browser_brings_back_who_proved_an_address_in_it(workspace: Workspace) -> None:
    mine = factories.session_id()
    visitor = callers.booted(workspace, session_id=mine)
    prove(visitor)
    assert factories.boot(workspace, session_id=mine).visitor.pk == visitor.visitor.pk


def test_one_visitor_has_an_address_proven_by_code(workspace: Workspace, visitor: Booted) -> None:
    prove(visitor)
    other = factories.make_visitor(workspace, email=ADDRESS.title())
    with pytest.raises(IntegrityError):
        Visitor.objects.filter(pk=other.pk).update(email_proven_at=Now())


def test_in_another_workspace_an_address_has_to_be_proven_again(workspace: Workspace, visitor: Booted) -> None:
    visitor.start("For this shop alone.")
    prove(visitor)
    elsewhere = callers.booted(factories.make_workspace("Elsewhere"))
    prove(elsewhere)
    assert previews(elsewhere) == set()
    assert Visitor.objects.filter(email_proven_at__isnull=False).count() == 2


def test_who_is_blocked_is_not_found_again_by_a_code(workspace: Workspace, visitor: Booted, agent: SignedIn) -> None:
    prove(visitor)
    agent.put(f"/visitors/{visitor.visitor.pk}/block")
    other = callers.booted(workspace)
    ask(other)
    code = code_for(ADDRESS)
    with nothing_happens(but={"visitors_emailcode"}):
        assert refusal(type_in(other, code)) == (403, "blocked")


# Beside what the customer's server signs


@pytest.fixture
def host(workspace: Workspace) -> Host:
    host = Host(workspace)
    host.mode("optional")
    return host


def test_a_code_opens_nothing_of_whom_the_server_has_proven(host: Host) -> None:
    theirs = host.arrive(user_token=host.token("u1", email=ADDRESS))
    theirs.start("For the signed-in user alone.")
    reader = host.arrive()
    proven = prove(reader)
    assert proven["id"] == str(reader.visitor.pk) != str(theirs.visitor.pk)
    assert previews(reader) == set()


def test_what_the_server_signed_no_code_replaces(host: Host) -> None:
    theirs = host.arrive(user_token=host.token("u1", email=ADDRESS))
    with nothing_happens():
        assert refusal(ask(theirs, "other@mail.example")) == (409, "email_signed")
    unsigned = host.proven("u2")
    assert prove(unsigned, "other@mail.example")["email_proven"] is True


def test_into_the_server_s_user_history_comes_and_the_other_browsers_do_not(host: Host) -> None:
    reader = host.arrive()
    reader.start("Before I had an account.")
    prove(reader)
    user = host.proven("u1")
    assert prove(user)["id"] == str(user.visitor.pk)
    assert previews(user) == {"Before I had an account."}
    assert refusal(reader.get("/conversations")) == (401, "session_expired")


def test_whom_the_server_proves_by_another_address_is_somebody_else(host: Host) -> None:
    mine = factories.session_id()
    reader = host.arrive(mine)
    reader.start("Mine.")
    prove(reader)
    other = host.arrive(mine, user_token=host.token("u2", email="grete@mail.example"))
    assert other.visitor.pk != reader.visitor.pk
    assert previews(other) == set()
    again = factories.session_id()
    same = host.arrive(again)
    same.start("Also mine.")
    prove(same, "heidi@mail.example")
    heidi = host.arrive(again, user_token=host.token("u3", email="heidi@mail.example"))
    assert previews(heidi) == {"Also mine."}


def test_where_ids_must_be_signed_codes_are_off_until_the_workspace_wants_them(host: Host) -> None:
    reader = host.arrive()
    host.mode("required")
    with nothing_happens():
        assert refusal(ask(reader)) == (403, "email_codes_off")
        assert refusal(type_in(reader, "123456")) == (403, "email_codes_off")
    assert host.boot().json()["email_codes"] is False
    wanted = {"mode": "required", "accept_unsigned": True, "mailed_codes": True}
    assert host.owner.put("/workspace/identity", wanted).json()["mailed_codes"] is True
    assert host.boot().json()["email_codes"] is True
    assert prove(reader)["email_proven"] is True


# Merging by hand


def test_into_who_proved_an_address_no_browser_follows_by_hand(workspace: Workspace, visitor: Booted) -> None:
    manager = callers.signed_in(workspace, "admin")
    visitor.start("Mine alone.")
    prove(visitor)
    stranger = callers.booted(workspace)
    stranger.start("Please merge me.")
    answer = manager.post(f"/visitors/{visitor.visitor.pk}/merges", {"other": str(stranger.visitor.pk)})
    assert (answer.status_code, answer.json()["canonical"]) == (201, str(visitor.visitor.pk))
    assert refusal(stranger.get("/conversations")) == (401, "session_expired")
    undone = manager.delete(f"/visitors/{visitor.visitor.pk}/merges/{answer.json()['id']}")
    assert undone.status_code == 200
    assert undone.json()["email_proven"] is False


def test_two_who_read_different_mail_are_two(workspace: Workspace, visitor: Booted) -> None:
    manager = callers.signed_in(workspace, "admin")
    other = callers.booted(workspace)
    prove(visitor)
    prove(other, "grete@mail.example")
    with nothing_happens():
        answer = manager.post(f"/visitors/{visitor.visitor.pk}/merges", {"other": str(other.visitor.pk)})
        assert refusal(answer) == (409, "merge_refused")


def test_the_effect_may_run_twice(visitor: Booted) -> None:
    ask(visitor)
    [owed] = Effect.objects.filter(kind="visitors.mail_code")
    for _ in range(2):
        effects.registry[owed.kind].handler(owed)
    assert len(mail.outbox) == 1
