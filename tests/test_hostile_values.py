"""Values are words: nothing in a setting, a file's name or a table is run, or becomes markup, on any page."""

from __future__ import annotations

import re

import pytest
from hostile import LONG, UNSEEN, WORDS, Page
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

from thb.errors import printable
from thb.report.tables import text

NAMES = [*WORDS, *UNSEEN, *LONG]


def seen(word: str) -> str:
    """What a reader should see of a word: the word, on one line, with whatever cannot be seen spelt out."""
    return printable(re.sub(r"[ \t\r\n]+", " ", word).strip(" "))


def rendered(source: str) -> Page:
    """Markdown as the book's parser reads it, with more turned on than the book uses."""
    config = MdParserConfig(enable_extensions={"colon_fence", "deflist", "substitution", "dollarmath", "tasklist",
                                               "attrs_inline", "attrs_block", "strikethrough", "html_image"})
    return Page(create_md_parser(config, RendererHTML).render(source))


# where a value may stand -> the elements that stand there, whatever the value
PLACES = {
    "{}": ["p"],
    "said of {} here": ["p"],
    "- {}": ["ul", "li"],
    "- ✔ **holds** · {}: {}.": ["ul", "li", "strong"],
    "# {}": ["h1"],
    "# Table 7. {}": ["h1"],
    "| **{}** | {} |\n|---|---|\n| a | {} |": ["table", "thead", "tr", "th", "strong", "th", "tbody", "tr", "td", "td"],
    "<div class=\"from-file\" title=\"from {}\">\n\n{}\n\n</div>": ["div", "p"],
    "a <span title=\"from {}\">{}</span> b": ["p", "span"],
    "<table><tr><td title=\"{}\">{}</td></tr></table>": ["table", "tr", "td"],
}


@pytest.mark.parametrize("place", PLACES)
def test_a_word_is_shown_as_it_is_typed_wherever_it_stands(place):
    for word in NAMES:
        page, blank = (rendered(place.replace("{}", filling)) for filling in (text(word), "QQ"))
        assert [tag for tag, _ in page.elements] == PLACES[place], word
        assert [a.keys() for _, a in page.elements] == [a.keys() for _, a in blank.elements], word
        assert page.words == blank.words.replace("QQ", seen(word)), word
        titles = [a["title"] for _, a in page.elements if "title" in a]
        assert titles == [a["title"].replace("QQ", seen(word)) for _, a in blank.elements if "title" in a], word
        assert not page.comments, word


def test_the_names_are_a_hundred_and_more_and_all_different():
    assert len(set(NAMES)) == len(NAMES) > 100


@pytest.mark.parametrize("word", UNSEEN)
def test_what_cannot_be_seen_is_spelt_out(word):
    shown = printable(word)
    assert "\\" in shown
    assert shown.encode("utf-8").decode().isprintable()


@pytest.mark.parametrize("word", ["Ünïcode 名前 ❤", "a b", "می‌خواهم", "👩‍🔬", "x\u00a0y"])
def test_what_can_be_seen_is_left(word):
    assert printable(word) == word
