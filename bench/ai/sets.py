"""The sets of real questions, each read from the files it is published in: documents, questions and which documents answer them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("OPENCOM_AI_DATA", Path(__file__).resolve().parents[3] / "shared" / "data" / "ai"))


@dataclass(frozen=True)
class Document:
    """What can be found. ``id`` is the set's own."""

    id: str
    title: str
    body: str


@dataclass(frozen=True)
class Question:
    """What is asked, and the documents that answer it: none where the set says that nothing does."""

    text: str
    answers: frozenset[str]


@dataclass(frozen=True)
class Questions:
    """A set: its documents in one language, its questions in one."""

    name: str
    language: str
    documents: list[Document]
    questions: list[Question]
    asked_in: str = field(default="en")


class Missing(FileNotFoundError):
    """The files of a set aren't there. The message says where they are looked for."""


def tau3_banking() -> Questions:
    """A bank's whole knowledge base; a question is what its customer was told to want, about ten documents answer it."""
    documents = [Document(row["id"], row["title"], row["content"]) for row in _lines("tau3_banking/documents.jsonl")]
    tasks = json.loads(_read("tau3_banking/tasks.json"))
    questions = [
        Question(_wish(task["user_scenario"]["instructions"]), frozenset(task["required_documents"])) for task in tasks
    ]
    return Questions("tau3-banking", "en", documents, [q for q in questions if q.answers])


def mtrag_un() -> Questions:
    """Conversations of many turns, of which only the last is asked; every passage that any of them was given can be found."""
    documents: dict[str, Document] = {}
    questions = []
    for row in _lines("mtrag_un/reference.dev.jsonl"):
        for context in row["contexts"]:
            title = (context.get("title") or "").strip()
            documents[context["document_id"]] = Document(context["document_id"], title, context["text"].strip())
        answers = frozenset(context["document_id"] for context in row["contexts"])
        if answers and row["answerability"][0] in ("ANSWERABLE", "PARTIAL"):
            questions.append(Question(row["input"][-1]["text"], answers))
    return Questions("mtrag-un", "en", list(documents.values()), questions)


def xquad_en() -> Questions:
    """Questions in English about paragraphs in English."""
    return _xquad("en")


def xquad_de() -> Questions:
    """The same questions in German about the same paragraphs in English."""
    return _xquad("de")


SETS: dict[str, Callable[[], Questions]] = {
    "tau3-banking": tau3_banking,
    "mtrag-un": mtrag_un,
    "xquad-en-en": xquad_en,
    "xquad-de-en": xquad_de,
}


def _xquad(asked_in: str) -> Questions:
    documents, questions = [], []
    articles = zip(_paragraphs("en"), _paragraphs(asked_in), strict=True)
    for (title, paragraph), (_title, asked) in articles:
        name = hashlib.sha256(paragraph["context"].encode()).hexdigest()[:16]
        documents.append(Document(name, title, paragraph["context"]))
        questions += [Question(qa["question"], frozenset([name])) for qa in asked["qas"]]
    return Questions(f"xquad-{asked_in}-en", "en", documents, questions, asked_in=asked_in)


def _paragraphs(language: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for article in json.loads(_read(f"xquad/xquad.{language}.json"))["data"]:
        for paragraph in article["paragraphs"]:
            yield article["title"].replace("_", " "), paragraph


def _wish(instructions: str) -> str:
    return instructions


def _lines(name: str) -> Iterator[dict[str, Any]]:
    for line in _read(name).splitlines():
        yield json.loads(line)


@cache
def _read(name: str) -> str:
    path = FOLDER / name
    if not path.exists():
        raise Missing(f"{path} isn't there: put the sets into {FOLDER}, or name another folder in OPENCOM_AI_DATA.")
    return path.read_text(encoding="utf-8")
