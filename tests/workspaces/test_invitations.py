"""Invitations: for one address, for a week, once; nobody is added without saying so, and nobody hands out more than they hold."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes
from email import policy as email_policy
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client

from apps.audit.models import AuditEntry
from apps.core import limits
from apps.core.access import System
from apps.core.models import Effect
from apps.workspaces import actions, policy
from apps.workspaces.models import Invitation, Member, User, Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn, nobody, refusal
from tests.database import nothing_happens
from tests.factories import PASSWORD
from tests.mailing import code_for, link_for, mails_to

pytestmark = pytest.mark.django_db
GUEST = "grace@guest.example"


@pytest.fixture
def admin(workspace: Workspace) -> SignedIn:
    return callers.signed_in(workspace, "admin", name="Ada")


def invite(caller: SignedIn, email: str = GUEST, role: str = "agent", **more: Any) -> Any:
    return caller.post("/invitations", {"email": email, "role": role, **more})


def link_to(email: str = GUEST) -> str:
    return link_for(email)


def accept_new(
    link: str, name: str = "Grace", password: str = "nine lamps in a row", client: Client | None = None
) -> Any:
    return (client or Client()).post(link, {"name": name, "password": password})


def seat(workspace: Workspace, email: str = GUEST) -> Member | None:
    return Member.objects.filter(workspace=workspace, user__email=email).first()


def test_an_invitation_is_mailed_and_listed_with_who_and_until_when(admin: SignedIn, workspace: Workspace) -> None:
    made = invite(admin)
    assert made.status_code == 201
    [sent] = mails_to(GUEST)
    assert sent.subject == "Ada invites you to Shop"
    assert f"{django_settings.PUBLIC_URL}/invitations/inv_" in str(sent.body)
    [item] = admin.get("/invitations").json()["items"]
    assert item == made.json()
    assert (item["email"], item["role"], item["expired"]) == (GUEST, "agent", False)
    assert item["invited_by"] == {"id": str(admin.member.pk), "name": "Ada"}
    row = Invitation.objects.get()
    assert row.expires_at - row.sent_at == timedelta(days=7)
    assert seat(workspace) is None, "nobody is a member who hasn't said so"


NASTY = 'Ada\r\nBcc: thief@bad.example\r\n\r\n<img src=x onerror=alert(1)> "Q" & {{ home }}'


def test_a_mail_says_names_as_they_are_and_nothing_else(admin: SignedIn, workspace: Workspace) -> None:
    User.objects.filter(pk=admin.member.user_id).update(name=NASTY)
    Workspace.objects.filter(pk=workspace.pk).update(name=NASTY)
    invite(admin)
    [sent] = mails_to(GUEST)
    assert sent.recipients() == [GUEST]
    whole = message_from_bytes(sent.message().as_bytes(), policy=email_policy.default)
    assert (whole["Bcc"], whole["To"]) == (None, GUEST)
    assert "\n" not in sent.subject
    assert len(sent.subject) < 200
    text, html = (str(whole.get_body((kind,)).get_content()) for kind in ("plain", "html"))
    assert '<img src=x onerror=alert(1)> "Q" & {{ home }}' in text
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


@pytest.mark.parametrize(
    "email",
    [
        "a@guest.example,b@guest.example",
        "a@guest.example\nBcc: b@guest.example",
        "A <a@guest.example>",
        '"a@guest.example" <b@guest.example>',
        "a@guest.example;b@guest.example",
    ],
)
def test_an_invitation_goes_to_one_plain_address(admin: SignedIn, email: str) -> None:
    with nothing_happens():
        assert refusal(invite(admin, email)) == (400, "invalid")
    assert mail.outbox == []


def test_somebody_new_accepts_with_a_name_and_a_password_and_is_in(admin: SignedIn, workspace: Workspace) -> None:
    invite(admin)
    client, link = Client(), link_to()
    shown = client.get(link)
    assert shown.status_code == 200
    assert GUEST in shown.content.decode()
    done = accept_new(link, client=client)
    assert (done.status_code, done["Location"]) == (302, "/inbox/")
    member = seat(workspace)
    assert member is not None
    assert (member.role, member.user.name, member.user.email) == ("agent", "Grace", GUEST)
    assert client.get("/api/v1/session").json()["workspace"]["id"] == str(workspace.pk)
    assert nobody().post("/session", {"email": GUEST, "password": "nine lamps in a row"}).status_code == 200
    assert admin.get("/invitations").json()["items"] == []
    actions_on_record = AuditEntry.objects.filter(workspace_id=workspace.pk).values_list("action", "actor_label")
    assert ("invitation.sent", "Ada") in actions_on_record
    assert ("invitation.accepted", "Grace") in actions_on_record


@pytest.mark.parametrize("password", ["password", "short", "Shop"])
def test_a_password_that_can_be_guessed_makes_no_account(admin: SignedIn, password: str) -> None:
    invite(admin)
    link = link_to()
    with nothing_happens():
        assert accept_new(link, password=password).status_code == 422
    assert accept_new(link).status_code == 302


def test_without_a_password_one_signs_in_by_code(admin: SignedIn, workspace: Workspace) -> None:
    invite(admin)
    assert accept_new(link_to(), password="").status_code == 302
    assert not User.objects.get(email=GUEST).has_usable_password()
    assert nobody().post("/session/codes", {"email": GUEST}).status_code == 202
    assert nobody().post("/session/code", {"email": GUEST, "code": code_for(GUEST)}).status_code == 200


def test_where_only_passwords_are_taken_one_is_needed(admin: SignedIn, workspace: Workspace) -> None:
    policy.change_policy(workspace, methods=["password"], sign_up="invited", domains=[], by=admin.member)
    invite(admin)
    link = link_to()
    with nothing_happens():
        assert accept_new(link, password="").status_code == 422
    assert accept_new(link).status_code == 302
    assert seat(workspace) is not None


# Used, old, taken back, another's


def test_a_link_is_good_once(admin: SignedIn) -> None:
    invite(admin)
    link = link_to()
    assert accept_new(link).status_code == 302
    with nothing_happens():
        assert Client().get(link).status_code == 404
        assert accept_new(link, "Somebody").status_code == 404


@pytest.mark.parametrize(("days", "status"), [(6, 302), (8, 404)])
def test_a_link_is_good_for_a_week(admin: SignedIn, workspace: Workspace, days: int, status: int) -> None:
    invite(admin)
    link = link_to()
    Invitation.objects.update(expires_at=F("expires_at") - timedelta(days=days))
    assert accept_new(link).status_code == status
    assert (seat(workspace) is not None) == (status == 302)


def test_what_was_taken_back_opens_nothing(admin: SignedIn, workspace: Workspace) -> None:
    made = invite(admin).json()
    link = link_to()
    assert admin.delete(f"/invitations/{made['id']}").status_code == 204
    with nothing_happens():
        assert accept_new(link).status_code == 404
        assert refusal(admin.delete(f"/invitations/{made['id']}")) == (404, "not_found")
        assert refusal(admin.post(f"/invitations/{made['id']}/mail")) == (404, "not_found")
    assert admin.get("/invitations").json()["items"] == []
    assert AuditEntry.objects.get(action="invitation.revoked").subject_label == GUEST
    assert invite(admin).status_code == 201, "the address can be invited anew"


def test_sending_again_makes_a_new_link_and_ends_the_old_one(admin: SignedIn, workspace: Workspace) -> None:
    made = invite(admin).json()
    first = link_to()
    Invitation.objects.update(expires_at=Now() - timedelta(days=1))
    assert admin.get("/invitations").json()["items"][0]["expired"]
    assert admin.post(f"/invitations/{made['id']}/mail").json()["expired"] is False
    second = link_to()
    assert first != second
    assert accept_new(first).status_code == 404
    assert accept_new(second).status_code == 302
    assert AuditEntry.objects.filter(action="invitation.sent").count() == 2


@pytest.mark.parametrize(
    "token", ["inv_", "x", "null", "inv_" + "0" * 64, "rst_" + "0" * 64, "inv_" + "é" * 64, "inv_" + "0" * 190]
)
def test_what_is_no_link_opens_nothing(admin: SignedIn, token: str) -> None:
    invite(admin)
    link_to()
    with nothing_happens():
        assert Client().get(f"/invitations/{token}/").status_code == 404
        assert accept_new(f"/invitations/{token}/").status_code == 404
        assert refusal(admin.post("/invitations/accept", {"token": token})) == (404, "not_found")


def test_another_workspaces_invitation_is_not_there(admin: SignedIn) -> None:
    made = invite(admin).json()
    stranger = callers.signed_in(factories.make_workspace("Elsewhere"), "owner")
    with nothing_happens():
        assert refusal(stranger.delete(f"/invitations/{made['id']}")) == (404, "not_found")
        assert refusal(stranger.post(f"/invitations/{made['id']}/mail")) == (404, "not_found")
    assert stranger.get("/invitations").json()["items"] == []


def test_who_has_lost_the_seat_leaves_no_invitation_behind(
    admin: SignedIn, owner: SignedIn, workspace: Workspace
) -> None:
    invite(admin, "kept@guest.example")
    invite(admin)
    kept, link = link_for("kept@guest.example"), link_to()
    assert accept_new(kept).status_code == 302
    actions.change_role(Member.objects.get(pk=admin.member.pk), "agent", by=owner.member)
    assert accept_new(link).status_code == 404
    actions.remove_member(Member.objects.get(pk=admin.member.pk), by=owner.member)
    assert accept_new(link).status_code == 404
    [item] = owner.get("/invitations").json()["items"]
    assert item["invited_by"] is None
    assert owner.post(f"/invitations/{item['id']}/mail").status_code == 200
    assert accept_new(link_to()).status_code == 302, "sent again by somebody who may"


# Who may invite whom as what


@pytest.mark.parametrize("role", ["agent", "viewer"])
def test_who_may_not_invite_invites_nobody_and_sees_no_invitation(
    workspace: Workspace, owner: SignedIn, role: str
) -> None:
    made = invite(owner).json()
    caller = callers.signed_in(workspace, role)
    with nothing_happens():
        for answer in (
            invite(caller, "more@guest.example"),
            caller.get("/invitations"),
            caller.delete(f"/invitations/{made['id']}"),
            caller.post(f"/invitations/{made['id']}/mail"),
        ):
            assert refusal(answer) == (403, "forbidden")


@pytest.mark.parametrize("role", ["owner", "superuser", "", None, 7])
def test_nobody_is_invited_as_owner_or_as_what_there_is_not(owner: SignedIn, role: Any) -> None:
    with nothing_happens():
        assert refusal(invite(owner, role=role)) == (400, "invalid")


def test_an_invitation_is_never_above_the_inviter(workspace: Workspace) -> None:
    held = ["conversations.read", "users.read", "articles.read", "users.invite"]
    caller = callers.signed_in(workspace, "agent", permissions=held)
    with nothing_happens():
        for role in ("admin", "agent"):
            assert refusal(invite(caller, role=role)) == (403, "forbidden")
    assert invite(caller, role="viewer").status_code == 201
    assert invite(callers.signed_in(workspace, "admin"), "b@guest.example", "admin").status_code == 201


@pytest.mark.parametrize(
    "more", [{"base_url": "https://evil.example"}, {"redirect": "https://evil.example"}, {"workspace": "1"}]
)
def test_nobody_says_where_an_invitation_leads(admin: SignedIn, more: dict[str, str]) -> None:
    with nothing_happens():
        assert refusal(invite(admin, **more)) == (400, "invalid")


def test_members_and_the_invited_are_not_invited_again(admin: SignedIn, workspace: Workspace) -> None:
    invite(admin)
    with nothing_happens():
        for email in (GUEST, GUEST.upper(), admin.member.user.email):
            assert refusal(invite(admin, email)) == (409, "here_already")


def test_the_database_keeps_one_open_invitation_an_address(admin: SignedIn) -> None:
    invite(admin)
    row = Invitation.objects.get()
    row.pk, row.issue, row.digest = None, "00000000-0000-0000-0000-000000000001", b"x"  # type: ignore[assignment]
    row._state.adding = True
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


# Who has an account already


def test_who_has_an_account_is_no_member_until_they_accept(admin: SignedIn, workspace: Workspace) -> None:
    guest = callers.signed_in(factories.make_workspace("Elsewhere"), "owner")
    email = guest.member.user.email
    invite(admin, email)
    link = link_to(email)
    assert seat(workspace, email) is None
    with nothing_happens():
        assert accept_new(link).status_code == 403, "a name and a password of somebody who isn't signed in"
    shown = Client().get(link).content.decode()
    assert "Sign in to join" in shown
    assert f"email={email.replace('@', '%40')}" in shown
    assert guest.client.get(link).status_code == 200
    done = guest.client.post(link)
    assert (done.status_code, done["Location"]) == (302, "/inbox/")
    assert seat(workspace, email) is not None
    assert nobody().post("/session", {"email": email, "password": PASSWORD}).status_code == 200


def test_an_invitation_is_accepted_by_the_api_too(admin: SignedIn, workspace: Workspace) -> None:
    guest = callers.signed_in(factories.make_workspace("Elsewhere"), "agent")
    email = guest.member.user.email
    invite(admin, email, "viewer")
    token = link_to(email).split("/")[2]
    answer = guest.post("/invitations/accept", {"token": token})
    assert answer.status_code == 200
    assert answer.json()["workspace"] == {"id": str(workspace.pk), "name": "Shop"}
    assert answer.json()["member"]["role"] == "viewer"
    with nothing_happens():
        assert refusal(guest.post("/invitations/accept", {"token": token})) == (404, "not_found")


def test_another_account_cannot_accept(admin: SignedIn, workspace: Workspace, visitor: Booted) -> None:
    invite(admin)
    link = link_to()
    other = callers.signed_in(factories.make_workspace("Elsewhere"), "owner")
    with nothing_happens():
        assert other.client.post(link, {"name": "Eve", "password": "nine lamps in a row"}).status_code == 403
        assert refusal(other.post("/invitations/accept", {"token": link.split("/")[2]})) == (404, "not_found")
    assert "Sign out, then open the link" in other.client.get(link).content.decode()
    assert accept_new(link).status_code == 302


def test_who_works_nowhere_any_more_proves_the_address_by_a_code_and_joins(
    admin: SignedIn, workspace: Workspace
) -> None:
    user = factories.make_user("Grace", GUEST)
    invite(admin)
    link, client = link_to(), Client()
    assert "E-mail me a code to join" in client.get(link).content.decode()
    assert client.post("/sign-in/", {"email": GUEST, "by": "code", "next": link})["Location"] == "/code/"
    back = client.post("/code/", {"code": code_for(GUEST)})
    assert (back.status_code, back["Location"]) == (302, link)
    assert seat(workspace) is None
    assert client.post(link)["Location"] == "/inbox/"
    assert seat(workspace) is not None
    assert client.get("/api/v1/session").json()["user"]["id"] == str(user.pk)


def test_who_has_a_seat_by_another_way_meanwhile_keeps_it(admin: SignedIn, workspace: Workspace) -> None:
    guest = callers.signed_in(factories.make_workspace("Elsewhere"), "owner")
    invite(admin, guest.member.user.email, "viewer")
    link = link_to(guest.member.user.email)
    actions.add_member(workspace, guest.member.user, "admin", by=System())
    guest.client.post(link)
    member = seat(workspace, guest.member.user.email)
    assert member is not None
    assert member.role == "admin"


def test_a_session_goes_over_only_where_its_method_is_taken(admin: SignedIn, workspace: Workspace) -> None:
    policy.change_policy(workspace, methods=["code"], sign_up="invited", domains=[], by=admin.member)
    member = factories.owner_of(factories.make_workspace("Elsewhere"))
    client = Client()
    client.post("/sign-in/", {"email": member.user.email, "password": PASSWORD})
    invite(admin, member.user.email)
    assert client.post(link_to(member.user.email))["Location"] == "/inbox/"
    assert seat(workspace, member.user.email) is not None
    assert client.get("/api/v1/session").json()["workspace"]["name"] == "Elsewhere"


def test_no_link_is_kept_in_clear(admin: SignedIn, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    invite(admin)
    token = link_to().split("/")[2]
    assert len(token) == len("inv_") + 64
    kept = f"{list(Invitation.objects.values())} {list(Effect.objects.values())} {caplog.text}"
    assert token not in kept
    assert token.removeprefix("inv_") not in kept
    assert Invitation.objects.get().salt is None


@pytest.mark.usefixtures("limits_enforced")
class TestRates:
    """Mail to strangers has a limit, a lower one in a workspace's first week."""

    def test_a_new_workspace_invites_twenty_a_day(self, owner: SignedIn) -> None:
        for number in range(20):
            assert invite(owner, f"guest-{number}@guest.example").status_code == 201
        with nothing_happens():
            assert refusal(invite(owner)) == (429, "rate_limited")
            [one, *_] = owner.get("/invitations").json()["items"]
            assert refusal(owner.post(f"/invitations/{one['id']}/mail")) == (429, "rate_limited")

    def test_one_of_a_week_invites_more(self, owner: SignedIn, workspace: Workspace) -> None:
        Workspace.objects.filter(pk=workspace.pk).update(created_at=Now() - timedelta(days=8))
        for number in range(limits.INVITATIONS_NEW.burst + 1):
            assert invite(owner, f"guest-{number}@guest.example").status_code == 201
