"""What previews of links show, of pages made by hand."""

from __future__ import annotations

import json

from docutils import nodes
from docutils.utils import new_document

from thb.book import previews


def page(*parts: nodes.Node) -> nodes.document:
    document, section = new_document("page"), nodes.section(ids=["top", "also"])
    section += [nodes.title("", "A <page>"), *parts]
    document += section
    return document


def test_a_page_shows_its_first_prose_not_a_table_and_no_markup():
    in_table = nodes.entry("", nodes.paragraph("", "in a table"))
    words = nodes.paragraph("", "", nodes.Text("At most "), nodes.raw("", "<span title='x'>", format="html"))
    words += [nodes.Text("1 %\nof"), nodes.raw("", "</span>", format="html"), nodes.Text(" reals")]
    found = previews.of_page(page(in_table, words), "a/b", "a/b.png")
    assert found["a/b"] == {"title": "A <page>", "words": "At most 1 % of reals", "picture": "a/b.png"}
    assert found["a/b#top"] is found["a/b#also"] is found["a/b"]
    assert "picture" not in previews.of_page(page(words), "a/b")["a/b"]


def test_a_section_a_term_and_a_reference_are_places_of_their_own():
    inner = nodes.section("", nodes.title("", "Inner"), ids=["inner"])
    term = nodes.definition_list_item(
        "", nodes.term("", "T1", ids=["term-T1"]), nodes.definition("", nodes.paragraph("", "A share."))
    )
    work = nodes.citation("", nodes.label("", "Xu"), nodes.paragraph("", "Xu. A work."), ids=["id1"])
    found = previews.of_page(page(inner, term, work), "p")
    assert found["p#inner"] == {"title": "Inner", "words": ""}
    assert found["p#term-T1"] == {"title": "T1", "words": "A share."}
    assert found["p#id1"] == {"title": "Xu", "words": "Xu. A work."}


def test_long_prose_ends_with_a_whole_word():
    found = previews.of_page(page(nodes.paragraph("", "word " * 200)), "p")["p"]["words"]
    assert len(found) <= previews.LONGEST + 2
    assert found.endswith("word …")


def test_the_file_is_the_same_in_whatever_order_pages_came(tmp_path):
    one, two = {"a": {"title": "A", "words": "</script>"}}, {"b": {"title": "B", "words": "é"}}
    written = []
    for known in (one | two, two | one):
        previews.write(known, tmp_path)
        written.append((tmp_path / previews.FILE).read_text(encoding="utf-8"))
    assert written[0] == written[1]
    assert json.loads(written[0].removeprefix("globalThis.PREVIEWS = ").removesuffix(";\n")) == one | two
