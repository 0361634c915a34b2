"""What people write is text, wherever it is shown: the page has the same elements and addresses as with harmless words."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest

from apps.conversations import markup
from apps.core import live
from apps.core.files import clean_name
from apps.visitors.models import Visitor
from apps.workspaces.models import Workspace
from tests import callers, factories
from tests.callers import Caller, SignedIn, refusal
from tests.database import nothing_happens
from tests.security.cases import case
from tests.security.payloads import ADDRESSES, MARKUP
from tests.security.scene import PICTURE, named

pytestmark = pytest.mark.django_db

HARMLESS = "harmless"
BLOCKS = ("h1", "h2", "h3", "p", "li", "dt", "dd", "td", "textarea", "option")
LINKS = ("href", "src", "action", "formaction", "xlink:href", "srcdoc", "data", "poster", "srcset")


class Structure(HTMLParser):
    """A page's elements with the names of their attributes, and where it leads: everything but its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[tuple[str, ...]] = Counter()
        self.leads_to: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[(tag, *sorted(name for name, _ in attrs))] += 1
        self.leads_to |= {scheme_of(value or "") for name, value in attrs if name in LINKS}


def scheme_of(address: str) -> str:
    if address.startswith(("/", "#", "?")) and not address.startswith("//"):
        return "ours"
    return re.match(r"([a-z]+):|", address)[1] or f"strange: {address}"  # type: ignore[index]


def structure(caller: Caller, path: str) -> Structure:
    response = caller.client.get(path, headers=caller.headers)
    assert response.status_code == 200, path
    return Structure(response.content.decode())


def assert_same(poisoned: Structure, harmless: Structure) -> None:
    assert poisoned.elements - harmless.elements == Counter()
    assert harmless.elements - poisoned.elements == Counter()
    assert poisoned.leads_to <= {"ours", "data", "blob"} | harmless.leads_to


# Messages


@case("X01")
def test_markup_in_messages_is_shown_as_text(workspace: Workspace, agent: SignedIn) -> None:
    visitor = callers.booted(workspace)
    poisoned, plain = (visitor.start(body).json()["conversation"]["id"] for body in (HARMLESS, HARMLESS))
    for payload in MARKUP:
        assert visitor.say(poisoned, payload).json()["body"] == payload, "kept to the letter, and sent as JSON"
        visitor.say(plain, HARMLESS)
    shown = structure(agent, f"/inbox/open/{poisoned}/")
    harmless = structure(agent, f"/inbox/open/{plain}/")
    allowed = {(tag,) for tag in markup.TAGS} | {("a", "href", "rel", "target"), ("ol", "start")}
    assert set(shown.elements - harmless.elements) <= allowed
    assert set(harmless.elements - shown.elements) <= allowed, "nothing of the page is gone"
    assert shown.leads_to - harmless.leads_to <= {"http", "https", "mailto"}


@case("X01")
@pytest.mark.parametrize("payload", MARKUP)
def test_markup_becomes_only_the_tags_of_the_subset(payload: str) -> None:
    for body in (
        payload,
        f"**{payload}**",
        f"- {payload}",
        f"> {payload}",
        f"`{payload}`",
        f"```\n{payload}\n```",
        f"[{payload}](https://a.example)",
    ):
        made = Structure(markup.rendered(body))
        assert {tag for tag, *_ in made.elements} <= markup.TAGS, body
        assert {name for _tag, *names in made.elements for name in names} <= {"href", "rel", "target", "start"}, body
        assert made.leads_to <= markup.SCHEMES, body


@case("X02")
@pytest.mark.parametrize("address", ADDRESSES)
def test_no_link_and_no_picture_leads_there(address: str) -> None:
    for body in (
        f"[x]({address})",
        f"[x](<{address}>)",
        f"<{address}>",
        f"![x]({address})",
        f"[x][1]\n\n[1]: {address}",
    ):
        made = Structure(markup.rendered(body))
        assert made.leads_to <= {"https"}, body
        assert "https" not in made.leads_to or "https://evil.example/1" in address, (
            "an address of the web in the text may be one"
        )
        assert {tag for tag, *_ in made.elements} <= {"p", "br", "blockquote", "a"}, body
    assert Structure(markup.rendered("[x](https://a.example)")).leads_to == {"https"}


@case("X01")
def test_the_same_holds_for_what_the_socket_brings(workspace: Workspace, agent: SignedIn) -> None:
    visitor = callers.booted(workspace)
    poisoned = visitor.start(MARKUP[0]).json()["conversation"]["id"]
    query: Any = live.registry["messages.list"]
    agent.say(poisoned, MARKUP[3], kind="note")
    for item in live.snapshot(agent.member, "messages.list", {"conversation": poisoned}).items:
        made = Structure(query.render(item, agent.member))
        assert not {"script", "img", "iframe"} & {tag for tag, *_ in made.elements}


@case("X01")
def test_an_answer_of_the_api_is_never_a_page(workspace: Workspace, agent: SignedIn) -> None:
    visitor = callers.booted(workspace)
    answers = [visitor.start(MARKUP[0]), agent.get("/conversations"), agent.get("/conversations", status="<script>")]
    for answer in answers:
        assert answer["Content-Type"] == "application/json"
        assert answer["X-Content-Type-Options"] == "nosniff"


# People


def people(workspace: Workspace, words: list[str]) -> list[str]:
    """Let somebody arrive for each of the words, called and described by it. Returns their visitors' ids."""
    ids = []
    for number, word in enumerate(words):
        device = {"browser": word[:50], "browser_version": word[:50], "os": word[:50]}
        visitor = callers.booted(workspace)
        update = {"name": word[:200], "page": {"url": word, "title": word}, "locale": word[:20], "timezone": word[:60]}
        assert (
            visitor.patch(
                "/widget/visitor", {**update, "attributes": {word[:100]: word, f"{number}": [word]}}
            ).status_code
            == 200
        )
        Visitor.objects.filter(pk=visitor.visitor.pk).update(device=device, referrer=word)
        assert visitor.start(HARMLESS).status_code == 201
        ids.append(str(visitor.visitor.pk))
    return ids


@case("X04")
def test_markup_in_what_is_known_of_a_visitor_is_shown_as_text(agent: SignedIn, workspace: Workspace) -> None:
    words = [*MARKUP[:20], *MARKUP[32:40], *ADDRESSES]
    poisoned, plain = people(workspace, words), people(workspace, [HARMLESS])
    page_of_one = structure(agent, f"/visitors/{plain[0]}/")
    for id_, word in zip(poisoned, words, strict=True):
        assert_same(structure(agent, f"/visitors/{id_}/"), page_of_one), word


@case("X04")
@pytest.mark.parametrize("path", ["/visitors/", "/inbox/", "/inbox/all/?q=harmless"])
def test_markup_in_names_is_text_in_lists_too(path: str) -> None:
    shown = []
    for words in ([*MARKUP[:16], *ADDRESSES], [HARMLESS] * (16 + len(ADDRESSES))):
        workspace = factories.make_workspace()
        people(workspace, words)
        shown.append(structure(callers.signed_in(workspace, name="Ada"), path))
    assert_same(*shown)


@case("X04")
def test_a_web_address_becomes_a_link_that_tells_nothing_of_us(agent: SignedIn, workspace: Workspace) -> None:
    [id_] = people(workspace, ["https://shop.example/bikes"])
    html = agent.client.get(f"/visitors/{id_}/").content.decode()
    [link] = re.findall(r'<a href="https://shop\.example/bikes"[^>]*>', html)
    assert 'rel="noopener noreferrer nofollow"' in link


@case("Q08")
@pytest.mark.parametrize("path", ["/visitors/", "/inbox/", "/visitors/{id}/"])
def test_a_name_that_turns_the_line_around_turns_only_itself(agent: SignedIn, workspace: Workspace, path: str) -> None:
    name = "\u202egnp.exe\u202d"
    visitor = callers.booted(workspace, name=name)
    visitor.start(HARMLESS)
    id_ = visitor.visitor.pk
    html = agent.client.get(path.format(id=id_)).content.decode()
    assert name in html
    shown = list(re.finditer(rf"<([a-z0-9]+)([^<>]*)>([^<>]*){name}([^<>]*)", html))
    assert shown
    for match in shown:
        tag, attributes, before, after = match.groups()
        around = re.search(r"<[a-z0-9]+([^<>]*)>$", html[: match.start()])
        attributes += around[1] if around else ""
        alone_in_its_block = tag == "title" or (tag in BLOCKS and not before.strip() and not after.strip())
        assert 'dir="auto"' in attributes or alone_in_its_block, (tag, attributes, before, after)


# The team's own words


@case("X07")
@pytest.mark.parametrize("word", MARKUP[:12])
def test_the_teams_own_words_are_text_too(word: str, workspace: Workspace, owner: SignedIn) -> None:
    harmless = {path: structure(owner, path) for path in ("/settings/messenger/", "/settings/members/", "/inbox/")}
    owner.member.user.name = word
    owner.member.user.save()
    assert owner.patch("/workspace/messenger", {"greeting": word, "team_introduction": word}).status_code == 200
    for path, before in harmless.items():
        assert_same(structure(owner, path), before)


@case("X07")
@pytest.mark.parametrize("field", ["primary_color", "background_color"])
@pytest.mark.parametrize(
    "color",
    [
        "red",
        "#fff",
        "#1f5eff;background:url(//e)",
        "url(//evil.example)",
        "#12345g",
        "expression(alert(1))",
    ],
)
def test_a_colour_is_six_digits(owner: SignedIn, field: str, color: str) -> None:
    with nothing_happens():
        assert refusal(owner.patch("/workspace/messenger", {field: color})) == (400, "invalid")
    assert owner.patch("/workspace/messenger", {field: "#12abEF"}).status_code == 200


@case("X07")
@pytest.mark.parametrize("field", ["logo_url", "privacy_url", "launcher"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_of_the_messenger_is_one_of_the_web(owner: SignedIn, field: str, address: str) -> None:
    def body(value: str) -> dict[str, Any]:
        return {"launcher": {"icon_url": value}} if field == "launcher" else {field: value}

    with nothing_happens():
        assert refusal(owner.patch("/workspace/messenger", body(address))) == (400, "invalid")
    assert owner.patch("/workspace/messenger", body("https://cdn.example/x.png")).status_code == 200


@case("X07")
@pytest.mark.parametrize("address", ["ftp://evil.example/x", "ftps://evil.example/x"])
def test_not_every_scheme_of_the_internet_is_of_the_web(owner: SignedIn, address: str) -> None:
    with nothing_happens():
        assert refusal(owner.patch("/workspace/messenger", {"privacy_url": address})) == (400, "invalid")


# Files


@case("X05")
@pytest.mark.parametrize(
    "payload", [*MARKUP[:12], "a\r\nSet-Cookie: x=1.png", 'a"; filename="b.html', "%0d%0aX: 1.png", "\u202egnp.png"]
)
def test_a_files_name_is_text_and_its_header_one_line(
    payload: str, workspace: Workspace, agent: SignedIn, media: Any
) -> None:
    visitor = callers.booted(workspace)
    file = visitor.upload(named(PICTURE, f"{payload}.png")).json()
    conversation = visitor.start(HARMLESS, attachments=[file["id"]]).json()["conversation"]["id"]
    plain = visitor.upload(named(PICTURE, "bike.png")).json()
    other = visitor.start(HARMLESS, attachments=[plain["id"]]).json()["conversation"]["id"]
    assert_same(structure(agent, f"/inbox/open/{conversation}/"), structure(agent, f"/inbox/open/{other}/"))
    served = agent.client.get(f"/attachments/{file['id']}/")
    assert served.status_code == 200
    disposition = served["Content-Disposition"]
    assert re.fullmatch(r"inline; filename=\"[\w .-]*\"; filename\*=UTF-8''[\w.%~/-]*", disposition), disposition
    assert "Set-Cookie: x" not in str(served.headers)
    assert clean_name(payload).isprintable()
