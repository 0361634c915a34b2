"""Files: what they really are, whose they are, how they are handed out, and when they are gone."""

from __future__ import annotations

import errno
import io
import os
import struct
import threading
import time
import zipfile
import zlib
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client
from PIL import Image

from apps.conversations import actions
from apps.conversations.models import Attachment, Conversation
from apps.core import effects, limits
from apps.core.clock import now
from apps.core.isolation import scopes
from apps.core.models import Effect
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import Booted, Caller, SignedIn, refusal
from tests.database import nothing_happens


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest, media: Path) -> None:
    if "committed" not in request.fixturenames:
        request.getfixturevalue("db")


@pytest.fixture
def conversation(visitor: Booted) -> Conversation:
    return factories.start(visitor.visitor, "Hello?")


def picture(kind: str = "PNG", size: tuple[int, int] = (3, 2), **options: Any) -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", size, "red").save(kept, kind, **options)
    return kept.getvalue()


def zipped(name: str = "a.txt") -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr(name, "text")
    return kept.getvalue()


PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"


def upload(
    caller: Caller, content: bytes, name: str = "picture.png", content_type: str = "application/octet-stream"
) -> Any:
    return caller.upload(SimpleUploadedFile(name, content, content_type))


def staged(caller: Caller, content: bytes | None = None, name: str = "picture.png") -> str:
    answer = upload(caller, picture() if content is None else content, name)
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def opened(url: str) -> Any:
    """Open a file's address as anybody."""
    return Client().get(urlsplit(url).path)


def files_in(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


# What is accepted


@pytest.mark.parametrize(
    ("content", "name", "content_type"),
    [
        (picture("PNG"), "a.png", "image/png"),
        (picture("JPEG"), "a.jpg", "image/jpeg"),
        (picture("GIF"), "a.gif", "image/gif"),
        (picture("WEBP"), "a.webp", "image/webp"),
        (picture("PNG"), "no ending at all", "image/png"),
        (PDF, "a.pdf", "application/pdf"),
        ("Żółć, text".encode(), "a.txt", "text/plain"),
        (b"a,b\n1,2\n", "a.CSV", "text/csv"),
        (b'{"a": [1]}', "a.json", "application/json"),
        (zipped(), "a.zip", "application/zip"),
    ],
)
def test_a_file_is_what_its_content_says(visitor: Booted, content: bytes, name: str, content_type: str) -> None:
    body = upload(visitor, content, name, "text/html").json()
    assert (body["name"], body["content_type"]) == (name, content_type)
    assert set(body) == {"id", "name", "content_type", "size", "width", "height", "url", "expires_at"}
    is_picture = content_type.startswith("image/")
    assert (body["width"], body["height"]) == ((3, 2) if is_picture else (None, None))
    served = opened(body["url"])
    assert served.status_code == 200
    assert served.headers["Content-Type"] == content_type
    assert len(b"".join(served.streaming_content)) == body["size"]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<html><script>alert(1)</script>", "a.png"),
        (b"MZ\x90\x00" + b"\x00" * 200, "a.pdf"),
        (b"\x7fELF" + b"\x00" * 200, "a.png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "a.svg"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.png"),
        (b"<!doctype html><p>", "a.txt"),
        (b"  \n<!doctype html><p>", "a.txt"),
        (b"\xef\xbb\xbf<html>", "a.txt"),
        (b"<?xml version='1.0'?><a/>", "a.xml"),
        (b"<?xml version='1.0'?><a/>", "a.csv"),
        (b"<html xmlns='http://www.w3.org/1999/xhtml'/>", "a.xhtml"),
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n", "a.mhtml"),
        (b"\x1f\x8b\x08\x00" + b"\x00" * 50, "a.svgz"),
        (b"alert(1)", "a.js"),
        (b"FWS\x09" + b"\x00" * 50, "a.swf"),
        (b"text without an ending that we know", "a"),
        (b"text", "a.html"),
        (b"\xff\xfe\x00t", "a.txt"),
        (b"nul \x00", "a.txt"),
        (b"{not json", "a.json"),
        (b"[" * 100_000, "a.json"),
        (b"PK\x03\x04 but no archive", "a.zip"),
        (b"", "a.png"),
        (picture("PNG")[:40], "a.png"),
        (picture("JPEG", (64, 64))[:300], "a.jpg"),
        (picture("BMP"), "a.bmp"),
        (picture("TIFF"), "a.png"),
        (picture("ICO", (16, 16)), "a.ico"),
    ],
)
def test_anything_else_is_refused_and_not_kept(visitor: Booted, media: Path, content: bytes, name: str) -> None:
    with nothing_happens():
        assert refusal(upload(visitor, content, name, "image/png")) in ((415, "unsupported_type"), (400, "invalid"))
    assert files_in(media) == []


def huge_png(width: int, height: int) -> bytes:
    """A PNG whose header promises more pixels than its few bytes hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\x00" * 1000)) + chunk(b"IEND", b"")


def gif(frames: int) -> bytes:
    """A GIF of one pixel that is shown so many times."""
    frame = (
        b"\x21\xf9\x04\x04\x01\x00\x00\x00" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    )
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\x00\x00\x00\xff\xff\xff" + frame * frames + b";"


def test_a_picture_that_unpacks_into_a_bomb_is_refused_by_its_header(visitor: Booted, media: Path) -> None:
    for content in (huge_png(50_000, 50_000), huge_png(7_000, 7_000), gif(501), gif(10_000)):
        with nothing_happens():
            assert refusal(upload(visitor, content)) == (415, "unsupported_type")
    assert files_in(media) == []
    assert upload(visitor, gif(500)).status_code == 201


def test_a_picture_tells_nothing_but_its_pixels(visitor: Booted, agent: SignedIn) -> None:
    exif = Image.Exif()
    exif[0x010E] = "CANARY description"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (47.0, 4.0, 0.0)
    exif[0x0112] = 6  # lies on its side
    content = picture("JPEG", (4, 2), exif=exif, comment=b"CANARY comment") + b"CANARY appended <script>"
    body = upload(visitor, content, "a.jpg").json()
    kept = b"".join(opened(body["url"]).streaming_content)
    assert b"CANARY" not in kept
    assert dict(Image.open(io.BytesIO(kept)).getexif()) == {}
    assert (body["width"], body["height"]) == (2, 4), "it stands upright before the hint is dropped"
    text = io.BytesIO()
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Comment", "CANARY text")
    Image.new("RGB", (2, 2)).save(text, "PNG", pnginfo=info)
    body = upload(visitor, text.getvalue()).json()
    assert b"CANARY" not in b"".join(opened(body["url"]).streaming_content)


def test_where_the_disk_is_full_nothing_is_kept_and_it_is_said(
    visitor: Booted, conversation: Conversation, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fdopen = os.fdopen

    def short(descriptor: int, mode: str) -> Any:
        file = fdopen(descriptor, mode)

        def write_half(content: bytes) -> int:
            type(file).write(file, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

        return SimpleNamespace(write=write_half, close=file.close)

    monkeypatch.setattr("django.core.files.storage.filesystem.os.fdopen", short)
    with nothing_happens():
        assert refusal(upload(visitor, b"some text", "a.txt")) == (507, "no_space")
    assert files_in(media) == []
    assert visitor.say(conversation, "Then without it.").status_code == 201


def test_a_file_whose_row_can_t_be_written_is_not_kept(
    visitor: Booted, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(actions, "stage_attachment", away)
    with nothing_happens():
        assert refusal(upload(visitor, b"some text", "a.txt")) == (503, "unavailable")
    assert files_in(media) == []


def test_a_file_has_at_most_ten_megabytes(visitor: Booted, media: Path) -> None:
    fine = b"x" * limits.ATTACHMENT_BYTES
    with nothing_happens():
        assert refusal(upload(visitor, fine + b"x", "a.txt")) == (413, "too_large")
    assert files_in(media) == []
    assert upload(visitor, fine, "a.txt").json()["size"] == limits.ATTACHMENT_BYTES


def test_a_body_that_says_it_is_too_large_is_not_read(visitor: Booted) -> None:
    class Unread(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    announced = {
        "CONTENT_LENGTH": str(limits.ATTACHMENT_BYTES + 1024 * 1024),
        "CONTENT_TYPE": "multipart/form-data; boundary=x",
    }
    answer = visitor.client.generic(
        "POST", "/api/v1/attachments", headers=visitor.headers, **{"wsgi.input": Unread()}, **announced
    )
    assert refusal(answer) == (413, "too_large")


def test_one_file_in_its_own_field_and_nothing_else(visitor: Booted) -> None:
    file = lambda: SimpleUploadedFile("a.png", picture())  # noqa: E731
    with nothing_happens():
        for data in (
            {},
            {"file": "text"},
            {"upload": file()},
            {"file": file(), "visitor": "x"},
            {"file": file(), "other": file()},
        ):
            answer = visitor.client.post("/api/v1/attachments", data, headers=visitor.headers)
            assert refusal(answer) == (400, "invalid")
        assert refusal(visitor.post("/attachments", {"file": "x"})) == (415, "unsupported_type")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("..\\..\\windows.png", "windows.png"),
        ("/etc/x.png", "x.png"),
        ("%2e%2e%2fx.png", "%2e%2e%2fx.png"),
        ("CON.png", "CON.png"),
        ("...png", "png"),
        ("....", "file"),
        ("a\u202egnp.exe.png", "agnp.exe.png"),
        ("a\tb\x07.png", "ab.png"),
        ("x" * 300 + ".png", "x" * 116 + ".png"),
        ('"; filename="evil.html', '"; filename="evil.html'),
        ("Żółć 🦦.png", "Żółć 🦦.png"),
    ],
)
def test_a_name_is_shown_cleaned_and_never_a_path(visitor: Booted, media: Path, name: str, shown: str) -> None:
    body = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''%b\r\nContent-Type: image/png\r\n\r\n%b\r\n--b--\r\n"
    from urllib.parse import quote

    content = body % (quote(name, safe="").encode(), picture())
    answer = visitor.send("POST", "/api/v1/attachments", content, "multipart/form-data; boundary=b")
    assert answer.status_code == 201, answer.content
    assert answer.json()["name"] == shown
    (path,) = files_in(media)
    assert path.parent == media / "attachments"
    assert len(path.name) == 32
    disposition = opened(answer.json()["url"]).headers["Content-Disposition"]
    assert "\r" not in disposition
    assert "\n" not in disposition
    assert disposition.count('"') == 2
    assert unquote(disposition.rsplit("''", 1)[1]) == shown


# How files are handed out


@pytest.mark.parametrize(
    ("content", "name", "how"),
    [(picture(), "a.png", "inline"), (PDF, "a.pdf", "attachment"), (b"text", "a.txt", "attachment")],
)
def test_a_file_is_never_a_page(visitor: Booted, content: bytes, name: str, how: str) -> None:
    headers = opened(upload(visitor, content, name).json()["url"]).headers
    assert headers["Content-Disposition"].startswith(f"{how}; ")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["Cache-Control"].startswith("private")


def test_an_address_opens_its_file_for_five_minutes(visitor: Booted, monkeypatch: pytest.MonkeyPatch) -> None:
    url = upload(visitor, picture()).json()["url"]
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + limits.FILE_URL_SECONDS - 2)
    assert opened(url).status_code == 200
    monkeypatch.setattr(time, "time", lambda: real() + limits.FILE_URL_SECONDS + 2)
    assert opened(url).status_code == 404
    fresh = visitor.get(f"/attachments/{Attachment.objects.get().pk}").json()["url"]
    assert opened(fresh).status_code == 200


def test_an_address_that_was_tampered_with_opens_nothing(visitor: Booted) -> None:
    first, second = (upload(visitor, picture()).json() for _ in range(2))
    path = urlsplit(first["url"]).path
    payload, signature = path.split("/")[2].split(":", 1), urlsplit(second["url"]).path.split("/")[2].split(":", 1)
    for wrong in (
        f"/files/{payload[0]}:{signature[1]}/picture.png",
        path.replace("/files/", "/files/x"),
        f"/files/{first['id']}/picture.png",
        f"/files/{'x' * 60}/picture.png",
    ):
        assert Client().get(wrong).status_code == 404
    assert opened(first["url"]).status_code == 200


def test_the_dashboard_opens_files_by_cookie_and_nobody_else_does(
    workspace: Workspace, agent: SignedIn, visitor: Booted, conversation: Conversation
) -> None:
    id_ = staged(visitor)
    visitor.say(conversation, "", attachments=[id_])
    assert agent.client.get(f"/attachments/{id_}/").status_code == 200
    outsider = callers.signed_in(factories.make_workspace("Other"), "owner")
    assert outsider.client.get(f"/attachments/{id_}/").status_code == 404
    assert agent.client.get(f"/attachments/{uuid4()}/").status_code == 404
    assert visitor.client.get(f"/attachments/{id_}/", headers=visitor.headers).status_code == 302
    assert Client().get(f"/attachments/{id_}/").status_code == 302


def test_a_file_that_is_gone_from_the_disk_is_not_there(visitor: Booted, media: Path) -> None:
    url = upload(visitor, picture()).json()["url"]
    files_in(media)[0].unlink()
    assert opened(url).status_code == 404


# Files and messages


def test_a_file_goes_with_its_message_to_both_sides(
    agent: SignedIn, visitor: Booted, conversation: Conversation
) -> None:
    ids = [staged(visitor, name=f"{number}.png") for number in range(limits.MESSAGE_ATTACHMENTS)]
    sent = visitor.say(conversation, "", attachments=ids)
    assert sent.status_code == 201
    for caller in (agent, visitor):
        item = caller.get(f"/conversations/{conversation.pk}/messages").json()["items"][-1]
        assert [attachment["id"] for attachment in item["attachments"]] == ids
        assert opened(item["attachments"][0]["url"]).status_code == 200
    assert agent.get("/conversations").json()["items"][0]["last_message"]["preview"] == "5 files"


def test_a_file_starts_a_conversation_too(visitor: Booted) -> None:
    answer = visitor.start("", attachments=[staged(visitor)])
    assert answer.status_code == 201
    assert answer.json()["conversation"]["last_message"]["preview"] == "1 file"


def test_a_message_with_files_sent_twice_is_stored_once(visitor: Booted, conversation: Conversation) -> None:
    ids, client_id = [staged(visitor)], str(uuid4())
    first = visitor.say(conversation, "Look.", attachments=ids, client_id=client_id)
    with nothing_happens():
        second = visitor.say(conversation, "Look.", attachments=ids, client_id=client_id)
        assert refusal(visitor.say(conversation, "Look.", client_id=client_id)) == (409, "client_id_reused")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["attachments"][0]["id"] == ids[0]


def test_a_file_belongs_to_whoever_uploaded_it_until_it_is_sent(
    workspace: Workspace, agent: SignedIn, visitor: Booted, conversation: Conversation
) -> None:
    stranger, colleague = callers.booted(workspace), callers.signed_in(workspace)
    id_, note = staged(visitor), staged(agent)
    with nothing_happens():
        for caller, theirs in ((stranger, id_), (agent, id_), (colleague, note), (visitor, note)):
            assert refusal(caller.get(f"/attachments/{theirs}")) == (404, "not_found")
        for caller, theirs in ((agent, id_), (colleague, note), (visitor, note)):
            assert refusal(caller.say(conversation, "Not mine.", attachments=[theirs])) == (400, "invalid")
        assert refusal(stranger.start("Not mine.", attachments=[id_])) == (400, "invalid")
    assert visitor.get(f"/attachments/{id_}").json()["id"] == id_
    visitor.say(conversation, "Mine.", attachments=[id_])
    assert agent.get(f"/attachments/{id_}").status_code == 200
    assert refusal(stranger.get(f"/attachments/{id_}")) == (404, "not_found")


def test_a_file_in_a_note_stays_among_agents(agent: SignedIn, visitor: Booted, conversation: Conversation) -> None:
    id_ = staged(agent)
    agent.say(conversation, "", kind="note", attachments=[id_])
    assert refusal(visitor.get(f"/attachments/{id_}")) == (404, "not_found")
    assert agent.get(f"/attachments/{id_}").status_code == 200


def test_a_file_is_sent_once(visitor: Booted, conversation: Conversation) -> None:
    id_ = staged(visitor)
    assert visitor.say(conversation, "First.", attachments=[id_]).status_code == 201
    with nothing_happens():
        assert refusal(visitor.say(conversation, "Second.", attachments=[id_])) == (400, "invalid")
    both = staged(visitor)
    with nothing_happens():
        assert refusal(visitor.say(conversation, "One new, one used.", attachments=[both, id_])) == (400, "invalid")
    assert visitor.say(conversation, "The new one.", attachments=[both, both]).status_code == 201


def test_of_two_messages_that_race_for_a_file_one_gets_it(committed: None, visitor: Booted) -> None:
    conversations = [factories.start(visitor.visitor) for _ in range(2)]
    id_ = staged(visitor)
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def send(conversation: Conversation) -> None:
        try:
            start.wait()
            with scopes.workspace(visitor.visitor.workspace_id):
                factories.send(conversation, visitor.visitor, "Mine!", attachments=[id_])
            outcomes.append("sent")
        except actions.AttachmentGone:
            outcomes.append("gone")
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(conversation,)) for conversation in conversations]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["gone", "sent"]
    assert sum(conversation.messages.filter(body="Mine!").count() for conversation in conversations) == 1


def test_a_file_that_no_message_takes_within_an_hour_is_gone(
    visitor: Booted, conversation: Conversation, media: Path
) -> None:
    id_, sent = staged(visitor), staged(visitor)
    visitor.say(conversation, "Just in time.", attachments=[sent])
    kept_until = Attachment.objects.get(pk=id_).staged_until
    assert timedelta(minutes=59) < kept_until - now() <= timedelta(hours=1)
    Attachment.objects.update(staged_until=now() - timedelta(seconds=1))
    with nothing_happens():
        assert refusal(visitor.say(conversation, "Too late.", attachments=[id_])) == (400, "invalid")
    owed = Effect.objects.filter(kind="conversations.discard_attachment")
    assert owed.count() == 2
    owed.update(available_at=now() - timedelta(seconds=1))
    for effect in owed:
        assert effects.pay(effect.pk)
    assert [str(pk) for pk in Attachment.objects.values_list("pk", flat=True)] == [sent]
    assert len(files_in(media)) == 1
    assert refusal(visitor.get(f"/attachments/{id_}")) == (404, "not_found")


def test_discarding_a_file_twice_is_nothing(visitor: Booted, media: Path) -> None:
    staged(visitor)
    owed = Effect.objects.get(kind="conversations.discard_attachment")
    for _ in range(2):
        effects.registry[owed.kind].handler(owed)
    assert files_in(media) == []


def test_a_key_uploads_and_sends_its_own_files_alone(
    workspace: Workspace, agent: SignedIn, conversation: Conversation
) -> None:
    maker = factories.owner_of(workspace)
    key, other = (callers.keyed(maker, "conversations.reply", "conversations.read") for _ in range(2))
    poor = callers.keyed(maker, "conversations.read")
    with nothing_happens():
        assert refusal(poor.upload(SimpleUploadedFile("a.txt", b"text"))) == (403, "forbidden")
    staged = key.upload(SimpleUploadedFile("a.txt", b"text"))
    assert staged.status_code == 201
    file = staged.json()["id"]
    assert key.get(f"/attachments/{file}").status_code == 200
    with nothing_happens():
        for stranger in (other, agent):
            assert refusal(stranger.get(f"/attachments/{file}")) == (404, "not_found")
            assert stranger.say(conversation, attachments=[file]).status_code == 400
    assert key.say(conversation, attachments=[file]).status_code == 201
    assert agent.get(f"/attachments/{file}").status_code == 200
