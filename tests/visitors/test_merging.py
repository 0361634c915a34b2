"""Merging: nothing is lost, doubled or left behind; nobody sees what isn't theirs; it happens once, and a mistake can be undone."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, models, transaction
from django.db.models.functions import Now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.audit.models import AuditEntry
from apps.conversations.models import Attachment, Conversation, Message
from apps.core.isolation import scopes
from apps.core.isolation.scopes import MEASURING
from apps.visitors import actions, merging, separating, tracking
from apps.visitors.merging import MergeRefused, RuleMissing, relations
from apps.visitors.models import Browser, Merge, TrackedEvent, Visitor, VisitorSession
from apps.workspaces.models import Member, Workspace
from tests import callers, factories
from tests.callers import Booted, SignedIn, refusal
from tests.database import nothing_happens
from tests.live import LiveThread, wait_until

pytestmark = pytest.mark.usefixtures("media")


def prove(visitor: Visitor, user_id: str = "u1") -> Visitor:
    Visitor.objects.filter(pk=visitor.pk).update(external_id=user_id, proven_at=Now())
    visitor.refresh_from_db()
    return visitor


def track(visitor: Visitor, client_id: uuid.UUID | None = None) -> None:
    event = {"id": client_id or uuid.uuid4(), "name": "looked", "at": Now()}
    tracking.track(visitor, [event])


def rows() -> Counter[str]:
    """Count the rows of every table that can point at a visitor."""
    return Counter({relation.name: relation.model._base_manager.count() for relation in relations()})


def pointing_at(id_: uuid.UUID) -> Counter[str]:
    found = {
        relation.name: relation.model._base_manager.filter(**{relation.field.attname: id_}).count()
        for relation in relations()
    }
    return Counter({name: count for name, count in found.items() if count})


def fill(caller: Booted) -> None:
    """Let a visitor leave something in every table."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    file = caller.upload(SimpleUploadedFile("a.txt", b"text")).json()
    caller.start("With a file.", attachments=[file["id"]])
    caller.upload(SimpleUploadedFile("staged.txt", b"text"))
    track(caller.visitor)


@pytest.mark.django_db
class TestByHand:
    """A member merges two visitors."""

    @pytest.fixture
    def two(self, workspace: Workspace) -> tuple[Booted, Booted]:
        return callers.booted(workspace, name="Ada"), callers.booted(workspace, email="ada@home.example")

    def merge(self, owner: SignedIn, one: Booted, other: Booted) -> Any:
        return owner.post(f"/visitors/{one.visitor.pk}/merges", {"other": str(other.visitor.pk)})

    def test_everything_that_points_at_a_visitor_moves_to_the_one_who_was_here_first(
        self, owner: SignedIn, two: tuple[Booted, Booted]
    ) -> None:
        first, second = two
        fill(first)
        fill(second)
        before, moving = rows(), pointing_at(second.visitor.pk)
        assert {name.split(".")[0] for name in moving} == {"visitors", "conversations"}
        answer = self.merge(owner, second, first)
        assert answer.status_code == 201
        assert answer.json()["canonical"] == str(first.visitor.pk)
        assert Counter(answer.json()["counts"]) == moving
        assert rows() == before + Counter({"visitors.merge.canonical": 1})
        assert not pointing_at(second.visitor.pk)
        assert not Visitor.objects.filter(pk=second.visitor.pk).exists()

    def test_the_other_ones_tokens_and_browser_open_the_one_who_stays(
        self, workspace: Workspace, owner: SignedIn
    ) -> None:
        mine = factories.session_id()
        first, second = callers.booted(workspace), callers.booted(workspace, session_id=mine)
        first.start("From the laptop.")
        self.merge(owner, first, second)
        assert second.get("/widget/session").json()["visitor"]["id"] == str(first.visitor.pk)
        assert len(second.get("/conversations").json()["items"]) == 1
        assert factories.boot(workspace, session_id=mine).visitor.pk == first.visitor.pk

    def test_into_somebody_proven_no_browser_follows(self, workspace: Workspace, owner: SignedIn) -> None:
        mine = factories.session_id()
        stranger, known = callers.booted(workspace, session_id=mine), callers.booted(workspace)
        stranger.start("I am Ada, trust me.")
        prove(known.visitor)
        known.start("My secret.")
        assert self.merge(owner, stranger, known).json()["canonical"] == str(known.visitor.pk), "who is proven stays"
        assert refusal(stranger.get("/conversations")) == (401, "session_expired")
        assert len(known.get("/conversations").json()["items"]) == 2
        again = factories.boot(workspace, session_id=mine)
        assert again.visitor.pk != known.visitor.pk
        assert callers.Booted(again.token, again.visitor).get("/conversations").json()["items"] == []

    def test_two_who_are_proven_stay_two(self, owner: SignedIn, two: tuple[Booted, Booted]) -> None:
        prove(two[0].visitor, "u1")
        prove(two[1].visitor, "u2")
        with nothing_happens():
            assert refusal(self.merge(owner, *two)) == (409, "merge_refused")
            path = f"/visitors/{two[0].visitor.pk}/merges/preview"
            assert refusal(owner.get(path, other=two[1].visitor.pk)) == (409, "merge_refused")

    def test_the_one_who_stays_keeps_what_is_known_and_takes_over_what_isnt(
        self, workspace: Workspace, owner: SignedIn
    ) -> None:
        first = callers.booted(workspace, name="Ada", attributes={"plan": "gold"})
        second = callers.booted(workspace, name="A.", email="ada@home.example", attributes={"plan": "free", "seats": 2})
        path = f"/visitors/{second.visitor.pk}/merges/preview"
        with nothing_happens():
            preview = owner.get(path, other=first.visitor.pk).json()
        assert preview["canonical"]["id"] == str(first.visitor.pk)
        assert preview["gains"] == ["attributes", "email"]
        self.merge(owner, first, second)
        row = Visitor.objects.get(pk=first.visitor.pk)
        assert (row.name, row.email, row.attributes) == ("Ada", "ada@home.example", {"plan": "gold", "seats": 2})

    def test_asked_again_it_is_the_merge_that_was_made(self, owner: SignedIn, two: tuple[Booted, Booted]) -> None:
        made = self.merge(owner, *two).json()
        with nothing_happens():
            for one, other in (two, two[::-1]):
                again = self.merge(owner, one, other)
                assert (again.status_code, again.json()) == (200, made)

    def test_strangers_and_those_without_the_right_merge_nothing(
        self, workspace: Workspace, owner: SignedIn, two: tuple[Booted, Booted]
    ) -> None:
        foreigner = callers.signed_in(factories.make_workspace("Other"), "owner")
        theirs = callers.booted(foreigner.member.workspace)
        agent = callers.signed_in(workspace)
        with nothing_happens():
            assert refusal(self.merge(agent, *two)) == (403, "forbidden")
            assert refusal(self.merge(foreigner, *two)) == (404, "not_found")
            assert refusal(self.merge(foreigner, theirs, two[0])) == (404, "not_found")
            assert refusal(self.merge(owner, two[0], theirs)) == (404, "not_found")
            assert refusal(self.merge(owner, two[0], two[0])) == (409, "merge_refused")

    def test_it_is_on_record_with_what_moved(self, owner: SignedIn, two: tuple[Booted, Booted]) -> None:
        two[1].start("Hello.")
        self.merge(owner, *two)
        entry = AuditEntry.objects.get(action="visitor.merged")
        assert entry.subject_id == two[0].visitor.pk
        assert (entry.details["source"], entry.details["target"]) == (str(two[1].visitor.pk), str(two[0].visitor.pk))
        assert entry.details["counts"]["conversations.message.visitor"] == 1
        assert "ada@home.example" not in str(entry.details)

    def test_a_block_on_either_is_a_block_on_the_one(self, owner: SignedIn, two: tuple[Booted, Booted]) -> None:
        owner.put(f"/visitors/{two[1].visitor.pk}/block")
        self.merge(owner, *two)
        assert refusal(two[0].get("/conversations")) == (403, "blocked")

    def test_what_both_have_of_which_one_can_have_only_one_is_kept_twice(
        self, owner: SignedIn, two: tuple[Booted, Booted]
    ) -> None:
        client_id = uuid.uuid4()
        for caller in two:
            caller.start(f"By {caller.visitor.label}", client_id=str(client_id))
            track(caller.visitor, client_id)
        self.merge(owner, *two)
        assert Conversation.objects.filter(visitor=two[0].visitor).count() == 2
        assert TrackedEvent.objects.filter(visitor=two[0].visitor).count() == 2
        assert Message.objects.filter(visitor=two[0].visitor).count() == 2

    # Undoing

    def undo(self, owner: SignedIn, canonical: Booted, merge: str) -> Any:
        return owner.delete(f"/visitors/{canonical.visitor.pk}/merges/{merge}")

    def test_a_merge_by_hand_is_undone_and_both_are_as_they_were(
        self, owner: SignedIn, two: tuple[Booted, Booted]
    ) -> None:
        for caller in two:
            fill(caller)
        state = {caller.visitor.pk: pointing_at(caller.visitor.pk) for caller in two}
        known = {row["id"]: row for row in Visitor.objects.values()}
        merge = self.merge(owner, *two).json()["id"]
        back = self.undo(owner, two[0], merge)
        assert back.json()["id"] == str(two[1].visitor.pk)
        after = {caller.visitor.pk: pointing_at(caller.visitor.pk) for caller in two}
        after[two[0].visitor.pk] -= Counter({"visitors.merge.canonical": 1})
        assert after == state
        now = {row["id"]: row for row in Visitor.objects.values()}
        for row in (*known.values(), *now.values()):
            row.pop("last_seen_at")
        assert now == known
        assert two[1].get("/widget/session").json()["visitor"]["id"] == str(two[1].visitor.pk), "its token is its own"
        with nothing_happens():
            assert refusal(self.undo(owner, two[0], merge)) == (409, "merge_refused")
        assert AuditEntry.objects.filter(action="visitor.separated").count() == 1

    def test_what_was_written_since_stays_where_it_is_and_conversations_stay_whole(
        self, owner: SignedIn, two: tuple[Booted, Booted]
    ) -> None:
        theirs = two[1].start("Before.").json()["conversation"]
        merge = self.merge(owner, *two).json()["id"]
        two[0].say(theirs, "While we were one.")
        new = two[0].start("A new one.").json()["conversation"]["id"]
        self.undo(owner, two[0], merge)
        said = Message.objects.filter(conversation=theirs["id"]).values_list("visitor_id", flat=True)
        assert set(said) == {two[1].visitor.pk}
        assert Conversation.objects.get(pk=new).visitor_id == two[0].visitor.pk
        assert refusal(two[0].get(f"/conversations/{theirs['id']}")) == (404, "not_found")

    def test_what_the_team_changed_since_is_kept(self, owner: SignedIn, two: tuple[Booted, Booted]) -> None:
        merge = self.merge(owner, *two).json()["id"]
        two[0].patch("/widget/visitor", {"email": "new@home.example"})
        self.undo(owner, two[0], merge)
        assert Visitor.objects.get(pk=two[0].visitor.pk).email == "new@home.example"
        assert Visitor.objects.get(pk=two[1].visitor.pk).email == "ada@home.example"

    def test_after_a_week_it_stands_and_what_could_undo_it_is_forgotten(
        self, owner: SignedIn, two: tuple[Booted, Booted]
    ) -> None:
        merge = self.merge(owner, *two).json()["id"]
        assert separating.forget_undoable() == 0
        Merge.objects.update(made_at=Now() - timedelta(days=7, seconds=1))
        with nothing_happens():
            assert refusal(self.undo(owner, two[0], merge)) == (409, "merge_refused")
        assert separating.forget_undoable() == 1
        assert "ada@home.example" not in str(list(Merge.objects.values()))

    def test_a_chain_of_merges_is_undone_from_either_end(self, workspace: Workspace, owner: SignedIn) -> None:
        people = [callers.booted(workspace, name=name) for name in ("Ada", "Bea", "Cleo")]
        talks = [person.start(f"I am {person.visitor.name}").json()["conversation"]["id"] for person in people]
        inner = self.merge(owner, people[1], people[2]).json()["id"]
        outer = self.merge(owner, people[0], people[1]).json()["id"]
        assert Merge.objects.get(pk=inner).canonical_id == people[0].visitor.pk
        assert self.undo(owner, people[0], inner).json()["name"] == "Cleo"
        assert self.undo(owner, people[0], outer).json()["name"] == "Bea"
        owners = [Conversation.objects.get(pk=talk).visitor_id for talk in talks]
        assert owners == [person.visitor.pk for person in people]

    def test_undoing_is_not_for_everybody(
        self, workspace: Workspace, owner: SignedIn, two: tuple[Booted, Booted]
    ) -> None:
        merge = self.merge(owner, *two).json()["id"]
        foreigner = callers.signed_in(factories.make_workspace("Other"), "owner")
        agent = callers.signed_in(workspace)
        with nothing_happens():
            assert refusal(self.undo(agent, two[0], merge)) == (403, "forbidden")
            assert refusal(self.undo(foreigner, two[0], merge)) == (404, "not_found")


# That no app is forgotten


def test_every_relation_that_needs_a_rule_has_one_and_every_rule_a_relation() -> None:
    found = relations()
    assert {relation.name for relation in found if relation.needs_rule} == set(merging.rules)
    assert {relation.model for relation in found} >= {
        Conversation, Message, Attachment, TrackedEvent, VisitorSession, Browser, Merge
    }  # fmt: skip


@pytest.mark.django_db
def test_a_later_apps_relation_without_a_rule_stops_every_merge(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Favourite(models.Model):
        visitor = models.OneToOneField(Visitor, models.CASCADE)

        class Meta:
            app_label = "later"
            managed = False

        def __str__(self) -> str:
            return str(self.visitor_id)

    later = merging.Relation(Favourite, Favourite._meta.get_field("visitor"))  # type: ignore[arg-type]
    assert later.needs_rule
    monkeypatch.setattr(merging, "relations", lambda: [later, *relations()])
    one, other = factories.make_visitor(workspace), factories.make_visitor(workspace)
    with nothing_happens(), pytest.raises(RuleMissing, match=r"later\.favourite\.visitor"):
        merging.merge_by_hand(one, other, by=factories.owner_of(workspace))


@pytest.mark.parametrize(
    ("constraint", "needs"),
    [
        (models.UniqueConstraint(fields=["visitor", "name"], name="a"), True),
        (models.UniqueConstraint(fields=["visitor"], condition=models.Q(name=""), name="b"), True),
        (models.UniqueConstraint(models.F("visitor"), models.F("name"), name="c"), True),
        (models.UniqueConstraint(fields=["name"], name="d"), False),
    ],
)
def test_a_uniqueness_is_seen_in_every_form(constraint: models.UniqueConstraint, needs: bool) -> None:
    options = type("Meta", (), {"app_label": "later", "managed": False, "constraints": [constraint]})
    fields = {
        "visitor": models.ForeignKey(Visitor, models.CASCADE, related_name="+"),
        "name": models.CharField(max_length=9),
        "__module__": __name__,
        "Meta": options,
    }
    model: Any = type(f"Later{constraint.name}", (models.Model,), fields)
    assert merging.Relation(model, model._meta.get_field("visitor")).needs_rule is needs


# Any history


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    steps = st.tuples(
        st.sampled_from(["boot", "start", "say", "track", "merge", "undo", "prove"]),
        st.integers(0, 3),
        st.integers(0, 3),
    )
    return draw(st.lists(steps, min_size=1, max_size=14))


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories())
def test_no_history_of_merges_loses_doubles_or_leaks_a_row(history: list[tuple[str, int, int]]) -> None:
    with transaction.atomic():
        Historian().live(history)
        transaction.set_rollback(True)


class Historian:
    """Lives through a history and checks after every step what must always hold."""

    def __init__(self) -> None:
        self.workspace = factories.make_workspace()
        self.owner: Member = factories.owner_of(self.workspace)
        self.elsewhere = callers.booted(factories.make_workspace("Elsewhere"))
        factories.start(self.elsewhere.visitor, "Not yours.")
        self.secrets = [factories.session_id() for _ in range(4)]
        self.people = [factories.boot(self.workspace, session_id=secret) for secret in self.secrets]
        self.told: Counter[str] = Counter()
        self.words: list[str] = []
        self.by: dict[uuid.UUID, set[str]] = {}

    def visitor(self, number: int) -> Visitor | None:
        """Return whose token this is by now; None where it was ended."""
        session = actions.session_of(self.people[number].token)
        return session.visitor if session else None

    def live(self, history: list[tuple[str, int, int]]) -> None:
        for what, one, other in history:
            getattr(self, what)(one, other)
            self.check()

    def boot(self, one: int, other: int) -> None:
        self.people[one] = factories.boot(self.workspace, session_id=self.secrets[one])

    def start(self, one: int, other: int) -> None:
        if (visitor := self.visitor(one)) is not None:
            self.words.append(f"word {len(self.words)}")
            factories.start(visitor, self.words[-1])

    def say(self, one: int, other: int) -> None:
        visitor = self.visitor(one)
        conversation = Conversation.objects.filter(visitor=visitor).first() if visitor else None
        if visitor is not None and conversation is not None:
            self.words.append(f"word {len(self.words)}")
            factories.send(conversation, visitor, self.words[-1])

    def track(self, one: int, other: int) -> None:
        if (visitor := self.visitor(one)) is not None:
            # The same few ids again and again, by whoever: what is sent twice by one is once.
            self.told["events"] += tracking.track(
                visitor, [{"id": uuid.UUID(int=other), "name": "looked", "at": Now()}]
            )

    def prove(self, one: int, other: int) -> None:
        visitor = self.visitor(one)
        if visitor is None or visitor.proven_at is not None:
            return
        if not Visitor.objects.filter(workspace=self.workspace, external_id=f"u{other}").exists():
            prove(visitor, f"u{other}")

    def merge(self, one: int, other: int) -> None:
        mine, theirs = self.visitor(one), self.visitor(other)
        if mine is None or theirs is None:
            return
        try:
            merging.merge_by_hand(mine, theirs, by=self.owner)
        except MergeRefused:
            return

    def undo(self, one: int, other: int) -> None:
        for merge in Merge.objects.filter(workspace=self.workspace, undone_at=None).order_by("made_at", "pk")[:1]:
            if separating.undoable(merge):
                separating.undo(merge, by=self.owner)

    def check(self) -> None:
        ours = Message.objects.filter(workspace=self.workspace)
        assert sorted(ours.values_list("body", flat=True)) == sorted(self.words), "lost or doubled"
        assert TrackedEvent.objects.filter(workspace=self.workspace).count() == self.told["events"]
        for conversation in Conversation.objects.filter(workspace=self.workspace):
            numbers = list(conversation.messages.order_by("seq").values_list("seq", flat=True))
            assert numbers == list(range(1, conversation.head + 1))
            assert set(conversation.messages.values_list("visitor_id", flat=True)) == {conversation.visitor_id}
        alive = set(Visitor.objects.values_list("pk", flat=True))
        for relation in relations():
            pointed = set(relation.model._base_manager.values_list(relation.field.attname, flat=True)) - {None}
            assert pointed <= alive, f"{relation.name} points at nobody"
        proven = Visitor.objects.filter(workspace=self.workspace, proven_at__isnull=False)
        assert len(set(proven.values_list("external_id", flat=True))) == proven.count()
        for number in range(4):
            visitor = self.visitor(number)
            if visitor is not None:
                seen = Message.objects.visible_to(visitor).values_list("conversation__visitor_id", flat=True)
                assert set(seen) <= {visitor.pk}, "somebody sees what isn't theirs"
        assert Conversation.objects.filter(visitor=self.elsewhere.visitor).count() == 1
        # The database's own checks, which otherwise come at the commit.
        connection.check_constraints()


# At the same time


def together(*jobs: Any) -> list[Any]:
    """Run jobs at once, each with its own connection. Returns what each returned or raised."""
    results: list[Any] = [None] * len(jobs)
    ready = threading.Barrier(len(jobs))

    def run(number: int) -> None:
        try:
            ready.wait(10)
            with scopes.every_workspace(MEASURING):
                results[number] = jobs[number]()
        except Exception as error:  # noqa: BLE001
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.mark.usefixtures("committed")
class TestAtTheSameTime:
    """Merges among themselves, and merges while somebody writes."""

    def test_the_same_merge_asked_for_by_several_is_made_once(self, workspace: Workspace) -> None:
        one, other = callers.booted(workspace), callers.booted(workspace)
        other.start("Hello.")
        path, body = f"/visitors/{one.visitor.pk}/merges", {"other": str(other.visitor.pk)}
        owners = [callers.signed_in(workspace, "owner") for _ in range(4)]
        answers = together(*(lambda caller=caller: caller.post(path, body).status_code for caller in owners))
        assert answers.count(201) == 1
        assert set(answers) <= {200, 201, 404, 409}
        assert Merge.objects.count() == 1
        assert owners[0].post(path, body).status_code == 200

    def test_merges_in_a_ring_leave_one_and_no_deadlock(self, workspace: Workspace) -> None:
        people = [callers.booted(workspace) for _ in range(4)]
        for person in people:
            person.start("Hello.")
        owners = [callers.signed_in(workspace, "owner") for _ in people]

        def merge(number: int) -> int:
            other = people[(number + 1) % 4].visitor.pk
            status: int = (
                owners[number].post(f"/visitors/{people[number].visitor.pk}/merges", {"other": str(other)}).status_code
            )
            return status

        answers = together(*(lambda number=number: merge(number) for number in range(4)))
        assert set(answers) <= {200, 201, 404, 409}, answers
        assert Message.objects.count() == 4
        assert Visitor.objects.count() == 4 - Merge.objects.count()

    def test_what_is_written_while_visitors_are_merged_is_neither_lost_nor_left_behind(
        self, workspace: Workspace
    ) -> None:
        owner = callers.signed_in(workspace, "owner")
        for _ in range(6):
            one, other = callers.booted(workspace), callers.booted(workspace)
            talk = other.start("First.").json()["conversation"]

            def write(kind: str, other: Booted = other, talk: Any = talk) -> list[int]:
                said = []
                for number in range(4):
                    if kind == "say":
                        said.append(other.say(talk, f"say {number}").status_code)
                    elif kind == "start":
                        said.append(other.start(f"start {number}").status_code)
                    else:
                        event = {"id": str(uuid.uuid4()), "name": "looked", "at": "2026-01-01T00:00:00Z"}
                        said.append(other.post("/widget/events", {"events": [event]}).status_code)
                return said

            path, body = f"/visitors/{one.visitor.pk}/merges", {"other": str(other.visitor.pk)}
            before = Message.objects.count(), TrackedEvent.objects.count()
            *written, merged = together(
                lambda: write("say"),
                lambda: write("start"),
                lambda: write("track"),
                lambda path=path, body=body: owner.post(path, body).status_code,
            )
            assert merged == 201
            says, starts, tracks = written
            assert {*says, *starts, *tracks} <= {200, 201, 404, 503}, written
            assert Message.objects.count() - before[0] == says.count(201) + starts.count(201)
            assert TrackedEvent.objects.count() - before[1] == tracks.count(200)
            assert not pointing_at(other.visitor.pk)
            assert other.say(talk, "After.").status_code == 201
            assert other.start("After.").status_code == 201

    def test_what_is_committed_while_rows_move_moves_too(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, other = factories.make_visitor(workspace), factories.make_visitor(workspace)
        written: list[Any] = []

        def late(source: uuid.UUID, canonical: uuid.UUID) -> None:
            if not written:
                written.extend(together(lambda: track(other)))

        # Asked for once what the visitor did has moved: then they do something more.
        monkeypatch.setitem(merging.rules, "visitors.visitorsession.visitor", late)
        merging.merge_by_hand(one, other, by=factories.owner_of(workspace))
        assert written == [None]
        assert TrackedEvent.objects.filter(visitor=one).count() == 1

    def test_two_devices_that_prove_one_user_at_once_become_one(self, workspace: Workspace) -> None:
        from tests.visitors.test_proof import Host

        host = Host(workspace)
        host.mode("optional")
        devices = [factories.session_id() for _ in range(4)]
        for device in devices:
            host.arrive(device).start("Hello.")
        booted = together(*(lambda device=device: host.proven("u1", device) for device in devices))
        assert len({who.visitor.pk for who in booted}) == 1, booted
        assert Visitor.objects.filter(proven_at__isnull=False).count() == 1
        assert len(booted[0].get("/conversations").json()["items"]) == 4

    def test_the_database_takes_nothing_more_for_who_was_merged_away(self, workspace: Workspace) -> None:
        one, other = factories.make_visitor(workspace), factories.make_visitor(workspace)
        merging.merge_by_hand(one, other, by=factories.owner_of(workspace))
        with pytest.raises(IntegrityError):
            track(other)


@pytest.mark.usefixtures("committed")
def test_open_sockets_and_lists_see_a_merge(live: LiveThread, workspace: Workspace) -> None:
    owner = callers.signed_in(workspace, "owner")
    first, second = callers.booted(workspace, name="Ada"), callers.booted(workspace)
    first.start("From the laptop.")
    conversation = second.start("From the phone.").json()["conversation"]["id"]
    phone, desk = live.socket_of(second), live.socket_of(owner)
    phone.send(type="sub", id="own", query="conversations.listByVisitor")
    desk.send(type="sub", id="inbox", query="conversations.listForInbox")
    assert len(phone.wait_for("snapshot", "own")["data"]["items"]) == 1
    desk.wait_for("snapshot", "inbox")
    owner.post(f"/visitors/{first.visitor.pk}/merges", {"other": str(second.visitor.pk)})
    assert len(phone.wait_for("snapshot", "own")["data"]["items"]) == 2
    changed = desk.wait_for("delta", "inbox")["items"]
    assert any(row["key"] == conversation and row["visitor"]["name"] == "Ada" for row in changed), changed
    second.say(conversation, "Still here.")
    wait_until(lambda: Message.objects.filter(body="Still here.").exists(), "the token goes on")
