"""What the demo shop knows: its collections and articles, as its people would have written them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apps.knowledge import actions, collections
from apps.knowledge.actions import Text
from apps.knowledge.help_center import change_help_center
from apps.knowledge.models import Article, Collection
from apps.workspaces.models import Member

ARTICLES = Path(__file__).with_name("articles.txt")
COLLECTIONS = (
    ("Choosing a bike", "Which one, which size, and how to try it"),
    ("Orders and delivery", "From the click to the doorstep"),
    ("Returns and warranty", "When it isn't right, or isn't right any more"),
    ("Care and repairs", "What you can do yourself, and what we do"),
    ("In the workshop", "For us"),
)
_HEAD = re.compile(r"^=== (?P<title>.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(title:([^)]+)\)")


@dataclass(frozen=True, slots=True)
class Written:
    """An article as the file has it: its first lines say what it is, the rest is its text."""

    title: str
    facts: dict[str, str]
    body: str


def written() -> Iterator[Written]:
    """Read the articles."""
    parts = _HEAD.split(ARTICLES.read_text(encoding="utf-8"))[1:]
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        head, _, body = text.strip().partition("\n\n")
        facts = dict(line.split(": ", 1) for line in head.splitlines())
        yield Written(title.strip(), facts, body.strip())


def write(team: dict[str, Member]) -> None:
    """Write and publish the articles; those that are drafts stay so. Links by title become links by id once all are there."""
    owner = team["a"]
    shelves = {
        name: collections.make_collection(owner.workspace_id, name, by=owner, description=description)
        for name, description in COLLECTIONS
    }
    made = [(one, _begin(one, shelves, team)) for one in written()]
    ids = {one.title: article.pk for one, article in made}
    for one, article in made:
        author = team[one.facts["by"]]
        body = _LINK.sub(lambda match: f"](article:{ids[match.group(1)]})", one.body)
        text = Text(one.title, one.facts.get("summary", ""), body)
        actions.save_text(article, text, base=1, by=author)
        if tags := one.facts.get("tags"):
            actions.change_article(article, {"tags": tags.split(", ")}, by=author)
        if one.facts.get("status") != "draft":
            actions.publish(article, by=owner)
    greeting = {"title": "Acme Bikes help", "tagline": "How can we help you ride?"}
    change_help_center(owner.workspace_id, greeting, by=owner)


def _begin(one: Written, shelves: dict[str, Collection], team: dict[str, Member]) -> Article:
    return actions.make_article(
        team["a"].workspace_id,
        Text(one.title),
        by=team[one.facts["by"]],
        collection=shelves[one.facts["in"]],
        audience=one.facts.get("for", Article.Audience.PUBLIC),
    )
