"""What people wrote, as HTML."""

import pytest

from apps.conversations.markup import plain, rendered


@pytest.mark.parametrize(
    ("body", "markup"),
    [
        (
            "**bold** _slanted_ ~~gone~~ `code`",
            "<p><strong>bold</strong> <em>slanted</em> <s>gone</s> <code>code</code></p>",
        ),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. c", '<ol start="3">\n<li>c</li>\n</ol>'),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>"),
        ("```\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>"),
    ],
)
def test_the_subset_of_markdown_becomes_its_tags(body: str, markup: str) -> None:
    assert rendered(body).strip() == markup


@pytest.mark.parametrize("body", ["# not a heading", "| a | b |", "---", "<b>bold</b>", "&nbsp;"])
def test_what_is_not_in_the_subset_stays_the_text_that_was_typed(body: str) -> None:
    assert plain(body) == body


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        '[x](https://a.example" onmouseover="alert(1))',
        "![x](https://a.example/pixel.png)",
        "<https://a.example><iframe src=//evil.example>",
    ],
)
def test_nothing_a_visitor_writes_becomes_an_element_or_attribute_of_theirs(body: str) -> None:
    import re

    markup = rendered(body)
    tags = set(re.findall(r"<\s*/?\s*([a-z0-9]+)", markup))
    assert tags <= {"p", "a", "br"}
    for attributes in re.findall(r"<a ([^>]*)>", markup):
        assert set(re.findall(r"([a-z]+)=", re.sub(r'"[^"]*"', '""', attributes))) <= {"href", "rel", "target"}


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/admin/",
        "vbscript:x",
        "ftp://x.example",
    ],
)
def test_a_link_to_anything_but_the_web_or_an_address_stays_text(address: str) -> None:
    assert "<a" not in rendered(f"[look]({address})")


@pytest.mark.parametrize("address", ["https://a.example/x?y=1&z=2", "http://a.example", "mailto:ada@a.example"])
def test_a_link_opens_apart_from_the_dashboard_and_says_nothing_about_it(address: str) -> None:
    markup = rendered(f"[look]({address})")
    assert f'href="{address.replace("&", "&amp;")}"' in markup
    assert 'rel="noopener nofollow"' in markup
    assert 'target="_blank"' in markup


@pytest.mark.parametrize(
    ("body", "address"),
    [
        ("see https://a.example/b.", "https://a.example/b"),
        ("(https://a.example/b)", "https://a.example/b"),
        ("https://a.example/b_(c)", "https://a.example/b_(c)"),
        ("https://a.example/some_long_name", "https://a.example/some_long_name"),
        ("**https://a.example**", "https://a.example"),
    ],
)
def test_a_bare_address_becomes_a_link_without_the_sentence_around_it(body: str, address: str) -> None:
    assert f'<a href="{address}"' in rendered(body)


def test_an_address_inside_a_link_makes_no_second_link() -> None:
    assert rendered("[https://a.example](https://b.example)").count("<a ") == 1


def test_a_preview_is_one_line_without_marks() -> None:
    assert plain("**Hi** there\n\n- a\n- [b](https://a.example) & <c>") == "Hi there a b & <c>"
