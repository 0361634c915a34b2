"""Articles' Markdown: everything an article needs, and nothing that could be used against its reader."""

from __future__ import annotations

import uuid

import pytest

from apps.knowledge.markup import Picture, Places, plain, rendered


def html(body: str, places: Places | None = None) -> str:
    return str(rendered(body, places or Places({}, {})).html)


def test_an_article_has_headings_lists_tables_code_and_emphasis() -> None:
    shown = html("# One\n\n- *a*\n- **b**\n\n| x | y |\n| - | - |\n| 1 | 2 |\n\n```\ncode\n```\n\n~~gone~~")
    for part in ('<h2 id="s-one">', "<li><em>a</em></li>", "<td>1</td>", "<pre><code>code", "<s>gone</s>"):
        assert part in shown


def test_each_heading_has_an_address_of_its_own() -> None:
    found = rendered("## Same\n\n## Same\n\n### `Other` & more").headings
    assert [(one.level, one.id, one.title) for one in found] == [
        (2, "s-same", "Same"),
        (2, "s-same-2", "Same"),
        (3, "s-other-more", "Other & more"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](//evil.example)",
        "[x](/inbox/)",
        "![x](javascript:alert(1))",
        "![x](https://tracker.example/pixel.png)",
        "<a href='javascript:alert(1)'>x</a>",
        '```"><script>\ncode\n```',
        "# <img src=x onerror=alert(1)>",
        '[x](article:00000000-0000-0000-0000-000000000000"onmouseover=alert(1))',
        '<https://a.example/"onmouseover=alert(1)>',
    ],
)
def test_nothing_runs_and_nothing_is_loaded_from_elsewhere(body: str) -> None:
    shown = html(body)
    assert "<script" not in shown
    assert "<img" not in shown
    assert 'href="javascript' not in shown.lower()
    assert 'href="//' not in shown
    assert 'href="/' not in shown
    assert 'href="data' not in shown
    assert " onmouseover=" not in shown.replace("&quot;", "")
    assert " onerror=" not in shown.replace("&lt;img src=x onerror=alert(1)&gt;", "")


def test_what_is_mentioned_is_drawn_where_it_is_and_else_stays_words() -> None:
    id_ = uuid.uuid4()
    body = f"[Refunds](article:{id_}#s-when) ![A bike](asset:{id_}) [Form](asset:{id_})"
    places = Places({id_: "/help/shop/articles/refunds/"}, {id_: Picture("/files/bike.png", 4, 3)})
    shown = html(body, places)
    assert '<a href="/help/shop/articles/refunds/#s-when">Refunds</a>' in shown
    assert 'src="/files/bike.png"' in shown
    assert 'width="4"' in shown
    assert '<a href="/files/bike.png">Form</a>' in shown
    assert html(body) == "<p>Refunds A bike Form</p>\n"


def test_a_deep_text_is_drawn_without_harm() -> None:
    assert html(">" * 5000 + " deep").count("<blockquote>") <= 40
    assert "deep" in html("[" * 2000 + "deep" + "]" * 2000)


def test_plain_text_has_no_marks_and_keeps_words_apart() -> None:
    assert plain("# One\n\n- a & b\n- <c>\n\n| x | y |\n| - | - |\n| 1 | 2 |") == "One a & b <c> x y 1 2"
