"""Values are words: nothing in a setting, a file's name or a table is run, or becomes markup, on any page."""

from __future__ import annotations

import re
import sys
from collections import Counter
from xml.etree import ElementTree

import hostile_book
import pytest
from hostile import LONG, MADE, UNSEEN, WORDS, Page
from markdown_it.renderer import RendererHTML
from matplotlib.figure import Figure
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

from thb.book import numbers, sphinx_ext
from thb.book.numbers import Number
from thb.cli import main
from thb.core.errors import printable
from thb.core.words import text
from thb.report import figure as figures
from thb.report import saving

NAMES = [*WORDS, *UNSEEN, *LONG]


def seen(word: str) -> str:
    """What a reader should see of a word: the word, on one line, with whatever cannot be seen spelt out."""
    return printable(re.sub(r"[ \t\r\n]+", " ", word).strip(" "))


def rendered(source: str) -> Page:
    """Markdown as the book's parser reads it, with more turned on than the book uses."""
    config = MdParserConfig(
        enable_extensions={
            "colon_fence",
            "deflist",
            "substitution",
            "dollarmath",
            "tasklist",
            "attrs_inline",
            "attrs_block",
            "strikethrough",
            "html_image",
        }
    )
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
    '<div class="from-file" title="from {}">\n\n{}\n\n</div>': ["div", "p"],
    'a <span title="from {}">{}</span> b': ["p", "span"],
    '<table><tr><td title="{}">{}</td></tr></table>': ["table", "tr", "td"],
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


def test_a_value_that_looks_like_a_name_is_not_looked_up_again(monkeypatch):
    known = {"a": Number("{{ b }} {{ 7 * 7 }}", "f"), "b": Number("seen", "f"), "c": Number("- {{ b }}", "f", True)}
    monkeypatch.setattr(sphinx_ext, "_results", lambda app: None)
    monkeypatch.setattr(numbers, "all_numbers", lambda results: known)
    source, notebook = ["x {{ a }} y {{b}}\n\n{{ c }}\n"], ["{{ a }}"]
    sphinx_ext._put_in(None, "index", source)
    sphinx_ext._put_in(None, "_executed/table7", notebook)
    assert rendered(source[0].split("\n")[0]).words.strip() == "x {{ b }} {{ 7 * 7 }} y seen"
    assert "- {{ b }}" in source[0]
    assert notebook == ["{{ a }}"]


@pytest.mark.parametrize("file", ["a\nb", "red\x1b[31m", "\u202etxt", "x\r\ny\x00"[:4]])
def test_an_error_stays_one_line_whatever_was_asked_for(project, monkeypatch, capsys, file):
    monkeypatch.setattr(sys, "argv", ["thb", "import-weights", "tall", file])
    with pytest.raises(SystemExit) as end:
        main.main()
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert told == f"thb: {printable(file)} is not a file\n"
    assert told[:-1].isprintable()


# ---- a whole book of them -----------------------------------------------------------------------------------------

NEVER = {"iframe", "object", "base", "math", "embed", "!cdata", "?"}
# of the theme's own: what its buttons do, and how it tells a browser who it is
OWN = {"onclick": {"window.print()", "toggleFullScreen()"}}
QUOTES = str.maketrans("‘’“”", "''\"\"")  # prose has typographic ones


def words_of(pages: list[Page]) -> str:
    """All that is said on pages, on hover and in place of images; spaces and quotes made alike."""
    said = [page.words for page in pages]
    said += [value for page in pages for _, a in page.elements for key in ("title", "alt") if (value := a.get(key))]
    return " ".join("\n".join(said).translate(QUOTES).split())


def shapes(pages: list[Page]) -> set[str]:
    return {tag if key is None else f"{tag}.{key}" for page in pages for tag, a in page.elements for key in (None, *a)}


def counted(page: Page) -> Counter:
    """What could be smuggled in, page by page: not what a name's length or a clip's parts bring about."""
    return Counter(tag for tag, a in page.elements if tag not in ("wbr", "br") and a.get("class") != "wrap")


def free(name: str) -> dict[str, None]:
    """What may differ in number: bold steps, as few resamples move them; notes on rows that one name of two finds."""
    return dict.fromkeys({"_executed/sensitivity.html": ["b"], "_executed/table2.html": ["li"]}.get(name, []))


def html_of(paths) -> dict[str, Page]:
    files = (f for f in sorted(paths.html.rglob("*.html")) if "_static" not in f.parts)
    return {f.relative_to(paths.html).as_posix(): Page(f.read_text(encoding="utf-8")) for f in files}


def test_a_book_of_hostile_values_is_the_same_book_with_other_words(built, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THB_ROOT", str(tmp_path))
    paths, given = hostile_book.built(tmp_path)
    assert not list(tmp_path.rglob(f"*{MADE}*")), "something was run"
    pages, plain = html_of(paths), html_of(built)
    assert pages.keys() == plain.keys()
    assert shapes(pages.values()) <= shapes(plain.values())
    assert not NEVER & shapes(pages.values())
    for name, page in pages.items():
        assert {**counted(page), **free(name)} == {**counted(plain[name]), **free(name)}, name
        assert [c for c in page.comments if c not in plain[name].comments] == [], name
        for tag, a in page.elements:
            assert all(a[key] in OWN["onclick"] for key in a if key.startswith("on")), (name, tag, a)
            assert not any("evil.example" in (a.get(key) or "") for key in ("href", "src", "content", "style")), name
    said = words_of(pages.values())
    lost = {
        where: word
        for where, word in given.items()
        if " ".join(seen(word).translate(QUOTES).split()) not in said and hostile_book.is_shown(where)
    }
    assert not lost


def test_figures_of_the_book_hold_no_markup_of_a_name():
    with figures.look():
        figure = Figure(figsize=(5, 40))
        ax = figure.add_subplot()
        for place, word in enumerate(WORDS):
            ax.text(0, place / len(WORDS), word)
        assert not any(label.get_parse_math() for label in ax.texts)
    svg = saving.as_bytes(figure, "svg").decode()
    tags = {element.tag.split("}")[1] for element in ElementTree.fromstring(svg).iter() if isinstance(element.tag, str)}
    assert tags <= {
        "svg",
        "metadata",
        "RDF",
        "Work",
        "type",
        "format",
        "creator",
        "Agent",
        "title",
        "defs",
        "style",
        "g",
        "path",
        "use",
        "clipPath",
        "rect",
    }
